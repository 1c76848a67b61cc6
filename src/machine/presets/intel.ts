/**
 * What Intel's server cores have in common: the numbers, each with its source, that a preset may override; event codes
 * and constraints that all models share; the layout of Linux' table of cache events.
 *
 * Where nothing is published for a model, it has broadwell-ep's numbers, since most is known about that. Sources: [rec]
 * published recordings of user cycles: samples with periods of 1, 1, 4, 26 and 179 cycles in a row at one address,
 * after a SYSCALL (mysqld, 2022); of 1, 1, 12 and 466 at one address in a loop (Namhyung Kim's "perf record
 * --setup-filter", 2024); of 1, 1, 6, 70 and 915 at the first instruction of ld.so (node, 2015); [rr] the skid bound of
 * 125 branches, which is in production use. Event codes: Intel's event lists; arch/x86/events/intel/core.c.
 * Not modelled: uncore PMUs, differences between steppings.
 */
import { ARCHITECTURAL_EVENTS, type Counted } from '../../arch/events.ts';
import { event, fixedEvent, plain, type CacheEvent, type ConstraintRow } from '../../kernel/x86-events.ts';
import { COST_NUMBERS } from '../costs.ts';
import { LINUX_DEFAULTS } from '../defaults.ts';
import type { MachinePreset, SpecKey, SpecNumbers, SpecValues } from '../keys.ts';
import { TIMING_NUMBERS } from '../penalties.ts';

const THREADS_PER_CORE = 2;
/**
 * General-purpose counters that a thread without a sibling has (SDM volume 3B on Sandy Bridge, CPUID.0AH:EAX[15:8]);
 * before Ice Lake, two threads have half of them each.
 */
const GP_OF_CORE = 8;

const CHOSEN = 'chosen: a plausible value that nothing pins down';

/** Keys without a common value. */
type Own = 'core.clock' | 'core.tsc' | 'host.cpus' | 'host.memory' | 'pmu.version' | 'pmu.gp' | 'pmu.fixed';

const BASE: Omit<SpecNumbers, Own> = {
  ...LINUX_DEFAULTS,
  'core.turbo': [false, 'chosen: one clock, as in all figures that were published with earlier versions of gperf'],
  'core.refill': [200, 'chosen, above the 179 cycles after which nothing has retired in published recordings'],
  'core.cold': [true, 'caches are shared by whoever has the core'],
  'core.l1_size': [64, "Intel's optimization manual: 32 kB each for code and data"],
  'core.l2_size': [256, "Intel's optimization manual: Broadwell"],
  'core.bus': [2.5e7, 'CPUID leaf 15H: a crystal of 25 MHz, which CPU_CLK_UNHALTED.REF_XCLK counts'],
  'pmu.width': [48, 'CPUID leaf 0AH'],
  'pmu.full_width_write': [true, 'IA32_PERF_CAPABILITIES[13]'],
  'skid.fixed': [20, `${CHOSEN}; rr relies on 125 branches as the bound`],
  'skid.mean': [20, CHOSEN],
  'skid.max': [200, CHOSEN],
  'core.smt_throughput': [
    1.3,
    'between the means of two suites on one core of a Nehalem, 1.28 and 1.31 (Esmaeilzadeh, Cao, Yang, Blackburn, McKinley: "Looking Back on the Language and Hardware Revolutions", ASPLOS 2011; Hennessy and Patterson, 5th edition, section 3.12)',
  ],
  'host.threads_per_core': [THREADS_PER_CORE, "Intel's product page; on, as machines are shipped"],
  'host.kernel': ['7.0.0', "the first with KVM's mediated vPMU"],
  'host.libc': ['2.31', "Debian 11's"],
  'guest.kernel': ['6.1.0', 'chosen: Debian 11 with a later kernel'],
  'guest.libc': ['2.31', "Debian 11's"],
  ...TIMING_NUMBERS,
  'costs.spread': [1, 'published least times, means and deviations (machine/spreads.ts)'],
  ...COST_NUMBERS,
};

