/**
 * The state of one execution: the pieces that are pending, the counts of what happens in them, and the books.
 *
 * What is pending is a stack in program order: RANGE and CHUNK (iterations of a loop), SEQ (rest of a sequence), BLOCK (rest
 * of a block). Counts of an entry e are found at arena[base + e]; what lies above arenaTop is zero.
 * Not modelled: giving memory back; what has grown stays with the record, which is used again.
 */
import { Identities, newIdentities } from './identities.ts';
import { Doubles, doubles, doublesAt, Ints, ints, intsAt, reserve } from './memory.ts';
import { Armed, NR_EVENTS, Tables } from './tables.ts';
import { newTally, Tally } from './tally.ts';

/** Kinds of piece. */
export const RANGE: i32 = 0;
export const CHUNK: i32 = 1;
export const SEQ: i32 = 2;
export const BLOCK: i32 = 3;

/** Pieces and counts that a new execution has room for. */
const DEPTH: i32 = 64;
const LEAST_COUNTS: i32 = 1024;

@unmanaged
export class Piece {
  /** Armed totals of a RANGE or CHUNK, and which of its entries have a count. */
  totals: Doubles;
  mask: Ints;
  /** From here on it is state. */
  key: u64;
  /** Generator of a CHUNK. */
  q: u64;
  n: f64;
  kind: i32;
  node: i32;
  /** Next child of a SEQ, next instance of a BLOCK, iterations done of a CHUNK. */
  index: i32;
  base: i32;
  /** Arena top when the piece is done, and how many counts above it the piece owns. */
  top: i32;
  own: i32;
  /** Of a SEQ, the piece on the stack whose mask says which entries of the frame happen in this iteration. */
  unit: i32;
  /** Version of the armed set that the totals were computed for; 0 for none. */
  version: i32;
}

@unmanaged
export class Execution {
  key: u64;
  t: Tables;
  armed: Armed;
  /** Armed columns, and how many there are with those that fill them up to three. */
  nrArmed: i32;
  stride: i32;
  version: i32;
  /** Armed totals so far, and the totals to stop at; `item` are those of what is about to retire. */
  limits: Doubles;
  current: Doubles;
  item: Doubles;
  tally: Tally;
  identities: Identities;
  /** The instance that retired last, or -1. */
  last: i32;
  /** Executions of periodic branches so far, by entry. */
  executed: Doubles;
  /** Occurrences of each entry in the whole run. */
  rootCounts: Doubles;

  /** Pending pieces, the next to run on top. */
  pieces: usize;
  sp: i32;
  depth: i32;
  arena: Doubles;
  arenaTop: i32;
  arenaLength: i32;

  /** Entries that happened in one iteration or item, and how often each entry did. */
  happened: Ints;
  inUnit: Doubles;

  @inline piece(i: i32): Piece {
    return changetype<Piece>(this.pieces + <usize>i * offsetof<Piece>());
  }
  @inline top(): Piece {
    return this.piece(this.sp - 1);
  }

  push(kind: i32, node: i32, n: f64, key: u64, base: i32, top: i32, own: i32): Piece {
    if (this.sp === this.depth) this.deepen();
    const p = this.piece(this.sp++);
    p.kind = kind;
    p.node = node;
    p.index = 0;
    p.n = n;
    p.key = key;
    p.base = base;
    p.top = top;
    p.own = own;
    p.version = 0;
    return p;
  }

  pop(): void {
    const top = this.top();
    if (top.own > 0) this.arena.from(top.top).clear(top.own);
    this.arenaTop = top.top;
    this.sp--;
  }

  deepen(): void {
    const old = this.pieces;
    const mask = (this.t.maxWords + 1) & ~1;
    this.depth *= 2;
    this.pieces = reserve(<usize>this.depth * offsetof<Piece>());
    memory.copy(this.pieces, old, <usize>this.sp * offsetof<Piece>());
    const size = (NR_EVENTS << 3) + (mask << 2);
    const room = reserve(<usize>((this.depth - this.sp) * size));
    for (let i = this.sp; i < this.depth; i++) {
      const at = room + <usize>((i - this.sp) * size);
      this.piece(i).totals = doublesAt(at, NR_EVENTS);
      this.piece(i).mask = intsAt(at + (NR_EVENTS << 3), mask);
    }
  }

  /** Room for `n` more counts; returns where they begin. */
  reserve(n: i32): i32 {
    const at = this.arenaTop;
    if (at + n > this.arenaLength) {
      const length = this.arenaLength * 2 + n;
      const wider = doubles(length);
      wider.set(this.arena, this.arenaLength);
      this.arena = wider;
      this.arenaLength = length;
    }
    this.arenaTop = at + n;
    return at;
  }

  /** Nothing is pending. */
  clear(): void {
    this.arena.clear(this.arenaLength);
    this.arenaTop = 0;
    this.sp = 0;
  }

  /** Whether a limit is reached when so much retires. */
  @inline crosses(totals: Doubles): bool {
    let crosses = v128.any_true(f64x2.ge(f64x2.add(this.current.pair(0), totals.pair(0)), this.limits.pair(0)));
    for (let a = 2; a < this.stride; a += 2)
      if (v128.any_true(f64x2.ge(f64x2.add(this.current.pair(a), totals.pair(a)), this.limits.pair(a)))) crosses = true;
    return crosses;
  }

  /** So much retires. */
  @inline retire(totals: Doubles): void {
    const current = this.current;
    for (let a = 0; a < this.stride; a += 2) current.putPair(a, f64x2.add(current.pair(a), totals.pair(a)));
  }

  /** Follows another set of columns; totals of pending ranges are those of the old one. */
  arm(armed: Armed): void {
    this.tally.fold();
    this.armed = armed;
    this.nrArmed = armed.asked;
    this.stride = armed.n;
    for (let a = 0; a < armed.n; a++) this.current[a] = this.tally.sums[armed.columns[a]];
    // What fills up the columns stops at nothing.
    for (let a = armed.asked; a < armed.n; a++) this.limits[a] = Infinity;
    this.version++;
  }
}

/** A record for executions of an image, none of which has begun. */
export function newExecution(t: Tables): Execution {
  const run = changetype<Execution>(reserve(offsetof<Execution>()));
  run.t = t;
  run.arenaLength = max(LEAST_COUNTS, t.entries * 32);
  run.arena = doubles(run.arenaLength);
  // deepen() doubles what there is: as if half of DEPTH were there, and none of it in use.
  run.depth = DEPTH / 2;
  run.deepen();
  run.happened = ints(t.entries);
  run.inUnit = doubles(t.entries);
  run.executed = doubles(t.entries);
  run.rootCounts = doubles(t.entries);
  // Side by side, since callers read and write both through one window.
  run.limits = doubles(2 * NR_EVENTS);
  run.current = run.limits.from(NR_EVENTS);
  run.item = doubles(NR_EVENTS);
  run.tally = newTally(t);
  run.identities = newIdentities(t, run.rootCounts);
  return run;
}
