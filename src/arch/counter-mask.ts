/**
 * What a selector with CMASK, INV and EDGE counts: cycles in which the event occurs at least CMASK times (INV: fewer
 * times), or (EDGE) how often that becomes true.
 *
 * A core here knows how often an event has occurred, not in which cycle. But it knows how many a cycle can be at most,
 * and of some events that no two come in adjacent cycles. Where that decides, the answer is exact: no cycle has 16
 * instructions, so INV with CMASK 16 is every cycle; every mispredicted branch is an edge of its own. The rest has no
 * answer.
 *
 * Source: SDM volume 3B "Architectural Performance Monitoring Version 1 Facilities"; widths: Intel's optimization manual.
 * Not modelled: edges of clocks (each entry to a ring is one).
 */
import { EVENTSEL } from './perfevtsel.ts';

/** The most of an event that a cycle can have on any core here; absent: not known. */
const MOST: Readonly<Record<string, number>> = {
  instructions: 8,
  'uops-retired': 8,
  branches: 2,
  'cond-branches': 2,
  'near-calls': 2,
  'near-returns': 2,
  'taken-branches': 2,
  'L1-dcache-loads': 3,
  'L1-dcache-load-misses': 3,
  'L1-dcache-stores': 2,
};
/** At most one in a cycle, and none in the next: what follows it takes many cycles. */
const APART: ReadonlySet<string> = new Set([
  'branch-misses',
  'LLC-misses',
  'LLC-load-misses',
  'dTLB-load-misses',
  'dTLB-store-misses',
  'iTLB-load-misses',
]);

/**
 * What the counter of an event by its name in events.ts (undefined: one that never occurs) counts: the event, cycles,
 * nothing, or what the model cannot tell.
 */
export function underMask(counted: string | undefined, eventsel: number): 'event' | 'cycles' | 'nothing' | 'unknown' {
  const mask = (eventsel & EVENTSEL.CMASK) >>> 24;
  const edge = (eventsel & EVENTSEL.EDGE) !== 0;
  // Without a mask there is no comparison to invert.
  const inverted = mask > 0 && (eventsel & EVENTSEL.INV) !== 0;
  if (mask === 0 && !edge) return 'event';
  if (counted === undefined) return edge ? (inverted ? 'unknown' : 'nothing') : inverted ? 'cycles' : 'nothing';
  const apart = APART.has(counted);
  const most = counted === 'cycles' || apart ? 1 : MOST[counted];
  if (most === undefined) return 'unknown';
  // No cycle has that many.
  if (mask > most) return edge ? (inverted ? 'unknown' : 'nothing') : inverted ? 'cycles' : 'nothing';
  if (counted === 'cycles') return edge ? 'unknown' : inverted ? 'nothing' : 'event';
  return apart && !inverted ? 'event' : 'unknown';
}
