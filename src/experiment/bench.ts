/**
 * `gperf bench` without its words: what perf costs, under several vPMU designs: each operation on the kernel it runs
 * on, and the workload as a whole.
 *
 * One run of a design and seed is a pure function of its request, so any thread can make it. A design's figures are
 * the medians of its runs' figures; its ledger is their mean.
 */
import { perfCaps } from '../machine/machine.ts';
import { changedValues, type MachineSpec } from '../machine/spec.ts';
import type { RecordSink } from '../tool/perf-record.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { medianOf } from '../stats/distribution.ts';
import { given } from '../given.ts';
import { cycles, nanos, toNanos, hertz, type Nanos } from '../units.ts';
import { loadWorkload } from '../workload/registry.ts';
import { CpuWatch } from './cpu-watch.ts';
import { executable, prepareWorkload, workloadSeed } from './executable.ts';
import { OPERATIONS, OperationWatch } from './operations.ts';
import { LiveLock, runRecord, runStat } from './run.ts';
import { setUpMachine } from './setup.ts';
import type { BenchDesign, BenchFigure, BenchOperation } from '../results/bench.ts';
import type { Ledger, LedgerSheet, VcpuTimes } from '../results/ledger.ts';
import type { OperationRow } from '../results/operations.ts';

/** A machine as it was asked for, in a form that a message to another thread can carry. */
export interface SpecRequest {
  readonly machine: string;
  readonly vpmu: string;
  readonly seed: string;
  readonly sets: readonly string[];
}

export const specRequest = (spec: MachineSpec): SpecRequest => ({
  machine: spec.preset.name,
  vpmu: spec.vpmu,
  seed: spec.seed,
  sets: changedValues(spec),
});

/** One run. */
export interface BenchRequest {
  readonly spec: SpecRequest;
  /** The workload and its arguments. */
  readonly words: readonly string[];
  readonly mode: 'stat' | 'record';
  /** -a */
  readonly systemWide: boolean;
  /** Without events, the workload runs unobserved. */
  readonly evlist: readonly Evsel[];
  /** Which repetition: draws come from the path run=k. */
  readonly run: number;
}

export interface BenchRun {
  readonly operations: readonly OperationRow[];
  /** The same of each CPU, if there are several. */
  readonly cpus: readonly { readonly cpu: number; readonly operations: readonly OperationRow[] }[];
  readonly ledger: Ledger;
  /** Wall time of the workload. */
  readonly elapsed: Nanos;
  readonly samples: number;
  readonly throttled: number;
  /** How often the host paid for its first hardware event, its last, and for enabling perf's scheduling hooks. */
  readonly paid: { readonly reserve: number; readonly release: number; readonly static_key: number };
}

const NOWHERE: RecordSink = { opened: () => undefined, write: () => 0 };

/** Makes one run. Throws LiveLock and OpenError, and what the workload throws. */
export async function benchRun({
  spec: wanted,
  words,
  mode,
  systemWide,
  evlist,
  run,
}: BenchRequest): Promise<BenchRun> {
  const spec = await setUpMachine(wanted);
  const [name = '', ...args] = words;
  const workload = prepareWorkload(await loadWorkload(name, args), spec, {});
  const job = { evlist, systemWide, executable: executable(workload, workloadSeed(spec, run)) };
  const [watch, where] = [new OperationWatch(spec), new CpuWatch()];
  const options = { run, watch, where };
  const seen = (): Pick<BenchRun, 'operations' | 'cpus' | 'paid'> => {
    const cpus = watch.rowsByCpu();
    return { operations: watch.rows(), cpus: cpus.length > 1 ? cpus : [], paid: watch.paid };
  };
  if (mode === 'record') {
    const { ledger, elapsed, samples, throttled } = await runRecord(spec, job, NOWHERE, options);
    return { ...seen(), ledger, elapsed, samples, throttled };
  }
  const { ledger, run: counted } = await runStat(spec, job, options);
  return { ...seen(), ledger, elapsed: counted.elapsed, samples: 0, throttled: 0 };
}

/** The same, but a live-lock is a result with its reason. Throws whatever else benchRun throws. */
export async function benchOutcome(request: BenchRequest): Promise<BenchRun | { readonly liveLock: string }> {
  try {
    return await benchRun(request);
  } catch (error) {
    if (error instanceof LiveLock) return { liveLock: error.message };
    throw error;
  }
}

