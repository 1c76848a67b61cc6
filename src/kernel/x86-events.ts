/**
 * How Linux names a CPU model's events, and which counters may count them: the tables that intel_pmu_init() selects.
 * The data belongs to the machine (machine/presets); here are the format of the tables and the driver's look-ups.
 *
 * Codes are umask<<8|event. Source: arch/x86/events/intel/core.c (intel_perfmon_event_map, *_hw_cache_event_ids,
 * *_hw_cache_extra_regs, intel_*_event_constraints, intel_pmu_check_event_constraints), arch/x86/events/core.c
 * (set_ext_hw_attr, x86_get_event_constraints).
 * Not modelled: NODE events and LLC-stores, whose numbers workloads do not state; PERF_METRICS and its topdown events.
 */
import { PMC_IDX_FIXED } from '../arch/msr.ts';
import { PERF_TYPE } from '../uapi/perf-event.ts';
import { EINVAL, ENOENT } from './errno.ts';

/** PERF_COUNT_HW_* in order; undefined: no such event (intel_perfmon_event_map, the same for all models here). */
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
export interface CacheEvent {
  readonly code: number;
  readonly extra: number;
}

/** struct event_constraint as a table row: the codes it covers, and the counters they may use. */
export interface ConstraintRow {
  /** Bits of the selector to compare. */
  readonly mask: number;
  readonly from: number;
  readonly to: number;
  /** General-purpose counters, as a bit mask. */
  readonly counters: number;
  /** The fixed counter that counts the event. */
  readonly fixed: number | undefined;
}

/** The driver's tables for one CPU model. */
export interface X86Events {
  /** The kernel's name for the model at boot ("Broadwell events"). */
  readonly name: string;
  /** The first Linux that knows the model; absent: older than any here. */
  readonly since?: readonly [major: number, minor: number];
  /** cache | op << 8 | result << 16 -> event; undefined: meaningless on this model (-1 in the kernel's tables). */
  readonly cache: ReadonlyMap<number, CacheEvent | undefined>;
  /** The event codes that use MSR_OFFCORE_RSP_0 and _1, and the bits of those registers that may be set. */
  readonly offcore: { readonly codes: readonly [number, number]; readonly valid: number };
  /** The first matching row decides; an event without one may use any general-purpose counter. */
  readonly constraints: readonly ConstraintRow[];
  /** limit_period(): the period as changed for the model's errata. */
  readonly limit_period?: (code: number, left: number) => number;
}

/** A cache event that needs no register of its own. */
export const plain = (code: number): CacheEvent => ({ code, extra: 0 });

/** Bits of RAW configs that reach the selector (X86_RAW_EVENT_MASK): event, umask, edge, inv, cmask. */
export const X86_RAW_EVENT_MASK = 0xff | 0xff00 | (1 << 18) | (1 << 23) | 0xff000000;

/** What of a selector says which event is counted, and how. */
export const rawEvent = (eventsel: number): number => (eventsel & X86_RAW_EVENT_MASK) >>> 0;

const row = (mask: number, from: number, to: number, counters: number, fixed?: number): ConstraintRow => ({
  mask: mask >>> 0,
  from,
  to,
  counters,
  fixed,
});
/**
 * FIXED_EVENT_CONSTRAINT: a fixed counter, or any general-purpose one unless the code is a pseudo-encoding (event 0).
 */
export const fixedEvent = (code: number, n: number): ConstraintRow =>
  row(X86_RAW_EVENT_MASK, code, code, (code & 0xff) === 0 ? 0 : -1, n);
/** INTEL_EVENT_CONSTRAINT: an event select, whatever its unit mask. */
export const event = (code: number, counters: number): ConstraintRow => row(0xff, code, code, counters);
/** INTEL_EVENT_CONSTRAINT_RANGE */
export const eventRange = (from: number, to: number, counters: number): ConstraintRow => row(0xff, from, to, counters);
/** INTEL_UEVENT_CONSTRAINT: event select and unit mask. */
export const uevent = (code: number, counters: number): ConstraintRow => row(0xffff, code, code, counters);
/** INTEL_UBIT_EVENT_CONSTRAINT: an event select with at least these bits in its unit mask. */
export const ubit = (code: number, counters: number): ConstraintRow => row(0xff | code, code, code, counters);

