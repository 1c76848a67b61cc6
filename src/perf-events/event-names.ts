/**
 * perf's event names, both ways: the words that a user may type for an attr, and perf's name for an attr without one.
 *
 * Sources: include/uapi/linux/perf_event.h for the numbers; `perf list` and `perf evlist` of perf 6.1 for the words;
 * the cpu PMU's sysfs events and format of a Broadwell (arch/x86/events/intel/core.c) for cpu/.../.
 * Not modelled: tracepoints, breakpoints, probes, BPF objects, vendor event files (pmu-events/), uncore PMUs.
 */
import { PERF_COUNT_HW, PERF_COUNT_SW, PERF_TYPE, type PerfEventAttr } from '../uapi/perf-event.ts';

/** A hardware or software event with its names; the one that `perf list` shows first comes first. */
export interface SymbolicEvent {
  readonly config: number;
  readonly names: readonly string[];
  /** perf's name for an attr of this config that has none. */
  readonly canonical: string;
}

const symbolic = (config: number, names: string, canonical = names): SymbolicEvent => ({
  config,
  names: names.split(' '),
  canonical,
});

/** PERF_TYPE_HARDWARE, by config. */
export const HARDWARE_EVENTS: readonly SymbolicEvent[] = [
  symbolic(PERF_COUNT_HW.CPU_CYCLES, 'cpu-cycles cycles', 'cycles'),
  symbolic(PERF_COUNT_HW.INSTRUCTIONS, 'instructions'),
  symbolic(PERF_COUNT_HW.CACHE_REFERENCES, 'cache-references'),
  symbolic(PERF_COUNT_HW.CACHE_MISSES, 'cache-misses'),
  symbolic(PERF_COUNT_HW.BRANCH_INSTRUCTIONS, 'branch-instructions branches', 'branches'),
  symbolic(PERF_COUNT_HW.BRANCH_MISSES, 'branch-misses'),
  symbolic(PERF_COUNT_HW.BUS_CYCLES, 'bus-cycles'),
  symbolic(
    PERF_COUNT_HW.STALLED_CYCLES_FRONTEND,
    'stalled-cycles-frontend idle-cycles-frontend',
    'stalled-cycles-frontend',
  ),
  symbolic(
    PERF_COUNT_HW.STALLED_CYCLES_BACKEND,
    'stalled-cycles-backend idle-cycles-backend',
    'stalled-cycles-backend',
  ),
  symbolic(PERF_COUNT_HW.REF_CPU_CYCLES, 'ref-cycles'),
];

/** PERF_TYPE_SOFTWARE, by config. */
export const SOFTWARE_EVENTS: readonly SymbolicEvent[] = [
  symbolic(PERF_COUNT_SW.CPU_CLOCK, 'cpu-clock'),
  symbolic(PERF_COUNT_SW.TASK_CLOCK, 'task-clock'),
  symbolic(PERF_COUNT_SW.PAGE_FAULTS, 'page-faults faults', 'page-faults'),
  symbolic(PERF_COUNT_SW.CONTEXT_SWITCHES, 'context-switches cs', 'context-switches'),
  symbolic(PERF_COUNT_SW.CPU_MIGRATIONS, 'cpu-migrations migrations', 'cpu-migrations'),
  symbolic(PERF_COUNT_SW.PAGE_FAULTS_MIN, 'minor-faults'),
  symbolic(PERF_COUNT_SW.PAGE_FAULTS_MAJ, 'major-faults'),
  symbolic(PERF_COUNT_SW.ALIGNMENT_FAULTS, 'alignment-faults'),
  symbolic(PERF_COUNT_SW.EMULATION_FAULTS, 'emulation-faults'),
  symbolic(PERF_COUNT_SW.DUMMY, 'dummy'),
  symbolic(PERF_COUNT_SW.BPF_OUTPUT, 'bpf-output', 'unknown-software'),
  symbolic(PERF_COUNT_SW.CGROUP_SWITCHES, 'cgroup-switches', 'unknown-software'),
];

/** Values that perf itself measures and prints like events; it opens a dummy event for each. */
export const TOOL_EVENTS = ['duration_time', 'user_time', 'system_time'] as const;
export type ToolEvent = (typeof TOOL_EVENTS)[number];
export const isToolEvent = (name: string): name is ToolEvent => (TOOL_EVENTS as readonly string[]).includes(name);

/**
 * Accepted words by cache, operation and result (config bits 0-7, 8-15, 16-23). The first two of each are perf's own.
 */
