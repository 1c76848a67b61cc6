/**
 * Which symbols differ: one z per symbol, and Holm's correction for having looked at all of them.
 *
 * z is the two-proportion statistic (p - q) / sqrt(m (1 - m) (1/n1 + 1/n2)), against truth (p - t) / sqrt(t (1 - t) /
 * n). If fewer than five samples are expected on a side, the normal does not fit: p is then the exact binomial one
 * (the split of the symbol's samples between the sides given their number; against truth, their number), and z is the
 * normal deviate of that p. A symbol that truth does not have is expected half a sample.
 *
 * S. Holm, Scand. J. Statist. 6 (1979). Not modelled: the dependence between symbols (Holm needs none).
 */
import { HALF, RARE } from './homogeneity.ts';
import { binomialTail, deviateOf, twoSided } from './special.ts';

export interface SymbolTest {
  /** Standard normal if nothing differs; has the sign of p - q. */
  readonly z: number;
  /** Two-sided. */
  readonly p: number;
}

/** Two-sided p of a count under Binomial(n, share): twice the smaller tail. */
function binomialTwoSided(count: number, n: number, share: number): number {
  return Math.min(1, 2 * Math.min(binomialTail(n, share, count), binomialTail(n, 1 - share, n - count)));
}

const signed = (sign: number, p: number): SymbolTest => ({ z: (sign < 0 ? -1 : 1) * deviateOf(p), p });

/** Share p from n1 effective samples against share q from n2. */
export function twoProportions(p: number, q: number, n1: number, n2: number): SymbolTest {
  const total = p * n1 + q * n2;
  const m = total / (n1 + n2);
  if (m <= 0 || m >= 1) return { z: 0, p: 1 };
  if (m * Math.min(n1, n2) < RARE) return signed(p - q, binomialTwoSided(p * n1, total, n1 / (n1 + n2)));
  const z = (p - q) / Math.sqrt(m * (1 - m) * (1 / n1 + 1 / n2));
  return { z, p: twoSided(z) };
}

/** Share p from n effective samples against a true share. */
export function proportionAgainst(p: number, truth: number, n: number): SymbolTest {
  const t = Math.max(truth, HALF / n);
  if (t >= 1) return { z: 0, p: 1 };
  if (t * n < RARE) return p <= truth && truth === 0 ? { z: 0, p: 1 } : signed(p - t, binomialTwoSided(p * n, n, t));
  const z = (p - t) / Math.sqrt((t * (1 - t)) / n);
  return { z, p: twoSided(z) };
}

/** Holm-adjusted p-values, in the order given. */
export function holm(p: readonly number[]): number[] {
  const order = p.map((_, i) => i).toSorted((x, y) => p[x]! - p[y]! || x - y);
  const adjusted = [...p];
  let least = 0;
  order.forEach((i, rank) => {
    least = Math.min(1, Math.max(least, p[i]! * (p.length - rank)));
    adjusted[i] = least;
  });
  return adjusted;
}
