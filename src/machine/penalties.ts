/**
 * How many cycles a core takes for an instruction when nothing misses (op.NAME), and for a cache or TLB miss or a
 * mispredicted branch (core.NAME). Each is a spec key; workload/ compiles programs with these times.
 *
 * A penalty is the part of a latency that out-of-order execution does not hide, so the figures are not a manual's but
 * of that order. They are for a Broadwell core; presets differ only where there is a source.
 * Not modelled: cache sizes (a workload states what misses), latencies that depend on load.
 */
import type { CoreTiming } from '../workload/instructions.ts';
import { recordOf, time, type Bound } from './key-info.ts';

const PENALTY_MOST = 1e5;

const CACHES = "a Broadwell core by Intel's optimization manual, less what out-of-order execution hides";
const WIDTH = 'a Broadwell core, four instructions wide, in round numbers';
const FOG = "Agner Fog's instruction tables, Broadwell";

type Figure = readonly [cycles: number, bound: Bound, about: string, source: string];

const PENALTIES = {
  'core.l2': [6, 'core', 'penalty of a load that the L2 cache serves', CACHES],
  'core.llc': [28, 'bus', 'penalty of a load that the last-level cache serves', CACHES],
  'core.memory': [180, 'memory', 'penalty of a load that memory serves', CACHES],
  'core.dtlb': [22, 'core', 'penalty of a load whose page is in no TLB: a page walk', CACHES],
  'core.store.llc': [4, 'bus', 'penalty of a store that the last-level cache serves, behind the store buffer', CACHES],
  'core.store.memory': [20, 'memory', 'penalty of a store that memory serves, behind the store buffer', CACHES],
  'core.store.dtlb': [14, 'core', 'penalty of a store whose page is in no TLB', CACHES],
  'core.fetch.l2': [9, 'core', 'penalty of code that the L2 cache serves', CACHES],
  'core.fetch.llc': [32, 'bus', 'penalty of code that the last-level cache serves', CACHES],
  'core.fetch.memory': [190, 'memory', 'penalty of code that memory serves', CACHES],
  'core.fetch.stlb': [7, 'core', 'penalty of code whose page the second-level TLB holds', CACHES],
  'core.fetch.itlb': [24, 'core', 'penalty of code whose page is in no TLB: a page walk', CACHES],
  'core.mispredict': [16, 'core', 'penalty of a mispredicted branch: the front end restarts', CACHES],
} as const satisfies Readonly<Record<string, Figure>>;

const op = (cycles: number, source = WIDTH): Figure => [cycles, 'core', 'one execution when nothing misses', source];

export const OP_COSTS = {
  'op.nop': op(0.25),
  'op.alu': op(0.25),
  'op.mov': op(0.25),
  'op.lea': op(0.25),
  'op.cmp': op(0.25),
  'op.mul': op(1),
  'op.div': op(21, FOG),
  'op.sqrt': op(8, FOG),
  'op.fadd': op(1),
  'op.load': op(0.5),
  'op.store': op(1),
  'op.push': op(1),
  'op.pop': op(0.5),
  'op.leave': op(0.75),
  'op.atomic': op(20, FOG),
  'op.pause': op(9, FOG),
  'op.jcc': op(0.5),
  'op.jmp': op(1),
  'op.jmp_got': op(1),
  'op.call': op(1),
  'op.call_got': op(1),
  'op.ret': op(1),
  'op.syscall': op(20, FOG),
  'op.fault_load': op(1),
  'op.fault_store': op(1),
} as const satisfies Readonly<Record<`op.${keyof CoreTiming['op']}`, Figure>>;

export type TimingKey = keyof typeof PENALTIES | keyof typeof OP_COSTS;
const FIGURES = Object.entries({ ...PENALTIES, ...OP_COSTS }) as readonly (readonly [TimingKey, Figure])[];

export const TIMING_KEYS = recordOf(
  FIGURES.map(([key, [, bound, about]]) => [key, time('cycles', about, bound, PENALTY_MOST)] as const),
);

export const TIMING_NUMBERS = recordOf(
  FIGURES.map(([key, [cycles, , , source]]) => [key, [cycles, source] as const] as const),
);
