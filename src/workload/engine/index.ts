/** What engine.ts calls. Records and arrays are addresses there. */
import { advance as advanceTo, begin, next as nextOf } from './advance.ts';
import { Execution, newExecution } from './execution.ts';
import { findInsides } from './insides.ts';
import { Bytes, bytes, doubles, Doubles, Ints, ints, reserve } from './memory.ts';
import { keyOfText as keyOf } from './random.ts';
import { relate } from './relations.ts';
import {
  fits as fitsIn,
  restore as restoreFrom,
  snapshot as snapshotInto,
  snapshotBytes as bytesOf,
} from './snapshot.ts';
import { Armed, NR_EVENTS, Tables } from './tables.ts';
import { Tally } from './tally.ts';

/** Memory for what the caller fills. */
export function newBytes(n: i32): Bytes {
  return bytes(n);
}
export function newInts(n: i32): Ints {
  return ints(n);
}
export function newDoubles(n: i32): Doubles {
  return doubles(n);
}
export function newRecord(words: i32): usize {
  return reserve((<usize>words) << 2);
}

/** Memory for what crosses over once: valid until the next call of this function. */
let passing: usize = 0;
let room: usize = 0;
export function scratch(n: usize): usize {
  if (n > room) {
    room = n * 2;
    passing = reserve(room);
  }
  return passing;
}

/** Makes what the tables leave to the engine. */
export function prepare(t: Tables): void {
  relate(t);
  findInsides(t);
}

/** The rows of a table of all columns, reduced to some of them. */
export function select(from: Doubles, rows: i32, columns: Ints, n: i32): Doubles {
  const out = doubles(rows * n);
  for (let i = 0; i < rows; i++) for (let a = 0; a < n; a++) out[i * n + a] = from[i * NR_EVENTS + columns[a]];
  return out;
}

export function keyOfText(units: usize, n: i32): u64 {
  return keyOf(units, n);
}

/** An execution at the start of its program, in a record that is no longer used if there is one. */
export function start(t: Tables, used: usize, armed: Armed, key: u64): Execution {
  const run = used === 0 ? newExecution(t) : changetype<Execution>(used);
  begin(run, armed, key);
  return run;
}

export function arm(run: Execution, armed: Armed): void {
  run.arm(armed);
}
export function advance(run: Execution): i32 {
  return advanceTo(run);
}
/** Limits and, after them, armed totals. */
export function limits(run: Execution): Doubles {
  return run.limits;
}
export function next(run: Execution): i32 {
  return nextOf(run);
}
export function last(run: Execution): i32 {
  return run.last;
}
export function pending(run: Execution): i32 {
  return run.sp;
}

/** The books, up to date. */
export function fold(run: Execution): Tally {
  run.tally.fold();
  return run.tally;
}
export function shares(run: Execution, entry: i32): Doubles {
  run.tally.fold();
  return run.identities.shares(entry, run.tally.occurred[entry]);
}

export function snapshotBytes(run: Execution): usize {
  return bytesOf(run);
}
export function snapshot(run: Execution, into: usize): void {
  snapshotInto(run, into);
}
export function fits(run: Execution, from: usize, n: usize): bool {
  return fitsIn(run, from, n);
}
export function restore(run: Execution, from: usize): void {
  restoreFrom(run, from);
}
