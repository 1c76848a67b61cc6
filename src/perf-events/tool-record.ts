/**
 * Records that the perf tool itself adds to its output: enum perf_user_event_type, types from 64. The kernel does not
 * know them.
 *
 * Source: tools/lib/perf/include/perf/event.h.
 * Not modelled: the layout in bytes, which is in perfdata/.
 */
import type { KernelRecord } from '../uapi/perf-event.ts';
import type { U64, Nanos64 } from '../units.ts';

/** PERF_RECORD_* from 64: the perf tool's own. */
export const PERF_RECORD_USER = {
  HEADER_ATTR: 64,
  EVENT_TYPE: 65,
  TRACING_DATA: 66,
  BUILD_ID: 67,
  FINISHED_ROUND: 68,
  ID_INDEX: 69,
  AUXTRACE_INFO: 70,
  AUXTRACE: 71,
  AUXTRACE_ERROR: 72,
  THREAD_MAP: 73,
  CPU_MAP: 74,
  STAT_CONFIG: 75,
  STAT: 76,
  STAT_ROUND: 77,
  EVENT_UPDATE: 78,
  TIME_CONV: 79,
  FEATURE: 80,
  COMPRESSED: 81,
  FINISHED_INIT: 82,
} as const;

/** What the perf tool adds to the stream it writes. */
export type ToolRecord =
  | { readonly type: typeof PERF_RECORD_USER.FINISHED_ROUND | typeof PERF_RECORD_USER.FINISHED_INIT }
  | {
      readonly type: typeof PERF_RECORD_USER.ID_INDEX;
      readonly entries: readonly { id: U64; idx: U64; cpu: number | bigint; tid: number | bigint }[];
    }
  | {
      readonly type: typeof PERF_RECORD_USER.THREAD_MAP;
      readonly threads: readonly { pid: number | bigint; comm: string }[];
    }
  | { readonly type: typeof PERF_RECORD_USER.CPU_MAP; readonly cpus: readonly number[] }
  | { readonly type: typeof PERF_RECORD_USER.EVENT_UPDATE; readonly id: U64; readonly update: EventUpdate }
  | {
      readonly type: typeof PERF_RECORD_USER.STAT_CONFIG;
      readonly aggr_mode: U64;
      readonly interval: U64;
      readonly scale: U64;
    }
  | {
      readonly type: typeof PERF_RECORD_USER.STAT;
      readonly id: U64;
      readonly cpu: number;
      readonly thread: number;
      readonly val: U64;
      readonly ena: U64;
      readonly run: U64;
    }
  | { readonly type: typeof PERF_RECORD_USER.STAT_ROUND; readonly round: U64; readonly time: Nanos64 }
  | {
      readonly type: typeof PERF_RECORD_USER.TIME_CONV;
      readonly time_shift: U64;
      readonly time_mult: U64;
      readonly time_zero: U64;
    };

/** PERF_EVENT_UPDATE__*. */
export type EventUpdate =
  | { readonly kind: 'unit'; readonly unit: string }
  | { readonly kind: 'scale'; readonly scale: number }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'cpus'; readonly cpus: readonly number[] };

export type PerfRecord = KernelRecord | ToolRecord;
