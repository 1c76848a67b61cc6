/**
 * Do two profiles, or a profile and truth, come from one distribution? Pearson's chi-square and the likelihood ratio
 * G.
 *
 * Counts are shares times effective samples, so a test keeps its level with unequal weights and bursts (first-order
 * correction of Rao and Scott). Symbols expected fewer than five times on either side are pooled into one cell, never
 * dropped; if that cell is itself expected less than once, the next smallest symbol joins it. A symbol seen far more
 * often than expected (Poisson probability below 1e-6) is not rare but the finding itself: it keeps its own cell, with
 * an expectation of at least half a sample. Not modelled: exact tests; with all cells at five the level is right to
 * within one or two percentage points.
 */
import { log } from '../sim/math.ts';
import { chiSquareTail, poissonTail } from './special.ts';

/** Expectation below which a cell is pooled (W. G. Cochran, Biometrics 10, 1954). */
export const RARE = 5;
/** Least expectation of the pooled cell. */
const LEAST = 1;
/** Least expectation of a symbol's own cell. */
export const HALF = 0.5;
const IMPOSSIBLE = 1e-6;

export interface Test {
  /** Two samples against each other, or one against truth. */
  readonly kind: 'homogeneity' | 'goodness-of-fit';
  readonly chiSquare: number;
  readonly df: number;
  /** P(chi-square with df degrees of freedom >= chiSquare). */
  readonly p: number;
  readonly g: number;
  readonly gp: number;
  /** Effect size sqrt(chiSquare / N): Cramer's V of the two columns, Cohen's w against truth. */
  readonly effect: number;
  /** Indices of the symbols in the pooled cell; empty if none was rare. */
  readonly pooled: readonly number[];
}

/** Whether chance cannot explain `count` samples of a symbol expected `expected` times. */
export const isImpossible = (expected: number, count: number): boolean =>
  poissonTail(Math.max(HALF, expected), count) < IMPOSSIBLE;

interface Side {
  readonly counts: number[];
  readonly expected: number[];
}

/** Decides which symbols share a cell: a list of lists of indices, the pooled cell last if there is one. */
function cellsOf(k: number, sides: readonly Side[]): { own: number[]; pooled: number[] } {
  const least = (indices: readonly number[]): number =>
    Math.min(...sides.map(({ expected }) => indices.reduce((total, i) => total + expected[i]!, 0)));
  const surprising = (i: number): boolean =>
    sides.some(({ counts, expected }) => isImpossible(expected[i]!, counts[i]!));
  const own: number[] = [];
  const pooled: number[] = [];
  for (let i = 0; i < k; i++) (least([i]) < RARE && !surprising(i) ? pooled : own).push(i);
  own.sort((x, y) => least([y]) - least([x]) || x - y);
  while (pooled.length > 0 && own.length > 0 && least(pooled) < LEAST) {
    const smallest = own.findLastIndex((i) => !surprising(i) || least([i]) >= RARE);
    if (smallest < 0) break;
    pooled.push(...own.splice(smallest, 1));
  }
  return { own, pooled };
}

function test(kind: Test['kind'], k: number, sides: readonly Side[]): Test {
  const { own, pooled } = cellsOf(k, sides);
  const cells = [...own.map((i) => [i]), ...(pooled.length > 0 ? [pooled] : [])];
  let [chiSquare, g, n] = [0, 0, 0];
  for (const { counts, expected } of sides)
    for (const cell of cells) {
      const o = cell.reduce((total, i) => total + counts[i]!, 0);
      const e = Math.max(
        HALF,
        cell.reduce((total, i) => total + expected[i]!, 0),
      );
      chiSquare += ((o - e) * (o - e)) / e;
      g += 2 * ((o > 0 ? o * log(o / e) : 0) - (o - e));
      n += o;
    }
  const df = Math.max(0, cells.length - 1);
  return {
    kind,
    chiSquare,
    df,
    p: chiSquareTail(chiSquare, df),
    g,
    gp: chiSquareTail(g, df),
    effect: n > 0 ? Math.sqrt(chiSquare / n) : 0,
    pooled,
  };
}

/** Two profiles with aligned shares p and q, from n1 and n2 effective samples. */
export function homogeneity(p: readonly number[], q: readonly number[], n1: number, n2: number): Test {
  const m = p.map((x, i) => (x * n1 + q[i]! * n2) / (n1 + n2));
  const side = (shares: readonly number[], n: number): Side => ({
    counts: shares.map((x) => x * n),
    expected: m.map((x) => x * n),
  });
  return test('homogeneity', p.length, [side(p, n1), side(q, n2)]);
}

/** One profile with shares p, from n effective samples, against true shares. */
export function goodnessOfFit(p: readonly number[], truth: readonly number[], n: number): Test {
  return test('goodness-of-fit', p.length, [{ counts: p.map((x) => x * n), expected: truth.map((x) => x * n) }]);
}
