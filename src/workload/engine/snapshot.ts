/**
 * The state of an execution as one run of bytes: where it is, what is pending, the books. What follows from it or from the
 * image is left out: armed totals, the masks' room, the paths of classes.
 * Not modelled: snapshots of one image in an execution of another.
 */
import { Execution, Piece } from './execution.ts';
import { Doubles } from './memory.ts';
import { NR_EVENTS } from './tables.ts';

/** What comes first; engine.ts reads it too. Sizes say whether the snapshot may be one of this image. */
@unmanaged
class Header {
  /** Left to engine.ts. */
  contract: i32;
  nodes: i32;
  key: u64;
  entries: i32;
  instances: i32;
  sp: i32;
  arenaTop: i32;
  last: i32;
  asked: i32;
}

function columnsAt(h: Header): usize {
  return changetype<usize>(h) + offsetof<Header>();
}

/** Bytes of a piece that are state, and of its mask. */
function stateBytes(): usize {
  return offsetof<Piece>() - offsetof<Piece>('key');
}
function maskBytes(run: Execution): usize {
  return (<usize>((run.t.maxWords + 1) & ~1)) << 2;
}

function sizeOf(run: Execution, sp: i32, arenaTop: i32): usize {
  const t = run.t;
  const books = NR_EVENTS + t.nodes + t.instances + 2 * t.entries;
  return (
    offsetof<Header>() +
    (NR_EVENTS << 2) +
    <usize>sp * (stateBytes() + maskBytes(run)) +
    ((<usize>(books + arenaTop)) << 3)
  );
}

export function snapshotBytes(run: Execution): usize {
  return sizeOf(run, run.sp, run.arenaTop);
}

/** Where the next part is copied from or to. */
let at: usize = 0;
function put(from: usize, bytes: usize): void {
  memory.copy(at, from, bytes);
  at += bytes;
}
function take(into: usize, bytes: usize): void {
  memory.copy(into, at, bytes);
  at += bytes;
}
function putDoubles(from: Doubles, n: i32): void {
  put(changetype<usize>(from), (<usize>n) << 3);
}
function takeDoubles(into: Doubles, n: i32): void {
  take(changetype<usize>(into), (<usize>n) << 3);
}

export function snapshot(run: Execution, into: usize): void {
  run.tally.fold();
  const t = run.t;
  const h = changetype<Header>(into);
  memory.fill(into, 0, offsetof<Header>() + (NR_EVENTS << 2));
  h.nodes = t.nodes;
  h.key = run.key;
  h.entries = t.entries;
  h.instances = t.instances;
  h.sp = run.sp;
  h.arenaTop = run.arenaTop;
  h.last = run.last;
  h.asked = run.nrArmed;
  at = columnsAt(h);
  put(changetype<usize>(run.armed.columns), (<usize>run.nrArmed) << 2);
  at = columnsAt(h) + (NR_EVENTS << 2);
  putDoubles(run.tally.sums, NR_EVENTS);
  putDoubles(run.tally.wholes, t.nodes);
  putDoubles(run.tally.singles, t.instances);
  putDoubles(run.tally.occurred, t.entries);
  putDoubles(run.executed, t.entries);
  for (let i = 0; i < run.sp; i++) {
    put(changetype<usize>(run.piece(i)) + offsetof<Piece>('key'), stateBytes());
    put(changetype<usize>(run.piece(i).mask), maskBytes(run));
  }
  putDoubles(run.arena, run.arenaTop);
}

/** Whether a snapshot may be one of this execution: it is whole, and key and, as far as sizes tell, image are the same. */
export function fits(run: Execution, from: usize, bytes: usize): bool {
  if (bytes < offsetof<Header>()) return false;
  const h = changetype<Header>(from);
  const t = run.t;
  return (
    h.key === run.key &&
    h.nodes === t.nodes &&
    h.entries === t.entries &&
    h.instances === t.instances &&
    h.asked > 0 &&
    h.asked <= NR_EVENTS &&
    h.sp >= 0 &&
    h.arenaTop >= 0 &&
    bytes === sizeOf(run, h.sp, h.arenaTop)
  );
}

/** Goes to where an execution was when it took a snapshot; the snapshot must fit. The caller arms its columns next. */
export function restore(run: Execution, from: usize): void {
  const t = run.t;
  const h = changetype<Header>(from);
  run.tally.fold();
  run.clear();
  while (run.depth < h.sp) run.deepen();
  run.reserve(h.arenaTop);
  run.last = h.last;
  at = columnsAt(h) + (NR_EVENTS << 2);
  takeDoubles(run.tally.sums, NR_EVENTS);
  takeDoubles(run.tally.wholes, t.nodes);
  takeDoubles(run.tally.singles, t.instances);
  takeDoubles(run.tally.occurred, t.entries);
  takeDoubles(run.executed, t.entries);
  for (let i = 0; i < h.sp; i++) {
    take(changetype<usize>(run.piece(i)) + offsetof<Piece>('key'), stateBytes());
    take(changetype<usize>(run.piece(i).mask), maskBytes(run));
    run.piece(i).version = 0;
  }
  run.sp = h.sp;
  takeDoubles(run.arena, h.arenaTop);
}
