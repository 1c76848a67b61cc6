/**
 * Threads that simulate some of a machine's cores while this one simulates the rest: core i is thread i modulo their
 * number. They change nothing but the time. Between the repetitions of a command they are kept, with all the code that is
 * compiled by then.
 */
import { isFloating, isOneBoot } from '../machine/machine.ts';
import { placeFor } from '../machine/views.ts';
import type { MachineSpec } from '../machine/spec.ts';
import { Meeting } from '../sim/meeting.ts';
import { expectedCycles } from '../workload/thread-runs.ts';
import type { Workload } from './executable.ts';
import { threadOf } from './design-file.ts';
import type { CommandRequest } from './other-cores.ts';
import { NO_CLOCK, Rest, lostBy, type ThreadClock } from './patience.ts';
import { PoolError, WorkerPool, type ThreadOptions } from './pool.ts';
import type { Helpers, StartHelpers } from './run.ts';

export interface HelperThreads {
  readonly start: StartHelpers;
  /** Ends the threads. */
  close(): Promise<void>;
}

/**
 * From so many seconds of the workload on, all its threads together, several threads are quicker than one in a fresh
 * process: what each compiles anew is paid for. On more than two processors by the processor time of the busiest; on two,
 * where what a second thread compiles takes time from the first, on the clock. Measured there with ftest-threads on five
 * CPUs of bare metal at 4 kHz, two threads against one: 40 s took 2.4 s and 2.7 s, 80 s 3.5 and 3.7, 160 s 6.1 and 6.9.
 */
const PAYS_FROM = 8;
const PAYS_FROM_ON_TWO = 40;

/**
 * How many threads simulate the machine soonest. Programs whose threads wait for each other meet too often; and on two
 * processors, so do guests, whose cores meet at every grid line.
 */
export function quickest(spec: MachineSpec, { image, program }: Workload, processors: number): number {
  const cores = spec.values['host.cores'];
  if (cores === 1 || processors === 1 || program.objects.length > 0) return 1;
  const seconds = (expectedCycles(image) / spec.values['core.clock']) * (1 + spec.values['host.guests']);
  const pays = processors > 2 ? seconds >= PAYS_FROM : isOneBoot(spec) && seconds >= PAYS_FROM_ON_TWO;
  return pays ? Math.min(cores, processors) : 1;
}

/** So many threads in all, at most one for each core; undefined: this one needs no help. */
export async function helperThreads(
  request: CommandRequest,
  spec: MachineSpec,
  threads: number,
  options: ThreadOptions = {},
): Promise<HelperThreads | undefined> {
  const { 'host.cores': cores, 'guest.vcpus': vcpus } = spec.values;
  // A vCPU with the kernel on it cannot go to another thread of Node.
  if (isFloating(spec)) return undefined;
  const parties = Math.min(threads, cores);
  if (parties < 2) return undefined;
  const pool = await WorkerPool.start(parties - 1, options);
  // Whatever becomes of it, they are asked again.
  const ready = Array.from({ length: parties - 1 }, () => request);
  pool.run('prepareCores', ready).catch(() => undefined);
  return {
    start: (run, left) => help(pool, request, { parties, cores, vcpus, run, left, clock: options.clock ?? NO_CLOCK }),
    close: () => pool.close(),
  };
}

interface Run {
  readonly parties: number;
  readonly cores: number;
  readonly vcpus: number;
  readonly run: Parameters<StartHelpers>[0];
  readonly left: Parameters<StartHelpers>[1];
  readonly clock: ThreadClock;
}

function help(pool: WorkerPool, request: CommandRequest, { parties, cores, vcpus, run, left, clock }: Run): Helpers {
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
  const rest = new Rest(clock);
  return {
    party: { place, party: 0 },
    look: async (wanted) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (failure !== undefined) throw failure.error;
      if (!wanted && rest.isLasting) throw new PoolError(lostBy(threadOf(request), 'asleep'));
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
