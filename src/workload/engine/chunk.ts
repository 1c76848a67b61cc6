/**
 * Short ranges are drawn iteration by iteration: what happens in the first one, given what happens in all, then in the next.
 * Not modelled: stopping inside an iteration; the one that crosses a limit becomes a piece of its own, which walk.ts walks.
 */
import { CHUNK, Execution, Piece, RANGE, SEQ } from './execution.ts';
import { hypergeometric } from './hypergeometric.ts';
import { DRAWS, mixKey, next32, rng, seeded, setRng, TWO32, UNIT } from './random.ts';
import { countLeft, identify, unfold } from './ranges.ts';
import { beginRange, relationsOf } from './relations.ts';
import { periodic } from './split.ts';

/** Ranges of up to so many iterations are drawn iteration by iteration. Part of the seed contract. */
export const CHUNK_MAX: f64 = 8;

/** Runs the iterations of a short range one by one, up to the one that crosses a limit. */
export function stepChunk(run: Execution, range: Piece): void {
  const t = run.t;
  const na = run.stride;
  const inUnit = run.inUnit;
  const happened = run.happened;
  const item = run.item;
  const tally = run.tally;
  const totals = range.totals;
  const mask = range.mask;
  const node = range.node;
  const s0 = t.s0[node];
  const counts = run.arena.from(range.base + s0);
  const nw = t.words[node];
  const forced = t.forced.from(t.word0[node]);
  const relations = relationsOf(t, node);
  const body = t.body(node);
  const plain = run.armed.plain.from(body * na);
  const weights = run.armed.weight.from(s0 * na);
  const key = range.key;
  if (range.kind === RANGE) {
    range.kind = CHUNK;
    range.index = 0;
    range.q = seeded(mixKey(key, DRAWS));
  }
  setRng(range.q);
  let n = range.n;
  let done = range.index;
  while (n > 1) {
    beginRange(t, n, 1);
    let nh = 0;
    let left = 0;
    let retires = plain.pair(0);
    for (let a = 2; a < na; a += 2) item.putPair(a, plain.pair(a));
    for (let w = 0; w < nw; w++) {
      const present = mask[w];
      let remain = present;
      for (let todo = present | forced[w]; todo !== 0; todo &= todo - 1) {
        const bit = ctz(todo);
        const i = (w << 5) + bit;
        const relation = relations[i];
        const c = counts[i];
        const M = relation.factor * relation.when.all;
        const ML = relation.factor * relation.when.left;
        let x: f64 = 0;
        if (c !== 0 && ML !== 0) {
          if (c === M) x = ML;
          else if (ML === M) x = c;
          else if (relation.every !== 0) x = periodic(run, s0 + i, relation.every, ML);
          // One trial with c of M marked, or ML trials with one of M marked: one comparison decides either.
          else if (ML === 1 || c === 1) x = <f64>i32(<f64>next32() * M < c * ML * TWO32);
          else x = hypergeometric(M, c, ML);
        }
        relation.happens(c, x, M, ML);
        if (x === 0) continue;
        inUnit[i] = x;
        happened[nh++] = i;
        counts[i] = c - x;
        remain &= ~(i32(x === c) << bit);
        const weight = weights.from(i * na);
        retires = f64x2.add(retires, f64x2.mul(f64x2.splat(x), weight.pair(0)));
        item.addRest(weight, x, na);
      }
      mask[w] = remain;
      left |= remain;
    }
    item.putPair(0, retires);
    for (let a = 0; a < na; a += 2) totals.putPair(a, f64x2.sub(totals.pair(a), item.pair(a)));
    n--;
    if (run.crosses(item)) {
      range.n = n;
      range.index = done + 1;
      range.q = rng;
      pushUnit(run, node, nh, mixKey(key, UNIT + done));
      return;
    }
    run.retire(item);
    for (let h = 0; h < nh; h++) {
      const i = happened[h];
      tally.occur(s0 + i, inUnit[i]);
      inUnit[i] = 0;
    }
    countLeft(run, node);
    tally.whole(body, 1);
    done++;
    if (left === 0) {
      // The rest is uniform and can be divided. Its draws are over, so it may be a plain range again.
      range.kind = RANGE;
      range.n = n;
      return;
    }
  }
  // What remains is the last iteration's.
  range.key = mixKey(key, UNIT + done);
  range.n = 1;
  unfold(run, range);
}

/** One iteration of a loop, as drawn into `inUnit` and `happened`, becomes the next piece to run. */
function pushUnit(run: Execution, node: i32, nh: i32, key: u64): void {
  const t = run.t;
  const s0 = t.s0[node];
  const size = t.s1[node] - s0;
  const before = run.arenaTop;
  const lo = run.reserve(size);
  const unit = run.push(SEQ, t.body(node), 1, key, lo - s0, before, size);
  unit.unit = run.sp - 1;
  const mask = unit.mask;
  const counts = run.arena.from(lo);
  for (let w = 0; w < t.words[node]; w++) mask[w] = 0;
  for (let h = 0; h < nh; h++) {
    const i = run.happened[h];
    counts[i] = run.inUnit[i];
    run.inUnit[i] = 0;
    mask[i >> 5] = mask[i >> 5] | (1 << (i & 31));
  }
  identify(run, node, unit);
}
