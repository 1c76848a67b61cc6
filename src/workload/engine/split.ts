/**
 * Where a limit lies inside a range, draws decide what of it happens before: the range is split in two, again and again.
 *
 * Entries come in the order of their numbers, parents first: given how often a parent happens in the left part, how often an
 * entry is tried there is known, and how often it happens there is one draw.
 * Not modelled: drawing two entries at once; they share one generator, and its order is part of the seed contract.
 */
import { Execution, RANGE } from './execution.ts';
import { hypergeometric } from './hypergeometric.ts';
import { consumeRange, countLeft } from './ranges.ts';
import { DRAWS, LEFT, mixKey, RIGHT, seeded, setRng } from './random.ts';
import { beginRange, relationsOf } from './relations.ts';

/** How often a periodic branch takes its rare way in its next executions. */
export function periodic(run: Execution, e: i32, every: i32, executions: f64): f64 {
  const period = <f64>every;
  const before = run.executed[e];
  return floor<f64>((before + executions) / period) - floor<f64>(before / period);
}

/**
 * Splits the range on top: the left part, the largest power of two below n, retires if no limit is in it, and is pushed otherwise; the
 * right part remains below.
 */
export function split(run: Execution): void {
  const t = run.t;
  const na = run.stride;
  const node = run.top().node;
  const n = run.top().n;
  const key = run.top().key;
  const s0 = t.s0[node];
  const size = t.s1[node] - s0;
  let nL: f64 = n < 1073741825 ? <f64>(1 << (31 - clz(<i32>(n - 1)))) : 1073741824;
  while (nL * 2 < n) nL *= 2;
  const before = run.arenaTop;
  const lo = run.reserve(size);
  const left = run.push(RANGE, node, nL, mixKey(key, LEFT), lo - s0, before, size);
  const right = run.piece(run.sp - 2);
  right.key = mixKey(key, RIGHT);
  right.n = n - nL;
  setRng(seeded(mixKey(key, DRAWS)));
  beginRange(t, n, nL);
  const countsR = run.arena.from(right.base + s0);
  const countsL = run.arena.from(lo);
  const relations = relationsOf(t, node);
  const forced = t.forced.from(t.word0[node]);
  const maskR = right.mask;
  const maskL = left.mask;
  const totalsL = left.totals;
  const plain = run.armed.plain.from(t.body(node) * na);
  const weights = run.armed.weight.from(s0 * na);
  for (let a = 2; a < na; a += 2) totalsL.putPair(a, f64x2.mul(f64x2.splat(nL), plain.pair(a)));
  // Most armed sets have two columns.
  let totals = f64x2.mul(f64x2.splat(nL), plain.pair(0));
  for (let w = 0; w < t.words[node]; w++) {
    const present = maskR[w];
    let inRight = present;
    let inLeft = 0;
    for (let todo = present | forced[w]; todo !== 0; todo &= todo - 1) {
      const bit = ctz(todo);
      const i = (w << 5) + bit;
      const relation = relations[i];
      const c = countsR[i];
      const M = relation.factor * relation.when.all;
      const ML = relation.factor * relation.when.left;
      let x: f64 = 0;
      if (c !== 0 && ML !== 0) {
        if (c === M) x = ML;
        else if (ML === M) x = c;
        else if (relation.every !== 0) x = periodic(run, s0 + i, relation.every, ML);
        else x = hypergeometric(M, c, ML);
      }
      relation.happens(c, x, M, ML);
      countsL[i] = x;
      countsR[i] = c - x;
      inLeft |= i32(x !== 0) << bit;
      inRight &= ~(i32(x === c) << bit);
      const weight = weights.from(i * na);
      totals = f64x2.add(totals, f64x2.mul(f64x2.splat(x), weight.pair(0)));
      totalsL.addRest(weight, x, na);
    }
    maskR[w] = inRight;
    maskL[w] = inLeft;
  }
  totalsL.putPair(0, totals);
  left.version = run.version;
  const totalsR = right.totals;
  for (let a = 0; a < na; a += 2) totalsR.putPair(a, f64x2.sub(totalsR.pair(a), totalsL.pair(a)));
  if (run.crosses(totalsL)) return;
  countLeft(run, node);
  consumeRange(run, left);
}