/** Summarizes the runs of one design; `bare` are the runs of the same seeds without events. */
export function benchDesign(spec: MachineSpec, runs: readonly BenchRun[], bare: readonly BenchRun[]): BenchDesign {
  const figure = (of: (run: BenchRun, k: number) => number): BenchFigure => medianOf(runs.map(of));
  const counts = perfCaps(spec).nrGp > 0;
  const cpus = counts
    ? runs[0]!.cpus.map(({ cpu }, i) => ({ cpu, operations: operationsOf(runs.map((run) => run.cpus[i]!)) }))
    : [];
  return {
    vpmu: spec.vpmu,
    runs: runs.length,
    operations: counts ? operationsOf(runs) : [],
    ...(cpus.length > 0 && { cpus }),
    elapsed: figure(({ elapsed }) => elapsed),
    bare: medianOf(bare.map(({ elapsed }) => elapsed)),
    overhead: figure(({ elapsed }, k) => 1 - bare[k]!.elapsed / elapsed),
    samples: figure(({ samples }) => samples),
    paid: {
      reserve: figure(({ paid }) => paid.reserve),
      release: figure(({ paid }) => paid.release),
      static_key: figure(({ paid }) => paid.static_key),
    },
    throttled: figure(({ throttled }) => throttled),
    ledger: meanLedger(
      runs.map(({ ledger }) => ledger),
      spec,
    ),
  };
}

/** Medians of the time each operation took. */
function operationsOf(runs: readonly Pick<BenchRun, 'operations'>[]): BenchOperation[] {
  return OPERATIONS.map((operation, i) => {
    const each = (key: Exclude<keyof OperationRow, 'operation' | 'exact'>): BenchFigure =>
      medianOf(runs.map(({ operations }) => operations[i]![key]));
    return {
      operation,
      calls: each('calls'),
      mean: each('mean'),
      min: each('min'),
      p50: each('p50'),
      p99: each('p99'),
      max: each('max'),
      exits: each('exits'),
      host: each('host'),
      exact: runs.every(({ operations }) => operations[i]!.exact),
    };
  });
}

/** The mean of ledgers, core by core. */
function meanLedger(ledgers: readonly Ledger[], spec: MachineSpec): Ledger {
  const cores = ledgers[0]!.cores?.map(({ core }, i) => ({
    core,
    sheet: meanSheet(
      ledgers.map((ledger) => ledger.cores![i]!.sheet),
      spec,
    ),
  }));
  const meanOf = (of: (ledger: Ledger) => number): Nanos =>
    nanos(ledgers.reduce((sum, ledger) => sum + of(ledger), 0) / ledgers.length);
  const vcpus = ledgers[0]!.vcpus?.map(({ vcpu, moves }, i): VcpuTimes =>
    given({
      vcpu,
      ran: meanOf((ledger) => ledger.vcpus![i]!.ran),
      stolen: meanOf((ledger) => ledger.vcpus![i]!.stolen),
      halted: meanOf((ledger) => ledger.vcpus![i]!.halted),
      moves: moves && meanOf((ledger) => ledger.vcpus![i]!.moves!),
    }),
  );
  return { ...meanSheet(ledgers, spec), ...(cores && { cores }), ...(vcpus && { vcpus }) };
}

/** The mean of sheets; its rows add up as theirs do. */
function meanSheet(ledgers: readonly LedgerSheet[], spec: MachineSpec): LedgerSheet {
  const n = ledgers.length;
  const clock = hertz(spec.values['core.clock']);
  const sumOf = (of: (ledger: LedgerSheet) => number): number => ledgers.reduce((sum, ledger) => sum + of(ledger), 0);
  let end = 0;
  const rows = ledgers[0]!.rows.map(({ account }, i) => {
    const start = end;
    const span = sumOf(({ rows: all }) => all[i]!.cycles);
    end += span;
    const ns = toNanos(cycles(end / n), clock) - toNanos(cycles(start / n), clock);
    return { account, cycles: cycles(span / n), ns };
  });
  return { rows, total: cycles(end / n), ns: nanos(toNanos(cycles(end / n), clock)) };
}
