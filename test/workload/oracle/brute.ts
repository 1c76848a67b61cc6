/**
 * The oracle: expands a whole execution, instruction by instruction, skipping nothing.
 *
 * An independent traversal of the same image: recursive, with plain arrays and the plain forms of the draws. Periodic
 * branches are counted one by one, and the slots of classes come from a full expansion of their rank trees. A cursor
 * stopped anywhere must agree with the trace in every total, address, frame and trap. It shares no code with the
 * engine, so that its judgement is independent.
 * Not modelled: long executions; memory is a few hundred bytes per instruction.
 */
import { NR_EVENTS } from '../../../src/arch/events.ts';
import { BLOCK, BRANCH, type Image, LOOP, type Tables } from '../../../src/workload/image.ts';
import {
  binomial,
  CLASSES,
  DRAWS,
  hypergeometric,
  keyOfText,
  LEFT,
  mixed,
  mixKey,
  NEST,
  next32,
  RIGHT,
  seedRng,
  UNIT,
} from './samplers.ts';

type Key = readonly [number, number];

export interface Trace {
  /** Instances in the order in which they retire. */
  readonly instances: readonly number[];
  /** Running totals: row i is before the i-th instruction retires. */
  readonly running: Float64Array;
}

const TWO32 = 4294967296;
/** Ranges of up to so many iterations are drawn iteration by iteration. Part of the seed contract. */
const CHUNK_MAX = 8;

const child = (key: Key, tag: number): Key => {
  mixKey(key[0], key[1], tag);
  return [mixed[0]!, mixed[1]!];
};
const drawFrom = (key: Key, tag: number): void => {
  mixKey(key[0], key[1], tag);
  seedRng(mixed[0]!, mixed[1]!);
};
const largestPowerBelow = (n: number): number => {
  let p = 1;
  while (p * 2 < n) p *= 2;
  return p;
};
/** A hypergeometric draw, or the only possible value. */
function share(M: number, c: number, L: number): number {
  if (c === 0 || L === 0) return 0;
  if (c === M) return L;
  return L === M ? c : hypergeometric(M, c, L);
}

class Expansion {
  readonly instances: number[] = [];
  readonly events: Float64Array[] = [];
  readonly #t: Tables;
  readonly #key: Key;
  readonly #totals: number[];
  readonly #executed: number[];
  readonly #occurrences: number[];
  readonly #slots: (readonly number[])[] = [];

  constructor(image: Image, seed: string) {
    const t = image.tables;
    this.#t = t;
    keyOfText(seed);
    this.#key = [mixed[0]!, mixed[1]!];
    this.#executed = Array.from({ length: t.entries }, () => 0);
    this.#occurrences = Array.from({ length: t.entries }, () => 0);
    this.#totals = this.#root();
  }

  /** Runs everything. */
  everything(): this {
    this.#range(0, 1, this.#key, this.#totals.slice());
    return this;
  }

