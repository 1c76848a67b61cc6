/** Perfect profiles: seeded multinomial samples. */
import { stream } from '../../src/sim/rng.ts';
import { resampleShares, type Random } from '../../src/stats/resample.ts';

export function random(path: string): Random {
  const next = stream('test/stats', path);
  return () => next.uniform();
}

/** Samples by symbol of a perfect profile. */
export const draw = (shares: readonly number[], n: number, next: Random): number[] =>
  resampleShares(shares, n, next).map((share) => Math.round(share * n));

/** One symbol. */
export function drawSymbol(shares: readonly number[], next: Random): number {
  let left = next();
  for (let i = 0; i < shares.length - 1; i++) {
    left -= shares[i]!;
    if (left < 0) return i;
  }
  return shares.length - 1;
}

/** P(Kolmogorov-Smirnov distance from the uniform distribution is at least that of these values), asymptotic. */
export function uniformP(values: readonly number[]): number {
  const sorted = values.toSorted((x, y) => x - y);
  const n = sorted.length;
  let d = 0;
  sorted.forEach((x, i) => (d = Math.max(d, x - i / n, (i + 1) / n - x)));
  const t = d * (Math.sqrt(n) + 0.12 + 0.11 / Math.sqrt(n));
  let p = 0;
  for (let k = 1; k <= 100; k++) p += 2 * (k % 2 === 1 ? 1 : -1) * Math.exp(-2 * k * k * t * t);
  return Math.min(1, Math.max(0, p));
}
