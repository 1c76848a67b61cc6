/**
 * What a run of the simulated perf tool hands to whoever prints or stores it: plain data, no behaviour.
 */
import type { Nanos } from '../units.ts';
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
