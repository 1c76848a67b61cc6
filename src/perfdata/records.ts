/**
 * PERF_RECORD_*: a record as bytes, given the events of its recording.
 *
 *   struct perf_event_header { u32 type; u16 misc; u16 size; };     size counts the header; the kernel's are multiples of 8
 *   MMAP           u32 pid, tid; u64 addr, len, pgoff; char filename[]
 *   LOST           u64 id, lost
 *   COMM           u32 pid, tid; char comm[]
 *   EXIT, FORK     u32 pid, ppid, tid, ptid; u64 time
 *   THROTTLE, UN-  u64 time, id, stream_id
 *   MMAP2          u32 pid, tid; u64 addr, len, pgoff; { u32 maj, min; u64 ino, ino_generation } or, with MISC_MMAP_BUILD_ID,
 *                  { u8 size, 0; u16 0; u8 id[20] }; u32 prot, flags; char filename[]
 *   LOST_SAMPLES   u64 lost
 *   SWITCH         nothing;  SWITCH_CPU_WIDE  u32 next_prev_pid, next_prev_tid
 *   EXIT, FORK and THROTTLE have their own time, some ns off the sample_id's, by which perf sorts (and gperf)
 *   SAMPLE and the sample_id after all others: sample.ts;  types from 64 on: tool-records.ts
 *
 * Types without a structure here (KSYMBOL, BPF_EVENT, NAMESPACES, AUXTRACE, …) keep their payload as bytes, so that
 * nothing of a foreign file is lost and newer kernels' records pass. The file holds the record types, then RecordCodec
 * (layout by event, decode, encode), then the codecs of the side-band types.
 * Source: include/uapi/linux/perf_event.h.
 */
import { nanos, type Nanos64, type U64 } from '../units.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import {
  PERF_RECORD,
  PERF_RECORD_MISC,
  PERF_SAMPLE,
  type KernelRecord,
  type MmapRecord,
  type PerfEventAttr,
  type SampleId,
} from '../uapi/perf-event.ts';
import { getU64, nameSize, OutOfBounds, type ByteReader, type ByteWriter } from './bytes.ts';
import {
  decodeReadFormat,
  decodeSample,
  decodeSampleId,
  encodeReadFormat,
  encodeSample,
  encodeSampleId,
  idFromEnd,
  idOffset,
  NO_SAMPLE_ID,
  timeFromEnd,
  timeOffset,
} from './sample.ts';
import { decodeToolRecord, encodeToolRecord, isToolRecord, isToolType } from './tool-records.ts';
import type { PERF_RECORD_USER, PerfRecord } from '../perf-events/tool-record.ts';

export const RECORD_HEADER_SIZE = 8;
/** First type written by the tool, not the kernel. */
export const PERF_RECORD_USER_TYPE_START = 64;
const BUILD_ID_BYTES = 20;
const MAX_RECORD_SIZE = 0xffff;

type RecordType =
  | (typeof PERF_RECORD)[keyof typeof PERF_RECORD]
  | (typeof PERF_RECORD_USER)[keyof typeof PERF_RECORD_USER];
/** Types whose payload stays bytes. */
export type OpaqueType = Exclude<RecordType, PerfRecord['type']>;
/** A record that is kept but not understood. `payload` excludes the header and the sample_id. */
export interface OpaqueRecord extends SampleId {
  readonly type: OpaqueType;
  readonly misc: number;
  readonly payload: Uint8Array;
}
/** Everything a file can hold. */
export type FileRecord = PerfRecord | OpaqueRecord;

type SampleType = typeof PERF_RECORD.SAMPLE;
/** A record of the kernel that is followed by a sample_id. */
type SideBandRecord = Exclude<KernelRecord, { readonly type: SampleType }>;
const SIDE_BAND: ReadonlySet<number> = new Set<SideBandRecord['type']>([
  PERF_RECORD.MMAP,
  PERF_RECORD.LOST,
  PERF_RECORD.COMM,
  PERF_RECORD.EXIT,
  PERF_RECORD.THROTTLE,
  PERF_RECORD.UNTHROTTLE,
  PERF_RECORD.FORK,
  PERF_RECORD.MMAP2,
  PERF_RECORD.LOST_SAMPLES,
  PERF_RECORD.SWITCH,
  PERF_RECORD.SWITCH_CPU_WIDE,
  PERF_RECORD.READ,
]);
/** Also true of types that newer kernels and tools add. */
const isOpaqueType = (type: number): type is OpaqueType =>
  type !== PERF_RECORD.SAMPLE && !SIDE_BAND.has(type) && !isToolType(type);

