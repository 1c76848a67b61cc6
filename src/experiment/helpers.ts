/**
 * Threads that simulate some of a machine's cores while this one simulates the rest: core i is thread i modulo their
 * number. They change nothing but the time. Between the repetitions of a command they are kept, with all the code that is
 * compiled by then.
 */
import { placeFor } from '../machine/views.ts';
import type { MachineSpec } from '../machine/spec.ts';
import { Meeting } from '../sim/meeting.ts';
import { expectedCycles } from '../workload/thread-runs.ts';
import type { Workload } from './executable.ts';
import type { CommandRequest } from './other-cores.ts';
import { PoolError, WorkerPool } from './pool.ts';
import type { Helpers, StartHelpers } from './run.ts';

export interface HelperThreads {
  readonly start: StartHelpers;
  /** Ends the threads. */
  close(): Promise<void>;
}

export interface HelperOptions {
  /** ms of processor time that this process has used; without it, threads that never come back are waited for. */
  readonly cpuTime?: () => number;
  /** The module that they run, instead of worker.ts. */
  readonly file?: URL;
}

/** ms of processor time in which a window ends; before the first one, machines are set up. */
const LONGEST_WINDOW = 700;
const LONGEST_START = 20_000;

/**
 * From so many seconds of the workload on, all its threads together, several threads are quicker than one in a fresh process
 * on more than two processors, by the processor time of the busiest. On two they are not, however long it takes: what the
 * second compiles takes time from the first, and each waits for the other. Measured with ftest-threads on four CPUs at
 * 4 kHz: 80 s took 3.1 s on two threads, 2.5 s on one.
 */
const PAYS_FROM = 8;

/** How many threads simulate the machine soonest. Programs whose threads wait for each other meet too often. */
export function quickest(spec: MachineSpec, { image, program }: Workload, processors: number): number {
  const cores = spec.values['host.cores'];
  if (cores === 1 || processors <= 2 || program.objects.length > 0) return 1;
  const seconds = (expectedCycles(image) / spec.values['core.clock']) * (1 + spec.values['host.guests']);
  if (seconds < PAYS_FROM) return 1;
  return Math.min(cores, processors);
}

/** So many threads in all, at most one for each core; undefined: this one needs no help. */
export async function helperThreads(
  request: CommandRequest,
  { values }: MachineSpec,
  threads: number,
  { cpuTime, file }: HelperOptions = {},
): Promise<HelperThreads | undefined> {
  const { 'host.cores': cores, 'guest.vcpus': vcpus } = values;
  const parties = Math.min(threads, cores);
  if (parties < 2) return undefined;
  const pool = await WorkerPool.start(parties - 1, file);
  return {
    start: (run, left) => help(pool, request, { parties, cores, vcpus, run, left, cpuTime }),
    close: () => pool.close(),
  };
}

interface Run {
  readonly parties: number;
  readonly cores: number;
  readonly vcpus: number;
  readonly run: Parameters<StartHelpers>[0];
  readonly left: Parameters<StartHelpers>[1];
  readonly cpuTime: (() => number) | undefined;
}

function help(pool: WorkerPool, request: CommandRequest, { parties, cores, vcpus, run, left, cpuTime }: Run): Helpers {
  const place = placeFor(parties, cores, vcpus);
  const inputs = Array.from({ length: parties - 1 }, (_, i) => ({ ...request, run, left, place, party: i + 1 }));
  const stop = new AbortController();
  let failure: { readonly error: unknown } | undefined;
  let ended = false;
  const all = pool.run('otherCores', inputs, { signal: stop.signal }).catch((error: unknown) => {
    failure = { error };
    return [];
  });
  const meeting = new Meeting(place);
  const patience = new Patience(meeting, cpuTime);
  return {
    party: { place, party: 0 },
    look: async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (failure !== undefined) throw failure.error;
      patience.look();
    },
    finish: async () => {
      const parts = await all;
      ended = true;
      if (failure !== undefined) throw failure.error;
      return parts.flatMap((part) => part ?? []);
    },
    end: async () => {
      if (ended) return;
      meeting.end();
      stop.abort();
      await all;
    },
  };
}

/** Gives up threads that compute for long and do not come to meet; one that waits for a processor is waited for. */
class Patience {
  readonly #meeting: Meeting;
  readonly #cpuTime: (() => number) | undefined;
  #rounds = -1;
  #since = 0;

  constructor(meeting: Meeting, cpuTime: (() => number) | undefined) {
    this.#meeting = meeting;
    this.#cpuTime = cpuTime;
  }

  /** To be called when they are late. Throws PoolError. */
  look(): void {
    if (this.#cpuTime === undefined) return;
    const { rounds } = this.#meeting;
    const used = this.#cpuTime();
    if (rounds !== this.#rounds) [this.#rounds, this.#since] = [rounds, used];
    const { parties } = this.#meeting;
    const longest = rounds === 0 ? LONGEST_START : LONGEST_WINDOW;
    if (used - this.#since > longest * (parties - 1))
      throw new PoolError('a worker thread computes and does not come back: its part of the machine makes no progress');
  }
}
