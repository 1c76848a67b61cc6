/** Results of perf stat. Plain data, for printing and storing. */
import type { Evsel } from '../perf-events/evsel.ts';
import type { Nanos } from '../units.ts';

/** struct perf_counts_values of one event, summed over its CPUs. */
export interface StatCount {
  readonly val: number;
  /** ns the event was enabled. */
  readonly ena: number;
  /** ns it was on a counter. */
  readonly run: number;
  /** False: perf_event_open() refused the event (<not supported>). */
  readonly supported: boolean;
  /** True: read() failed, as for a group that lacks a member (<not counted>); a file of counts has no entry for it. */
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
