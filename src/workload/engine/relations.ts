/**
 * How often each entry of a loop is tried in a range of its iterations, and in the left part of that range: what draws begin
 * with. An entry is tried in every iteration, or when another one happens, or when that one does not; those come first, so
 * their records say how often.
 * Not modelled: more than one range at a time. Records are filled by whoever draws, and are no state.
 */
import { reserve } from './memory.ts';
import { LOOP, Tables } from './tables.ts';

/** How often something is the case in a range and in its left part. */
@unmanaged
export class Times {
  all: f64;
  left: f64;
}

@unmanaged
export class Relation {
  /** When it is tried, and how often then. */
  when: Times;
  /** Period of a branch that is exactly periodic, or 0. */
  every: i32;
  factor: f64;
  /** How often it happens, and how often it is tried and does not: Times of entries that are tried then. */
  happensAll: f64;
  happensLeft: f64;
  failsAll: f64;
  failsLeft: f64;

  /** How often it is tried in the left part. */
  @inline get triedLeft(): f64 {
    return this.happensLeft + this.failsLeft;
  }

  /** Takes down how often it happens, of so many trials. */
  @inline happens(all: f64, left: f64, trialsAll: f64, trialsLeft: f64): void {
    this.happensAll = all;
    this.happensLeft = left;
    this.failsAll = trialsAll - all;
    this.failsLeft = trialsLeft - left;
  }
}

/** The records of a loop's entries. */
@unmanaged
export class Relations {
  [key: number]: Relation;
  @inline @operator('[]') at(i: i32): Relation {
    return changetype<Relation>(changetype<usize>(this) + <usize>i * offsetof<Relation>());
  }
}

/** Makes the records of all loops. */
export function relate(t: Tables): void {
  let n = 0;
  for (let v = 0; v < t.nodes; v++) if (t.kind[v] === LOOP) n += t.s1[v] - t.s0[v];
  t.iterations = reserve(offsetof<Times>());
  t.relations = reserve(<usize>n * offsetof<Relation>());
  for (let v = 0; v < t.nodes; v++) {
    if (t.kind[v] !== LOOP) continue;
    const relations = relationsOf(t, v);
    const s0 = t.s0[v];
    for (let e = s0; e < t.s1[v]; e++) {
      const r = t.rel0[v] + e - s0;
      const relation = relations[e - s0];
      relation.every = t.every[e];
      relation.factor = t.relTimes[r];
      const parent = t.relParent[r];
      if (parent < 0) relation.when = changetype<Times>(t.iterations);
      else {
        const at = t.relElse[r] === 0 ? offsetof<Relation>('happensAll') : offsetof<Relation>('failsAll');
        relation.when = changetype<Times>(changetype<usize>(relations[parent]) + at);
      }
    }
  }
}

/** Begins a range of so many iterations, so many of them in its left part. */
export function beginRange(t: Tables, all: f64, left: f64): void {
  const iterations = changetype<Times>(t.iterations);
  iterations.all = all;
  iterations.left = left;
}

export function relationsOf(t: Tables, loop: i32): Relations {
  return changetype<Relations>(t.relations + <usize>t.rel0[loop] * offsetof<Relation>());
}
