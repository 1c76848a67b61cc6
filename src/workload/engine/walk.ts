/**
 * One pass through code: items of a sequence up to the one that crosses a limit, and in a block instructions.
 * Not modelled: stopping within an instruction.
 */
import { BLOCK, Execution, Piece, RANGE, SEQ } from './execution.ts';
import { mixKey, NEST } from './random.ts';
import { countExecutions, initMask } from './ranges.ts';
import { BLOCK as BLOCK_NODE, BRANCH, LOOP, Tables } from './tables.ts';

/** Retires items of the sequence on top up to the one that crosses a limit, and opens that one. */
export function walkSeq(run: Execution, seq: Piece): void {
  const t = run.t;
  const tally = run.tally;
  const item = run.item;
  const happened = run.happened;
  const inUnit = run.inUnit;
  const na = run.stride;
  const base = seq.base;
  const counts = run.arena.from(base);
  const children = t.children.from(t.child0[seq.node]);
  const count = t.childCount[seq.node];
  const armed = run.armed;
  const insides = t.insides;
  const frame = t.frame[seq.node];
  const s0 = t.s0[frame];
  const multi = t.multi.from(t.word0[frame]);
  const present = run.piece(seq.unit).mask;
  for (let ix = seq.index; ix < count; ix++) {
    let v = children[ix];
    let branch = -1;
    if (t.kind[v] === BRANCH) {
      branch = t.site[v];
      v = t.children[t.child0[v] + (counts[branch] !== 0 ? 0 : 1)];
    }
    const plain = armed.plain.from(v * na);
    let retires = plain.pair(0);
    for (let a = 2; a < na; a += 2) item.putPair(a, plain.pair(a));
    // What happens inside, to be booked if the item retires.
    let nh = 0;
    for (let j = insides.first[v]; j < insides.first[v + 1]; j++) {
      const w = insides.word[j];
      for (let bits = present[w] & insides.bits[j]; bits !== 0; bits &= bits - 1) {
        const e = s0 + (w << 5) + ctz(bits);
        let x = counts[e];
        if ((multi[w] & bits & -bits) !== 0) {
          if (!hasSlot(t, v, e, x)) continue;
          x = 1;
        }
        happened[nh] = e;
        inUnit[nh++] = x;
        const weight = armed.weight.from(e * na);
        retires = f64x2.add(retires, f64x2.mul(f64x2.splat(x), weight.pair(0)));
        item.addRest(weight, x, na);
      }
    }
    item.putPair(0, retires);
    const crosses = run.crosses(item);
    if (!crosses) {
      run.retire(item);
      if (t.periodic0[v + 1] > t.periodic0[v]) countExecutions(run, v, t.frame[v], 1, base);
      for (let h = 0; h < nh; h++) tally.occur(happened[h], inUnit[h]);
      tally.whole(v, 1);
    }
    if (branch >= 0 && t.every[branch] > 0) run.executed[branch] = run.executed[branch] + 1;
    for (let h = 0; h < nh; h++) inUnit[h] = 0;
    if (crosses) {
      seq.index = ix + 1;
      open(run, seq.key, v, base, seq.unit);
      return;
    }
  }
  run.pop();
}

/** An item of a sequence becomes the next piece to run. */
function open(run: Execution, key: u64, v: i32, base: i32, unit: i32): void {
  const kind = run.t.kind[v];
  if (kind === BLOCK_NODE) run.push(BLOCK, v, 1, 0, base, run.arenaTop, 0);
  else if (kind === LOOP)
    initMask(run, run.push(RANGE, v, run.t.trip[v], mixKey(key, NEST + v), base, run.arenaTop, 0));
  else run.push(SEQ, v, 1, key, base, run.arenaTop, 0).unit = unit;
}

/** Whether an entry of several slots, of which one has happened (its number + 1 is given), has that one inside a node. */
function hasSlot(t: Tables, v: i32, e: i32, slot: f64): bool {
  let j = t.own0[v];
  while (t.ownEntry[j] !== e) j++;
  return slot > <f64>t.ownLo[j] && slot <= <f64>t.ownHi[j];
}

/** Retires instructions of the block on top up to the first that reaches a limit; the slot that fired, or -1 if none did. */
export function walkBlock(run: Execution, block: Piece): i32 {
  const t = run.t;
  const armed = run.armed;
  const tally = run.tally;
  const na = run.stride;
  const current = run.current;
  const limits = run.limits;
  const first = t.inst0[block.node];
  const end = first + t.instCount[block.node];
  const counts = run.arena.from(block.base);
  let q = first + block.index;
  let fired = -1;
  while (q < end && fired < 0) {
    const vector = armed.vectors.from(t.instVector[q] * na);
    for (let a = 0; a < na; a++) current[a] = current[a] + vector[a];
    for (let j = t.effect0[q]; j < t.effect0[q + 1]; j++) {
      const e = t.effectEntry[j];
      if (counts[e] !== <f64>(t.effectSlot[j] + 1)) continue;
      tally.occur(e, 1);
      const weight = armed.weight.from(e * na);
      for (let a = 0; a < na; a++) current[a] = current[a] + weight[a];
    }
    tally.single(q);
    for (let a = run.nrArmed - 1; a >= 0; a--) if (current[a] >= limits[a]) fired = a;
    q++;
  }
  run.last = q - 1;
  block.index = q - first;
  if (q === end) run.pop();
  return fired;
}
