/**
 * What the core can count: 24 event columns, and the Broadwell event codes that select them.
 *
 * An EventVector is one number per column. Cycles are a column like any other (a multiple of 1/64); every other column is
 * a whole number. A column is not a perf event: several codes may select one column with a scale (reference and bus cycles
 * are core cycles at another rate), and columns without a code exist for the simulator's own use (`traps`).
 *
 * Sources: SDM volume 3B "Architectural Performance Monitoring Events"; Intel's event list for Broadwell-DE/EP; codes as
 * in arch/x86/events/intel/core.c (intel_perfmon_event_map, hsw_hw_cache_event_ids).
 * Not modelled: edge detect, CMASK, INV, AnyThread: a selector with one of those counts the plain event.
 */
export const EVENT_COLUMNS = [
  'cycles',
  'instructions',
  'branches',
  'branch-misses',
  'cond-branches',
  'near-calls',
  'near-returns',
  'taken-branches',
  'L1-dcache-loads',
  'L1-dcache-load-misses',
  'L1-dcache-stores',
  'L1-icache-load-misses',
  'LLC-references',
  'LLC-misses',
  'LLC-loads',
  'LLC-load-misses',
  'dTLB-load-misses',
  'dTLB-store-misses',
  'iTLB-loads',
  'iTLB-load-misses',
  'uops-retired',
  'stalled-cycles-frontend',
  'stalled-cycles-backend',
  'traps',
] as const;
export type EventName = (typeof EVENT_COLUMNS)[number];
/** Index into an EventVector. */
export type EventColumn = number;
/** One number per column of EVENT_COLUMNS. */
export type EventVector = Float64Array;

export const NR_EVENTS = EVENT_COLUMNS.length;
export const COLUMN = Object.fromEntries(EVENT_COLUMNS.map((name, i) => [name, i])) as Readonly<
  Record<EventName, EventColumn>
>;
export const CYCLES: EventColumn = COLUMN.cycles;
export const INSTRUCTIONS: EventColumn = COLUMN.instructions;
export const TRAPS: EventColumn = COLUMN.traps;

export const eventVector = (): EventVector => new Float64Array(NR_EVENTS);
