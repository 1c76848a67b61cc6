/**
 * include/uapi/linux/perf_event.h as types and constants.
 *
 * In order: constants, struct perf_event_attr, the parts of a sample, the kernel's records. Field names are the
 * kernel's. The union of sample_period and sample_freq is `sample_period` here, and `freq` tells which of the two it
 * is.
 * Not modelled: the layout in bytes, which is in perfdata/.
 */
import type { Address64, Nanos64, U64, u64 } from '../units.ts';

export const PERF_TYPE = { HARDWARE: 0, SOFTWARE: 1, TRACEPOINT: 2, HW_CACHE: 3, RAW: 4, BREAKPOINT: 5 } as const;

export const PERF_COUNT_HW = {
  CPU_CYCLES: 0,
  INSTRUCTIONS: 1,
  CACHE_REFERENCES: 2,
  CACHE_MISSES: 3,
  BRANCH_INSTRUCTIONS: 4,
  BRANCH_MISSES: 5,
  BUS_CYCLES: 6,
  STALLED_CYCLES_FRONTEND: 7,
  STALLED_CYCLES_BACKEND: 8,
  REF_CPU_CYCLES: 9,
} as const;

export const PERF_COUNT_SW = {
  CPU_CLOCK: 0,
  TASK_CLOCK: 1,
  PAGE_FAULTS: 2,
  CONTEXT_SWITCHES: 3,
  CPU_MIGRATIONS: 4,
  PAGE_FAULTS_MIN: 5,
  PAGE_FAULTS_MAJ: 6,
  ALIGNMENT_FAULTS: 7,
  EMULATION_FAULTS: 8,
  DUMMY: 9,
  BPF_OUTPUT: 10,
  CGROUP_SWITCHES: 11,
} as const;

/** PERF_SAMPLE_*: fields of a sample, in attr.sample_type. */
export const PERF_SAMPLE = {
  IP: 1 << 0,
  TID: 1 << 1,
  TIME: 1 << 2,
  ADDR: 1 << 3,
  READ: 1 << 4,
  CALLCHAIN: 1 << 5,
  ID: 1 << 6,
  CPU: 1 << 7,
  PERIOD: 1 << 8,
  STREAM_ID: 1 << 9,
  RAW: 1 << 10,
  BRANCH_STACK: 1 << 11,
  REGS_USER: 1 << 12,
  STACK_USER: 1 << 13,
  WEIGHT: 1 << 14,
  DATA_SRC: 1 << 15,
  IDENTIFIER: 1 << 16,
  TRANSACTION: 1 << 17,
  REGS_INTR: 1 << 18,
  PHYS_ADDR: 1 << 19,
  AUX: 1 << 20,
  CGROUP: 1 << 21,
  DATA_PAGE_SIZE: 1 << 22,
  CODE_PAGE_SIZE: 1 << 23,
  WEIGHT_STRUCT: 1 << 24,
} as const;

/** PERF_FORMAT_*: what read() returns, in attr.read_format. */
export const PERF_FORMAT = { TOTAL_TIME_ENABLED: 1, TOTAL_TIME_RUNNING: 2, ID: 4, GROUP: 8, LOST: 16 } as const;

/** PERF_RECORD_*: what the kernel writes. */
export const PERF_RECORD = {
  MMAP: 1,
  LOST: 2,
  COMM: 3,
  EXIT: 4,
  THROTTLE: 5,
  UNTHROTTLE: 6,
  FORK: 7,
  READ: 8,
  SAMPLE: 9,
  MMAP2: 10,
  AUX: 11,
  ITRACE_START: 12,
  LOST_SAMPLES: 13,
  SWITCH: 14,
  SWITCH_CPU_WIDE: 15,
  NAMESPACES: 16,
  KSYMBOL: 17,
  BPF_EVENT: 18,
  CGROUP: 19,
  TEXT_POKE: 20,
} as const;

