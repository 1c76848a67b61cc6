/** The keys of a machine's spec, with unit, meaning and range, and the format of a preset. */
import type { PmuCaps } from '../arch/cpuid.ts';
import type { CoreEvents } from '../arch/events.ts';
import { NEWEST_RELEASE, OLDEST_RELEASE, type CpuBugs } from '../kernel/config.ts';
import type { X86Events } from '../kernel/x86-events.ts';
import { COST_KEYS } from './costs.ts';
import { choice, flag, linux, number, text, type KeyKind } from './key-info.ts';
import { TIMING_KEYS } from './penalties.ts';

export const SPEC_KEYS = {
  'core.clock': number('Hz', 'core clock while all cores are busy, and the unit of time', 1e8, 1e10),
  'core.turbo': {
    ...flag("higher core clocks while few cores of a socket are busy, by the machine's table (gperf list machine)"),
    late: true,
  },
  'core.tsc': number('Hz', 'time-stamp counter, what ref-cycles counts at', 1e8, 1e10),
  'core.refill': number('cycles', 'from an IRET to ring 3 until an instruction executes', 0, 1e6, false),
  'core.cold': flag("exits and interrupts displace lines in the core's caches, which are missed afterwards"),
  'core.l1_size': number('kB', 'first-level caches of a core, code and data', 1, 1e4),
  'core.l2_size': number('kB', 'second-level cache of a core', 1, 1e6),
  'core.smt_throughput': number(
    '',
    'work that a core does with both hardware threads busy, over what it does with one',
    1,
    2,
    false,
  ),
  'core.bus': number('Hz', 'bus clock, what bus-cycles counts at', 1e6, 1e9),
  'pmu.version': number('', 'architectural performance monitoring version', 1, 5),
  'pmu.gp': number('counters', 'general-purpose counters of a thread', 0, 8),
  'pmu.fixed': number('counters', 'fixed counters', 0, 4),
  'pmu.width': number('bits', 'counter width', 32, 52),
  'pmu.full_width_write': flag('counters can be written at full width'),
  'skid.fixed': number('cycles', 'least delay from an overflow to its interrupt', 0, 1e6, false),
  'skid.mean': number('cycles', 'mean of the exponential delay on top', 0, 1e6, false),
  'skid.max': number('cycles', 'longest delay', 0, 1e7, false),
  'host.kernel': linux('Linux version of the host, 5.0 to 7.0', OLDEST_RELEASE, NEWEST_RELEASE),
  'host.hz': number('Hz', "the host kernel's tick", 100, 1000),
  'host.cpus': number('CPUs', 'possible CPUs; host.cores are simulated, all are counted', 1, 8192),
  'host.threads_per_core': number(
    'threads',
    "hardware threads of a core: CPU k is on a core with CPU k + host.cpus/2, and they slow each other down if both are simulated; 1 also gives each its core's counters",
    1,
    2,
  ),
  'host.watchdog': flag("the host's NMI watchdog, a pinned cycles event"),
  'host.libc': text("glibc version of the host's libc and ld.so", /^\d+\.\d+$/, 'a version like 2.17'),
  'host.paranoid': number('', 'kernel.perf_event_paranoid of the host', -1, 4),
  'host.max_sample_rate': number('Hz', 'kernel.perf_event_max_sample_rate at the start', 1, 1e6),
  'host.cpu_time_max_percent': number('%', 'kernel.perf_cpu_time_max_percent', 0, 100),
  'host.mlock_kb': number('kB', 'kernel.perf_event_mlock_kb', 8, 1e6),
  'host.perf': choice(
    'who else uses perf on the host: nobody, perf stat -a -e cycles, perf record -a -e cycles, or perf stat -e task-clock of a task on another CPU',
    ['off', 'stat', 'record', 'task'],
  ),
  'host.cores': number(
    'cores',
    'simulated CPUs: perf and the workload are on all of them on bare metal without guests (or with host.sched=floating), otherwise on the first; vCPU i of the guest is on core i modulo host.cores',
    1,
    64,
  ),
  'host.sched': {
    ...choice(
      "threads of guests' vCPUs: each is pinned to its core, or floating: Linux' scheduler moves them among all host.cores, which are then CPUs of one boot (one thread of --workers simulates them all)",
      ['pinned', 'floating'],
    ),
    late: true,
  },
  'host.ipi_latency': number('ns', 'from sending an interrupt to another core until it arrives', 1, 1e6),
  'host.guests': number(
    'guests',
    'other guests, each running the same workload over and over: guest i on core i modulo host.cores',
    0,
    16,
  ),
  'host.guests_perf': flag('the other guests run it under perf, by the same command'),
  'host.ipi': choice("the host's first and last event: cold (at the cost of its parts) or warm (a residue of that)", [
    'warm',
    'cold',
  ]),
  'guest.kernel': linux('Linux version of the guest, 5.0 to 7.0', OLDEST_RELEASE, NEWEST_RELEASE),
  'guest.hz': number('Hz', "the guest kernel's tick", 100, 1000),
  'guest.cpus': number('CPUs', 'possible CPUs of the guest; guest.vcpus are simulated', 1, 8192),
  'guest.vcpus': number('vCPUs', 'CPUs of the guest that are simulated', 1, 64),
  'guest.watchdog': flag("the guest's own NMI watchdog (off by default in a KVM guest)"),
  'guest.libc': text("glibc version of the guest's libc and ld.so", /^\d+\.\d+$/, 'a version like 2.27'),
  'guest.paranoid': number('', 'kernel.perf_event_paranoid of the guest', -1, 4),
  'guest.max_sample_rate': number('Hz', 'kernel.perf_event_max_sample_rate at the start', 1, 1e6),
  'guest.cpu_time_max_percent': number('%', 'kernel.perf_cpu_time_max_percent', 0, 100),
  'guest.mlock_kb': number('kB', 'kernel.perf_event_mlock_kb', 8, 1e6),
  'guest.pmu_filter': text(
    'what KVM_SET_PMU_EVENT_FILTER denies the guest: raw events and fixed counters, e.g. r412e,fixed0; or none',
    /^(none|(r[0-9a-f]{1,4}|fixed[0-3])(,(r[0-9a-f]{1,4}|fixed[0-3]))*)$/,
    'none, or words like r412e or fixed0 with commas',
  ),
  'kvm.pinned': {
    ...flag(
      "the host's events for guests come before flexible ones of the host; off: only those that a single counter can count",
    ),
    late: true,
  },
  'kvm.hooks': {
    ...flag("KVM tells the host's perf what it does to the counters that it drives (NEXT (1) of the letter)"),
    late: true,
  },
  'guest.fresh': flag('start with no average PMI length from earlier runs of perf'),
  'guest.background': number(
    'context switches/s',
    'switches to and from another task of the guest, beside the workload',
    0,
    20_000,
  ),
  'guest.memory': number('kB', 'memory of the guest, for the header only', 1, 1e12),
  'host.fresh': flag("start without what earlier runs left: an average PMI length, perf's static key switched on"),
  'host.memory': number('kB', 'memory of the host, for the header only', 1, 1e12),
  'machine.grid': number(
    'ns',
    'how often a core learns how many perf events and runnable tasks the others have',
    1e4,
    1e8,
  ),
  ...TIMING_KEYS,
  'costs.spread': {
    ...number(
      '',
      'how much the times of exits, register accesses and kernel functions spread around their means, a factor of each sigma in machine/spreads.ts; 0: every pass takes its mean',
      0,
      2,
      false,
    ),
    detail: true,
  },
  ...COST_KEYS,
} as const;

