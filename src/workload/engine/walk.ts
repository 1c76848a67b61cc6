/**
 * One pass through code: items of a sequence up to the one that crosses a limit, and in a block instructions.
 * Not modelled: stopping within an instruction.
 */
import { BLOCK, Execution, Piece, RANGE, SEQ } from './execution.ts';
import { mixKey, NEST } from './random.ts';
import { countExecutions, initMask } from './ranges.ts';
import { BLOCK as BLOCK_NODE, BRANCH, LOOP } from './tables.ts';

/** Retires items of the sequence on top up to the one that crosses a limit, and opens that one. */
export function walkSeq(run: Execution, seq: Piece): void {
  const t = run.t;
  const tally = run.tally;
  const current = run.current;
  const item = run.item;
  const limits = run.limits;
  const happened = run.happened;
  const inUnit = run.inUnit;
  const na = run.stride;
  const asked = run.nrArmed;
  const limit0 = limits[0];
  const limit1 = asked > 1 ? limits[1] : Infinity;
  const limit2 = asked > 2 ? limits[2] : Infinity;
  const base = seq.base;
  const counts = run.arena.from(base);
  const children = t.children.from(t.child0[seq.node]);
  const count = t.childCount[seq.node];
  const armed = run.armed;
  for (let ix = seq.index; ix < count; ix++) {
    let v = children[ix];
    let branch = -1;
    if (t.kind[v] === BRANCH) {
      branch = t.site[v];
      v = t.children[t.child0[v] + (counts[branch] !== 0 ? 0 : 1)];
    }
    const plain = armed.plain.from(v * na);
    let t0 = plain[0];
    let t1 = plain[1];
    let t2 = plain[2];
    for (let a = 3; a < na; a++) item[a] = plain[a];
    // What happens inside, to be booked if the item retires.
    let nh = 0;
    for (let j = t.own0[v]; j < t.own0[v + 1]; j++) {
      const e = t.ownEntry[j];
      const x = counts[e];
      if (x <= <f64>t.ownLo[j] || x > <f64>t.ownHi[j]) continue;
      happened[nh] = e;
      inUnit[nh++] = 1;
    }
    for (let j = t.nested0[v]; j < t.nested0[v + 1]; j++) {
      for (let e = t.nestedFrom[j]; e < t.nestedTo[j]; e++) {
        const c = counts[e];
        if (c === 0) continue;
        happened[nh] = e;
        inUnit[nh++] = c;
      }
    }
    for (let h = 0; h < nh; h++) {
      const x = inUnit[h];
      const weight = armed.weight.from(happened[h] * na);
      t0 += x * weight[0];
      t1 += x * weight[1];
      t2 += x * weight[2];
      for (let a = 3; a < na; a++) item[a] = item[a] + x * weight[a];
    }
    let crosses = current[0] + t0 >= limit0 || current[1] + t1 >= limit1 || current[2] + t2 >= limit2;
    for (let a = 3; a < asked; a++) if (current[a] + item[a] >= limits[a]) crosses = true;
    if (!crosses) {
      current[0] = current[0] + t0;
      current[1] = current[1] + t1;
      current[2] = current[2] + t2;
      for (let a = 3; a < na; a++) current[a] = current[a] + item[a];
      if (t.periodic0[v + 1] > t.periodic0[v]) countExecutions(run, v, t.frame[v], 1, base);
      for (let h = 0; h < nh; h++) tally.occur(happened[h], inUnit[h]);
      tally.whole(v, 1);
    }
    if (branch >= 0 && t.every[branch] > 0) run.executed[branch] = run.executed[branch] + 1;
    for (let h = 0; h < nh; h++) inUnit[h] = 0;
    if (crosses) {
      seq.index = ix + 1;
      open(run, seq.key, v, base);
      return;
    }
  }
  run.pop();
}

/** An item of a sequence becomes the next piece to run. */
function open(run: Execution, key: u64, v: i32, base: i32): void {
  const kind = run.t.kind[v];
  if (kind === BLOCK_NODE) run.push(BLOCK, v, 1, 0, base, run.arenaTop, 0);
  else if (kind === LOOP)
    initMask(run, run.push(RANGE, v, run.t.trip[v], mixKey(key, NEST + v), base, run.arenaTop, 0));
  else run.push(SEQ, v, 1, key, base, run.arenaTop, 0);
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
