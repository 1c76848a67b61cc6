/**
 * What one execution of an instruction retires: its cycles and events, and those of its misses and mispredictions.
 *
 * Times come from the machine (CoreTiming), unless a workload states its own cycles because it was calibrated. Events
 * are the same on all machines.
 *
 * Source: Intel's event list for what each event counts (calls and returns access the stack; UOPS_RETIRED.ALL counts a
 * store as two).
 * Not modelled: dependencies between instructions, prefetchers, store misses beyond their LLC references.
 */
import { EVENT_COLUMNS, eventVector, type EventVector } from '../arch/events.ts';
import type { Events, FetchRates, MissRates, Op, Site } from './program.ts';

/** Ops that control flow adds. */
export type ControlOp =
  | 'jcc'
  | 'jmp'
  | 'jmp_got'
  | 'call'
  | 'call_got'
  | 'ret'
  | 'syscall'
  | 'fault_load'
  | 'fault_store';

const LOAD: Events = { 'L1-dcache-loads': 1 };
const STORE: Events = { 'L1-dcache-stores': 1, 'uops-retired': 2 };

/** How long a core takes, in cycles: multiples of 1/64. */
export interface CoreTiming {
  /** One execution when nothing misses. */
  readonly op: Readonly<Record<Op | ControlOp, number>>;
  /** Extra cost of an access, by what serves it, and of a page walk. */
  readonly load: Readonly<Record<'l2' | 'llc' | 'memory' | 'dtlb', number>>;
  readonly store: Readonly<Record<'llc' | 'memory' | 'dtlb', number>>;
  /** The same for fetching code; stlb: the page is in the second-level TLB. */
  readonly fetch: Readonly<Record<'l2' | 'llc' | 'memory' | 'stlb' | 'itlb', number>>;
  /** A mispredicted branch. */
  readonly mispredict: number;
}

/** What an op counts besides one instruction and one uop. */
const OP_EVENTS: Readonly<Record<Op | ControlOp, Events>> = {
  nop: {},
  alu: {},
  mov: {},
  lea: {},
  cmp: {},
  mul: {},
  div: { 'uops-retired': 10 },
  sqrt: {},
  fadd: {},
  load: LOAD,
  store: STORE,
  push: STORE,
  pop: LOAD,
  leave: { ...LOAD, 'uops-retired': 3 },
  atomic: { ...LOAD, ...STORE, 'uops-retired': 8 },
  pause: { 'uops-retired': 4 },
  jcc: { branches: 1, 'cond-branches': 1 },
  jmp: { branches: 1, 'taken-branches': 1 },
  jmp_got: { ...LOAD, branches: 1, 'taken-branches': 1, 'uops-retired': 2 },
  call: { ...STORE, branches: 1, 'near-calls': 1, 'taken-branches': 1, 'uops-retired': 3 },
  call_got: { ...LOAD, ...STORE, branches: 1, 'near-calls': 1, 'taken-branches': 1, 'uops-retired': 4 },
  ret: { ...LOAD, branches: 1, 'near-returns': 1, 'taken-branches': 1, 'uops-retired': 2 },
  syscall: { branches: 1, 'uops-retired': 8, traps: 1 },
  fault_load: { ...LOAD, 'dTLB-load-misses': 1, traps: 1 },
  fault_store: { ...STORE, 'dTLB-store-misses': 1, traps: 1 },
};

/** Adds events to a vector. */
export function addEvents(to: EventVector, events: Events): EventVector {
  EVENT_COLUMNS.forEach((name, column) => (to[column] = to[column]! + (events[name] ?? 0)));
  return to;
}

/** The additional event of a taken conditional jump. */
export const TAKEN: Events = { 'taken-branches': 1 };

const backend = (cycles: number): Events => ({ cycles, 'stalled-cycles-backend': Math.round(cycles) });
const frontend = (cycles: number): Events => ({ cycles, 'stalled-cycles-frontend': Math.round(cycles) });

const L1_MISS: Events = { 'L1-dcache-load-misses': 1 };
const LLC_REF: Events = { 'LLC-references': 1 };
const LLC_LOAD: Events = { ...LLC_REF, 'LLC-loads': 1 };
const LLC_LOAD_MISS: Events = { ...LLC_LOAD, 'LLC-misses': 1, 'LLC-load-misses': 1 };

/** The mutually exclusive outcomes of an access: served by L2, by the LLC, by memory. */
function levels(m: MissRates, events: readonly [Events, Events, Events]): Site[] {
  const { l1 = 0, l2 = 0, llc = 0 } = m;
  return [
    { p: l1 * (1 - l2), events: events[0] },
    { p: l1 * l2 * (1 - llc), events: events[1] },
    { p: l1 * l2 * llc, events: events[2] },
  ];
}
const possible = (sites: readonly Site[]): Site[] =>
  sites.filter((s) => s.p > 0 && Object.values(s.events).some((n) => n !== 0));

/** The instructions of a core. */
export class Instructions {
  readonly #timing: CoreTiming;
  constructor(timing: CoreTiming) {
    this.#timing = timing;
  }

  /**
   * What an execution retires when nothing misses. Whole cycles beyond the first count as backend stalls, since nothing
   * else of the program retires meanwhile.
   */
  retires(op: Op | ControlOp, cycles = this.#timing.op[op], extra?: Events): EventVector {
    const v = eventVector();
    addEvents(v, {
      'uops-retired': 1,
      ...OP_EVENTS[op],
      cycles,
      instructions: 1,
      'stalled-cycles-backend': Math.max(0, Math.round(cycles - 1)),
    });
    return extra ? addEvents(v, extra) : v;
  }

  loadSites(m: MissRates): Site[] {
    const { l2, llc, memory, dtlb } = this.#timing.load;
    return possible([
      ...levels(m, [
        { ...L1_MISS, ...backend(l2) },
        { ...L1_MISS, ...LLC_LOAD, ...backend(llc) },
        { ...L1_MISS, ...LLC_LOAD_MISS, ...backend(memory) },
      ]),
      { p: m.tlb ?? 0, events: { 'dTLB-load-misses': 1, ...backend(dtlb) } },
    ]);
  }

  /** A store that misses retires anyway and waits in the store buffer: only accesses to the LLC are counted. */
  storeSites(m: MissRates): Site[] {
    const { llc, memory, dtlb } = this.#timing.store;
    return possible([
      ...levels(m, [{}, { ...LLC_REF, ...backend(llc) }, { ...LLC_REF, 'LLC-misses': 1, ...backend(memory) }]),
      { p: m.tlb ?? 0, events: { 'dTLB-store-misses': 1, ...backend(dtlb) } },
    ]);
  }

  fetchSites(m: FetchRates): Site[] {
    const { l2, llc, memory, stlb, itlb } = this.#timing.fetch;
    const miss: Events = { 'L1-icache-load-misses': 1 };
    return possible([
      ...levels(m, [
        { ...miss, ...frontend(l2) },
        { ...miss, ...LLC_REF, ...frontend(llc) },
        { ...miss, ...LLC_REF, 'LLC-misses': 1, ...frontend(memory) },
      ]),
      { p: m.stlb ?? 0, events: { 'iTLB-loads': 1, ...frontend(stlb) } },
      { p: m.tlb ?? 0, events: { 'iTLB-load-misses': 1, ...frontend(itlb) } },
    ]);
  }

  /** A mispredicted branch: the front end restarts. */
  mispredictSites(p = 0): Site[] {
    return possible([{ p, events: { 'branch-misses': 1, ...frontend(this.#timing.mispredict) } }]);
  }
}
