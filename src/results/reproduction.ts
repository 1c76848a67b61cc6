/** A published table run again: what was published, what came out, and what that is worth. Plain data for renderers. */

/**
 * derived: comes out of mechanisms, nothing was fitted to it. calibrated: a constant was fitted to it, or to its table.
 * inconsistent: no mechanism here gives it, and it contradicts other published figures.
 */
export type FigureVerdict = 'derived' | 'calibrated' | 'inconsistent';

export interface ReproducedFigure {
  /** The row as published, or one of our own beside it. */
  readonly row: string;
  /** Where it was measured: a design. */
  readonly column: string;
  /** What of a run the simulated figure is: "max", "p50", "calls". */
  readonly statistic: string;
  /** undefined: a row of our own. */
  readonly published: number | undefined;
  /** Median over the seeds, and an interval for it. */
  readonly simulated: { readonly median: number; readonly low: number; readonly high: number };
  /** simulated / published; undefined where that says nothing. */
  readonly ratio: number | undefined;
  readonly verdict: FigureVerdict;
  /** Why it is as far off as it is, or where it comes from: one line. */
  readonly reason: string;
}

export interface ReproducedTable {
  /** As the original numbers it. */
  readonly id: string;
  readonly title: string;
  readonly unit: 'ns' | 'times' | 'calls' | '%' | '';
  /** What was run for it, in which scenario. */
  readonly scenario: string;
  readonly notes: readonly string[];
  readonly figures: readonly ReproducedFigure[];
}

export interface Reproduction {
  /** The original, and the machine it was measured on. */
  readonly source: string;
  readonly machine: string;
  readonly seeds: number;
  readonly tables: readonly ReproducedTable[];
}
