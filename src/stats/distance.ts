/**
 * How far apart two profiles are, and how far apart two perfect ones would be.
 *
 * All take aligned shares: p[i] and q[i] are the shares of one symbol, and each list sums to 1. `s2` is 1/n1 + 1/n2 of
 * the effective samples, or 1/n against truth: the variance of a difference of shares is s2 m (1 - m).
 *
 * Noise floors. Differences of perfect profiles are jointly normal with covariance s2 (diag(m) - m m'), m the pooled
 * shares. The mean of the total variation distance is then exact: sqrt(2/pi)/2 sum sqrt(s2 m (1 - m)). Its variance is
 * exact too, from E|X||Y| = (2/pi) sx sy (sqrt(1 - r^2) + r asin r). Its 95th percentile comes from the scaled chi
 * distribution (with fractional degrees of freedom) of that mean and variance: exact for two symbols, within 1 % of
 * simulation for more.
 * Not modelled: floors below about one sample a symbol, where shares are far from normal and the floor is too high.
 * Not modelled: floors below about one sample a symbol, where shares are far from normal and the floor is too high.
 */
import { exp, log } from '../sim/math.ts';
import { chiSquareQuantile, fallsTo, lnGamma } from './special.ts';

type Shares = readonly number[];

const squared = (x: number): number => x * x;

const sum = (k: number, f: (i: number) => number): number => {
  let total = 0;
  for (let i = 0; i < k; i++) total += f(i);
  return total;
};

/** Total variation distance: the least weight that must change its symbol to turn one profile into the other. */
export const totalVariation = (p: Shares, q: Shares): number => sum(p.length, (i) => Math.abs(p[i]! - q[i]!)) / 2;

/** Weight that both profiles give to the same symbols: 1 - total variation. */
export const overlap = (p: Shares, q: Shares): number => sum(p.length, (i) => Math.min(p[i]!, q[i]!));

/** Hellinger distance, sqrt(1 - sum sqrt(p q)). */
export const hellinger = (p: Shares, q: Shares): number =>
  Math.sqrt(sum(p.length, (i) => squared(Math.sqrt(p[i]!) - Math.sqrt(q[i]!))) / 2);

/** Jensen-Shannon divergence in bits, 0 to 1; its square root is a metric. */
export function jensenShannon(p: Shares, q: Shares): number {
  const part = (x: number, m: number): number => (x > 0 ? x * log(x / m) : 0);
  const nats = sum(p.length, (i) => {
    const m = (p[i]! + q[i]!) / 2;
    return part(p[i]!, m) + part(q[i]!, m);
  });
  return Math.max(0, nats / (2 * Math.LN2));
}

/** Mean Jensen-Shannon divergence in bits of two perfect profiles of k symbols. */
export const jensenShannonFloor = (k: number, s2: number): number => (Math.max(0, k - 1) * s2) / (8 * Math.LN2);

export interface NoiseFloor {
  /** Mean total variation distance of two perfect profiles. */
  readonly mean: number;
  /** Exceeded by one pair of perfect profiles in twenty. */
  readonly p95: number;
}

/** asin on [-1, 1]: three half-angle steps, then Taylor's series. */
function asin(x: number): number {
  let y = x;
  for (let i = 0; i < 3; i++) y /= Math.sqrt(2 * (1 + Math.sqrt(1 - y * y)));
  let term = y;
  let total = y;
  for (let n = 1; Math.abs(term) > 1e-18; n++) {
    term *= (y * y * (2 * n - 1)) / (2 * n);
    total += term / (2 * n + 1);
  }
  return 8 * total;
}

/** Symbols whose pairs are summed exactly. Beyond them correlations are below 1/8 and r^2/2 serves (error r^4/24). */
const LARGE = 64;

/** Variance of sum |X| / 2 for X normal with covariance diag(m) - m m'. */
function absoluteVariance(m: Shares): number {
  const p = m.filter((x) => x > 0 && x < 1).toSorted((x, y) => y - x);
  const deviation = p.map((x) => Math.sqrt(x * (1 - x)));
  let total = (1 - 2 / Math.PI) * sum(p.length, (i) => squared(deviation[i]!));
  for (let i = 0; i < Math.min(LARGE, p.length); i++)
    for (let j = 0; j < i; j++) {
      const r = Math.min(1, (p[i]! * p[j]!) / (deviation[i]! * deviation[j]!));
      total += 2 * (2 / Math.PI) * deviation[i]! * deviation[j]! * (Math.sqrt(1 - r * r) + r * asin(r) - 1);
    }
  // r^2 sx sy = g(x) g(y), so all pairs with a small symbol take one pass.
  let before = sum(Math.min(LARGE, p.length), (i) => squared(p[i]!) / deviation[i]!);
  for (let j = LARGE; j < p.length; j++) {
    const g = squared(p[j]!) / deviation[j]!;
    total += (2 / Math.PI) * before * g;
    before += g;
  }
  return total / 4;
}

/** (mean / root mean square)^2 of a chi variable. */
function chiConcentration(df: number): number {
  return (exp(2 * (lnGamma((df + 1) / 2) - lnGamma(df / 2))) * 2) / df;
}

/** Total variation distance between perfect profiles with pooled shares m. */
export function noiseFloor(m: Shares, s2: number): NoiseFloor {
  const mean = (Math.sqrt(2 / Math.PI) / 2) * sum(m.length, (i) => Math.sqrt(Math.max(0, s2 * m[i]! * (1 - m[i]!))));
  if (mean === 0) return { mean: 0, p95: 0 };
  const square = mean * mean + s2 * absoluteVariance(m);
  const concentration = (mean * mean) / square;
  const df = fallsTo(1 - concentration, 1, 1e6, (v) => 1 - chiConcentration(v));
  // The normal approximation may exceed 1, the largest distance there is.
  return { mean: Math.min(1, mean), p95: Math.min(1, Math.sqrt((square * chiSquareQuantile(0.05, df)) / df)) };
}
