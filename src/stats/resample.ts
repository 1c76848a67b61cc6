/**
 * Intervals by parametric bootstrap: what a distance would have come out as, had other samples been taken.
 *
 * Profiles are drawn anew as multinomials of their effective sample counts; truth stays. A distance cannot be negative, so
 * resampled ones are larger than the real one by about the noise floor; the interval is therefore Efron's bias-corrected one
 * (JASA 82, 1987), which takes that back.
 * Not modelled: the variation between runs; with several seeds, see replicates.ts.
 */
import { log, lnFactorial, probit } from '../sim/math.ts';
import type { Interval } from './intervals.ts';
import { normalTail } from './special.ts';

/** Uniform in [0, 1): the only source of chance here. */
export type Random = () => number;

/** Binomial draw: inversion where few are expected, else W. Hoermann's BTRS (J. Stat. Comput. Simul. 46, 1993). */
export function binomial(n: number, p: number, random: Random): number {
  if (n <= 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - binomial(n, 1 - p, random);
  const q = 1 - p;
  if (n * p < 10) {
    // Distances between successes are geometric.
    let count = -1;
    let place = 0;
    const lnq = log(q);
    while (place <= n) {
      place += Math.floor(log(1 - random()) / lnq) + 1;
      count++;
    }
    return count;
  }
  const deviation = Math.sqrt(n * p * q);
  const b = 1.15 + 2.53 * deviation;
  const a = -0.0873 + 0.0248 * b + 0.01 * p;
  const c = n * p + 0.5;
  const alpha = (2.83 + 5.1 / b) * deviation;
  const vr = 0.92 - 4.2 / b;
  const mode = Math.floor((n + 1) * p);
  const lnOdds = log(p / q);
  const lnMode = lnFactorial(mode) + lnFactorial(n - mode);
  for (;;) {
    const u = random() - 0.5;
    const v = random();
    const us = 0.5 - Math.abs(u);
    if (us === 0) continue;
    const k = Math.floor(((2 * a) / us + b) * u + c);
    if (us >= 0.07 && v <= vr) return k;
    if (k < 0 || k > n || v === 0) continue;
    const bound = lnMode - lnFactorial(k) - lnFactorial(n - k) + (k - mode) * lnOdds;
    if (log((v * alpha) / (a / (us * us) + b)) <= bound) return k;
  }
}

/** Shares of a fresh profile of n samples. */
export function resampleShares(shares: readonly number[], n: number, random: Random): number[] {
  if (n === Infinity) return [...shares];
  let left = Math.round(n);
  let weight = 1;
  const size = left;
  return shares.map((share) => {
    const count = weight > 0 ? binomial(left, Math.min(1, share / weight), random) : 0;
    left -= count;
    weight -= share;
    return count / size;
  });
}

export interface Bootstrap extends Interval {
  readonly resamples: number;
  /** Mean of the resampled values less the real one. */
  readonly bias: number;
  /** Part of the resampled values above 0. */
  readonly positive: number;
}

/** Efron's bias-corrected percentile interval of a figure, given its resampled values. */
export function biasCorrected(value: number, resampled: readonly number[], alpha = 0.05): Bootstrap {
  const sorted = resampled.toSorted((x, y) => x - y);
  const r = sorted.length;
  const below = sorted.filter((x) => x < value).length + sorted.filter((x) => x === value).length / 2;
  // Half a resample at either end keeps the quantile finite.
  const z0 = probit(Math.min(r - 0.5, Math.max(0.5, below)) / r);
  const end = (p: number): number => {
    const q = 1 - normalTail(2 * z0 + probit(p));
    return sorted[Math.min(r - 1, Math.max(0, Math.round(q * (r - 1))))]!;
  };
  return {
    low: end(alpha / 2),
    high: end(1 - alpha / 2),
    resamples: r,
    bias: sorted.reduce((total, x) => total + x, 0) / r - value,
    positive: sorted.filter((x) => x > 0).length / r,
  };
}
