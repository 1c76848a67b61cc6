/**
 * What a run of the simulated perf tool hands to whoever prints or stores it: plain data, no behaviour.
 */
import type { Cycles, Nanos } from '../units.ts';
import type { Evsel } from './evsel.ts';

/** What read() of one event gave: struct perf_counts_values, summed over the CPUs it was opened on. */
export interface StatCount {
  readonly val: number;
  /** ns the event was enabled. */
  readonly ena: number;
  /** ns it was on a counter. */
  readonly run: number;
  /** False: perf_event_open refused the event (<not supported>). */
  readonly supported: boolean;
}

/** One run of a workload under perf stat. `counts` is parallel to `evlist`. */
export interface StatRun {
  readonly counts: readonly StatCount[];
  /** Wall time from enabling to the end. */
  readonly elapsed: Nanos;
  /** ru_utime and ru_stime of the workload. */
  readonly user: Nanos;
  readonly sys: Nanos;
  /** The workload's exit status. */
  readonly status: number;
}

export interface StatResult {
  readonly evlist: readonly Evsel[];
  /** One per -r repetition. */
  readonly runs: readonly StatRun[];
}

/** One step of something that happened on a machine. */
export interface LifeStep {
  /** Since the start. */
  readonly at: Nanos;
  /** "cpu0 pmu", "host", "kvm legacy", "guest". */
  readonly who: string;
  readonly text: string;
}

/** What happened from an interrupt's cause to its end, step by step, and what it comes to. */
export interface Life {
  /** What it is the life of, and where. */
  readonly title: string;
  /** Which events were on. */
  readonly events: string;
  readonly steps: readonly LifeStep[];
  /** A name and what is to say of it, row by row. */
  readonly summary: readonly (readonly [name: string, text: string])[];
}

/** What perf_sample_event_took() makes of an average. */
export interface ThrottleReport {
  readonly release: string;
  readonly hz: number;
  readonly percent: number;
  readonly avg_ns: number;
  readonly before: SampleLimits;
  readonly after: SampleLimits;
  /** PMIs of one event that a tick takes before the event is stopped until the next. */
  readonly samplesPerTick: number;
  readonly kernelLog: readonly string[];
}

export interface SampleLimits {
  readonly allowed_ns: number;
  readonly max_samples_per_tick: number;
  readonly sample_rate: number;
}

/** What time can go to. "kernel" is the one perf and the workload run on, "host" what lies beneath a guest. */
export type LedgerAccount =
  /** The workload's own instructions. */
  | 'workload'
  /** Other user space on that kernel: perf itself. */
  | 'programs'
  /** perf's core and drivers, PMIs included. */
  | 'kernel perf'
  /** Register accesses that do not exit. */
  | 'kernel registers'
  /** Ticks, timers, irq_work. */
  | 'kernel interrupts'
  /** System calls, faults, scheduling. */
  | 'kernel tasks'
  /** VM-exit and VM-entry themselves. */
  | 'exits'
  /** What KVM does about them. */
  | 'kvm'
  /** The host's perf: events made and released for the guest, its PMIs. */
  | 'host perf'
  | 'host registers'
  | 'host interrupts'
  /** The host's scheduling and its other tasks. */
  | 'host tasks'
  /** Halted: nothing to run, a sleep or a grace period. */
  | 'idle';

/** Where the time of a run went, boot to end. */
export interface Ledger {
  /** Every account once, in this order; their cycles add up to `total`, their ns to `ns`, exactly. */
  readonly rows: readonly { readonly account: LedgerAccount; readonly cycles: Cycles; readonly ns: number }[];
  readonly total: Cycles;
  readonly ns: Nanos;
}