  /**
   * How often each entry of a loop that stands at the top of the program happens in its first k iterations. Only what lies
   * on the way to there is drawn: a check of large counts that no expansion reaches. Without periodic branches.
   */
  before(loop: number, k: number): number[] {
    const { s0, s1, trip } = this.#t;
    const sum = this.#totals.slice(s0[loop], s1[loop]).fill(0);
    let counts = this.#totals.slice(s0[loop], s1[loop]);
    let key = child(this.#key, NEST + loop);
    let n = trip[loop]!;
    for (let left = k; left > 0;) {
      if (left === n) {
        counts.forEach((c, i) => (sum[i]! += c));
        break;
      }
      if (n <= CHUNK_MAX) {
        for (const one of this.#iterations(loop, n, key, counts).slice(0, left)) one.forEach((c, i) => (sum[i]! += c));
        break;
      }
      const nL = largestPowerBelow(n);
      const part = this.#leftPart(loop, n, nL, key, counts);
      if (left < nL) {
        counts = part;
        key = child(key, LEFT);
        n = nL;
      } else {
        part.forEach((c, i) => (sum[i]! += c));
        counts = counts.map((c, i) => c - part[i]!);
        key = child(key, RIGHT);
        n -= nL;
        left -= nL;
      }
    }
    return sum;
  }

  #root(): number[] {
    const t = this.#t;
    drawFrom(this.#key, DRAWS);
    const counts: number[] = [];
    const trials: number[] = [];
    for (let e = 0; e < t.entries; e++) {
      trials.push(this.#tried(0, e, 1, counts, trials));
      counts.push(t.every[e]! > 0 ? Math.floor(trials[e]! / t.every[e]!) : binomial(trials[e]!, t.p[e]!));
    }
    return counts;
  }

  /** Trials of entry i of a loop in n iterations, given the counts and trials of the entries before it. */
  #tried(loop: number, i: number, n: number, counts: readonly number[], trials: readonly number[]): number {
    const t = this.#t;
    const r = t.rel0[loop]! + i;
    const parent = t.relParent[r]!;
    if (parent < 0) return n * t.relTimes[r]!;
    return (t.relElse[r] === 0 ? counts[parent]! : trials[parent]! - counts[parent]!) * t.relTimes[r]!;
  }

  #range(loop: number, n: number, key: Key, counts: number[]): void {
    if (n === 1) {
      this.#iteration(loop, key, counts);
      return;
    }
    if (n <= CHUNK_MAX) {
      this.#chunk(loop, n, key, counts);
      return;
    }
    const nL = largestPowerBelow(n);
    const left = this.#leftPart(loop, n, nL, key, counts);
    const right = counts.map((c, i) => c - left[i]!);
    this.#range(loop, nL, child(key, LEFT), left);
    this.#range(loop, n - nL, child(key, RIGHT), right);
  }

  /** Counts of the first nL of n iterations. */
  #leftPart(loop: number, n: number, nL: number, key: Key, counts: readonly number[]): number[] {
    drawFrom(key, DRAWS);
    const left: number[] = [];
    const all: number[] = [];
    const half: number[] = [];
    counts.forEach((c, i) => {
      all.push(this.#tried(loop, i, n, counts, all));
      half.push(this.#tried(loop, i, nL, left, half));
      left.push(this.#split(this.#t.s0[loop]! + i, all[i]!, c, half[i]!, false));
    });
    return left;
  }

  #split(e: number, M: number, c: number, ML: number, single: boolean): number {
    const every = this.#t.every[e]!;
    if (every > 0) return Math.floor((this.#executed[e]! + ML) / every) - Math.floor(this.#executed[e]! / every);
    // In a chunk one trial, or one occurrence to place, is one comparison.
    if (single && (ML === 1 || c === 1) && c > 0 && c < M && ML > 0 && ML < M)
      return next32() * M < c * ML * TWO32 ? 1 : 0;
    return share(M, c, ML);
  }

  #chunk(loop: number, n: number, key: Key, counts: readonly number[]): void {
    // Every iteration is drawn before any is run: what runs inside draws from generators of its own.
    this.#iterations(loop, n, key, counts).forEach((one, i) => this.#iteration(loop, child(key, UNIT + i), one));
  }

  /** Counts of each iteration of a short range. */
  #iterations(loop: number, n: number, key: Key, counts: readonly number[]): number[][] {
    const t = this.#t;
    const drawn: number[][] = [];
    // Periodic branches are drawn from how often they ran, so those counts are carried along and put back.
    const before = this.#executed.slice();
    drawFrom(key, DRAWS);
    let rest = counts.slice();
    for (let left = n; left > 1; left--) {
      const one: number[] = [];
      const all: number[] = [];
      const tries: number[] = [];
      rest.forEach((c, i) => {
        all.push(this.#tried(loop, i, left, rest, all));
        tries.push(this.#tried(loop, i, 1, one, tries));
        one.push(this.#split(t.s0[loop]! + i, all[i]!, c, tries[i]!, true));
      });
      tries.forEach((k, i) => (this.#executed[t.s0[loop]! + i]! += k));
      drawn.push(one);
      rest = rest.map((c, i) => c - one[i]!);
    }
    drawn.push(rest);
    before.forEach((k, e) => (this.#executed[e] = k));
    return drawn;
  }

  #iteration(loop: number, key: Key, counts: readonly number[]): void {
    const t = this.#t;
    // Own classes happen once or not at all; which slot is decided before the iteration begins.
    const chosen = new Map<number, number>();
    counts.forEach((c, i) => {
      const e = t.s0[loop]! + i;
      if (c > 0 && t.decides[e]! < 0) chosen.set(e, this.#slotOf(e, this.#occurrences[e]!));
    });
    this.#run(t.children[t.child0[loop]!]!, t.s0[loop]!, key, counts, chosen);
  }

  #run(v: number, s0: number, key: Key, counts: readonly number[], chosen: ReadonlyMap<number, number>): void {
    const t = this.#t;
    const kids = [...t.children.subarray(t.child0[v], t.child0[v + 1])];
    switch (t.kind[v]!) {
      case BLOCK:
        for (let q = t.inst0[v]!; q < t.inst0[v]! + t.instCount[v]!; q++) {
          const at = t.instVector[q]! * NR_EVENTS;
          const events = t.vectors.slice(at, at + NR_EVENTS);
          for (let j = t.effect0[q]!; j < t.effect0[q + 1]!; j++) {
            const e = t.effectEntry[j]!;
            const c = counts[e - s0]!;
            if (c !== 0 && c !== 1) throw new Error(`entry ${e} happens ${c} times in one pass`);
            if (c === 0 || chosen.get(e) !== t.effectSlot[j]) continue;
            this.#occurrences[e]!++;
            for (let k = 0; k < NR_EVENTS; k++) events[k]! += t.weight[e * NR_EVENTS + k]!;
          }
          this.instances.push(q);
          this.events.push(events);
        }
        return;
      case LOOP: {
        const inside = counts.slice(t.s0[v]! - s0, t.s1[v]! - s0);
        this.#range(v, t.trip[v]!, child(key, NEST + v), inside);
        return;
      }
      case BRANCH: {
        const e = t.site[v]!;
        const happens = counts[e - s0]!;
        if (t.every[e]! > 0) {
          this.#executed[e]!++;
          const due = this.#executed[e]! % t.every[e]! > 0 ? 0 : 1;
          if (due !== happens) throw new Error(`periodic entry ${e} is due: ${due}, happens: ${happens}`);
        }
        this.#run(kids[happens === 0 ? 1 : 0]!, s0, key, counts, chosen);
        return;
      }
      default:
        for (const kid of kids) this.#run(kid, s0, key, counts, chosen);
    }
  }

  #slotOf(e: number, rank: number): number {
    this.#slots[e] ??= this.#expandSlots(e);
    return this.#slots[e][rank]!;
  }

  /** Slots of every occurrence of an entry, in order. */
  #expandSlots(e: number): readonly number[] {
    const t = this.#t;
    const shares = [...t.slotP.subarray(t.slot0[e], t.slot0[e + 1])];
    const total = this.#totals[e]!;
    if (shares.length === 1) return Array.from({ length: total }, () => 0);
    const key = child(child(this.#key, CLASSES), e);
    drawFrom(key, CLASSES);
    let left = total;
    let mass = t.p[e]!;
    const counts = shares.map((p, j) => {
      const x = j === shares.length - 1 ? left : binomial(left, Math.min(1, p / mass));
      left -= x;
      mass -= p;
      return x;
    });
    const out: number[] = [];
    const spread = (n: number, k: Key, c: readonly number[]): void => {
      if (n === 1) {
        out.push(c.indexOf(1));
        return;
      }
      if (n === 0) return;
      const nL = largestPowerBelow(n);
      drawFrom(k, DRAWS);
      let M = n;
      let L = nL;
      const half = c.map((count) => {
        const x = share(M, count, L);
        M -= count;
        L -= x;
        return x;
      });
      spread(nL, child(k, LEFT), half);
      spread(
        n - nL,
        child(k, RIGHT),
        c.map((count, j) => count - half[j]!),
      );
    };
    spread(total, key, counts);
    return out;
  }
}

/** Everything that executes, in order. */
export function expand(image: Image, seed: string): Trace {
  const { instances, events } = new Expansion(image, seed).everything();
  const running = new Float64Array((instances.length + 1) * NR_EVENTS);
  events.forEach((v, i) => {
    for (let c = 0; c < NR_EVENTS; c++) running[(i + 1) * NR_EVENTS + c] = running[i * NR_EVENTS + c]! + v[c]!;
  });
  return { instances, running };
}

/** Occurrences of the entries of a loop at the top of a program in its first k iterations, however long the loop is. */
export const occurrencesBefore = (image: Image, seed: string, loop: number, k: number): number[] =>
  new Expansion(image, seed).before(loop, k);
