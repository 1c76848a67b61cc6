/**
 * perf's struct evsel and struct perf_env: an event as the user asked for it, and what a recording says of its machine.
 * Shared by the tool that opens events, the codec that stores them and the reports that print them.
 */
import type { U64 } from '../units.ts';
import type { PerfEventAttr } from './perf-event.ts';

/** An event as typed, with the attr it stands for. */
export interface Evsel {
  /** As the user typed it ("cpu-cycles", "branches:u"); what every output calls it. */
  readonly name: string;
  readonly attr: PerfEventAttr;
  /** Index in the list of its group's leader; its own index if it stands alone. */
  readonly leader: number;
  /** The group's name in the list, on a leader with members; "" for an anonymous one. */
  readonly groupName?: string;
  /** "msec" for clocks, else "". */
  readonly unit: string;
  /** What a printed count is multiplied with: 1e-6 for clocks, else 1. */
  readonly scale: number;
  /** P, or perf's own default: asked for at the highest precision, and content with less. */
  readonly precise_max?: boolean;
  /** W: if the group does not fit, its members stand alone. */
  readonly weak_group?: boolean;
  /** Ids the kernel gave it, one per CPU it was opened on; empty before. */
  readonly ids: readonly U64[];
}

/** struct perf_env: the header features that describe the recording machine. Absent ones are not written. */
export interface PerfEnv {
  readonly hostname?: string;
  readonly os_release?: string;
  readonly version?: string;
  readonly arch?: string;
  readonly nr_cpus_avail?: number;
  readonly nr_cpus_online?: number;
  readonly cpu_desc?: string;
  readonly cpuid?: string;
  /** kB. */
  readonly total_mem?: U64;
  readonly cmdline?: readonly string[];
  readonly pmu_mappings?: readonly { readonly type: number; readonly name: string }[];
  readonly cpu_topology?: {
    readonly core_siblings: readonly string[];
    readonly thread_siblings: readonly string[];
    readonly die_siblings?: readonly string[];
    /** Absent where perf knew no ids. */
    readonly cpus?: readonly { readonly core_id: number; readonly socket_id: number; readonly die_id?: number }[];
  };
}

/** An entry of the BUILD_ID feature. */
export interface BuildId {
  readonly pid: number;
  /** PERF_RECORD_MISC cpumode. */
  readonly misc: number;
  /** Lower-case hex, 40 digits for SHA-1. */
  readonly buildId: string;
  readonly filename: string;
}
