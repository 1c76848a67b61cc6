/**
 * The same machine as several threads of Node would have it, each with some of its cores, but all in one thread: they
 * take turns, from one meeting to the next.
 */
import { ProgramError } from '../../src/kernel/futex.ts';
import { placeFor } from '../../src/machine/views.ts';
import { recordAttrs, statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { PerfRecord } from '../../src/perf-events/tool-record.ts';
import { perfRecord } from '../../src/tool/perf-record.ts';
import { perfStat, type StatOutcome } from '../../src/tool/perf-stat.ts';
import { ToolTask } from '../../src/tool/tool-task.ts';
import { cycles } from '../../src/units.ts';
import { Threads } from '../kernel/scripts.ts';
import { Smp } from './smp.ts';

const CPUS = 4;
export type Scripts = ConstructorParameters<typeof Threads>[0];

/** `set`: what each of them does before time passes. Runs until the first machine's `ended`, or to that many ms. */
function shared<T>(
  workers: number,
  { cpus, longest }: { readonly cpus: number; readonly longest: number },
  set: (smp: Smp, party: number) => T,
  ended: (first: T) => boolean,
  ms: number,
): { readonly machines: readonly Smp[]; readonly made: readonly T[]; readonly error?: string } {
  const place = placeFor(workers, cpus, 0);
  // One thread leaves no grid line out.
  const lines = workers === 1 ? 1 : 16;
  const machines = Array.from(
    { length: workers },
    (_, party) => new Smp(cpus, longest, { place, party, patience: 0 }, lines),
  );
  const made = machines.map((smp, party) => set(smp, party));
  const until = cycles(ms * 2_800_000);
  const running = new Set(machines);
  try {
    while (running.size > 0)
      for (const smp of running) if (smp.group.run(until, () => ended(made[0]!))) running.delete(smp);
  } catch (error) {
    if (error instanceof ProgramError) return { machines, made, error: error.message };
    throw error;
  }
  return { machines, made };
}

/** What every CPU did, by whoever simulated it. */
const seenBy = ({ machines }: Pick<ReturnType<typeof shared>, 'machines'>, workers: number): unknown[] =>
  Array.from({ length: CPUS }, (_, cpu) => machines[cpu % workers]!.seenOf((one) => one === cpu));

/** perf stat of a program, and what every CPU did; or the sentence on which it ends. */
export function statOn(scripts: Scripts, workers: number, longest = Infinity, interval = 0) {
  const evlist = statAttrs(parseEventList(['instructions:u', 'branches:u', 'task-clock'], 'stat'));
  const readings: unknown[] = [];
  const { machines, made, error } = shared(
    workers,
    { cpus: CPUS, longest },
    (smp) => {
      const { host } = smp.cpus[0]!;
      const executable = new Threads(scripts);
      host.system.executables.set(executable.program.path, executable);
      const run: { tool?: ToolTask; outcome?: StatOutcome } = {};
      const report = (time: number, read: unknown): void => void readings.push([time, read]);
      const job = { evlist, executable, ...(interval > 0 && { interval: { ns: interval, report } }) };
      run.tool = new ToolTask(host, (self) => perfStat(self, job, (done) => (run.outcome = done)));
      return run;
    },
    ({ tool }) => tool!.status !== undefined,
    400,
  );
  if (error !== undefined) return { error };
  const { tool, outcome } = made[0]!;
  return { status: tool!.status, outcome: outcome?.run, readings, seen: seenBy({ machines }, workers) };
}

/** The same of perf record. */
export function recordOn(scripts: Scripts, workers: number, longest = Infinity, systemWide = false) {
  const evlist = recordAttrs(parseEventList(['cycles', 'instructions:u'], 'record'), {
    freq: 4000,
    target: systemWide ? 'cpu' : 'fork',
  });
  const records: PerfRecord[] = [];
  const { machines, made, error } = shared(
    workers,
    { cpus: CPUS, longest },
    (smp) => {
      const { host } = smp.cpus[0]!;
      const executable = new Threads(scripts);
      host.system.executables.set(executable.program.path, executable);
      const sink = {
        opened: () => undefined,
        write: (batch: readonly PerfRecord[]): number => {
          records.push(...batch);
          return 100 * batch.length;
        },
      };
      return new ToolTask(host, (self) =>
        perfRecord(self, { evlist, executable, systemWide, mmapPages: 2 }, sink, () => undefined),
      );
    },
    (tool) => tool.status !== undefined,
    400,
  );
  if (error !== undefined) return { error, records };
  return { status: made[0]!.status, records, seen: seenBy({ machines }, workers) };
}
