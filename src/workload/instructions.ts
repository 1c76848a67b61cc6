/**
 * What one execution of an instruction retires: cycles, events, and what may go wrong with it.
 *
 * The figures are those of a Broadwell core in rough round numbers: a four-wide machine whose useful work costs 1/4 cycle
 * an instruction, and penalties as they are felt after out-of-order execution has hidden what it can. They are defaults;
 * a workload states its own cycles where it was calibrated.
 *
 * Sources: Intel's optimization manual (Broadwell: cache and TLB latencies), Agner Fog's instruction tables for the
 * throughput of div and sqrtsd, Intel's event list for what each event counts (calls and returns access the stack;
 * UOPS_RETIRED.ALL counts a store as two).
 * Not modelled: dependencies between instructions, prefetchers, store misses beyond their LLC references.
 */
import { EVENT_COLUMNS, eventVector } from '../arch/events.ts';
import type { EventVector } from '../arch/events.ts';
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

interface OpEvents {
  readonly cycles: number;
  /** Besides one instruction and one uop. */
  readonly events: Events;
}

const OP_EVENTS: Readonly<Record<Op | ControlOp, OpEvents>> = {
  nop: { cycles: 0.25, events: {} },
  alu: { cycles: 0.25, events: {} },
  mov: { cycles: 0.25, events: {} },
  lea: { cycles: 0.25, events: {} },
  cmp: { cycles: 0.25, events: {} },
  mul: { cycles: 1, events: {} },
  div: { cycles: 21, events: { 'uops-retired': 10 } },
  sqrt: { cycles: 8, events: {} },
  fadd: { cycles: 1, events: {} },
  load: { cycles: 0.5, events: LOAD },
  store: { cycles: 1, events: STORE },
  push: { cycles: 1, events: STORE },
  pop: { cycles: 0.5, events: LOAD },
  leave: { cycles: 0.75, events: { ...LOAD, 'uops-retired': 3 } },
  atomic: { cycles: 20, events: { ...LOAD, ...STORE, 'uops-retired': 8 } },
  pause: { cycles: 9, events: { 'uops-retired': 4 } },
  jcc: { cycles: 0.5, events: { branches: 1, 'cond-branches': 1 } },
  jmp: { cycles: 1, events: { branches: 1, 'taken-branches': 1 } },
  jmp_got: { cycles: 1, events: { ...LOAD, branches: 1, 'taken-branches': 1, 'uops-retired': 2 } },
  call: { cycles: 1, events: { ...STORE, branches: 1, 'near-calls': 1, 'taken-branches': 1, 'uops-retired': 3 } },
  call_got: {
    cycles: 1,
    events: { ...LOAD, ...STORE, branches: 1, 'near-calls': 1, 'taken-branches': 1, 'uops-retired': 4 },
  },
  ret: { cycles: 1, events: { ...LOAD, branches: 1, 'near-returns': 1, 'taken-branches': 1, 'uops-retired': 2 } },
  syscall: { cycles: 20, events: { branches: 1, 'uops-retired': 8, traps: 1 } },
  fault_load: { cycles: 1, events: { ...LOAD, 'dTLB-load-misses': 1, traps: 1 } },
  fault_store: { cycles: 1, events: { ...STORE, 'dTLB-store-misses': 1, traps: 1 } },
};

/** Adds events to a vector. */
export function addEvents(to: EventVector, events: Events): EventVector {
  EVENT_COLUMNS.forEach((name, column) => (to[column] = to[column]! + (events[name] ?? 0)));
  return to;
}

/**
 * What an execution retires when nothing misses. Whole cycles beyond the first count as backend stalls: nothing else of
 * this program could retire meanwhile.
 */
export function retires(op: Op | ControlOp, cycles?: number, extra?: Events): EventVector {
  const { cycles: usual, events } = OP_EVENTS[op];
  const v = eventVector();
  const c = cycles ?? usual;
  addEvents(v, {
    'uops-retired': 1,
    ...events,
    cycles: c,
    instructions: 1,
    'stalled-cycles-backend': Math.max(0, Math.round(c - 1)),
  });
  return extra ? addEvents(v, extra) : v;
}

/** A conditional jump that was taken retires one event more. */
export const TAKEN: Events = { 'taken-branches': 1 };

const backend = (cycles: number): Events => ({ cycles, 'stalled-cycles-backend': cycles });
const frontend = (cycles: number): Events => ({ cycles, 'stalled-cycles-frontend': cycles });

const L1_MISS: Events = { 'L1-dcache-load-misses': 1 };
const LLC_REF: Events = { 'LLC-references': 1 };
const LLC_LOAD: Events = { ...LLC_REF, 'LLC-loads': 1 };
const LLC_LOAD_MISS: Events = { ...LLC_LOAD, 'LLC-misses': 1, 'LLC-load-misses': 1 };

/** The outcomes of an access that is served by L2, by the LLC, and by memory; they exclude each other. */
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

export function loadSites(m: MissRates): Site[] {
  return possible([
    ...levels(m, [
      { ...L1_MISS, ...backend(6) },
      { ...L1_MISS, ...LLC_LOAD, ...backend(28) },
      { ...L1_MISS, ...LLC_LOAD_MISS, ...backend(180) },
    ]),
    { p: m.tlb ?? 0, events: { 'dTLB-load-misses': 1, ...backend(22) } },
  ]);
}

/** A store that misses retires all the same and drains from the store buffer: only what reaches the LLC is counted. */
export function storeSites(m: MissRates): Site[] {
  return possible([
    ...levels(m, [{}, { ...LLC_REF, ...backend(4) }, { ...LLC_REF, 'LLC-misses': 1, ...backend(20) }]),
    { p: m.tlb ?? 0, events: { 'dTLB-store-misses': 1, ...backend(14) } },
  ]);
}

export function fetchSites(m: FetchRates): Site[] {
  const miss: Events = { 'L1-icache-load-misses': 1 };
  return possible([
    ...levels(m, [
      { ...miss, ...frontend(9) },
      { ...miss, ...LLC_REF, ...frontend(32) },
      { ...miss, ...LLC_REF, 'LLC-misses': 1, ...frontend(190) },
    ]),
    { p: m.stlb ?? 0, events: { 'iTLB-loads': 1, ...frontend(7) } },
    { p: m.tlb ?? 0, events: { 'iTLB-load-misses': 1, ...frontend(24) } },
  ]);
}

/** A mispredicted branch: the front end restarts. */
export function mispredictSites(p: number | undefined): Site[] {
  return possible([{ p: p ?? 0, events: { 'branch-misses': 1, ...frontend(16) } }]);
}
