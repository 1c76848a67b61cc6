/** What perf costs under each design, over several runs. Plain data for renderers. */
import type { Ledger } from './ledger.ts';
import type { OperationRow, Operation } from './operations.ts';

/** A figure over several runs: its median, and an interval for that (equal ends: one run). */
export interface BenchFigure {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** What one operation took under one design, over its runs. */
export interface BenchOperation extends Readonly<
  Record<Exclude<keyof OperationRow, 'operation' | 'exact'>, BenchFigure>
> {
  readonly operation: Operation;
  readonly exact: boolean;
}

/** One design's column of a bench. */
export interface BenchDesign {
  readonly vpmu: string;
  readonly runs: number;
  /** Every operation, whether it took place or not; none where the kernel finds no PMU. */
  readonly operations: readonly BenchOperation[];
  /** Wall time of the workload with perf and without, ns, and (with - without) / without of each seed. */
  readonly elapsed: BenchFigure;
  readonly bare: BenchFigure;
  readonly overhead: BenchFigure;
  readonly samples: BenchFigure;
  readonly throttled: BenchFigure;
  /** Mean over the runs with perf. */
  readonly ledger: Ledger;
}

export interface BenchReport {
  /** The command whose cost was measured, and the workload. */
  readonly command: string;
  readonly seeds: number;
  readonly designs: readonly BenchDesign[];
  /** Designs that fail so many of so many checks of the contract, if any do. */
  readonly broken?: readonly { readonly vpmu: string; readonly failed: number; readonly checks: number }[];
  /** Designs under which the workload got nowhere, and why. */
  readonly liveLocked: readonly { readonly vpmu: string; readonly why: string }[];
}
