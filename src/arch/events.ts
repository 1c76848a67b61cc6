/**
 * What a core can count: 24 event columns, and the mapping of a model's event codes to them.
 *
 * An EventVector has one number per column: multiples of 1/64 for cycles, whole numbers for all others. A column is not
 * a perf event. Several codes may select one column with a scale (cycles of the column are time; core cycles, reference
 * cycles, bus cycles and issue slots are that at another rate), and `traps` has no code: it is for the simulator's own use. Codes differ between models;
 * each machine's preset has its table.
 *
 * Source: SDM volume 3B "Architectural Performance Monitoring Events".
 * Not modelled: AnyThread beside a busy sibling (each thread counts its own); requests to the LLC other than demand data
 * reads; slots lost to a sibling hyperthread.
 */
import { underMask } from './counter-mask.ts';
import { eventCode } from './perfevtsel.ts';

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

/** The column that a selector counts, and the counts per unit of the column. */
export interface EventSource {
  readonly column: EventColumn;
  readonly scale: number;
}

/** Clock rates. Time has one clock, `coreHz`; a core's own, which it counts as cycles, may be faster. */
export interface EventClocks {
  readonly coreHz: number;
  readonly cycleHz: number;
  readonly tscHz: number;
  readonly busHz: number;
}

/** What a code counts: a column one to one, or time at the rate of a clock. */
export type Counted = EventName | 'ref-cycles' | 'bus-cycles' | 'slots';

/** The events of a model's cores. */
export interface CoreEvents {
  /** umask<<8|event -> what it counts on a general-purpose counter. */
  readonly codes: ReadonlyMap<number, Counted>;
  /** The codes whose meaning depends on MSR_OFFCORE_RSP_0 and _1. */
  readonly offcore: readonly [number, number];
  /** Issue slots of a core cycle. */
  readonly slotsPerCycle: number;
}

/** Architectural events, and subevents of BR_INST_RETIRED, with the same codes on all models here. */
export const ARCHITECTURAL_EVENTS: readonly (readonly [code: number, counted: Counted])[] = [
  [0x003c, 'cycles'],
  [0x00c0, 'instructions'],
  [0x4f2e, 'LLC-references'],
  [0x412e, 'LLC-misses'],
  [0x00c4, 'branches'],
  [0x00c5, 'branch-misses'],
  [0x02c4, 'near-calls'],
  [0x08c4, 'near-returns'],
  [0x20c4, 'taken-branches'],
];

/** MSR_OFFCORE_RSP: demand data reads (bit 0), with any response (bit 16) or, without that bit, served by memory. */
const OFFCORE_RSP_DMND_DATA_RD = 1;
const OFFCORE_RSP_ANY_RESPONSE = 2 ** 16;

/**
 * What a general-purpose counter with this selector counts; undefined: nothing, as the core does not have the event, no
 * cycle has that many of it, or the model cannot tell (isKnown). `offcoreRsp` holds the values of MSR_OFFCORE_RSP_0 and
 * _1.
 */
export function eventSource(
  events: CoreEvents,
  eventsel: number,
  offcoreRsp: readonly [number, number],
  clocks: EventClocks,
): EventSource | undefined {
  const counted = countedBy(events, eventCode(eventsel), offcoreRsp);
  const counts = underMask(counted, eventsel);
  if (counts === 'cycles') return sourceOf('cycles', events, clocks);
  return counts === 'event' && counted !== undefined ? sourceOf(counted, events, clocks) : undefined;
}

/** Whether the model can tell what a selector counts, with its EDGE, INV and CMASK. */
export const isKnown = (events: CoreEvents, eventsel: number, offcoreRsp: readonly [number, number]): boolean =>
  underMask(countedBy(events, eventCode(eventsel), offcoreRsp), eventsel) !== 'unknown';

function countedBy(events: CoreEvents, code: number, offcoreRsp: readonly [number, number]): Counted | undefined {
  const rsp = events.offcore.indexOf(code);
  if (rsp < 0) return events.codes.get(code);
  const value = offcoreRsp[rsp as 0 | 1];
  if ((value & OFFCORE_RSP_DMND_DATA_RD) === 0) return undefined;
  return Math.floor(value / OFFCORE_RSP_ANY_RESPONSE) % 2 === 1 ? 'LLC-loads' : 'LLC-load-misses';
}

/** What the fixed counters count, in order. */
const FIXED: readonly Counted[] = ['instructions', 'cycles', 'ref-cycles', 'slots'];

/** What fixed counter `idx` counts: instructions, core cycles, reference (TSC-rate) cycles, issue slots. */
export function fixedEventSource(events: CoreEvents, idx: number, clocks: EventClocks): EventSource | undefined {
  const counted = FIXED[idx];
  return counted === undefined ? undefined : sourceOf(counted, events, clocks);
}

function sourceOf(counted: Counted, { slotsPerCycle }: CoreEvents, clocks: EventClocks): EventSource {
  if (counted === 'cycles') return { column: CYCLES, scale: clocks.cycleHz / clocks.coreHz };
  if (counted === 'ref-cycles') return { column: CYCLES, scale: clocks.tscHz / clocks.coreHz };
  if (counted === 'bus-cycles') return { column: CYCLES, scale: clocks.busHz / clocks.coreHz };
  if (counted === 'slots') return { column: CYCLES, scale: (slotsPerCycle * clocks.cycleHz) / clocks.coreHz };
  return { column: COLUMN[counted], scale: 1 };
}
