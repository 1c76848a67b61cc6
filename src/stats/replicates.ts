/**
 * Bias and noise, told apart by several seeds: what all runs get wrong alike, and what differs from run to run.
 *
 * Each run is compared with truth, or with the run of the same seed under another design, which saw the same
 * execution. With d the mean difference of a symbol over R runs and s its standard deviation, d^2 exceeds the squared
 * bias by s^2/R on average, so
 *
 *   bias = 1/2 sum over symbols of sqrt(max(0, d^2 - s^2/R))
 *
 * Corrected symbol by symbol, this has the least error of the corrections tried (jackknife, correction of the sum) at
 * R = 3 to 20 and biases of 0 to 4 points; without bias it still leaves about half of `uncorrected`.
 * Not modelled: dependence between seeds (they have none).
 */
import { alignShares, evidenceOf, type Shares } from './shares.ts';
import { holm } from './symbols.ts';
import { studentTwoSided } from './special.ts';

/**
 * Least error of a mean share, in samples of one run and of all runs together. A symbol that no run saw may still
 * exist, but less likely so the more runs missed it (if three samples are expected, none comes in 5 % of cases).
 */
const HALF = 0.5;
const THREE = 3;

interface SymbolBias {
  readonly symbol: string;
  /** Mean over the runs of (share - reference). */
  readonly bias: number;
  /** Its standard error. */
  readonly error: number;
  /** Standard deviation of one run. */
  readonly spread: number;
  /** Two-sided p of bias / error (Student's t), and adjusted for all symbols. */
  readonly p: number;
  readonly holm: number;
}

export interface BiasNoise {
  readonly seeds: number;
  /** Total variation distance common to all runs, corrected for noise. */
  readonly bias: number;
  /** Total variation distance of the mean difference, uncorrected. */
  readonly uncorrected: number;
  /** Expected `uncorrected` if there is no bias. */
  readonly floor: number;
  /** Mean total variation distance of one run from the true mean of all runs. */
  readonly noise: number;
  /** Expected `noise` of independent samples: evenly spread samples do better, aliasing does worse. */
  readonly multinomial: number;
  /** Mean squared difference, split without bias: total = bias + noise. Sums over symbols; bias may be negative. */
  readonly squares: { readonly bias: number; readonly noise: number };
  /** Largest bias first. */
  readonly symbols: readonly SymbolBias[];
}

/**
 * Splits the difference of runs from truth, or from runs of the same seeds; throws RangeError on fewer than two runs.
 */
export function splitBiasNoise(runs: readonly Shares[], reference: Shares | readonly Shares[]): BiasNoise {
  const seeds = runs.length;
  const paired = Array.isArray(reference) ? (reference as readonly Shares[]) : runs.map(() => reference as Shares);
  if (seeds < 2) throw new RangeError(`bias and noise cannot be told apart by ${seeds} run; two are the least`);
  if (paired.length !== seeds)
    throw new RangeError(`${seeds} runs and ${paired.length} of the other side; runs are paired by seed`);
  const all = [...runs, ...paired];
  const { symbols, shares } = alignShares(all.map((run) => run.weights));
  // 1/n1 + 1/n2, averaged over the pairs.
  const s2 = all.reduce((total, run) => total + 1 / evidenceOf(run).effective, 0) / seeds;

  const rows = symbols.map((symbol, i) => {
    const differences = runs.map((_, r) => shares[r]![i]! - shares[seeds + r]![i]!);
    const bias = differences.reduce((total, d) => total + d, 0) / seeds;
    const variance = differences.reduce((total, d) => total + (d - bias) * (d - bias), 0) / (seeds - 1);
    const error = Math.max(Math.sqrt(variance / seeds), Math.min(HALF, THREE / seeds) * s2);
    const m = shares.reduce((total, run) => total + run[i]!, 0) / shares.length;
    const away = differences.reduce((total, d) => total + Math.abs(d - bias), 0) / seeds;
    const p = error > 0 ? studentTwoSided(bias / error, seeds - 1) : bias === 0 ? 1 : 0;
    return { symbol, bias, error, spread: Math.sqrt(variance), variance, m, away, p };
  });
  const adjusted = holm(rows.map((row) => row.p));
  const sum = (f: (row: (typeof rows)[number]) => number): number => rows.reduce((total, row) => total + f(row), 0);
  const normal = Math.sqrt(2 / Math.PI) / 2;
  const noiseSquared = sum((row) => row.variance);
  return {
    seeds,
    bias: sum((row) => Math.sqrt(Math.max(0, row.bias * row.bias - row.variance / seeds))) / 2,
    uncorrected: sum((row) => Math.abs(row.bias)) / 2,
    floor: normal * sum((row) => Math.sqrt(row.variance / seeds)),
    noise: (sum((row) => row.away) / 2) * Math.sqrt(seeds / (seeds - 1)),
    multinomial: normal * sum((row) => Math.sqrt(row.m * (1 - row.m) * s2)),
    squares: { bias: sum((row) => row.bias * row.bias) - noiseSquared / seeds, noise: noiseSquared },
    symbols: rows
      .map(({ symbol, bias, error, spread, p }, i) => ({ symbol, bias, error, spread, p, holm: adjusted[i]! }))
      .toSorted((x, y) => Math.abs(y.bias) - Math.abs(x.bias) || (x.symbol < y.symbol ? -1 : 1)),
  };
}