const CACHE_NAMES: readonly (readonly string[])[] = [
  ['L1-dcache', 'l1-d', 'l1d', 'L1-data'],
  ['L1-icache', 'l1-i', 'l1i', 'L1-instruction'],
  ['LLC', 'L2'],
  ['dTLB', 'd-tlb', 'Data-TLB'],
  ['iTLB', 'i-tlb', 'Instruction-TLB'],
  ['branch', 'bpu', 'btb', 'bpc'],
  ['node'],
];
const CACHE_OPS: readonly (readonly string[])[] = [
  ['load', 'loads', 'read'],
  ['store', 'stores', 'write'],
  ['prefetch', 'prefetches', 'speculative-read', 'speculative-load'],
];
const CACHE_RESULTS: readonly (readonly string[])[] = [
  ['refs', 'Reference', 'ops', 'access'],
  ['misses', 'miss'],
];
/** Operations that exist for each cache, as bits: 1 load, 2 store, 4 prefetch. */
const CACHE_HAS = [7, 5, 7, 7, 1, 1, 7];

/** Low bit and width of the terms in bits 0..31 of the cpu PMU's config, from its sysfs format directory. */
export const CPU_FORMAT: Readonly<Record<string, readonly [shift: number, bits: number]>> = {
  event: [0, 8],
  umask: [8, 8],
  edge: [18, 1],
  pc: [19, 1],
  any: [21, 1],
  inv: [23, 1],
  cmask: [24, 8],
};
/** The cpu PMU's sysfs events: name and config. */
export const CPU_ALIASES: Readonly<Record<string, number>> = {
  'branch-instructions': 0xc4,
  'branch-misses': 0xc5,
  'bus-cycles': 0x013c,
  'cache-misses': 0x412e,
  'cache-references': 0x4f2e,
  'cpu-cycles': 0x3c,
  instructions: 0xc0,
  'ref-cycles': 0x0300,
};

const byName = (events: readonly SymbolicEvent[]): ReadonlyMap<string, number> =>
  new Map(events.flatMap((e) => e.names.map((name) => [name, e.config] as const)));
const HARDWARE = byName(HARDWARE_EVENTS);
const SOFTWARE = byName(SOFTWARE_EVENTS);
const indexOfName = (names: readonly (readonly string[])[]): ReadonlyMap<string, number> =>
  new Map(names.flatMap((list, i) => list.map((name) => [name, i] as const)));
const CACHE = indexOfName(CACHE_NAMES);
const CACHE_OP = indexOfName(CACHE_OPS);
const CACHE_RESULT = indexOfName(CACHE_RESULTS);
const longestFirst = (names: Iterable<string>): string[] => [...names].toSorted((a, b) => b.length - a.length);
const CACHE_WORDS = longestFirst(CACHE.keys());
const SUFFIX_WORDS = longestFirst([...CACHE_OP.keys(), ...CACHE_RESULT.keys()]);

/** The meaning of a symbolic name, or how far it was understood. */
export type NameLookup =
  | { readonly kind: 'event'; readonly type: number; readonly config: number }
  /** A cache name up to `end`, followed by neither an operation nor a result. */
  | { readonly kind: 'partial'; readonly end: number }
  /** The cache does not have the operation. */
  | { readonly kind: 'impossible' }
  | { readonly kind: 'unknown' };

function lookupCache(name: string): NameLookup {
  const cache = CACHE_WORDS.find((word) => name === word || name.startsWith(`${word}-`));
  if (cache === undefined) return { kind: 'unknown' };
  let [op, result] = [undefined as number | undefined, undefined as number | undefined];
  let at = cache.length;
  for (let n = 0; n < 2 && at < name.length; n++) {
    const rest = name.slice(at + 1);
    const word = SUFFIX_WORDS.find((w) => rest === w || rest.startsWith(`${w}-`));
    if (word === undefined) return { kind: 'partial', end: at };
    op ??= CACHE_OP.get(word);
    result ??= CACHE_RESULT.get(word);
    at += 1 + word.length;
  }
  if (at < name.length) return { kind: 'partial', end: at };
  const index = CACHE.get(cache)!;
  if ((CACHE_HAS[index]! & (1 << (op ?? 0))) === 0) return { kind: 'impossible' };
  return { kind: 'event', type: PERF_TYPE.HW_CACHE, config: index | ((op ?? 0) << 8) | ((result ?? 0) << 16) };
}

