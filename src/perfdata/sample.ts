/**
 * The layout that attr.sample_type gives: the fields of a PERF_RECORD_SAMPLE, and the sample_id that the kernel
 * appends to its other records under sample_id_all.
 *
 *   sample:    { u64 id } IDENTIFIER  { u64 ip } IP  { u32 pid, tid } TID  { u64 time } TIME  { u64 addr } ADDR  { u64 id } ID
 *              { u64 stream_id } STREAM_ID  { u32 cpu, res } CPU  { u64 period } PERIOD  { read_format } READ
 *              { u64 nr, ips[nr] } CALLCHAIN  { u32 size; char data[size] } RAW
 *              { u64 nr, [hw_idx]; perf_branch_entry[nr] } BRANCH_STACK  { u64 abi, regs[] } REGS_USER
 *              { u64 size; char data[size]; u64 dyn_size } STACK_USER  { u64 | u32, u16, u16 } WEIGHT  { u64 } DATA_SRC
 *              { u64 } TRANSACTION  { u64 abi, regs[] } REGS_INTR  { u64 } PHYS_ADDR  { u64 } CGROUP  { u64 } DATA_PAGE_SIZE
 *              { u64 } CODE_PAGE_SIZE  { u64 size; char data[size] } AUX
 *   sample_id: { u32 pid, tid } TID  { u64 time } TIME  { u64 id } ID  { u64 stream_id } STREAM_ID  { u32 cpu, res } CPU
 *              { u64 id } IDENTIFIER
 *
 * The parts: offsets of ids and times, then the sample_id, then the codecs of the longer fields and of whole samples.
 * Source: include/uapi/linux/perf_event.h, perf_output_sample() in kernel/events/core.c.
 * Not modelled: branch counters (6.8).
 */
import { address, nanos, type Nanos64, type U64 } from '../units.ts';
import {
  PERF_FORMAT,
  PERF_RECORD,
  PERF_SAMPLE,
  type BranchEntry,
  type PerfEventAttr,
  type ReadFormat,
  type RegsDump,
  type SampleId,
  type SampleRecord,
} from '../uapi/perf-event.ts';
import { align, OutOfBounds, type ByteReader, type ByteWriter } from './bytes.ts';

const PERF_SAMPLE_BRANCH_HW_INDEX = 1n << 17n;
const KNOWN_FIELDS = Object.values(PERF_SAMPLE).reduce((all, bit) => all | bit, 0);

/** Number of 8-byte fields of `sample_type` among `fields`. */
const words = (sample_type: number, fields: readonly number[]): number =>
  fields.filter((bit) => sample_type & bit).length;

const S = PERF_SAMPLE;
/** Byte offset of the id within a sample, from the record's start; -1 if it has none. */
export const idOffset = (sample_type: number): number =>
  sample_type & S.IDENTIFIER ? 8 : sample_type & S.ID ? 8 + 8 * words(sample_type, [S.IP, S.TID, S.TIME, S.ADDR]) : -1;
/** Byte offset of the time within a sample; -1 if it has none. */
export const timeOffset = (sample_type: number): number =>
  sample_type & S.TIME ? 8 + 8 * words(sample_type, [S.IDENTIFIER, S.IP, S.TID]) : -1;
/** Distance of the id from the end of a sample_id; -1 if it has none. */
export const idFromEnd = (sample_type: number): number =>
  sample_type & S.IDENTIFIER ? 8 : sample_type & S.ID ? 8 * (1 + words(sample_type, [S.STREAM_ID, S.CPU])) : -1;
/** Distance of the time from the end of a sample_id; -1 if it has none. */
export const timeFromEnd = (sample_type: number): number =>
  sample_type & S.TIME ? 8 * (1 + words(sample_type, [S.ID, S.STREAM_ID, S.CPU, S.IDENTIFIER])) : -1;
/** Bytes of a sample_id. */
const sampleIdSize = (sample_type: number): number =>
  8 * words(sample_type, [S.TID, S.TIME, S.ID, S.STREAM_ID, S.CPU, S.IDENTIFIER]);

/** The values for a record without these fields: perf's own -1 for a task, 0 for a time. */
export const NO_SAMPLE_ID: SampleId = { pid: -1, tid: -1, time: nanos(0) };

