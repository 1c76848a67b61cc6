/**
 * Does the hottest stay the hottest? Kendall's tau-b, and the agreement of the first few.
 *
 * Two symbols of a profile whose intervals overlap are tied: their order is chance, so it counts neither for nor
 * against. M. G. Kendall, Biometrika 33 (1945). Not modelled: a p-value of tau (chi-square answers that question
 * better).
 */
import type { Interval } from './intervals.ts';

export interface RankAgreement {
  /** Kendall's tau-b with unresolved pairs as ties; 1 if no pair is resolved in both profiles. */
  readonly tau: number;
  /** The same with the order of every pair taken at face value. */
  readonly plain: number;
  /** Pairs ordered alike, and oppositely, among those resolved in both. */
  readonly concordant: number;
  readonly discordant: number;
  /** Pairs resolved in at most one profile. */
  readonly tied: number;
}

type Order = (i: number, j: number) => number;

function kendall(k: number, a: Order, b: Order): Omit<RankAgreement, 'plain'> {
  let [concordant, discordant, tied, inA, inB] = [0, 0, 0, 0, 0];
  for (let i = 0; i < k; i++)
    for (let j = 0; j < i; j++) {
      const [x, y] = [a(i, j), b(i, j)];
      if (x !== 0) inA++;
      if (y !== 0) inB++;
      if (x === 0 || y === 0) tied++;
      else if (x === y) concordant++;
      else discordant++;
    }
  const tau = concordant + discordant > 0 ? (concordant - discordant) / Math.sqrt(inA * inB) : 1;
  return { tau, concordant, discordant, tied };
}

const byShare =
  (shares: readonly number[]): Order =>
  (i, j) =>
    Math.sign(shares[i]! - shares[j]!);

const byInterval =
  (intervals: readonly Interval[]): Order =>
  (i, j) => {
    const [x, y] = [intervals[i]!, intervals[j]!];
    return x.low > y.high ? 1 : y.low > x.high ? -1 : 0;
  };

/** Agreement of two rankings, given shares and their intervals by symbol. */
export function rankAgreement(
  a: readonly number[],
  b: readonly number[],
  intervalsA: readonly Interval[],
  intervalsB: readonly Interval[],
): RankAgreement {
  return {
    ...kendall(a.length, byInterval(intervalsA), byInterval(intervalsB)),
    plain: kendall(a.length, byShare(a), byShare(b)).tau,
  };
}

/** Fraction of the `top` hottest symbols that both profiles share. */
export function topAgreement(a: readonly number[], b: readonly number[], top = 5): number {
  const hottest = (shares: readonly number[]): number[] =>
    shares
      .map((_, i) => i)
      .filter((i) => shares[i]! > 0)
      .toSorted((x, y) => shares[y]! - shares[x]! || x - y)
      .slice(0, top);
  const [x, y] = [hottest(a), new Set(hottest(b))];
  const size = Math.max(x.length, y.size);
  return size === 0 ? 1 : x.filter((i) => y.has(i)).length / size;
}
