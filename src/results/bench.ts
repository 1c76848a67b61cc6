/** The cost of perf under each design, over several runs. Plain data for renderers. */
import type { Ledger } from './ledger.ts';
import type { OperationRow, Operation } from './operations.ts';

/** A figure over several runs: its median, with an interval (equal ends: one run). */
export interface BenchFigure {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** Times of one operation under one design, over all runs. */
export interface BenchOperation extends Readonly<
  Record<Exclude<keyof OperationRow, 'operation' | 'exact'>, BenchFigure>
> {
  readonly operation: Operation;
  readonly exact: boolean;
}

/** What a CPU of the kernel under perf did. */
interface BenchCpu {
  readonly cpu: number;
  readonly operations: readonly BenchOperation[];
}

/** One design's column of a bench. */
export interface BenchDesign {
  readonly vpmu: string;
  readonly runs: number;
  /** All operations, whether they occurred or not; none if the kernel finds no PMU. */
  readonly operations: readonly BenchOperation[];
  /** Wall time of the workload with perf and without, ns, and 1 - without / with of each seed: the part perf took. */
  readonly elapsed: BenchFigure;
  readonly bare: BenchFigure;
  readonly overhead: BenchFigure;
  readonly samples: BenchFigure;
  /** How often the host paid, on all cores that the workload was on, for its first hardware event, its last, and for perf's scheduling hooks. */
  readonly paid: Readonly<Record<'reserve' | 'release' | 'static_key', BenchFigure>>;
  readonly throttled: BenchFigure;
  /** Mean over the runs with perf. */
  readonly ledger: Ledger;
  /** The operations of each CPU, if there are several. */
  readonly cpus?: readonly BenchCpu[];
}

export interface BenchReport {
  /** The command whose cost was measured, and the workload. */
  readonly command: string;
  readonly seeds: number;
  readonly designs: readonly BenchDesign[];
  /** Designs that fail checks of the contract, if any do. */
  readonly broken?: readonly { readonly vpmu: string; readonly failed: number; readonly checks: number }[];
  /** Designs under which the workload made no progress, and why. */
  readonly liveLocked: readonly { readonly vpmu: string; readonly why: string }[];
}