interface Layout {
  readonly evsel: Evsel;
  readonly attr: PerfEventAttr;
  /** sample_type of the trailers of other records: 0 without sample_id_all. */
  readonly trailer: number;
  readonly timeOffset: number;
  readonly timeFromEnd: number;
}

const layoutOf = (evsel: Evsel): Layout => {
  const { attr } = evsel;
  const trailer = attr.sample_id_all ? attr.sample_type : 0;
  return { evsel, attr, trailer, timeOffset: timeOffset(attr.sample_type), timeFromEnd: timeFromEnd(trailer) };
};

/** Layout for side-band records of a recording without events. */
const NO_EVENT = layoutOf({
  name: '',
  attr: { type: 0, config: 0, sample_period: 0, sample_type: 0, read_format: 0 },
  leader: 0,
  unit: '',
  scale: 1,
  ids: [],
});

/** The record codec of one recording: its events determine how long the fields are and where. */
export class RecordCodec {
  readonly #layouts: readonly Layout[];
  readonly #byId = new Map<U64, Layout>();
  readonly #idOffset: number;
  readonly #idFromEnd: number;

  /** All of `evlist` have the id at the same place, as perf requires. A file of perf stat -n has no event. */
  constructor(evlist: readonly Evsel[]) {
    this.#layouts = evlist.map(layoutOf);
    for (const layout of this.#layouts) for (const id of layout.evsel.ids) this.#byId.set(id, layout);
    const first = evlist.length > 1 ? evlist[0]!.attr : undefined;
    this.#idOffset = first === undefined ? -1 : idOffset(first.sample_type);
    this.#idFromEnd = first?.sample_id_all === true ? idFromEnd(first.sample_type) : -1;
  }

  /**
   * The layout of an event id. Id 0 marks records that the tool made up; as in perf, they count as the first event's.
   */
  #layout(id: U64 | undefined): Layout | undefined {
    return this.#idOffset < 0 || !id ? this.#layouts[0] : this.#byId.get(id);
  }

  /** The event of a record: the sample's own, or the one whose buffer delivered a side-band record. */
  evselOf(record: KernelRecord | OpaqueRecord): Evsel | undefined {
    return this.#layout(record.id)?.evsel;
  }

  /** The time of the kernel record of `size` bytes at `at`; 0 if it has none. Throws OutOfBounds as `decode` does. */
  peekTime(view: DataView, at: number, type: number, size: number): Nanos64 {
    const layout = this.#peekLayout(view, at, type, size);
    const offset =
      type === PERF_RECORD.SAMPLE ? layout.timeOffset : layout.timeFromEnd < 0 ? -1 : size - layout.timeFromEnd;
    if (offset < 0) return nanos(0);
    if (offset < RECORD_HEADER_SIZE || offset + 8 > size) throw new OutOfBounds('too short for its time');
    return getU64(view, at + offset) as Nanos64;
  }

