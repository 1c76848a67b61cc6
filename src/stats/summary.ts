/**
 * A list of measurements in a line: min, median, mean, p99, max, and how well the middle ones are known.
 *
 * Percentiles interpolate linearly between order statistics (R. J. Hyndman and Y. Fan, Am. Stat. 50, 1996, type 7; numpy's
 * default): the q-quantile of n sorted values lies at position q (n - 1). Their intervals are order statistics too, and ask
 * nothing of the distribution: with probability of at least 95 % the quantile lies between the two values whose ranks hold
 * the binomial's tails of 2.5 %. Where even the extreme values do not reach that (median below 6 values, p99 below 368),
 * the end is absent. The mean's is Student's.
 * Not modelled: dependence of successive values; intervals of min and max, which a sample cannot give.
 */
import { binomialTail, studentQuantile } from './special.ts';

export interface Estimate {
  readonly value: number;
  /** Ends of the 95 % interval; absent where the values do not suffice for one. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

export interface Summary {
  readonly n: number;
  readonly min: number;
  readonly median: Estimate;
  readonly mean: Estimate;
  readonly p99: Estimate;
  readonly max: number;
  /** Standard deviation (n - 1); absent for one value. */
  readonly deviation?: number | undefined;
}

/** The q-quantile of ascending values, 0 <= q <= 1. */
export function quantile(sorted: readonly number[], q: number): number {
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (at - below);
}

/** Quantile and the interval between two order statistics that covers it with probability of at least 1 - alpha. */
export function quantileEstimate(sorted: readonly number[], q: number, alpha = 0.05): Estimate {
  const n = sorted.length;
  // x_(k) exceeds the quantile iff fewer than k values lie below it: P(Bin(n, q) < k).
  const atLeast = (k: number): number => binomialTail(n, q, k);
  // The greatest k for which something holds that holds from 0 on and then no more.
  const greatest = (holds: (k: number) => boolean): number => {
    let [from, to] = [0, n + 1];
    while (to - from > 1) {
      const middle = (from + to) >> 1;
      if (holds(middle)) from = middle;
      else to = middle;
    }
    return from;
  };
  const low = greatest((k) => 1 - atLeast(k) <= alpha / 2);
  const high = greatest((k) => atLeast(k) > alpha / 2) + 1;
  return {
    value: quantile(sorted, q),
    low: low >= 1 ? sorted[low - 1] : undefined,
    high: high <= n ? sorted[high - 1] : undefined,
  };
}

/** Summarises values in any order; throws RangeError if there are none. */
export function summarise(values: readonly number[]): Summary {
  const n = values.length;
  if (n === 0) throw new RangeError('no values to summarise');
  const sorted = values.toSorted((x, y) => x - y);
  const mean = sorted.reduce((total, x) => total + x, 0) / n;
  const range = { n, min: sorted[0]!, max: sorted[n - 1]! };
  const order = { median: quantileEstimate(sorted, 0.5), p99: quantileEstimate(sorted, 0.99) };
  if (n === 1) return { ...range, ...order, mean: { value: mean } };
  const deviation = Math.sqrt(sorted.reduce((total, x) => total + (x - mean) * (x - mean), 0) / (n - 1));
  const half = (studentQuantile(0.05, n - 1) * deviation) / Math.sqrt(n);
  return { ...range, ...order, mean: { value: mean, low: mean - half, high: mean + half }, deviation };
}
