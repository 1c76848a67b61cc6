/**
 * How Linux names Broadwell's events and which counters may count them: the tables of the x86 driver.
 *
 * Codes are umask<<8|event. Source: arch/x86/events/intel/core.c (intel_perfmon_event_map, hsw_hw_cache_event_ids,
 * hsw_hw_cache_extra_regs with Broadwell's fixups, intel_bdw_event_constraints, bdw_limit_period).
 * Not modelled: other models' tables (their presets carry the same codes where the events exist); NODE events and stores
 * that reach the LLC (LLC-stores), of which no program says how many it makes.
 */
import { PMC_IDX_FIXED } from '../arch/msr.ts';
import { PERF_TYPE } from '../uapi/perf-event.ts';
import { EINVAL, ENOENT } from './errno.ts';

/** PERF_COUNT_HW_* in order; undefined: this model has no such event. */
const HARDWARE: readonly (number | undefined)[] = [
  0x003c,
  0x00c0,
  0x4f2e,
  0x412e,
  0x00c4,
  0x00c5,
  0x013c,
  undefined,
  undefined,
  0x0300,
];

/** A cache event's code and the MSR_OFFCORE_RSP value it needs. */
interface CacheEvent {
  readonly code: number;
  readonly extra: number;
}

const OFFCORE = 0x01b7;
/** Demand data reads, any response. */
const OFFCORE_LOADS = 0x10001;
/** Demand data reads that missed the L3 (local bit 26, as Broadwell has it) and were served by DRAM, any snoop. */
const OFFCORE_LOAD_MISSES = 0x1fbc000001;

const plain = (code: number): CacheEvent => ({ code, extra: 0 });
/** cache | op << 8 | result << 16 */
const CACHE = new Map<number, CacheEvent>([
  [0x000000, plain(0x81d0)],
  [0x010000, plain(0x0151)],
  [0x000100, plain(0x82d0)],
  [0x010001, plain(0x0280)],
  [0x000002, { code: OFFCORE, extra: OFFCORE_LOADS }],
  [0x010002, { code: OFFCORE, extra: OFFCORE_LOAD_MISSES }],
  [0x000003, plain(0x81d0)],
  [0x010003, plain(0x0108)],
  [0x000103, plain(0x82d0)],
  [0x010103, plain(0x0149)],
  [0x000004, plain(0x6085)],
  [0x010004, plain(0x0185)],
  [0x000005, plain(0x00c4)],
  [0x010005, plain(0x00c5)],
]);

/** PERF_COUNT_HW_CACHE_MAX, _OP_MAX and _RESULT_MAX. */
const CACHE_RANGES = [7, 3, 2] as const;
/** cache | op << 8 of combinations that make no sense (-1 in the kernel's tables): stores of code, of branches. */
const NONSENSE: ReadonlySet<number> = new Set([0x0101, 0x0104, 0x0204, 0x0105, 0x0205]);

/** Why eventCodeOf() does not know an event: -ENOENT for one this model lacks, -EINVAL for one that cannot be. */
export function unknownEvent(type: number, config: number): number {
  if (type === PERF_TYPE.HARDWARE) return config < HARDWARE.length ? -ENOENT : -EINVAL;
  const fields = [config % 256, Math.floor(config / 256) % 256, Math.floor(config / 65_536) % 256];
  const there = fields.every((field, i) => field < CACHE_RANGES[i]!) && !NONSENSE.has(config % 65_536);
  return there ? -ENOENT : -EINVAL;
}

/** MSR_OFFCORE_RSP bits that may be set (intel_snbep_extra_regs). */
const OFFCORE_VALID = 0x3fffff8fff;

/** Whether an event code needs a register of its own beside the selector (OFFCORE_RESPONSE_0 and _1). */
export const needsOffcoreRsp = (code: number): boolean => (code & 0xffff) === 0x01b7 || (code & 0xffff) === 0x01bb;
/** The event code that goes with MSR_OFFCORE_RSP_0 or _1 (intel_fixup_er). */
export const offcoreCode = (rsp: 0 | 1): number => (rsp === 0 ? 0x01b7 : 0x01bb);
export const validOffcoreRsp = (value: number): boolean => {
  const [high, low] = [Math.floor(value / 2 ** 32), value % 2 ** 32];
  return high <= OFFCORE_VALID / 2 ** 32 && (low & ~(OFFCORE_VALID % 2 ** 32)) === 0;
};

/** The hardware's code for a perf event; undefined: not on this model. */
export function eventCodeOf(type: number, config: number): CacheEvent | undefined {
  if (type === PERF_TYPE.RAW) return plain(config);
  if (type === PERF_TYPE.HW_CACHE) return CACHE.get(config % 2 ** 24);
  const code = HARDWARE[config];
  return code === undefined ? undefined : plain(code);
}

/** Bits of RAW configs that reach the selector (X86_RAW_EVENT_MASK): event, umask, edge, inv, cmask. */
export const X86_RAW_EVENT_MASK = 0xff | 0xff00 | (1 << 18) | (1 << 23) | 0xff000000;

/** struct event_constraint: which counters, by index, and how many (events with fewer choices are placed first). */
export interface EventConstraint {
  readonly indices: readonly number[];
  readonly weight: number;
}

const REF_CYCLES = 0x0300;

/** The constraint of an event on a PMU with so many counters. */
export function eventConstraint(code: number, nrGp: number, nrFixed: number): EventConstraint {
  const gp = Array.from({ length: nrGp }, (_, i) => i);
  const withFixed = (fixed: number): readonly number[] => (fixed < nrFixed ? [PMC_IDX_FIXED + fixed, ...gp] : gp);
  const only = (indices: readonly number[]): EventConstraint => ({ indices, weight: indices.length });
  const plainCode = code & 0xffff;
  // A selector with edge, inv or cmask is not the architectural event: no fixed counter for it.
  const bare = (code & ~0xffff) === 0;
  if (bare && plainCode === 0x00c0) return only(withFixed(0));
  if (bare && plainCode === 0x003c) return only(withFixed(1));
  if (plainCode === REF_CYCLES) return only(nrFixed > 2 ? [PMC_IDX_FIXED + 2] : []);
  // L1D_PEND_MISS.PENDING and CYCLE_ACTIVITY.*L1D* live on counter 2.
  if (plainCode === 0x0148 || ((plainCode & 0xff) === 0xa3 && (plainCode & 0x0800) !== 0)) return only([2]);
  if ([0xd0, 0xd1, 0xd2, 0xcd].includes(plainCode & 0xff)) return only(gp.slice(0, 4));
  return only(gp);
}

/** bdw_limit_period(): INST_RETIRED.ALL wants a period of at least 128 with the low six bits clear (errata BDM11, BDM55). */
export function limitPeriod(code: number, left: number): number {
  if ((code & 0xffff) !== 0x01c0) return left;
  const least = Math.max(left, 128);
  return least - (least % 64);
}
