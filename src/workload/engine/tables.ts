/**
 * The tables of an image (image.ts says what they hold) where the engine finds them.
 *
 * engine.ts fills these records: numbers and addresses, in the order of the fields here (a test holds the two together).
 * Not modelled: tables that change.
 */
import { Bytes, Doubles, Ints } from './memory.ts';

export const NR_EVENTS: i32 = 24;

/** Kinds of node, as image.ts has them; all others are sequences. */
export const BLOCK: i32 = 0;
export const LOOP: i32 = 2;
export const BRANCH: i32 = 3;

/** Entries with a slot inside a node, and those of the loops in it: bits as in the mask of the node's frame, by word. */
@unmanaged
export class Insides {
  first: Ints;
  word: Ints;
  bits: Ints;
}

@unmanaged
export class Tables {
  nodes: i32;
  entries: i32;
  instances: i32;
  nrVectors: i32;
  maxWords: i32;
  kind: Bytes;
  child0: Ints;
  childCount: Ints;
  children: Ints;
  trip: Doubles;
  site: Ints;
  s0: Ints;
  s1: Ints;
  frame: Ints;
  first: Ints;
  plain: Doubles;
  inst0: Ints;
  instCount: Ints;
  instVector: Ints;
  vectors: Doubles;
  effect0: Ints;
  effectEntry: Ints;
  effectSlot: Ints;
  p: Doubles;
  every: Ints;
  decides: Ints;
  weight: Doubles;
  weight0: Ints;
  weightColumn: Ints;
  weightValue: Doubles;
  slot0: Ints;
  slotP: Doubles;
  rel0: Ints;
  relParent: Ints;
  relElse: Bytes;
  relTimes: Doubles;
  own0: Ints;
  ownEntry: Ints;
  ownLo: Ints;
  ownHi: Ints;
  nested0: Ints;
  nestedFrom: Ints;
  nestedTo: Ints;
  periodic0: Ints;
  periodicEntry: Ints;
  words: Ints;
  word0: Ints;
  multi: Ints;
  forced: Ints;
  /** What relations.ts and insides.ts make of them. */
  relations: usize;
  iterations: usize;
  insides: Insides;

  /** The body of a loop. */
  @inline body(loop: i32): i32 {
    return this.children[this.child0[loop]];
  }
}

/** The tables reduced to the columns that a cursor follows: made once for each set, so that arming is cheap. */
@unmanaged
export class Armed {
  /** Columns asked for, and with those that fill them up to three: inner loops treat the first three alike without asking. */
  asked: i32;
  n: i32;
  columns: Ints;
  /** Rows of nodes, entries and vectors; `n` values each. */
  plain: Doubles;
  weight: Doubles;
  vectors: Doubles;
}
