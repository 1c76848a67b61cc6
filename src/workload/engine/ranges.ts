/**
 * What can be known and done of a range of iterations without drawing anything: its totals, retiring all of it, and division
 * where nothing random happens in it.
 * Not modelled: parts of an iteration; walk.ts has those.
 */
import { Execution, Piece, SEQ } from './execution.ts';
import { relationsOf } from './relations.ts';

/** Finds out which entries of a range have a count. */
export function initMask(run: Execution, range: Piece): void {
  const t = run.t;
  const node = range.node;
  const counts = run.arena.from(range.base);
  for (let w = 0; w < t.words[node]; w++) {
    const from = t.s0[node] + (w << 5);
    const to = min(t.s1[node], from + 32);
    let present = 0;
    for (let e = from; e < to; e++) if (counts[e] !== 0) present |= 1 << (e - from);
    range.mask[w] = present;
  }
}

/** Whether nothing random happens in it. */
export function isUniform(run: Execution, range: Piece): boolean {
  for (let w = run.t.words[range.node] - 1; w >= 0; w--) if (range.mask[w] !== 0) return false;
  return true;
}

/** Computes its armed totals. */
export function rangeTotals(run: Execution, range: Piece): void {
  const t = run.t;
  const na = run.stride;
  const node = range.node;
  const n = range.n;
  const totals = range.totals;
  const plain = run.armed.plain.from(t.body(node) * na);
  for (let a = 0; a < na; a++) totals[a] = n * plain[a];
  const s0 = t.s0[node];
  const counts = run.arena.from(range.base + s0);
  const weights = run.armed.weight.from(s0 * na);
  for (let w = 0; w < t.words[node]; w++) {
    for (let left = range.mask[w]; left !== 0; left &= left - 1) {
      const i = (w << 5) + ctz(left);
      const c = counts[i];
      const weight = weights.from(i * na);
      for (let a = 0; a < na; a++) totals[a] = totals[a] + c * weight[a];
    }
  }
  range.version = run.version;
}

/** The whole range on top of the stack retires; periodic branches in it have been counted. */
export function consumeRange(run: Execution, range: Piece): void {
  const t = run.t;
  const node = range.node;
  const s0 = t.s0[node];
  const counts = run.arena.from(range.base + s0);
  const tally = run.tally;
  run.retire(range.totals);
  for (let w = 0; w < t.words[node]; w++) {
    for (let left = range.mask[w]; left !== 0; left &= left - 1) {
      const i = (w << 5) + ctz(left);
      tally.occur(s0 + i, counts[i]);
      counts[i] = 0;
    }
  }
  tally.whole(t.body(node), range.n);
  run.arenaTop = range.top;
  run.sp--;
}

/** Periodic branches count their executions: those inside `node`, which runs n times in the loop `frame`. */
export function countExecutions(run: Execution, node: i32, frame: i32, n: f64, base: i32): void {
  const t = run.t;
  for (let j = t.periodic0[node]; j < t.periodic0[node + 1]; j++) {
    const e = t.periodicEntry[j];
    run.executed[e] = run.executed[e] + trials(run, e, node, frame, n, base);
  }
}

/** The same for the left part of the range of a loop that has just been drawn. */
export function countLeft(run: Execution, loop: i32): void {
  const t = run.t;
  const relations = relationsOf(t, loop);
  const s0 = t.s0[loop];
  for (let j = t.periodic0[loop]; j < t.periodic0[loop + 1]; j++) {
    const e = t.periodicEntry[j];
    run.executed[e] = run.executed[e] + relations[e - s0].triedLeft;
  }
}

function trials(run: Execution, e: i32, node: i32, frame: i32, n: f64, base: i32): f64 {
  const t = run.t;
  const s0 = t.s0[frame];
  const r = t.rel0[frame] + e - s0;
  const parent = t.relParent[r];
  // A condition outside `node` holds, or this would not be running.
  if (parent < 0 || t.decides[s0 + parent] < node) return n * t.relTimes[r];
  const happens = run.arena[base + s0 + parent];
  const times = t.relElse[r] === 0 ? happens : trials(run, s0 + parent, node, frame, n, base) - happens;
  return times * t.relTimes[r];
}

/** A range of one iteration becomes its body; classes learn which slot it was. */
export function unfold(run: Execution, range: Piece): void {
  const node = range.node;
  identify(run, node, range);
  range.kind = SEQ;
  range.node = run.t.body(node);
  range.index = 0;
  range.unit = run.sp - 1;
}

/** In one iteration, a class that happens has its slot number + 1 in place of its count. */
export function identify(run: Execution, node: i32, unit: Piece): void {
  const t = run.t;
  const counts = run.arena.from(unit.base);
  for (let w = 0; w < t.words[node]; w++) {
    for (let left = unit.mask[w] & t.multi[t.word0[node] + w]; left !== 0; left &= left - 1) {
      const e = t.s0[node] + (w << 5) + ctz(left);
      counts[e] = <f64>(1 + run.identities.slot(e, run.tally.occurrences(e)));
    }
  }
}

/** Nothing random happens in this range: whole iterations before the limit are a division, then comes one to walk. */
export function divide(run: Execution, range: Piece): void {
  const current = run.current;
  const limits = run.limits;
  const na = run.stride;
  const node = range.node;
  const body = run.t.body(node);
  const base = range.base;
  const n = range.n;
  const totals = range.totals;
  const plain = run.armed.plain.from(body * na);
  let skip = n - 1;
  for (let a = 0; a < run.nrArmed; a++) {
    const each = plain[a];
    if (each === 0) continue;
    // The quotient may be rounded up; it is never too small by more than the iteration that is walked anyway.
    skip = min<f64>(skip, floor<f64>((limits[a] - current[a]) / each));
    while (skip > 0 && current[a] + skip * each >= limits[a]) skip--;
  }
  if (skip > 0) {
    for (let a = 0; a < na; a++) {
      const d = skip * plain[a];
      current[a] = current[a] + d;
      totals[a] = totals[a] - d;
    }
    countExecutions(run, node, node, skip, base);
    run.tally.whole(body, skip);
  }
  if (skip === n - 1) {
    range.n = 1;
    unfold(run, range);
    return;
  }
  range.n = n - skip - 1;
  for (let a = 0; a < na; a++) totals[a] = totals[a] - plain[a];
  // Its counts are all zero and so are those of any loop in it: keys are never used, the zeros can be shared.
  const unit = run.push(SEQ, body, 1, 0, base, run.arenaTop, 0);
  unit.unit = run.sp - 1;
  for (let w = 0; w < run.t.words[node]; w++) unit.mask[w] = 0;
}
