/** perf's struct perf_env and its build ids: what a recording says of the machine it was made on. No state. */
import type { U64 } from '../units.ts';

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
