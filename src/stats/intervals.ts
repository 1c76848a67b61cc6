/**
 * Intervals of a share: Wilson's for one, Goodman's for all symbols of a profile at once.
 *
 * E. B. Wilson, JASA 22 (1927); L. A. Goodman, Technometrics 7 (1965): the same quadratic with the chi-square quantile
 * of alpha / k, so that all k intervals hold together with probability of at least 1 - alpha.
 * Not modelled: the continuity correction; with counts below 5 both are approximate.
 */
import { probit } from '../sim/math.ts';

/** The two limits of an estimate. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

const deviate = (alpha: number): number => -probit(alpha / 2);

/** Solves (p - share)^2 = z^2 p (1 - p) / n; n = Infinity leaves the share itself. */
function score(share: number, n: number, z: number): Interval {
  if (n === Infinity) return { low: share, high: share };
  const square = z * z;
  const middle = (share + square / (2 * n)) / (1 + square / n);
  const half = Math.sqrt(square * ((share * (1 - share)) / n + square / (4 * n * n))) / (1 + square / n);
  return { low: share <= 0 ? 0 : Math.max(0, middle - half), high: share >= 1 ? 1 : Math.min(1, middle + half) };
}

/** Interval of one share out of n (effective) samples; alpha 0.05 is 95 %. */
export const wilson = (share: number, n: number, alpha = 0.05): Interval => score(share, n, deviate(alpha));

/** Intervals of k shares that hold simultaneously. */
export function goodman(shares: readonly number[], n: number, alpha = 0.05): Interval[] {
  const z = deviate(alpha / Math.max(1, shares.length));
  return shares.map((share) => score(share, n, z));
}