/** PERF_COUNT_HW_CACHE_MAX, _OP_MAX and _RESULT_MAX. */
const CACHE_RANGES = [7, 3, 2] as const;
/** cache | op << 8 of combinations that are meaningless on every model: stores to code and to branches. */
const NONSENSE: ReadonlySet<number> = new Set([0x0101, 0x0104, 0x0204, 0x0105, 0x0205]);

/** Why eventCodeOf() does not know an event: -ENOENT if this model lacks it, -EINVAL if it makes no sense. */
export function unknownEvent({ cache }: X86Events, type: number, config: number): number {
  if (type === PERF_TYPE.HARDWARE) return config < HARDWARE.length ? -ENOENT : -EINVAL;
  const fields = [config % 256, Math.floor(config / 256) % 256, Math.floor(config / 65_536) % 256];
  const there = fields.every((field, i) => field < CACHE_RANGES[i]!) && !NONSENSE.has(config % 65_536);
  return there && !cache.has(config % 2 ** 24) ? -ENOENT : -EINVAL;
}

/** The hardware's code for a perf event; undefined: this model has none. */
export function eventCodeOf({ cache }: X86Events, type: number, config: number): CacheEvent | undefined {
  if (type === PERF_TYPE.RAW) return plain(config);
  if (type === PERF_TYPE.HW_CACHE) return cache.get(config % 2 ** 24);
  const code = HARDWARE[config];
  return code === undefined ? undefined : plain(code);
}

/** What each generic hardware event is assumed to occur a second (intel_pmu_freq_start_period); cache events: like misses. */
const PER_SECOND: readonly (number | undefined)[] = [
  500_000_000, 500_000_000, 25_000_000, 25_000_000, 125_000_000, 125_000_000, 500_000_000, 500_000_000, 500_000_000,
  500_000_000,
];
/** Of events that Linux knows nothing about. */
const RARE_PER_SECOND = 64 * 4000;

/** Events a second that Linux assumes for an event sampled by frequency, before it has seen any. */
export function freqStartFactor({ type, config }: { readonly type: number; readonly config: number | bigint }): number {
  if (type === PERF_TYPE.HW_CACHE) return PER_SECOND[3]!;
  return (type === PERF_TYPE.HARDWARE ? PER_SECOND[Number(config)] : undefined) ?? RARE_PER_SECOND;
}

/** Which MSR_OFFCORE_RSP an event code needs besides the selector, if any. */
export function offcoreRspOf({ offcore }: X86Events, code: number): 0 | 1 | undefined {
  const i = offcore.codes.indexOf(code & 0xffff);
  return i < 0 ? undefined : (i as 0 | 1);
}

export function validOffcoreRsp({ offcore: { valid } }: X86Events, value: number): boolean {
  const [high, low] = [Math.floor(value / 2 ** 32), value % 2 ** 32];
  return (high & ~Math.floor(valid / 2 ** 32)) === 0 && (low & ~(valid % 2 ** 32)) === 0;
}

/** struct event_constraint: the allowed counters, by index, and how many they are (events with fewest go first). */
export interface EventConstraint {
  readonly indices: readonly number[];
  readonly weight: number;
}

/** The constraint of an event on a PMU with `nrGp` general-purpose and `nrFixed` fixed counters. */
export function eventConstraint(model: X86Events, code: number, nrGp: number, nrFixed: number): EventConstraint {
  const found = model.constraints.find(({ mask, from, to }) => {
    const bits = (code & mask) >>> 0;
    return bits >= from && bits <= to;
  });
  const counters = found?.counters ?? -1;
  const indices = Array.from({ length: nrGp }, (_, i) => i).filter((i) => ((counters >> i) & 1) === 1);
  // Fixed counters are preferred.
  if (found?.fixed !== undefined && found.fixed < nrFixed) indices.unshift(PMC_IDX_FIXED + found.fixed);
  return { indices, weight: indices.length };
}