/** The attr type and config of a symbolic or raw (rNNN) event name without modifiers; exact spelling, as in perf. */
export function lookupEvent(name: string): NameLookup {
  const hardware = HARDWARE.get(name);
  if (hardware !== undefined) return { kind: 'event', type: PERF_TYPE.HARDWARE, config: hardware };
  const software = SOFTWARE.get(name);
  if (software !== undefined) return { kind: 'event', type: PERF_TYPE.SOFTWARE, config: software };
  if (isToolEvent(name)) return { kind: 'event', type: PERF_TYPE.SOFTWARE, config: PERF_COUNT_SW.DUMMY };
  if (/^r[\da-fA-F]{1,16}$/.test(name)) {
    return { kind: 'event', type: PERF_TYPE.RAW, config: Number.parseInt(name.slice(1), 16) };
  }
  return lookupCache(name);
}

/** perf's spelling of a cache event ("L1-dcache-load-misses"), or its text for an invalid one. */
function cacheEventName(config: number): string {
  const [cache, op, result] = [config & 0xff, (config >> 8) & 0xff, (config >> 16) & 0xff];
  if (cache >= CACHE_NAMES.length) return 'unknown-ext-hardware-cache-type';
  if (op >= CACHE_OPS.length) return 'unknown-ext-hardware-cache-op';
  if (result >= CACHE_RESULTS.length) return 'unknown-ext-hardware-cache-result';
  if ((CACHE_HAS[cache]! & (1 << op)) === 0) return 'invalid-cache';
  const stem = CACHE_NAMES[cache]![0]!;
  return result === 0 ? `${stem}-${CACHE_OPS[op]![1]!}` : `${stem}-${CACHE_OPS[op]![0]!}-misses`;
}

/** All valid cache events in perf's spelling, in `perf list` order of their numbers. */
export const CACHE_EVENTS: readonly { readonly config: number; readonly name: string }[] = CACHE_NAMES.flatMap(
  (_, cache) =>
    CACHE_OPS.flatMap((_op, op) =>
      (CACHE_HAS[cache]! & (1 << op)) === 0
        ? []
        : [0, 1]
            .map((result) => cache | (op << 8) | (result << 16))
            .map((config) => ({ config, name: cacheEventName(config) })),
    ),
);

/** Every word that stands for an event, for suggestions and completion. */
export const EVENT_WORDS: readonly string[] = [
  ...HARDWARE_EVENTS.flatMap((e) => e.names.toReversed()),
  ...SOFTWARE_EVENTS.flatMap((e) => e.names),
  ...TOOL_EVENTS,
  ...CACHE_EVENTS.map((e) => e.name),
];

/**
 * The modifiers that perf adds to a name it makes up. It takes exclude_guest as the default unless some other exclusion
 * is set: an attr without any exclusion gets ":HG".
 */
function modifiers(attr: PerfEventAttr): string {
  let text = '';
  const excludes = attr.exclude_kernel || attr.exclude_user || attr.exclude_hv;
  if (excludes) text += `${attr.exclude_kernel ? '' : 'k'}${attr.exclude_user ? '' : 'u'}${attr.exclude_hv ? '' : 'h'}`;
  const precise = attr.precise_ip ?? 0;
  text += 'p'.repeat(precise);
  const guestDefault = Boolean(excludes) || precise > 0;
  if (attr.exclude_host || Boolean(attr.exclude_guest) === guestDefault) {
    text += `${attr.exclude_host ? '' : 'H'}${attr.exclude_guest ? '' : 'G'}`;
  }
  return text === '' ? '' : `:${text}`;
}

/** perf's name for an attr without one: in a recording without EVENT_DESC, or of an event that fell back to a clock. */
export function eventName(attr: PerfEventAttr): string {
  const suffix = modifiers(attr);
  switch (attr.type) {
    case PERF_TYPE.HARDWARE:
      return (HARDWARE_EVENTS[Number(attr.config)]?.canonical ?? 'unknown-hardware') + suffix;
    case PERF_TYPE.SOFTWARE:
      return (SOFTWARE_EVENTS[Number(attr.config)]?.canonical ?? 'unknown-software') + suffix;
    case PERF_TYPE.HW_CACHE:
      return cacheEventName(Number(attr.config)) + suffix;
    case PERF_TYPE.RAW:
      return `raw 0x${attr.config.toString(16)}${suffix}`;
    case PERF_TYPE.TRACEPOINT:
      return 'unknown tracepoint';
    default:
      return `unknown attr type: ${attr.type}`;
  }
}
