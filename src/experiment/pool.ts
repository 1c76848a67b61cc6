/**
 * The one pool of worker threads: many runs at once, on as many threads as asked for. Results come in the order of the
 * inputs and each depends on its own input only, so that the number of threads changes nothing but the time it takes.
 */
import { setMaxListeners } from 'node:events';
import { LiveLock, OpenError } from './run.ts';
import type { Answer, Input, Output, WorkName } from './worker.ts';

export interface PoolOptions {
  /** Threads; no more are started than there are inputs. */
  readonly workers: number;
  /** Ends everything at once: run() then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told after each run how many are done. */
  readonly progress?: (done: number) => void;
}

/** Does one kind of work on every input. The first error ends the others; LiveLock and OpenError keep their classes. */
export async function runAll<N extends WorkName>(
  name: N,
  inputs: readonly Input<N>[],
  { workers, signal, progress }: PoolOptions,
): Promise<Output<N>[]> {
  const { Piscina } = await import('piscina');
  const threads = Math.max(1, Math.min(workers, inputs.length));
  const pool = new Piscina<{ name: N; input: Input<N> }, Answer<N>>({
    filename: new URL('./worker.js', import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    // The work is long: nothing is gained by waking threads faster, and their timers stay alive.
    atomics: 'disabled',
  });
  const stop = new AbortController();
  // Every task waits for it.
  setMaxListeners(inputs.length + 1, stop.signal);
  const abort = (): void => stop.abort();
  signal?.addEventListener('abort', abort);
  let done = 0;
  try {
    return await Promise.all(
      inputs.map(async (input) => {
        const answer = await pool.run({ name, input }, { signal: stop.signal });
        progress?.(++done);
        return resultOf(answer);
      }),
    );
  } catch (error) {
    stop.abort();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
    await pool.destroy();
  }
}

function resultOf<N extends WorkName>(answer: Answer<N>): Output<N> {
  if ('liveLock' in answer) throw new LiveLock(answer.liveLock);
  if ('refused' in answer) throw new OpenError(answer.refused.evsel, answer.refused.errno);
  return answer.result;
}