export function encodeSampleId(w: ByteWriter, sample_type: number, id: SampleId): void {
  if (sample_type & S.TID) {
    w.u32(id.pid);
    w.u32(id.tid);
  }
  if (sample_type & S.TIME) w.u64(id.time);
  if (sample_type & S.ID) w.u64(id.id ?? 0);
  if (sample_type & S.STREAM_ID) w.u64(id.stream_id ?? 0);
  if (sample_type & S.CPU) w.u64(id.cpu ?? 0);
  if (sample_type & S.IDENTIFIER) w.u64(id.id ?? 0);
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Decodes the sample_id at the end of a record and moves `r.end` before it. */
export function decodeSampleId(r: ByteReader, sample_type: number): SampleId {
  const [pos, end] = [r.pos, r.end];
  const at = end - sampleIdSize(sample_type);
  if (at < pos) throw new OutOfBounds('too short for its sample_id');
  r.pos = at;
  const id: Writable<SampleId> = { ...NO_SAMPLE_ID };
  if (sample_type & S.TID) {
    id.pid = r.s32();
    id.tid = r.s32();
  }
  if (sample_type & S.TIME) id.time = r.exactU64() as Nanos64;
  if (sample_type & S.ID) id.id = r.exactU64();
  if (sample_type & S.STREAM_ID) id.stream_id = r.exactU64();
  if (sample_type & S.CPU) {
    id.cpu = r.u32();
    r.skip(4);
  }
  if (sample_type & S.IDENTIFIER) id.id = r.exactU64();
  r.pos = pos;
  r.end = at;
  return id;
}

/** Appends struct read_format. */
export function encodeReadFormat(w: ByteWriter, read_format: number, read: ReadFormat): void {
  const group = read_format & PERF_FORMAT.GROUP;
  const values = group ? read.values : read.values.slice(0, 1);
  const value = (v: ReadFormat['values'][number]): void => {
    if (read_format & PERF_FORMAT.ID) w.u64(v.id ?? 0);
    if (read_format & PERF_FORMAT.LOST) w.u64(v.lost ?? 0);
  };
  w.u64(group ? values.length : (values[0]?.value ?? 0));
  if (read_format & PERF_FORMAT.TOTAL_TIME_ENABLED) w.u64(read.time_enabled ?? 0);
  if (read_format & PERF_FORMAT.TOTAL_TIME_RUNNING) w.u64(read.time_running ?? 0);
  if (!group) return value(values[0] ?? { value: 0 });
  for (const v of values) {
    w.u64(v.value);
    value(v);
  }
}

/** The inverse; throws OutOfBounds as all decoding does. */
export function decodeReadFormat(r: ByteReader, read_format: number): ReadFormat {
  const group = read_format & PERF_FORMAT.GROUP;
  const first = r.exactU64();
  const times = {
    ...(read_format & PERF_FORMAT.TOTAL_TIME_ENABLED && { time_enabled: r.exactU64() }),
    ...(read_format & PERF_FORMAT.TOTAL_TIME_RUNNING && { time_running: r.exactU64() }),
  };
  const value = (v: U64): ReadFormat['values'][number] => ({
    value: v,
    ...(read_format & PERF_FORMAT.ID && { id: r.exactU64() }),
    ...(read_format & PERF_FORMAT.LOST && { lost: r.exactU64() }),
  });
  if (!group) return { ...times, values: [value(first)] };
  return { ...times, values: list(r, Number(first), 8, () => value(r.exactU64())) };
}

/** `nr` items of at least `size` bytes each; refuses a count that cannot fit before it allocates. */
function list<T>(r: ByteReader, nr: number, size: number, item: () => T): T[] {
  if (nr * size > r.left) throw new OutOfBounds(`${nr} entries of ${size} bytes do not fit`);
  const items: T[] = Array.from({ length: nr });
  for (let i = 0; i < nr; i++) items[i] = item();
  return items;
}

/** The 64 flag bits of perf_branch_entry, low word first. */
function encodeBranch(w: ByteWriter, b: BranchEntry): void {
  w.u64(b.from);
  w.u64(b.to);
  const flags =
    (b.mispred ? 1 : 0) | (b.predicted ? 2 : 0) | (b.in_tx ? 4 : 0) | (b.abort ? 8 : 0) | ((b.cycles & 0xffff) << 4);
  w.u32(flags | (b.branch_type << 20) | ((b.spec ?? 0) << 24) | ((b.new_type ?? 0) << 26) | ((b.priv ?? 0) << 30));
  w.u32((b.priv ?? 0) >>> 2);
}

function decodeBranch(r: ByteReader): BranchEntry {
  const [from, to, lo, hi] = [r.exactAddress(), r.exactAddress(), r.u32(), r.u32()];
  const spec = (lo >>> 24) & 3;
  const new_type = (lo >>> 26) & 15;
  const priv = (lo >>> 30) | ((hi & 1) << 2);
  return {
    from,
    to,
    mispred: (lo & 1) !== 0,
    predicted: (lo & 2) !== 0,
    in_tx: (lo & 4) !== 0,
    abort: (lo & 8) !== 0,
    cycles: (lo >>> 4) & 0xffff,
    branch_type: (lo >>> 20) & 15,
    ...(spec && { spec }),
    ...(new_type && { new_type }),
    ...(priv && { priv }),
  };
}

function encodeRegs(w: ByteWriter, dump: RegsDump | undefined): void {
  w.u64(dump?.abi ?? 0);
  if (dump?.abi) for (const reg of dump.regs) w.bigU64(reg);
}

/** Number of set bits. */
function weightOf(mask: U64): number {
  let n = 0;
  for (let left = BigInt(mask); left > 0n; left >>= 1n) n += Number(left & 1n);
  return n;
}

function decodeRegs(r: ByteReader, mask: U64): RegsDump {
  const abi = r.exactU64();
  return { abi, regs: abi ? list(r, weightOf(mask), 8, () => r.bigU64()) : [] };
}

/** Appends the payload of a sample (what follows the record header). */
export function encodeSample(w: ByteWriter, attr: PerfEventAttr, s: SampleRecord): void {
  const st = attr.sample_type;
  if (st & S.IDENTIFIER) w.u64(s.id ?? 0);
  if (st & S.IP) w.u64(s.ip);
  if (st & S.TID) {
    w.u32(s.pid);
    w.u32(s.tid);
  }
  if (st & S.TIME) w.u64(s.time);
  if (st & S.ADDR) w.u64(s.addr ?? 0);
  if (st & S.ID) w.u64(s.id ?? 0);
  if (st & S.STREAM_ID) w.u64(s.stream_id ?? 0);
  if (st & S.CPU) w.u64(s.cpu ?? 0);
  if (st & S.PERIOD) w.u64(s.period);
  if (st & S.READ) encodeReadFormat(w, attr.read_format, s.read ?? { values: [] });
  if (st & S.CALLCHAIN) {
    const ips = s.callchain ?? [];
    w.u64(ips.length);
    for (const ip of ips) w.u64(ip);
  }
  if (st & RARE_FIELDS) encodeRareFields(w, attr, s);
}

const hasHwIndex = ({ branch_sample_type = 0 }: PerfEventAttr): boolean =>
  (BigInt(branch_sample_type) & PERF_SAMPLE_BRANCH_HW_INDEX) !== 0n;

/** RAW and all fields after it: few recordings have any. */
const RARE_FIELDS =
  KNOWN_FIELDS &
  ~(S.IDENTIFIER | S.IP | S.TID | S.TIME | S.ADDR | S.ID | S.STREAM_ID | S.CPU | S.PERIOD | S.READ | S.CALLCHAIN);

function encodeRareFields(w: ByteWriter, attr: PerfEventAttr, s: SampleRecord): void {
  const st = attr.sample_type;
  const blob = (data: Uint8Array): void => {
    const size = align(data.length, 8);
    w.u64(size);
    w.put(data);
    w.zeros(size - data.length);
  };
  if (st & S.RAW) {
    const data = s.raw ?? new Uint8Array(4);
    const size = align(4 + data.length, 8) - 4;
    w.u32(size);
    w.put(data);
    w.zeros(size - data.length);
  }
  if (st & S.BRANCH_STACK) {
    const stack = s.branch_stack ?? { entries: [] };
    w.u64(stack.entries.length);
    if (hasHwIndex(attr)) w.u64(stack.hw_idx ?? -1);
    for (const entry of stack.entries) encodeBranch(w, entry);
  }
  if (st & S.REGS_USER) encodeRegs(w, s.regs_user);
  if (st & S.STACK_USER) {
    blob(s.stack_user?.data ?? new Uint8Array());
    if (s.stack_user?.data.length) w.u64(s.stack_user.dyn_size);
  }
  if (st & S.WEIGHT_STRUCT) {
    w.u32(Number(s.weight ?? 0));
    w.u16(s.var2_w ?? 0);
    w.u16(s.var3_w ?? 0);
  } else if (st & S.WEIGHT) w.u64(s.weight ?? 0);
  if (st & S.DATA_SRC) w.u64(s.data_src ?? 0);
  if (st & S.TRANSACTION) w.u64(s.transaction ?? 0);
  if (st & S.REGS_INTR) encodeRegs(w, s.regs_intr);
  if (st & S.PHYS_ADDR) w.u64(s.phys_addr ?? 0);
  if (st & S.CGROUP) w.u64(s.cgroup ?? 0);
  if (st & S.DATA_PAGE_SIZE) w.u64(s.data_page_size ?? 0);
  if (st & S.CODE_PAGE_SIZE) w.u64(s.code_page_size ?? 0);
  if (st & S.AUX) blob(s.aux ?? new Uint8Array());
}

/**
 * Decodes the payload of a sample that `r` spans. Fields the attr does not select are absent; the period defaults to
 * the attr's.
 */
export function decodeSample(r: ByteReader, attr: PerfEventAttr, misc: number): SampleRecord {
  const st = attr.sample_type;
  if (st & ~KNOWN_FIELDS) throw new OutOfBounds(`sample_type 0x${st.toString(16)} has fields unknown to gperf`);
  const s: Writable<SampleRecord> = {
    type: PERF_RECORD.SAMPLE,
    misc,
    pid: -1,
    tid: -1,
    time: nanos(0),
    ip: address(0),
    period: attr.sample_period,
  };
  if (st & S.IDENTIFIER) s.id = r.exactU64();
  if (st & S.IP) s.ip = r.exactAddress();
  if (st & S.TID) {
    s.pid = r.s32();
    s.tid = r.s32();
  }
  if (st & S.TIME) s.time = r.exactU64() as Nanos64;
  if (st & S.ADDR) s.addr = r.exactAddress();
  if (st & S.ID) s.id = r.exactU64();
  if (st & S.STREAM_ID) s.stream_id = r.exactU64();
  if (st & S.CPU) {
    s.cpu = r.u32();
    r.skip(4);
  }
  if (st & S.PERIOD) s.period = r.exactU64();
  if (st & S.READ) s.read = decodeReadFormat(r, attr.read_format);
  if (st & S.CALLCHAIN) s.callchain = list(r, r.u64(), 8, () => r.exactAddress());
  if (st & S.RAW) s.raw = r.take(r.u32());
  if (st & S.BRANCH_STACK) {
    const nr = r.u64();
    const hw_idx = hasHwIndex(attr) ? r.exactAddress() : undefined;
    const entries = list(r, nr, 24, () => decodeBranch(r));
    s.branch_stack = hw_idx === undefined ? { entries } : { hw_idx, entries };
  }
  if (st & S.REGS_USER) s.regs_user = decodeRegs(r, attr.sample_regs_user ?? 0);
  if (st & S.STACK_USER) {
    const data = r.take(r.u64());
    s.stack_user = { data, dyn_size: data.length ? r.exactU64() : 0 };
  }
  if (st & S.WEIGHT_STRUCT) {
    s.weight = r.u32();
    s.var2_w = r.u16();
    s.var3_w = r.u16();
  } else if (st & S.WEIGHT) s.weight = r.exactU64();
  if (st & S.DATA_SRC) s.data_src = r.exactU64();
  if (st & S.TRANSACTION) s.transaction = r.exactU64();
  if (st & S.REGS_INTR) s.regs_intr = decodeRegs(r, attr.sample_regs_intr ?? 0);
  if (st & S.PHYS_ADDR) s.phys_addr = r.exactU64();
  if (st & S.CGROUP) s.cgroup = r.exactU64();
  if (st & S.DATA_PAGE_SIZE) s.data_page_size = r.exactU64();
  if (st & S.CODE_PAGE_SIZE) s.code_page_size = r.exactU64();
  if (st & S.AUX) s.aux = r.take(r.u64());
  if (r.left !== 0) throw new OutOfBounds(`${r.left} bytes left over`);
  return s;
}
