/**
 * Which slot of a class an occurrence was: the r-th occurrence in program order has one, independently drawn.
 *
 * Occurrences 0..R-1 of a class, R known from the root draws, form a binary tree of ranks like the iterations of a loop:
 * slot counts of all R are a multinomial draw, those of a left half a multivariate hypergeometric one. So the slot of one
 * occurrence, and how many of the first r fell to each slot, cost O(log R) and agree with each other however they are asked.
 *
 * The path last descended is kept: program order asks for ascending ranks. It is a cache, not state.
 */
import type { Tables } from './image.ts';
import { binomial, CLASSES, DRAWS, hypergeometric, LEFT, mixed, mixKey, RIGHT, seedRng } from './samplers.ts';

/** One level of a path: ranks from..from+n-1, how they are shared out, and the shares of all ranks before them. */
interface Level {
  readonly from: number;
  readonly n: number;
  readonly k0: number;
  readonly k1: number;
  readonly counts: readonly number[];
  readonly before: readonly number[];
}

export class Identities {
  private readonly t: Tables;
  private readonly k0: number;
  private readonly k1: number;
  private readonly totals: Float64Array;
  private readonly paths: Level[][] = [];

  /** `totals` are the occurrences of every entry in the whole run. */
  constructor(tables: Tables, k0: number, k1: number, totals: Float64Array) {
    this.t = tables;
    this.totals = totals;
    mixKey(k0, k1, CLASSES);
    this.k0 = mixed[0]!;
    this.k1 = mixed[1]!;
  }

  /** Slot of occurrence `rank` of an entry. */
  slot(entry: number, rank: number): number {
    if (this.slots(entry) === 1) return 0;
    return this.descend(entry, rank).counts.indexOf(1);
  }

  /** How many of the first `n` occurrences of an entry fell to each of its slots. */
  shares(entry: number, n: number): readonly number[] {
    if (this.slots(entry) === 1) return [n];
    if (n === this.totals[entry]!) return this.path(entry)[0]!.counts;
    return this.descend(entry, n).before;
  }

  private slots(entry: number): number {
    return this.t.slot0[entry + 1]! - this.t.slot0[entry]!;
  }

  /** The path of an entry, with its root drawn. */
  private path(entry: number): Level[] {
    const known = this.paths[entry];
    if (known) return known;
    const slots = this.slots(entry);
    const p0 = this.t.slot0[entry]!;
    const n = this.totals[entry]!;
    mixKey(this.k0, this.k1, entry);
    const k0 = mixed[0]!;
    const k1 = mixed[1]!;
    mixKey(k0, k1, CLASSES);
    seedRng(mixed[0]!, mixed[1]!);
    const counts: number[] = [];
    let left = n;
    let mass = this.t.p[entry]!;
    for (let j = 0; j < slots; j++) {
      const p = this.t.slotP[p0 + j]!;
      const x = j === slots - 1 ? left : binomial(left, Math.min(1, p / mass));
      counts.push(x);
      left -= x;
      mass -= p;
    }
    const path = [{ from: 0, n, k0, k1, counts, before: counts.map(() => 0) }];
    this.paths[entry] = path;
    return path;
  }

  private descend(entry: number, rank: number): Level {
    const path = this.path(entry);
    let at = path.at(-1)!;
    while (rank < at.from || rank >= at.from + at.n) {
      path.pop();
      at = path.at(-1)!;
    }
    while (at.n > 1) {
      at = this.half(at, rank);
      path.push(at);
    }
    return at;
  }

  /** The half of a level that holds a rank. */
  private half(at: Level, rank: number): Level {
    let n = 1;
    while (n * 2 < at.n) n *= 2;
    mixKey(at.k0, at.k1, DRAWS);
    seedRng(mixed[0]!, mixed[1]!);
    const left: number[] = [];
    let population = at.n;
    let sample = n;
    for (const c of at.counts) {
      const x = allOrNone(population, c, sample) ?? hypergeometric(population, c, sample);
      left.push(x);
      population -= c;
      sample -= x;
    }
    const goLeft = rank < at.from + n;
    mixKey(at.k0, at.k1, goLeft ? LEFT : RIGHT);
    const k0 = mixed[0]!;
    const k1 = mixed[1]!;
    if (goLeft) return { from: at.from, n, k0, k1, counts: left, before: at.before };
    const counts = at.counts.map((c, j) => c - left[j]!);
    const before = at.before.map((c, j) => c + left[j]!);
    return { from: at.from + n, n: at.n - n, k0, k1, counts, before };
  }
}

/** The hypergeometric draws that leave no choice. */
function allOrNone(M: number, c: number, L: number): number | undefined {
  if (c === 0 || L === 0) return 0;
  if (c === M) return L;
  return L === M ? c : undefined;
}
