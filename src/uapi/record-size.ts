/**
 * Size in bytes of a kernel record in a ring buffer or file, by its event's attr.
 * Source: the layouts in include/uapi/linux/perf_event.h. perfdata/records.ts writes exactly these sizes.
 */
import { PERF_FORMAT, PERF_RECORD, PERF_SAMPLE, type KernelRecord, type PerfEventAttr } from './perf-event.ts';

const HEADER = 8;
const align8 = (n: number): number => (n + 7) & ~7;
/** A string with its NUL, padded to 8. */
const cstr = (s: string): number => align8(new TextEncoder().encode(s).length + 1);

const FIXED_FIELDS = [
  PERF_SAMPLE.IDENTIFIER,
  PERF_SAMPLE.IP,
  PERF_SAMPLE.TID,
  PERF_SAMPLE.TIME,
  PERF_SAMPLE.ADDR,
  PERF_SAMPLE.ID,
  PERF_SAMPLE.STREAM_ID,
  PERF_SAMPLE.CPU,
  PERF_SAMPLE.PERIOD,
];
const ID_FIELDS = [
  PERF_SAMPLE.TID,
  PERF_SAMPLE.TIME,
  PERF_SAMPLE.ID,
  PERF_SAMPLE.STREAM_ID,
  PERF_SAMPLE.CPU,
  PERF_SAMPLE.IDENTIFIER,
];
function fields(sample_type: number, of: readonly number[]): number {
  let size = 0;
  for (const bit of of) if ((sample_type & bit) !== 0) size += 8;
  return size;
}

/** event->read_size: struct read_format of one event, or of a group. */
function readSize(read_format: number, members: number): number {
  const count = (bits: readonly number[]): number => bits.filter((bit) => (read_format & bit) !== 0).length;
  const times = count([PERF_FORMAT.TOTAL_TIME_ENABLED, PERF_FORMAT.TOTAL_TIME_RUNNING]);
  const value = 1 + count([PERF_FORMAT.ID, PERF_FORMAT.LOST]);
  return 8 * (times + ((read_format & PERF_FORMAT.GROUP) === 0 ? value : 1 + members * value));
}

/** event->header_size: a sample with its call chain and the counts of `members` events. */
export function sampleSize(attr: PerfEventAttr, callchain = 0, members = 1): number {
  const t = attr.sample_type;
  let size = HEADER + fields(t, FIXED_FIELDS);
  if ((t & PERF_SAMPLE.READ) !== 0) size += readSize(attr.read_format, members);
  if ((t & PERF_SAMPLE.CALLCHAIN) !== 0) size += 8 * (1 + callchain);
  return size;
}

/** event->id_header_size: the trailer of other records under sample_id_all. */
const sampleIdSize = (attr: PerfEventAttr): number =>
  attr.sample_id_all === true ? fields(attr.sample_type, ID_FIELDS) : 0;

/** Frames of a call chain, with its markers, if the attr does not say; members of a group; bytes of a file's name. */
const MOST = { frames: 129, members: 16, name: 256 } as const;

/** Bytes that no record of an event exceeds, together with a LOST record before it; but for names of files that are longer. */
export const largestRecord = (attr: PerfEventAttr): number =>
  Math.max(largestSample(attr) + lostSize(attr), 2 * HEADER + 64 + MOST.name + 16 + 2 * sampleIdSize(attr));

/** Bytes of a LOST record. */
export const lostSize = (attr: PerfEventAttr): number => HEADER + 16 + sampleIdSize(attr);

/** Bytes that no record exceeds which a PMI or a tick writes: a sample, THROTTLE, UNTHROTTLE. */
export function largestSample(attr: PerfEventAttr): number {
  const id = sampleIdSize(attr);
  const frames = Math.max(MOST.frames, (attr.sample_max_stack ?? 0) + 2);
  return Math.max(sampleSize(attr, frames, MOST.members), HEADER + 24 + id);
}

/** Bytes of one record. */
export function kernelRecordSize(attr: PerfEventAttr, record: KernelRecord): number {
  switch (record.type) {
    case PERF_RECORD.SAMPLE:
      return sampleSize(attr, record.callchain?.length ?? 0, record.read?.values.length);
    case PERF_RECORD.COMM:
      return HEADER + 8 + cstr(record.comm) + sampleIdSize(attr);
    case PERF_RECORD.MMAP:
      return HEADER + 32 + cstr(record.filename) + sampleIdSize(attr);
    case PERF_RECORD.MMAP2:
      return HEADER + 64 + cstr(record.filename) + sampleIdSize(attr);
    case PERF_RECORD.FORK:
    case PERF_RECORD.EXIT:
    case PERF_RECORD.THROTTLE:
    case PERF_RECORD.UNTHROTTLE:
      return HEADER + 24 + sampleIdSize(attr);
    case PERF_RECORD.READ:
      return HEADER + 8 + readSize(attr.read_format, record.read.values.length) + sampleIdSize(attr);
    case PERF_RECORD.LOST:
      return lostSize(attr);
    case PERF_RECORD.LOST_SAMPLES:
    case PERF_RECORD.SWITCH_CPU_WIDE:
      return HEADER + 8 + sampleIdSize(attr);
    case PERF_RECORD.SWITCH:
      return HEADER + sampleIdSize(attr);
  }
}
