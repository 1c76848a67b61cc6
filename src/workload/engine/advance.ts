/**
 * Executes a compiled program without walking it: the lazily expanded execution tree.
 *
 * The state of any range of loop iterations is (n, how often each entry happens in it). Ranges that end before the next
 * limit are skipped in one step, the one that does not is split: the counts of its left part are hypergeometric draws, the
 * right part is what remains. Draws come from keys of the range, so what executes does not depend on where it was stopped.
 * Short ranges are drawn one iteration after the other; a range in which nothing random happens is divided by arithmetic.
 *
 * Cost of a stop: about log2(iterations since the last one) splits, whatever the size of the program's loops.
 * Not modelled: populations of 2^53 or more; more than one thread.
 */
import { binomial } from './binomial.ts';
import { CHUNK_MAX, stepChunk } from './chunk.ts';
import { BLOCK, CHUNK, Execution, RANGE, SEQ } from './execution.ts';
import { DRAWS, mixKey, seeded, setRng } from './random.ts';
import { consumeRange, countExecutions, divide, initMask, isUniform, rangeTotals, unfold } from './ranges.ts';
import { beginRange, relationsOf } from './relations.ts';
import { split } from './split.ts';
import { Armed, Tables } from './tables.ts';
import { walkBlock, walkSeq } from './walk.ts';

/** Goes to the start of the program under a key; what was executed with this record before is forgotten. */
export function begin(run: Execution, armed: Armed, key: u64): void {
  const t = run.t;
  run.key = key;
  run.last = -1;
  run.tally.clear();
  run.executed.clear(t.entries);
  drawRoot(run);
  run.identities.clear(key);
  run.clear();
  run.reserve(t.entries);
  run.arena.set(run.rootCounts, t.entries);
  run.arm(armed);
  initMask(run, run.push(RANGE, 0, 1, key, 0, 0, t.entries));
}

/** How often everything happens in the whole run: binomial draws, each given what it depends on. */
function drawRoot(run: Execution): void {
  const t = run.t;
  const counts = run.rootCounts;
  const relations = relationsOf(t, 0);
  setRng(seeded(mixKey(run.key, DRAWS)));
  beginRange(t, 1, 0);
  for (let e = 0; e < t.entries; e++) {
    const relation = relations[e];
    const n = relation.factor * relation.when.all;
    const x = relation.every > 0 ? floor<f64>(n / <f64>relation.every) : binomial(n, t.p[e]);
    relation.happens(x, 0, n, 0);
    counts[e] = x;
  }
}

/**
 * Retires instructions up to the first one after which an armed total reaches its limit; the slot that fired (the lowest of
 * several), or -1 at the end of the program.
 */
export function advance(run: Execution): i32 {
  const current = run.current;
  const limits = run.limits;
  const asked = run.nrArmed;
  for (let a = 0; a < asked; a++) if (current[a] >= limits[a]) return a;
  while (run.sp > 0) {
    const top = run.top();
    const kind = top.kind;
    if (kind === SEQ) {
      walkSeq(run, top);
    } else if (kind === BLOCK) {
      const fired = walkBlock(run, top);
      if (fired >= 0) {
        settle(run);
        return fired;
      }
    } else {
      if (top.version !== run.version) rangeTotals(run, top);
      if (!run.crosses(top.totals)) {
        countExecutions(run, top.node, top.node, top.n, top.base);
        consumeRange(run, top);
      } else if (isUniform(run, top)) divide(run, top);
      else if (kind === CHUNK) stepChunk(run, top);
      else if (top.n === 1) unfold(run, top);
      else if (top.n <= CHUNK_MAX) stepChunk(run, top);
      else split(run);
    }
  }
  run.last = lastOf(run.t);
  return -1;
}

/** Drops sequences that have nothing left, so that the top of the stack holds the next instruction. */
function settle(run: Execution): void {
  while (run.sp > 0) {
    const top = run.top();
    if (top.kind !== SEQ || top.index < run.t.childCount[top.node]) return;
    run.pop();
  }
}

/** The instance that executes next, or -1. Settled pieces are gone, so the top one has it. */
export function next(run: Execution): i32 {
  if (run.sp === 0) return -1;
  const t = run.t;
  const top = run.top();
  if (top.kind === BLOCK) return t.inst0[top.node] + top.index;
  return t.first[top.kind === SEQ ? t.children[t.child0[top.node] + top.index] : top.node];
}

/** The instance that executes last in a program. */
function lastOf(t: Tables): i32 {
  let v = 0;
  while (true) {
    const count = t.childCount[v];
    if (count === 0) return t.inst0[v] + t.instCount[v] - 1;
    v = t.children[t.child0[v] + count - 1];
  }
}