/** header.misc: whose code it was (low three bits), and flags. */
export const PERF_RECORD_MISC = {
  CPUMODE_MASK: 7,
  CPUMODE_UNKNOWN: 0,
  KERNEL: 1,
  USER: 2,
  HYPERVISOR: 3,
  GUEST_KERNEL: 4,
  GUEST_USER: 5,
  COMM_EXEC: 1 << 13,
  MMAP_DATA: 1 << 13,
  SWITCH_OUT: 1 << 13,
  EXACT_IP: 1 << 14,
  SWITCH_OUT_PREEMPT: 1 << 14,
  MMAP_BUILD_ID: 1 << 14,
} as const;

/** Markers in a callchain that tell whose addresses follow (enum perf_callchain_context), as signed numbers. */
export const PERF_CONTEXT = {
  HV: -32,
  KERNEL: -128,
  USER: -512,
  GUEST: -2048,
  GUEST_KERNEL: -2176,
  GUEST_USER: -2560,
} as const;

/** struct perf_event_attr. Absent flags are 0. */
export interface PerfEventAttr {
  /** PERF_TYPE_* or a dynamic PMU's number. */
  type: number;
  /** Event code of that type. */
  config: U64;
  config1?: U64;
  config2?: U64;
  /** Period, or frequency in Hz if `freq`; 0: a counting event. */
  sample_period: U64;
  freq?: boolean;
  sample_type: number;
  read_format: number;
  disabled?: boolean;
  inherit?: boolean;
  pinned?: boolean;
  exclusive?: boolean;
  exclude_user?: boolean;
  exclude_kernel?: boolean;
  exclude_hv?: boolean;
  exclude_idle?: boolean;
  mmap?: boolean;
  comm?: boolean;
  inherit_stat?: boolean;
  enable_on_exec?: boolean;
  task?: boolean;
  watermark?: boolean;
  /** 0 arbitrary skid .. 3 none. */
  precise_ip?: number;
  mmap_data?: boolean;
  sample_id_all?: boolean;
  exclude_host?: boolean;
  exclude_guest?: boolean;
  exclude_callchain_kernel?: boolean;
  exclude_callchain_user?: boolean;
  mmap2?: boolean;
  comm_exec?: boolean;
  use_clockid?: boolean;
  context_switch?: boolean;
  write_backward?: boolean;
  namespaces?: boolean;
  ksymbol?: boolean;
  bpf_event?: boolean;
  aux_output?: boolean;
  cgroup?: boolean;
  text_poke?: boolean;
  build_id?: boolean;
  inherit_thread?: boolean;
  remove_on_exec?: boolean;
  sigtrap?: boolean;
  /** wakeup_events, or wakeup_watermark in bytes if `watermark`. */
  wakeup?: number;
  bp_type?: number;
  branch_sample_type?: U64;
  sample_regs_user?: U64;
  sample_stack_user?: number;
  clockid?: number;
  sample_regs_intr?: U64;
  aux_watermark?: number;
  sample_max_stack?: number;
  aux_sample_size?: number;
  sig_data?: U64;
}

/** Fields that the kernel appends to its records under sample_id_all; samples may have them, too. */
export interface SampleId {
  readonly pid: number;
  readonly tid: number;
  /** In a record about a task: the task that wrote it, if not the expected one (perfdata/records.ts, writerOf). */
  readonly writer?: { readonly pid: number; readonly tid: number };
  readonly time: Nanos64;
  readonly id?: U64;
  readonly stream_id?: U64;
  readonly cpu?: number;
}

