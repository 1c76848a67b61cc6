/**
 * Where a limit lies inside a range, draws decide what of it happens before: the range is split in two, again and again.
 *
 * Entries come in the order of their numbers, parents first: given how often a parent happens in the left part, how often an
 * entry is tried there is known, and how often it happens there is one draw.
 * Not modelled: drawing two entries at once; they share one generator, and its order is part of the seed contract.
 */
import { Execution, RANGE } from './execution.ts';
import { hypergeometric } from './hypergeometric.ts';
import { DRAWS, LEFT, mixKey, RIGHT, seeded, setRng } from './random.ts';

/** How often a periodic branch takes its rare way in its next executions. */
export function periodic(run: Execution, e: i32, executions: f64): f64 {
  const period = <f64>run.t.every[e];
  const before = run.executed[e];
  return floor<f64>((before + executions) / period) - floor<f64>(before / period);
}

/** Splits the range on top: its left part, the largest power of two below n, is pushed; the right part remains below. */
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
  const countsR = run.arena.from(right.base + s0);
  const countsL = run.arena.from(lo);
  const rel0 = t.rel0[node];
  const forced = t.forced.from(t.word0[node]);
  const nw = t.words[node];
  const maskR = right.mask;
  const maskL = left.mask;
  const totalsR = right.totals;
  const totalsL = left.totals;
  const plain = run.armed.plain.from(t.body(node) * na);
  const weights = run.armed.weight.from(s0 * na);
  // The first three columns are kept in locals: most armed sets have no more.
  let t0 = nL * plain[0];
  let t1 = nL * plain[1];
  let t2 = nL * plain[2];
  for (let a = 3; a < na; a++) totalsL[a] = nL * plain[a];
  for (let w = 0; w < nw; w++) {
    const present = maskR[w];
    let inRight = present;
    let inLeft = 0;
    for (let todo = present | forced[w]; todo !== 0; todo &= todo - 1) {
      const bit = todo & -todo;
      const i = (w << 5) + ctz(todo);
      run.findTrials(rel0 + i, i, n, nL, countsL, countsR);
      const M = run.trialsAll[i];
      const ML = run.trialsLeft[i];
      if ((present & bit) === 0 || ML === 0) continue;
      const c = countsR[i];
      let x: f64 = 0;
      if (c === M) x = ML;
      else if (ML === M) x = c;
      else if (t.every[s0 + i] !== 0) x = periodic(run, s0 + i, ML);
      else x = hypergeometric(M, c, ML);
      if (x === 0) continue;
      countsL[i] = x;
      countsR[i] = c - x;
      inLeft |= bit;
      if (c === x) inRight ^= bit;
      const weight = weights.from(i * na);
      t0 += x * weight[0];
      t1 += x * weight[1];
      t2 += x * weight[2];
      for (let a = 3; a < na; a++) totalsL[a] = totalsL[a] + x * weight[a];
    }
    maskR[w] = inRight;
    maskL[w] = inLeft;
  }
  totalsL[0] = t0;
  totalsL[1] = t1;
  totalsL[2] = t2;
  left.version = run.version;
  for (let a = 0; a < na; a++) totalsR[a] = totalsR[a] - totalsL[a];
}
