/** Many runs on the pool's threads: progress on a terminal, and ^C. */
import { availableParallelism } from 'node:os';
import { runAll } from '../experiment/pool.ts';
import type { Input, Output, WorkName } from '../experiment/worker.ts';
import type { CommandContext } from './commands.ts';
import { progress } from './term.ts';

/** What ends a command early, and its number. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
/** What a shell makes of a death by signal. */
const SIGNALLED = 128;

/** A signal came before the runs were done: nothing is printed, and this is the exit code. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly exitCode: number;
  constructor(signal: keyof typeof SIGNALS) {
    super(signal);
    this.exitCode = SIGNALLED + SIGNALS[signal];
  }
}

/** Threads that --workers asks for: as many as there are processors, unless told. */
export const threadsOf = (workers: string | undefined): number =>
  workers === undefined || workers === 'auto' ? availableParallelism() : Number(workers);

/** Does the work on every input; results in their order. Throws Interrupted, and what the work throws. */
export async function runsOf<N extends WorkName>(
  name: N,
  inputs: readonly Input<N>[],
  threads: number,
  label: string,
  context: CommandContext,
): Promise<Output<N>[]> {
  const stop = new AbortController();
  const onSignal = (signal: keyof typeof SIGNALS): void => stop.abort(new Interrupted(signal));
  for (const signal of Object.keys(SIGNALS)) process.on(signal, onSignal);
  const bar = await progress(context.terminal, label);
  const told = (done: number): void => bar.update(done / inputs.length, `${done}/${inputs.length} runs`);
  told(0);
  try {
    return await runAll(name, inputs, { workers: threads, signal: stop.signal, progress: told });
  } finally {
    bar.done();
    for (const signal of Object.keys(SIGNALS)) process.off(signal, onSignal);
  }
}