/** struct read_format: one value, or under PERF_FORMAT_GROUP those of the whole group, leader first. */
export interface ReadFormat {
  readonly time_enabled?: U64;
  readonly time_running?: U64;
  readonly values: readonly { readonly value: U64; readonly id?: U64; readonly lost?: U64 }[];
}
/** struct perf_branch_entry, with its bit fields as members. */
export interface BranchEntry {
  readonly from: Address64;
  readonly to: Address64;
  readonly mispred: boolean;
  readonly predicted: boolean;
  readonly in_tx: boolean;
  readonly abort: boolean;
  /** Core cycles since the previous entry; 0: unknown. */
  readonly cycles: number;
  /** PERF_BR_*; 0 unless branch_sample_type has TYPE_SAVE. */
  readonly branch_type: number;
  readonly spec?: number;
  readonly new_type?: number;
  readonly priv?: number;
}
/** The registers that attr.sample_regs_* selects, lowest bit first; none if abi is 0. */
export interface RegsDump {
  /** PERF_SAMPLE_REGS_ABI_*: 0 none, 1 32-bit, 2 64-bit. */
  readonly abi: U64;
  readonly regs: readonly u64[];
}
export interface SampleRecord extends SampleId {
  readonly type: typeof PERF_RECORD.SAMPLE;
  /** PERF_RECORD_MISC cpumode (and EXACT_IP). */
  readonly misc: number;
  readonly ip: Address64;
  readonly period: U64;
  readonly addr?: Address64;
  readonly read?: ReadFormat;
  /** Innermost first, with PERF_CONTEXT markers, as in the file. */
  readonly callchain?: readonly Address64[];
  readonly raw?: Uint8Array;
  /** Newest branch first; `hw_idx` only if branch_sample_type has HW_INDEX. */
  readonly branch_stack?: { readonly hw_idx?: U64; readonly entries: readonly BranchEntry[] };
  readonly regs_user?: RegsDump;
  readonly stack_user?: { readonly data: Uint8Array; readonly dyn_size: U64 };
  /** PERF_SAMPLE_WEIGHT, or var1_dw of WEIGHT_STRUCT. */
  readonly weight?: U64;
  readonly var2_w?: number;
  readonly var3_w?: number;
  readonly data_src?: U64;
  readonly transaction?: U64;
  readonly regs_intr?: RegsDump;
  readonly phys_addr?: U64;
  readonly cgroup?: U64;
  readonly data_page_size?: U64;
  readonly code_page_size?: U64;
  readonly aux?: Uint8Array;
}
export interface MmapRecord extends SampleId {
  readonly type: typeof PERF_RECORD.MMAP | typeof PERF_RECORD.MMAP2;
  readonly misc: number;
  readonly addr: Address64;
  readonly len: U64;
  readonly pgoff: Address64;
  readonly filename: string;
  /** MMAP2 only. */
  readonly maj?: number;
  readonly min?: number;
  readonly ino?: U64;
  readonly ino_generation?: U64;
  readonly prot?: number;
  readonly flags?: number;
  /** Lower-case hex, in place of maj..ino_generation, if the recording has build ids in its records. */
  readonly buildId?: string;
}
export interface CommRecord extends SampleId {
  readonly type: typeof PERF_RECORD.COMM;
  readonly misc: number;
  readonly comm: string;
}
export interface TaskRecord extends SampleId {
  readonly type: typeof PERF_RECORD.FORK | typeof PERF_RECORD.EXIT;
  readonly misc: number;
  readonly ppid: number;
  readonly ptid: number;
}
interface ThrottleRecord extends SampleId {
  readonly type: typeof PERF_RECORD.THROTTLE | typeof PERF_RECORD.UNTHROTTLE;
  readonly misc: number;
}
interface LostRecord extends SampleId {
  readonly type: typeof PERF_RECORD.LOST | typeof PERF_RECORD.LOST_SAMPLES;
  readonly misc: number;
  readonly lost: U64;
}
export interface SwitchRecord extends SampleId {
  readonly type: typeof PERF_RECORD.SWITCH | typeof PERF_RECORD.SWITCH_CPU_WIDE;
  readonly misc: number;
  readonly next_prev_pid?: number;
  readonly next_prev_tid?: number;
}
/** What an inherited event counted in the thread that ends (attr.inherit_stat). */
export interface ReadRecord extends SampleId {
  readonly type: typeof PERF_RECORD.READ;
  readonly misc: number;
  readonly read: ReadFormat;
}
/** Records that the kernel writes into ring buffers. */
export type KernelRecord =
  | SampleRecord
  | MmapRecord
  | CommRecord
  | TaskRecord
  | ThrottleRecord
  | LostRecord
  | ReadRecord
  | SwitchRecord;
