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

/** How counts are put together: each CPU or thread by itself, or by what CPUs have in common. Absent: all in one sum. */
export type AggrMode = 'cpu' | 'socket' | 'die' | 'core' | 'node' | 'thread';

/** Where a CPU is in its machine. */
export interface CpuPlace {
  readonly node: number;
  readonly socket: number;
  readonly die: number;
  readonly core: number;
}

/** What one CPU counted. `counts` is parallel to `evlist`. */
export interface CpuCounts {
  readonly cpu: number;
  readonly counts: readonly StatCount[];
}

/** The same of one thread, and its name when perf began. */
export interface ThreadCounts {
  readonly tid: number;
  readonly comm: string;
  readonly counts: readonly StatCount[];
}

/** One reading of all counters. `counts` is parallel to `evlist`. */
export interface StatRead {
  readonly counts: readonly StatCount[];
  /** Of which they are the sums, by number of the CPU; absent if the events followed a workload. */
  readonly cpus?: readonly CpuCounts[] | undefined;
  /** The same by thread, with --per-thread. */
  readonly threads?: readonly ThreadCounts[] | undefined;
}

/** One run of a workload under perf stat, and the counts at its end. */
export interface StatRun extends StatRead {
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
