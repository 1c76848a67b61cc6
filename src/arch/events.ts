/**
 * What the core can count: 24 event columns, and the Broadwell event codes that select them.
 *
 * An EventVector is one number per column. Cycles are a column like any other (a multiple of 1/64); every other column is
 * a whole number. A column is not a perf event: several codes may select one column with a scale (reference and bus cycles
 * are core cycles at another rate), and columns without a code exist for the simulator's own use (`traps`).
 *
 * Sources: SDM volume 3B "Architectural Performance Monitoring Events"; Intel's event list for Broadwell-DE/EP; codes as
 * in arch/x86/events/intel/core.c (intel_perfmon_event_map, hsw_hw_cache_event_ids).
 * Not modelled: edge detect, CMASK, INV, AnyThread: a selector with one of those counts the plain event;
 * requests to the LLC other than demand data reads.
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

/** Which column a selector counts, and how many counts one unit of the column is. */
export interface EventSource {
  readonly column: EventColumn;
  readonly scale: number;
}

/** Rates a core needs to turn cycles into the clocks that some events count. */
export interface EventClocks {
  readonly coreHz: number;
  readonly tscHz: number;
  readonly busHz: number;
}

/** umask<<8|event of Broadwell -> column, for events that count a column one to one. */
const BROADWELL: readonly (readonly [code: number, column: EventName])[] = [
  [0x003c, 'cycles'],
  [0x00c0, 'instructions'],
  [0x00c4, 'branches'],
  [0x00c5, 'branch-misses'],
  [0x01c4, 'cond-branches'],
  [0x02c4, 'near-calls'],
  [0x08c4, 'near-returns'],
  [0x20c4, 'taken-branches'],
  [0x81d0, 'L1-dcache-loads'],
  [0x0151, 'L1-dcache-load-misses'],
  [0x82d0, 'L1-dcache-stores'],
  [0x0280, 'L1-icache-load-misses'],
  [0x4f2e, 'LLC-references'],
  [0x412e, 'LLC-misses'],
  [0x0108, 'dTLB-load-misses'],
  [0x0149, 'dTLB-store-misses'],
  [0x6085, 'iTLB-loads'],
  [0x0185, 'iTLB-load-misses'],
  [0x01c2, 'uops-retired'],
  [0x019c, 'stalled-cycles-frontend'],
  [0x01a2, 'stalled-cycles-backend'],
];
const SOURCES = new Map<number, EventSource>(
  BROADWELL.map(([code, name]) => [code, { column: COLUMN[name], scale: 1 }]),
);

/** MSR_OFFCORE_RSP: demand data reads (bit 0), and any response to them rather than those by memory. */
const OFFCORE_RSP_DMND_DATA_RD = 1;
const OFFCORE_RSP_ANY_RESPONSE = 2 ** 16;

/**
 * What a general-purpose counter with this event code counts; undefined: an event this core does not have, which counts
 * nothing. `offcoreRsp` is the value of the MSR_OFFCORE_RSP that event 0xb7 (or 0xbb) goes with.
 */
export function eventSource(code: number, offcoreRsp: number, clocks: EventClocks): EventSource | undefined {
  if (code === 0x013c) return { column: CYCLES, scale: clocks.busHz / clocks.coreHz };
  if (code === 0x01b7 || code === 0x01bb) {
    if ((offcoreRsp & OFFCORE_RSP_DMND_DATA_RD) === 0) return undefined;
    const any = Math.floor(offcoreRsp / OFFCORE_RSP_ANY_RESPONSE) % 2 === 1;
    return { column: any ? COLUMN['LLC-loads'] : COLUMN['LLC-load-misses'], scale: 1 };
  }
  return SOURCES.get(code);
}

/** What the fixed counters count: instructions, core cycles, reference (TSC-rate) cycles. */
export function fixedEventSource(idx: number, clocks: EventClocks): EventSource | undefined {
  if (idx === 0) return { column: INSTRUCTIONS, scale: 1 };
  if (idx === 1) return { column: CYCLES, scale: 1 };
  if (idx === 2) return { column: CYCLES, scale: clocks.tscHz / clocks.coreHz };
  return undefined;
}
