/** A program's mean event counts, computed without running it: all totals are linear in its entries' counts. */
import { NR_EVENTS, eventVector, type EventVector } from '../arch/events.ts';
import type { Tables } from './image.ts';

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

/** Means of all events of a whole run of one thread; Infinity where they are more than a double holds. */
export function expectedTotals(t: Tables): EventVector {
  const totals = eventVector();
  for (let column = 0; column < NR_EVENTS; column++) totals[column] = t.plain[column]!;
  expectedOccurrences(t).forEach((n, e) => {
    for (let i = t.weight0[e]!; i < t.weight0[e + 1]!; i++) totals[t.weightColumn[i]!]! += n * t.weightValue[i]!;
  });
  return totals;
}
