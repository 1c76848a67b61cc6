/** What a worker thread of the pool can be asked for, by name. A new kind of work is one line here. */
import { benchRun } from './bench.ts';
import { OpenError, LiveLock } from './run.ts';
import type { Evsel } from '../uapi/evsel.ts';

const WORK = { benchRun } as const;
export type Work = typeof WORK;
export type WorkName = keyof Work;
export type Input<N extends WorkName> = Parameters<Work[N]>[0];
export type Output<N extends WorkName> = Awaited<ReturnType<Work[N]>>;

/** What comes back: a result, or one of the errors a person can do something about, whose class a message would lose. */
export type Answer<N extends WorkName> =
  | { readonly result: Output<N> }
  | { readonly liveLock: string }
  | { readonly refused: { readonly evsel: Evsel; readonly errno: number } };

export default async function work<N extends WorkName>({
  name,
  input,
}: {
  readonly name: N;
  readonly input: Input<N>;
}): Promise<Answer<N>> {
  try {
    const result = await WORK[name](input);
    return { result } as Answer<N>;
  } catch (error) {
    if (error instanceof LiveLock) return { liveLock: error.message };
    if (error instanceof OpenError) return { refused: { evsel: error.evsel, errno: error.errno } };
    throw error;
  }
}
