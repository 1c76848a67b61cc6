/**
 * Mean, extremes and quantiles of many values in little memory.
 *
 * Simulated durations repeat, so values are counted rather than kept. Every quantile is exact up to LIMIT different
 * values; beyond it, values that agree in their first eleven binary digits (0.1 %) share a count. Count, mean, least
 * and greatest stay exact; `exact` says whether the quantiles are.
 *
 * Quantiles are nearest-rank: the least value that at least that share of all values does not exceed (SQL's
 * percentile_disc), so every quantile is a value that occurred. 0.5 is the median in that sense.
 */

import { binomialTail } from './special.ts';

/** Different values that are counted apart. */
const LIMIT = 2 ** 17;
const KEPT = 2 ** 11;

export class Distribution {
  #counts = new Map<number, number>();
  #sorted: readonly (readonly [value: number, count: number])[] | undefined;
  count = 0;
  sum = 0;
  min = Infinity;
  max = -Infinity;
  exact = true;

  /** Counts a value, which must not be negative. */
  add(value: number): void {
    this.#sorted = undefined;
    this.count++;
    this.sum += value;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    this.#put(this.exact ? value : rounded(value), 1);
    if (this.#counts.size > LIMIT) this.#coarsen();
  }

  /** Counts all values that another has counted. */
  addAll(other: Distribution): void {
    this.#sorted = undefined;
    this.count += other.count;
    this.sum += other.sum;
    this.min = Math.min(this.min, other.min);
    this.max = Math.max(this.max, other.max);
    if (!other.exact) this.#coarsen();
    for (const [value, count] of other.#counts) this.#put(this.exact ? value : rounded(value), count);
    if (this.#counts.size > LIMIT) this.#coarsen();
  }

  /** NaN if nothing was counted. */
  get mean(): number {
    return this.sum / this.count;
  }

  /** The quantile at a share from 0 to 1; NaN if nothing was counted. */
  quantile(share: number): number {
    if (this.count === 0) return NaN;
    this.#sorted ??= [...this.#counts].toSorted(([a], [b]) => a - b);
    let rank = Math.max(1, Math.ceil(share * this.count));
    for (const [value, count] of this.#sorted) {
      rank -= count;
      if (rank <= 0) return Math.min(this.max, value);
    }
    return this.max;
  }

  #coarsen(): void {
    if (!this.exact) return;
    this.exact = false;
    const fine = this.#counts;
    this.#counts = new Map();
    for (const [each, count] of fine) this.#put(rounded(each), count);
  }

  #put(value: number, count: number): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + count);
  }
}

/** The upper end of a value's bin: eleven binary digits. */
function rounded(value: number): number {
  if (value === 0) return 0;
  let unit = 1;
  while (value / unit >= KEPT) unit *= 2;
  while (value / unit < KEPT / 2) unit /= 2;
  return Math.ceil(value / unit) * unit;
}

/** The median of some values (the mean of the middle two if their number is even), with an interval for it. */
export interface Median {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** Probability that such an interval holds the true median; 0 for a single value. */
  readonly coverage: number;
}

/**
 * The median and its distribution-free interval: the closest order statistics that cover it with at least `confidence`,
 * or the extremes if even they do not (fewer than six values at 95 %). Throws if there are no values.
 */
export function medianOf(values: readonly number[], confidence = 0.95): Median {
  const n = values.length;
  if (n === 0) throw new RangeError('the median of no values');
  const sorted = values.toSorted((a, b) => a - b);
  const median = (sorted[(n - 1) >> 1]! + sorted[n >> 1]!) / 2;
  // P(fewer than k of n values lie below the median), on each side.
  const tail = (k: number): number => binomialTail(n, 0.5, n - k + 1);
  let [k, beyond] = [1, (n >> 1) + 1];
  while (beyond - k > 1) {
    const middle = (k + beyond) >> 1;
    if (1 - 2 * tail(middle) >= confidence) k = middle;
    else beyond = middle;
  }
  return { median, low: sorted[k - 1]!, high: sorted[n - k]!, coverage: 1 - 2 * tail(k) };
}
