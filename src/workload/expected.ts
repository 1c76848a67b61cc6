/** A program's mean event counts, computed without running it: all totals are linear in its entries' counts. */
import { NR_EVENTS, eventVector, type EventVector } from '../arch/events.ts';
import { BRANCH, LOOP, type Tables } from './image.ts';

/** How often each entry happens in a whole run of one thread, as means. */
export function expectedOccurrences(t: Tables): Float64Array {
  // Parents come before what depends on them.
  const tried = new Float64Array(t.entries);
  const happens = new Float64Array(t.entries);
  for (let e = 0; e < t.entries; e++) {
    const parent = t.relParent[e]!;
    const passes = parent < 0 ? 1 : t.relElse[e] === 1 ? tried[parent]! - happens[parent]! : happens[parent]!;
    tried[e] = passes * t.relTimes[e]!;
    happens[e] = tried[e]! * t.p[e]!;
  }
  return happens;
}

/** How often each node is executed in a whole run of one thread, as means. */
export function expectedExecutions(t: Tables): Float64Array {
  const times = new Float64Array(t.nodes);
  times[0] = 1;
  // Parents come before their children.
  for (let v = 0; v < t.nodes; v++) {
    const e = t.site[v]!;
    const taken = t.kind[v] !== BRANCH ? 1 : t.every[e]! > 0 ? 1 / t.every[e]! : t.p[e]!;
    for (let i = 0; i < t.childCount[v]!; i++) {
      const share = t.kind[v] === LOOP ? t.trip[v]! : t.kind[v] !== BRANCH ? 1 : i === 0 ? taken : 1 - taken;
      times[t.children[t.child0[v]! + i]!]! += times[v]! * share;
    }
  }
  return times;
}

/** Means of all events of a whole run of one thread; Infinity where they are more than a double holds. */
export function expectedTotals(t: Tables): EventVector {
  const totals = eventVector();
  for (let column = 0; column < NR_EVENTS; column++) totals[column] = t.plain[column]!;
  expectedOccurrences(t).forEach((n, e) => {
    for (let i = t.weight0[e]!; i < t.weight0[e + 1]!; i++) totals[t.weightColumn[i]!]! += n * t.weightValue[i]!;
  });
  return totals;
}
