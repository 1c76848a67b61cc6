/**
 * The one pool of worker threads: many runs on as many threads as asked for. Results keep the order of the inputs and
 * each depends on its own input only, so the number of threads changes nothing but the time.
 */
import { setMaxListeners } from 'node:events';
import type { Piscina } from 'piscina';
import { Overrun } from '../hw/core.ts';
import { given } from '../given.ts';
import { errnoOf } from '../strerror.ts';
import { engineModule } from '../workload/engine.ts';
import { threadOf } from './design-file.ts';
import { NO_CLOCK, Patience, lostBy, type ThreadClock } from './patience.ts';
import { LiveLock, OpenError, ProgramError } from './run.ts';
import type { Answer, WorkInput, WorkOrder, WorkOutput, WorkerData, WorkName } from './worker.ts';

/** Heap of a thread, MB. */
const MOST_MEMORY = 1024;
/** ms between two looks at whether threads make progress. */
const LOOK = 100;

interface RunsOptions {
  /** Ends everything at once: run() then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each run with the number done. */
  readonly progress?: (done: number) => void;
}

export interface PoolOptions extends RunsOptions, ThreadOptions {
  /** Number of threads; never more than inputs. */
  readonly workers: number;
}

export interface ThreadOptions {
  /** Without it, threads that never come back are waited for. */
  readonly clock?: ThreadClock;
  /** The module that they run, instead of worker.ts. */
  readonly file?: URL;
}

/** The work cannot be done, or a thread failed; `message` is the whole sentence. */
export class PoolError extends Error {
  override readonly name = 'PoolError';
}

/** runAll() on threads that are there for it alone. */
export async function runAll<N extends WorkName>(
  name: N,
  inputs: readonly WorkInput<N>[],
  { workers, clock, file, ...options }: PoolOptions,
): Promise<WorkOutput<N>[]> {
  const pool = await WorkerPool.start(Math.max(1, Math.min(workers, inputs.length)), given({ clock, file }));
  try {
    return await pool.run(name, inputs, options);
  } finally {
    await pool.close();
  }
}

/** Threads that can do several things, one after the other. */
export class WorkerPool {
  readonly #pool: Threads;
  /** Errors of an idle thread: a workload's module left something running, or the thread could not start. */
  readonly #idle: Promise<never>;
  readonly #clock: ThreadClock;

  private constructor(pool: Threads, clock: ThreadClock = NO_CLOCK) {
    this.#pool = pool;
    this.#clock = clock;
    this.#idle = new Promise<never>((_, reject) => {
      pool.on('error', (error: unknown) => reject(harmed(error, 'a worker thread')));
    });
    // Whoever runs something hears of it.
    this.#idle.catch(() => undefined);
  }

  /** Throws PoolError if the system refuses so many threads. */
  static async start(threads: number, { clock, file }: ThreadOptions = {}): Promise<WorkerPool> {
    const { Piscina } = await import('piscina');
    const start = (): Threads =>
      new Piscina({
        filename: (file ?? new URL('./worker.js', import.meta.url)).href,
        minThreads: threads,
        maxThreads: threads,
        // The work is long, so waking threads faster gains nothing; and without this, their timers stay alive.
        atomics: 'disabled',
        // Compiled once, on first use; all threads share its machine code.
        workerData: { engine: engineModule() } satisfies WorkerData,
        resourceLimits: { maxOldGenerationSizeMb: MOST_MEMORY },
      });
    return new WorkerPool(started(start, threads), clock);
  }

  /**
   * Does one kind of work on every input. The first error ends the others. LiveLock, ProgramError, OpenError and Overrun
   * keep their classes, and errors of the system are passed on; throws PoolError for anything else that is not gperf's
   * fault.
   */
  async run<N extends WorkName>(
    name: N,
    inputs: readonly WorkInput<N>[],
    { signal, progress }: RunsOptions = {},
  ): Promise<WorkOutput<N>[]> {
    const stop = new AbortController();
    // Every task listens to it.
    setMaxListeners(inputs.length + 1, stop.signal);
    const abort = (): void => stop.abort();
    signal?.addEventListener('abort', abort);
    let done = 0;
    const patiences = inputs.map(() => new Patience(this.#clock));
    const watch = this.#watch(patiences, inputs);
    try {
      const results = Promise.all(
        inputs.map(async (input, i) => {
          const order = { name, input, pulse: patiences[i]!.pulse };
          const answer = await this.#pool.run(order, { signal: stop.signal }).catch((error: unknown) => {
            throw harmed(error, threadOf(input));
          });
          progress?.(++done);
          return resultOf(answer as Answer<N>);
        }),
      );
      return await Promise.race([results, this.#idle, watch.lost]);
    } catch (error) {
      stop.abort();
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
      watch.end();
    }
  }

  /** Rejects once one of the threads is to be given up. */
  #watch(patiences: readonly Patience[], inputs: readonly object[]): { readonly lost: Promise<never>; end(): void } {
    let timer: NodeJS.Timeout | undefined;
    const lost = new Promise<never>((_, reject) => {
      timer = setInterval(() => {
        for (const [i, patience] of patiences.entries()) {
          const { loss } = patience;
          if (loss !== undefined) reject(new PoolError(lostBy(threadOf(inputs[i]!), loss)));
        }
      }, LOOK);
    });
    return { lost, end: () => clearInterval(timer) };
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

type Threads = Piscina<Omit<WorkOrder<WorkName>, 'input'> & { readonly input: unknown }, Answer<WorkName>>;

/**
 * The system may refuse threads (EAGAIN: ulimit -u, a cgroup's pids.max); the message of Node's error is the errno's
 * name.
 */
function started<T>(start: () => T, threads: number): T {
  try {
    return start();
  } catch (error) {
    if (!(error instanceof Error) || (error as NodeJS.ErrnoException).code !== 'ERR_WORKER_INIT_FAILED') throw error;
    throw new PoolError(
      `the system refused one of ${threads} worker threads (${error.message}): --workers=1 needs the fewest`,
    );
  }
}

/**
 * Explains a failed thread: out of memory, ended, or an error thrown by a workload's module. What the system refused stays
 * as it is: Node needs a working directory for a thread, for one.
 */
function harmed(error: unknown, who: string): unknown {
  if (!(error instanceof Error) || error.name === 'AbortError' || errnoOf(error) !== undefined) return error;
  if ((error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY') return new PoolError(lostBy(who, 'memory'));
  return new PoolError(`${who} failed: ${error.message}`, { cause: error });
}

function resultOf<N extends WorkName>(answer: Answer<N>): WorkOutput<N> {
  if ('liveLock' in answer) throw new LiveLock(answer.liveLock);
  if ('overrun' in answer) throw new Overrun();
  if ('stuck' in answer) throw new ProgramError(answer.stuck);
  if ('bug' in answer) throw answer.bug;
  if ('wrong' in answer) throw new PoolError(answer.wrong);
  if ('refused' in answer) throw new OpenError(answer.refused.evsel, answer.refused.errno);
  return answer.result;
}