export type SpecKey = keyof typeof SPEC_KEYS;
type ValueOf<K extends KeyKind> = K extends 'number' ? number : K extends 'string' ? string : boolean;
export type SpecValues = { readonly [K in SpecKey]: ValueOf<(typeof SPEC_KEYS)[K]['kind']> };

/** Values with their sources, as a preset states them. */
export type SpecNumbers = { readonly [K in SpecKey]: readonly [value: SpecValues[K], source: string] };

/** MSR_TURBO_RATIO_LIMIT */
interface TurboLimits {
  /** Hz of the core clock while up to so many cores are busy; ascending, the last one is for all. */
  readonly limits: readonly (readonly [cores: number, hz: number])[];
  readonly source: string;
}

export interface MachinePreset {
  readonly name: string;
  readonly about: string;
  readonly identity: {
    readonly cpu_desc: string;
    readonly cpuid: string;
    readonly sockets: number;
    readonly coresPerSocket: number;
  };
  readonly values: SpecValues;
  /** Core clocks by how many cores of a socket are busy. */
  readonly turbo: TurboLimits;
  /** What else is different with hyperthreads switched off. */
  readonly singleThreaded: Pick<SpecValues, 'host.cpus' | 'pmu.gp'>;
  /** Where each value comes from. */
  readonly sources: Readonly<Record<SpecKey, string>>;
  /** What the core's event codes count. */
  readonly events: CoreEvents;
  /** Linux' tables for them. */
  readonly driver: X86Events;
  /** What Linux does about speculation on it. */
  readonly bugs: CpuBugs;
}

/** CPUID.0AH of the core. */
export const pmuCaps = (v: SpecValues): PmuCaps => ({
  version: v['pmu.version'],
  nrGp: v['pmu.gp'],
  nrFixed: v['pmu.fixed'],
  width: v['pmu.width'],
  fullWidthWrite: v['pmu.full_width_write'],
});

/** Whether a recording keeps the key's value although it is the preset's. */
export const isAlwaysKept = (key: SpecKey): boolean => !isDetail(key) && !('late' in SPEC_KEYS[key]);

export const isDetail = (key: SpecKey): boolean => 'detail' in SPEC_KEYS[key];

export const printValue = (value: number | string | boolean): string =>
  typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