interface Model extends Omit<MachinePreset, 'values' | 'sources' | 'singleThreaded'> {
  /** What differs from the base. */
  readonly numbers: Pick<SpecNumbers, Exclude<Own, 'host.cpus'>> & Partial<SpecNumbers>;
}

/** A preset: the base with a model's numbers. */
export function intelCore({ numbers, ...model }: Model): MachinePreset {
  const cores = model.identity.sockets * model.identity.coresPerSocket;
  const all: SpecNumbers = {
    ...BASE,
    'host.cpus': [cores * THREADS_PER_CORE, "Intel's product page: sockets, cores, threads"],
    ...numbers,
  };
  const each = Object.entries(all) as [SpecKey, SpecNumbers[SpecKey]][];
  return {
    ...model,
    singleThreaded: { 'host.cpus': cores, 'pmu.gp': GP_OF_CORE },
    values: Object.fromEntries(each.map(([key, [value]]) => [key, value])) as unknown as SpecValues,
    sources: Object.fromEntries(each.map(([key, [, source]]) => [key, source])) as MachinePreset['sources'],
  };
}

/** From one busy core to all of a socket in as even steps of 100 MHz as there are: where only the two ends are published. */
export function evenSteps(cores: number, one: number, all: number): MachinePreset['turbo']['limits'] {
  const bins = Math.round((one - all) / 1e8);
  return Array.from({ length: bins + 1 }, (_, i) => [Math.round(((i + 1) * cores) / (bins + 1)), one - i * 1e8]);
}

/** Event codes that all of these cores have. */
export const CODES: readonly (readonly [code: number, counted: Counted])[] = [
  ...ARCHITECTURAL_EVENTS,
  [0x013c, 'bus-cycles'],
  [0x81d0, 'L1-dcache-loads'],
  [0x0151, 'L1-dcache-load-misses'],
  [0x82d0, 'L1-dcache-stores'],
  [0x019c, 'stalled-cycles-frontend'],
];

/** The events of the first three fixed counters. */
export const FIXED_EVENTS: readonly ConstraintRow[] = [
  fixedEvent(0x00c0, 0),
  fixedEvent(0x003c, 1),
  fixedEvent(0x0300, 2),
];

/** The events of retired memory instructions: the lower four counters only, which matters with hyperthreads off. */
export const MEMORY_RETIRED: readonly ConstraintRow[] = [
  event(0xd0, 0xf),
  event(0xd1, 0xf),
  event(0xd2, 0xf),
  event(0xcd, 0xf),
];

/** Cache events whose codes differ between models; undefined: meaningless on that model. */
interface CacheCodes {
  readonly L1_dcache_load_misses?: number;
  readonly L1_icache_load_misses: number;
  /** Demand data reads: all of them, and those that memory served. */
  readonly LLC_loads: CacheEvent;
  readonly LLC_load_misses: CacheEvent;
  readonly dTLB_load_misses: number;
  readonly dTLB_store_misses: number;
  readonly iTLB_loads: number | undefined;
  readonly iTLB_load_misses: number;
  readonly branches?: number;
  readonly branch_misses?: number;
}

/** *_hw_cache_event_ids with *_hw_cache_extra_regs. */
export const cacheEvents = (codes: CacheCodes): ReadonlyMap<number, CacheEvent | undefined> =>
  new Map([
    [0x000000, plain(0x81d0)],
    [0x010000, plain(codes.L1_dcache_load_misses ?? 0x0151)],
    [0x000100, plain(0x82d0)],
    [0x010001, plain(codes.L1_icache_load_misses)],
    [0x000002, codes.LLC_loads],
    [0x010002, codes.LLC_load_misses],
    [0x000003, plain(0x81d0)],
    [0x010003, plain(codes.dTLB_load_misses)],
    [0x000103, plain(0x82d0)],
    [0x010103, plain(codes.dTLB_store_misses)],
    [0x000004, codes.iTLB_loads === undefined ? undefined : plain(codes.iTLB_loads)],
    [0x010004, plain(codes.iTLB_load_misses)],
    [0x000005, plain(codes.branches ?? 0x00c4)],
    [0x010005, plain(codes.branch_misses ?? 0x00c5)],
  ]);
