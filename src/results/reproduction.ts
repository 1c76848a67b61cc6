/**
 * Results of reproducing a published table: published and simulated figures with a verdict. Plain data for renderers.
 */

/**
 * derived: follows from mechanisms; no constant was chosen with it, or a figure of its kind, in view. calibrated: one was.
 * inconsistent: no mechanism here yields it, and it contradicts other published figures.
 */
export type FigureVerdict = 'derived' | 'calibrated' | 'inconsistent';

export interface ReproducedFigure {
  /** The row as published, or an additional one. */
  readonly row: string;
  /** The design under which it was measured. */
  readonly column: string;
  /** Which statistic of a run the simulated figure is: "max", "p50", "calls". */
  readonly statistic: string;
  /** undefined: an additional row. */
  readonly published: number | undefined;
  /** Median over the seeds, and an interval for it. */
  readonly simulated: { readonly median: number; readonly low: number; readonly high: number };
  /** simulated / published; undefined if meaningless. */
  readonly ratio: number | undefined;
  readonly verdict: FigureVerdict;
  /** Where the figure comes from, or why it is off, in one line. */
  readonly reason: string;
}

export interface ReproducedTable {
  /** The table's number in the original. */
  readonly id: string;
  readonly title: string;
  readonly unit: 'ns' | 'times' | 'calls' | '%' | '';
  /** The command and scenario that were run. */
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
