/**
 * A compiled program: the context tree and its random sites as flat tables.
 *
 * Calls are inlined, so a node of the tree is a piece of code in one calling context. The call stack is a property of
 * the node, and no stack is kept while running. Nodes are numbered in pre-order.
 *
 * An *entry* is something random: the direction of a branch, or a class of outcomes. A *frame* is the body of a loop
 * (the whole program is the body of a loop of one iteration). The entries inside a loop, including its nested loops,
 * are numbered s0..s1-1, each after the entry it depends on. All that is random about n iterations of a loop is how
 * often each of its entries happens, and every event total is linear in those counts.
 *
 * A *class* groups the outcomes of one region (a frame, or an arm of a branch in it) that retire the same events: five
 * loads that may miss L1 are one class with five *slots*. A class happens at most once in a pass through its region,
 * with the sum of its slots' probabilities. Which slot it was is drawn separately (identities.ts), and only where it
 * matters.
 * Not modelled: two slots of one class in the same pass; classes are kept so rare that this would hardly ever happen.
 */
import type { Drain, Trap } from '../arch/cpu.ts';
import type { DsoImage } from '../arch/dso.ts';
import type { Address } from '../units.ts';
import type { Layout } from './layout.ts';

/** Kinds of node. A call is a SEQ. */
export const BLOCK = 0;
export const SEQ = 1;
export const LOOP = 2;
export const BRANCH = 3;

export interface Tables {
  /** The tree. Node 0 is a loop of one iteration around everything. */
  readonly nodes: number;
  readonly kind: Uint8Array;
  readonly child0: Int32Array;
  readonly childCount: Int32Array;
  readonly children: Int32Array;
  /** Iterations of a loop. */
  readonly trip: Float64Array;
  /** The entry that decides a branch; the first child runs when it happens. */
  readonly site: Int32Array;
  /** Entries of a loop: s0 <= e < s1. */
  readonly s0: Int32Array;
  readonly s1: Int32Array;
  /** Nearest enclosing loop. */
  readonly frame: Int32Array;
  /** Instance that executes first in a node. */
  readonly first: Int32Array;
  /** Index into the calls below, or -1. */
  readonly call: Int32Array;
  /** What a node retires when no entry happens: nodes x NR_EVENTS. */
  readonly plain: Float64Array;

  /** Instances: instructions in context, by block. */
  readonly inst0: Int32Array;
  readonly instCount: Int32Array;
  readonly instId: Int32Array;
  readonly instNode: Int32Array;
  /** Row of `vectors` that an instance retires. */
  readonly instVector: Int32Array;
  readonly vectors: Float64Array;
  readonly nrVectors: number;
  /** Outcomes of an instance: effect0[q] .. effect0[q + 1]. */
  readonly effect0: Int32Array;
  readonly effectEntry: Int32Array;
  readonly effectSlot: Int32Array;

  /** Entries. */
  readonly entries: number;
  readonly p: Float64Array;
  /** Period of an exactly periodic branch, or 0. */
  readonly every: Int32Array;
  /** Branch node that an entry decides, or -1. */
  readonly decides: Int32Array;
  /** What one occurrence adds to the events: entries x NR_EVENTS, and the same sparse. */
  readonly weight: Float64Array;
  readonly weight0: Int32Array;
  readonly weightColumn: Int32Array;
  readonly weightValue: Float64Array;
  /** Slots of an entry, slot0[e] .. slot0[e + 1]: the static instruction, and its share of p. */
  readonly slot0: Int32Array;
  readonly slotInstruction: Int32Array;
  readonly slotP: Float64Array;

  /**
   * How often an entry is tried in n iterations of a loop: at rel0[loop] + e - s0[loop] the entry it depends on inside
   * that loop (relative to s0, or -1), whether it needs that one not to happen, and trials per occurrence of that
   * condition.
   */
  readonly rel0: Int32Array;
  readonly relParent: Int32Array;
  readonly relElse: Uint8Array;
  readonly relTimes: Float64Array;

  /** Entries of the frame that have slots inside a node, and which slots: lo < slot number + 1 <= hi. */
  readonly own0: Int32Array;
  readonly ownEntry: Int32Array;
  readonly ownLo: Int32Array;
  readonly ownHi: Int32Array;
  /** Entries of loops inside a node, as ranges. */
  readonly nested0: Int32Array;
  readonly nestedFrom: Int32Array;
  readonly nestedTo: Int32Array;
  /** Periodic entries inside a node. */
  readonly periodic0: Int32Array;
  readonly periodicEntry: Int32Array;

  /** Calls: the one around it, and the return address it pushed (0 for a tail jump). */
  readonly callOuter: Int32Array;
  readonly callReturn: Float64Array;

  /**
   * 32-bit words of bits, one bit an entry of a loop: entries of several slots; entries to be visited even when zero.
   */
  readonly words: Int32Array;
  readonly word0: Int32Array;
  readonly multi: Int32Array;
  readonly forced: Int32Array;
  readonly maxWords: number;
}

export interface Image {
  readonly comm: string;
  readonly about: string;
  /** Address of the first instruction. */
  readonly entry: Address;
  readonly dsos: readonly DsoImage[];
  /** Functions that hold interrupts back; absent if none does. */
  readonly drains?: readonly Drain[];
  readonly layout: Layout;
  /** Lines that the program goes over again and again. */
  readonly footprint: number;
  readonly tables: Tables;
  /** Traps that depend on the context of the instruction: by instance. */
  readonly acts: ReadonlyMap<number, Trap>;
}