  #peekLayout(view: DataView, at: number, type: number, size: number): Layout {
    const offset = type === PERF_RECORD.SAMPLE ? this.#idOffset : this.#idFromEnd < 0 ? -1 : size - this.#idFromEnd;
    if (offset < 0) {
      const layout = this.#layouts[0] ?? (type === PERF_RECORD.SAMPLE ? undefined : NO_EVENT);
      if (layout === undefined) throw new OutOfBounds('no event it could be a sample of');
      return layout;
    }
    if (offset < RECORD_HEADER_SIZE || offset + 8 > size) throw new OutOfBounds('too short for its event id');
    const id = getU64(view, at + offset);
    const layout = this.#layout(id);
    if (!layout) throw new OutOfBounds(`no event has the id ${id}`);
    return layout;
  }

  /**
   * Decodes the record at `r.pos` (its header included) and moves past it.
   * Throws OutOfBounds if the record does not fit its own size, the buffer, or any event.
   */
  decode(r: ByteReader): FileRecord {
    const [limit, start] = [r.end, r.pos];
    const [type, misc, size] = [r.u32(), r.u16(), r.u16()];
    if (size < RECORD_HEADER_SIZE || start + size > limit) throw new OutOfBounds(`a record of ${size} bytes`);
    r.end = start + size;
    const record = this.#decodePayload(r, start, type, misc, size);
    r.end = limit;
    r.pos = start + size;
    return record;
  }

  #decodePayload(r: ByteReader, start: number, type: number, misc: number, size: number): FileRecord {
    if (isToolType(type)) return decodeToolRecord(r, type);
    const fromTool = type >= PERF_RECORD_USER_TYPE_START;
    if (fromTool && isOpaqueType(type)) return { ...NO_SAMPLE_ID, type, misc, payload: r.take(r.left) };
    const layout = this.#peekLayout(r.view, start, type, size);
    if (type === PERF_RECORD.SAMPLE) return decodeSample(r, layout.attr, misc);
    const id = layout.trailer ? decodeSampleId(r, layout.trailer) : NO_SAMPLE_ID;
    const record = isOpaqueType(type)
      ? { ...id, type, misc, payload: r.take(r.left) }
      : decodeSideBand(r, layout.attr, type, misc, id);
    if ((layout.trailer & PERF_SAMPLE.TID) === 0) return record;
    const { pid, tid } = writerOf(record);
    return pid === id.pid && tid === id.tid ? record : { ...record, writer: { pid: id.pid, tid: id.tid } };
  }

  /**
   * Appends a record, a sample in the layout of its id's event. Throws RangeError for a record longer than 65535 bytes
   * and for an id that no event has.
   */
  encode(w: ByteWriter, record: FileRecord): void {
    const start = w.pos;
    w.u32(record.type);
    w.u16('misc' in record ? record.misc : 0);
    w.u16(0);
    if (isToolRecord(record)) encodeToolRecord(w, record);
    else if (record.type >= PERF_RECORD_USER_TYPE_START && 'payload' in record) w.put(record.payload);
    else {
      const layout = this.#layout(record.id);
      if (!layout) throw new RangeError(`no event has the id ${record.id}`);
      if (record.type === PERF_RECORD.SAMPLE) encodeSample(w, layout.attr, record);
      else {
        if ('payload' in record) w.put(record.payload);
        else encodeSideBand(w, layout.attr, record);
        encodeSampleId(w, layout.trailer, asWritten(record));
      }
    }
    const size = w.pos - start;
    if (size > MAX_RECORD_SIZE) throw new RangeError(`a record of type ${record.type} with ${size} bytes`);
    w.view.setUint16(start + 6, size, true);
  }
}

/**
 * The task to name in the sample_id after a record's payload: the one it is about, or the parent if a task forked.
 * Records at time 0 are made up by the tool (from /proc), which leaves it empty. But recordings without times hold the
 * kernel's records at time 0, too, and a thread may rename another: there, `writer` says who it was.
 */
export function writerOf(record: SideBandRecord | OpaqueRecord): { readonly pid: number; readonly tid: number } {
  if (record.writer) return record.writer;
  if (record.time === 0) return NOBODY;
  return record.type === PERF_RECORD.FORK ? { pid: record.ppid, tid: record.ptid } : record;
}

const NOBODY = { pid: 0, tid: 0 };

function asWritten(record: SideBandRecord | OpaqueRecord): SampleId {
  const { pid, tid } = writerOf(record);
  return pid === record.pid && tid === record.tid ? record : { ...record, pid, tid };
}

function encodeSideBand(w: ByteWriter, { read_format }: PerfEventAttr, record: SideBandRecord): void {
  switch (record.type) {
    case PERF_RECORD.MMAP:
    case PERF_RECORD.MMAP2:
      return encodeMmap(w, record);
    case PERF_RECORD.COMM:
      w.u32(record.pid);
      w.u32(record.tid);
      w.string(record.comm, nameSize(record.comm));
      break;
    case PERF_RECORD.FORK:
    case PERF_RECORD.EXIT:
      w.u32(record.pid);
      w.u32(record.ppid);
      w.u32(record.tid);
      w.u32(record.ptid);
      w.u64(record.time);
      break;
    case PERF_RECORD.THROTTLE:
    case PERF_RECORD.UNTHROTTLE:
      w.u64(record.time);
      w.u64(record.id ?? 0);
      w.u64(record.stream_id ?? record.id ?? 0);
      break;
    case PERF_RECORD.LOST:
      w.u64(record.id ?? 0);
      w.u64(record.lost);
      break;
    case PERF_RECORD.LOST_SAMPLES:
      w.u64(record.lost);
      break;
    case PERF_RECORD.READ:
      w.u32(record.pid);
      w.u32(record.tid);
      encodeReadFormat(w, read_format, record.read);
      break;
    case PERF_RECORD.SWITCH:
      break;
    case PERF_RECORD.SWITCH_CPU_WIDE:
      w.u32(record.next_prev_pid ?? 0);
      w.u32(record.next_prev_tid ?? 0);
      break;
  }
}

