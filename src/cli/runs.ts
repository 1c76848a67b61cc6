/** Many runs on the pool's threads: progress on a terminal, and ^C. */
import { availableParallelism } from 'node:os';
import type { Workload } from '../experiment/executable.ts';
import { helperThreads, quickest, type HelperThreads } from '../experiment/helpers.ts';
import type { CommandRequest } from '../experiment/other-cores.ts';
import { runAll } from '../experiment/pool.ts';
import type { MachineSpec } from '../experiment/setup.ts';
import type { WorkInput, WorkOutput, WorkName } from '../experiment/worker.ts';
import type { CommandContext } from './commands.ts';
import { UsageError } from './errors.ts';
import { optionUsage } from './help.ts';
import type { CommandTable } from './options/option.ts';
import { exitCodeOf, hearSignals, type Signal } from './signals.ts';
import { progress } from './term.ts';
import { threadClock } from './thread-clock.ts';

const MOST_SEEDS = 1000;

/** A signal came before the runs were done: nothing is printed, and the command exits with this code. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly exitCode: number;
  constructor(signal: Signal) {
    super(signal);
    this.exitCode = exitCodeOf(signal);
  }
}

/** Threads for --workers: by default, one per processor. */
export function threadsOf(workers: string | undefined): number {
  if (workers === undefined || workers === 'auto') return availableParallelism();
  if (!/^[1-9]\d*$/.test(workers)) throw new UsageError(`--workers ${workers}: must be a number above 0, or auto`);
  return Number(workers);
}

/** Threads that simulate other cores of one machine, as --workers asks; undefined: this one does all. */
export async function helpersOf(
  request: CommandRequest,
  spec: MachineSpec,
  workload: Workload,
  workers = '1',
): Promise<HelperThreads | undefined> {
  const threads = workers === 'auto' ? quickest(spec, workload, availableParallelism()) : threadsOf(workers);
  return helperThreads(request, spec, threads, { clock: threadClock });
}

/** Number of runs for --seeds. */
export function seedsOf(seeds: number | undefined, table: CommandTable, otherwise = 1): number {
  if (seeds === undefined) return otherwise;
  if (seeds < 1 || seeds > MOST_SEEDS)
    throw new UsageError(`--seeds ${seeds}: must be from 1 to ${MOST_SEEDS}`, optionUsage(table, 'seeds'));
  return seeds;
}

/** Does the work on every input; results keep the order of inputs. Throws Interrupted, and whatever the work throws. */
export async function runsOf<N extends WorkName>(
  name: N,
  inputs: readonly WorkInput<N>[],
  threads: number,
  label: string,
  context: CommandContext,
): Promise<WorkOutput<N>[]> {
  const stop = new AbortController();
  const deafen = hearSignals((signal) => stop.abort(new Interrupted(signal)));
  const bar = await progress(context.terminal, label);
  const told = (done: number): void => bar.update(done / inputs.length, `${done}/${inputs.length} runs`);
  told(0);
  try {
    return await runAll(name, inputs, { workers: threads, clock: threadClock, signal: stop.signal, progress: told });
  } finally {
    bar.done();
    deafen();
  }
}
