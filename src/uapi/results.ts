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
  /** True: read() gave nothing, as of a group that lacks a member (<not counted>); a file of counts has none of it. */
  readonly unread?: boolean;
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
  /** From IRETs to ring 3 until its next instruction begins to execute. */
  | 'refill'
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
  /** The host's scheduling and its other tasks, other guests among them. */
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

/** What a kernel does to its PMU, and what it does around that. */
export type Operation =
  | 'enable GLOBAL_CTRL'
  | 'disable GLOBAL_CTRL'
  | 'r/w FIXED_CTR_CTRL'
  /** Those writes of FIXED_CTR_CTRL that switch a counter on. */
  | 'enable a fixed counter'
  | 'r/w EVENTSEL'
  /** Those writes of PERFEVTSEL that switch a counter on. */
  | 'enable a GP counter'
  | 'r/w counter'
  | 'RDPMC'
  | 'r/w GLOBAL_STATUS, OVF_CTRL'
  | 'w LVTPC'
  /** A PMI in the driver: intel_pmu_handle_irq. */
  | 'x86_pmu.handle_irq'
  /** perf's part of switching to and from a task with hardware events. */
  | 'context_switch, sched_in'
  | 'context_switch, sched_out'
  /** perf_rotate_context, where somebody's turn is over. */
  | 'rotation'
  /** tick_sched_timer, perf_event_task_tick in it. */
  | 'tick'
  /** KVM makes a host event for a virtual counter, or gives one up; in the host, inside the accesses above. */
  | 'pmc_reprogram_counter, GP'
  | 'pmc_reprogram_counter, fixed'
  | 'pmc_stop_counter, GP'
  | 'pmc_stop_counter, fixed';

/** What one operation took in a run; times in ns. All 0 if it did not happen. */
export interface OperationRow {
  readonly operation: Operation;
  readonly calls: number;
  readonly mean: number;
  /** Nearest-rank: a value that came. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** VM-exits of one call, on average. */
  readonly exits: number;
  /** Time outside the guest of one call, on average. */
  readonly host: number;
  /** False: p50 and p99 are rounded up by up to 0.1 %. */
  readonly exact: boolean;
}

/** A figure over several runs: its median, and an interval for that (equal ends: one run). */
export interface BenchFigure {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** What one operation took under one design, over its runs. */
export interface BenchOperation extends Readonly<
  Record<Exclude<keyof OperationRow, 'operation' | 'exact'>, BenchFigure>
> {
  readonly operation: Operation;
  readonly exact: boolean;
}

/** One design's column of a bench. */
export interface BenchDesign {
  readonly vpmu: string;
  readonly runs: number;
  /** Every operation, whether it took place or not; none where the kernel finds no PMU. */
  readonly operations: readonly BenchOperation[];
  /** Wall time of the workload with perf and without, ns, and (with - without) / without of each seed. */
  readonly elapsed: BenchFigure;
  readonly bare: BenchFigure;
  readonly overhead: BenchFigure;
  readonly samples: BenchFigure;
  readonly throttled: BenchFigure;
  /** Mean over the runs with perf. */
  readonly ledger: Ledger;
}

export interface BenchReport {
  /** The command whose cost was measured, and the workload. */
  readonly command: string;
  readonly seeds: number;
  readonly designs: readonly BenchDesign[];
  /** Designs under which the workload got nowhere, and why. */
  /** Designs that fail so many of so many checks of the contract, if any do. */
  readonly broken?: readonly { readonly vpmu: string; readonly failed: number; readonly checks: number }[];
  readonly liveLocked: readonly { readonly vpmu: string; readonly why: string }[];
}

/** A vPMU design put to the contract on one host. */
export interface ContractReport {
  /** As --vpmu names it. */
  readonly vpmu: string;
  readonly design: string;
  readonly machine: string;
  /** Linux on the host. */
  readonly release: string;
  readonly checks: number;
  /** What fails as the design says it does. */
  readonly declared: readonly { readonly check: string; readonly reason: string; readonly commit: string }[];
  readonly failures: readonly ContractFailure[];
}

export interface ContractFailure {
  readonly check: string;
  /** What failures have in common. */
  readonly cause: string;
  /** What was expected in this one; '' if the cause says all. */
  readonly detail: string;
}