function encodeMmap(w: ByteWriter, record: MmapRecord): void {
  w.u32(record.pid);
  w.u32(record.tid);
  w.u64(record.addr);
  w.u64(record.len);
  w.u64(record.pgoff);
  if (record.type === PERF_RECORD.MMAP2) {
    if (record.misc & PERF_RECORD_MISC.MMAP_BUILD_ID) {
      const id = Buffer.from(record.buildId ?? '', 'hex').subarray(0, BUILD_ID_BYTES);
      w.u32(id.length);
      w.put(id);
      w.zeros(BUILD_ID_BYTES - id.length);
    } else {
      w.u32(record.maj ?? 0);
      w.u32(record.min ?? 0);
      w.u64(record.ino ?? 0);
      w.u64(record.ino_generation ?? 0);
    }
    w.u32(record.prot ?? 0);
    w.u32(record.flags ?? 0);
  }
  w.string(record.filename, nameSize(record.filename));
}

/** `type` is one of SIDE_BAND. */
function decodeSideBand(
  r: ByteReader,
  { read_format }: PerfEventAttr,
  type: number,
  misc: number,
  id: SampleId,
): SideBandRecord {
  switch (type) {
    case PERF_RECORD.MMAP:
    case PERF_RECORD.MMAP2: {
      const [pid, tid, addr, len, pgoff] = [r.s32(), r.s32(), r.exactAddress(), r.exactU64(), r.exactAddress()];
      const rest = type === PERF_RECORD.MMAP2 ? decodeMmap2(r, misc) : {};
      return { ...id, type, misc, pid, tid, addr, len, pgoff, ...rest, filename: r.string(r.left) };
    }
    case PERF_RECORD.COMM: {
      const [pid, tid] = [r.s32(), r.s32()];
      return { ...id, type, misc, pid, tid, comm: r.string(r.left) };
    }
    case PERF_RECORD.FORK:
    case PERF_RECORD.EXIT: {
      const [pid, ppid, tid, ptid, time] = [r.s32(), r.s32(), r.s32(), r.s32(), r.exactU64()];
      return { ...id, type, misc, pid, ppid, tid, ptid, time: (id.time || time) as Nanos64 };
    }
    case PERF_RECORD.THROTTLE:
    case PERF_RECORD.UNTHROTTLE: {
      const time = r.exactU64();
      return { ...id, type, misc, time: (id.time || time) as Nanos64, id: r.exactU64(), stream_id: r.exactU64() };
    }
    case PERF_RECORD.LOST:
      return { ...id, type, misc, id: r.exactU64(), lost: r.exactU64() };
    case PERF_RECORD.LOST_SAMPLES:
      return { ...id, type, misc, lost: r.exactU64() };
    case PERF_RECORD.READ:
      return { ...id, type, misc, pid: r.s32(), tid: r.s32(), read: decodeReadFormat(r, read_format) };
    case PERF_RECORD.SWITCH:
      return { ...id, type, misc };
    default:
      return { ...id, type: PERF_RECORD.SWITCH_CPU_WIDE, misc, next_prev_pid: r.s32(), next_prev_tid: r.s32() };
  }
}

function decodeMmap2(r: ByteReader, misc: number): Partial<MmapRecord> {
  if (misc & PERF_RECORD_MISC.MMAP_BUILD_ID) {
    const size = r.u8();
    r.skip(3);
    const id = r.take(BUILD_ID_BYTES).subarray(0, size);
    return { buildId: Buffer.from(id).toString('hex'), prot: r.u32(), flags: r.u32() };
  }
  return { maj: r.u32(), min: r.u32(), ino: r.exactU64(), ino_generation: r.exactU64(), prot: r.u32(), flags: r.u32() };
}
