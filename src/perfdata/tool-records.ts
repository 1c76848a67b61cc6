/**
 * PERF_RECORD_* from 64 on: records that the perf tool adds to the kernel's. They carry no sample_id.
 *
 *   ID_INDEX     u64 nr; { u64 id, idx, cpu, tid; }[nr]      (6.0 on: { u64 machine_pid, vcpu; }[nr] behind, passed over)
 *   THREAD_MAP   u64 nr; { u64 pid; char comm[16]; }[nr]
 *   CPU_MAP      u16 type; CPUS 0: u16 nr, cpu[nr] | MASK 1: u16 nr, long_size, [u32 pad], mask[nr] | RANGE 2: u8 any, pad; u16 start, end
 *   STAT_CONFIG  u64 nr; { u64 tag, val; }[nr]               tags: 0 aggr_mode, 1 interval, 2 scale
 *   STAT         u64 id; u32 cpu, thread; u64 val, ena, run
 *   STAT_ROUND   u64 type, time
 *   EVENT_UPDATE u64 type, id; char unit[] | double scale | char name[] | cpu_map
 *   TIME_CONV    u64 time_shift, time_mult, time_zero        (5.9 on: time_cycles, time_mask, two flags: passed over)
 *
 * Source: tools/lib/perf/include/perf/event.h; sizes as perf 6.1 writes them.
 * Not modelled: AUX area traces, CPU masks wider than 2^16 CPUs.
 */
import type { Nanos64 } from '../units.ts';
import { OutOfBounds, type ByteReader, type ByteWriter } from './bytes.ts';
import { PERF_RECORD_USER, type EventUpdate, type ToolRecord } from '../perf-events/tool-record.ts';

const CPU_MAP_TYPE = { CPUS: 0, MASK: 1, RANGE: 2 } as const;
const STAT_CONFIG_TAG = { AGGR_MODE: 0, INTERVAL: 1, SCALE: 2 } as const;
const UPDATE_TYPE = { unit: 0, scale: 1, name: 2, cpus: 3 } as const;
const THREAD_COMM_SIZE = 16;
/** perf's structure for an EVENT_UPDATE counts its largest member, a CPU map, in addition to the member in use. */
const EVENT_UPDATE_SLACK = 16;

type ToolType = ToolRecord['type'];
const TOOL_TYPES: ReadonlySet<number> = new Set<ToolType>([
  PERF_RECORD_USER.FINISHED_ROUND,
  PERF_RECORD_USER.FINISHED_INIT,
  PERF_RECORD_USER.ID_INDEX,
  PERF_RECORD_USER.THREAD_MAP,
  PERF_RECORD_USER.CPU_MAP,
  PERF_RECORD_USER.EVENT_UPDATE,
  PERF_RECORD_USER.STAT_CONFIG,
  PERF_RECORD_USER.STAT,
  PERF_RECORD_USER.STAT_ROUND,
  PERF_RECORD_USER.TIME_CONV,
]);
export const isToolType = (type: number): boolean => TOOL_TYPES.has(type);
export const isToolRecord = (record: { readonly type: number }): record is ToolRecord => TOOL_TYPES.has(record.type);

/** As perf 6.1 chooses: a range if the CPUs are consecutive, else the list. -1 stands for any CPU. */
function encodeCpuMap(w: ByteWriter, cpus: readonly number[]): void {
  const start = w.pos;
  const [first] = cpus;
  if (first !== undefined && first >= 0 && cpus.every((cpu, i) => cpu === first + i)) {
    w.u16(CPU_MAP_TYPE.RANGE);
    w.u16(0);
    w.u16(first);
    w.u16(first + cpus.length - 1);
    return;
  }
  w.u16(CPU_MAP_TYPE.CPUS);
  w.u16(cpus.length);
  for (const cpu of cpus) w.u16(cpu);
  w.pad(8, start);
}

function decodeCpuMap(r: ByteReader): number[] {
  const type = r.u16();
  if (type === CPU_MAP_TYPE.CPUS) {
    const cpus: number[] = [];
    for (let nr = r.u16(); nr > 0; nr--) {
      const cpu = r.u16();
      cpus.push(cpu === 0xffff ? -1 : cpu);
    }
    return cpus;
  }
  if (type === CPU_MAP_TYPE.MASK) {
    const [nr, longSize] = [r.u16(), r.u16()];
    if (longSize === 8) r.skip(2);
    const cpus: number[] = [];
    for (let word = 0; word < nr * (longSize / 4); word++) {
      const bits = r.u32();
      for (let bit = 0; bit < 32; bit++) if ((bits >>> bit) & 1) cpus.push(word * 32 + bit);
    }
    return cpus;
  }
  if (type === CPU_MAP_TYPE.RANGE) {
    const any = r.u8();
    r.skip(1);
    const [start, end] = [r.u16(), r.u16()];
    const range = Array.from({ length: Math.max(0, end - start + 1) }, (_, i) => start + i);
    return any ? [-1, ...range] : range;
  }
  throw new OutOfBounds(`CPU map of unknown type ${type}`);
}

function encodeUpdate(w: ByteWriter, update: EventUpdate): void {
  if (update.kind === 'scale') w.f64(update.scale);
  else if (update.kind === 'cpus') return encodeCpuMap(w, update.cpus);
  else {
    const text = update.kind === 'unit' ? update.unit : update.name;
    const start = w.pos;
    w.string(text, Buffer.byteLength(text) + 1);
    w.pad(8, start);
  }
  w.zeros(EVENT_UPDATE_SLACK);
}

function decodeUpdate(r: ByteReader, type: number): EventUpdate {
  if (type === UPDATE_TYPE.unit) return { kind: 'unit', unit: r.string(r.left) };
  if (type === UPDATE_TYPE.scale) return { kind: 'scale', scale: r.f64() };
  if (type === UPDATE_TYPE.name) return { kind: 'name', name: r.string(r.left) };
  if (type === UPDATE_TYPE.cpus) return { kind: 'cpus', cpus: decodeCpuMap(r) };
  throw new OutOfBounds(`event update of unknown type ${type}`);
}

/** Appends the payload of a tool record (what follows the record header). */
export function encodeToolRecord(w: ByteWriter, record: ToolRecord): void {
  switch (record.type) {
    case PERF_RECORD_USER.FINISHED_ROUND:
    case PERF_RECORD_USER.FINISHED_INIT:
      return;
    case PERF_RECORD_USER.ID_INDEX:
      w.u64(record.entries.length);
      for (const e of record.entries) {
        w.u64(e.id);
        w.u64(e.idx);
        w.u64(e.cpu);
        w.u64(e.tid);
      }
      return;
    case PERF_RECORD_USER.THREAD_MAP:
      w.u64(record.threads.length);
      for (const { pid, comm } of record.threads) {
        w.u64(pid);
        w.string(comm, THREAD_COMM_SIZE);
      }
      return;
    case PERF_RECORD_USER.CPU_MAP:
      return encodeCpuMap(w, record.cpus);
    case PERF_RECORD_USER.EVENT_UPDATE:
      w.u64(UPDATE_TYPE[record.update.kind]);
      w.u64(record.id);
      return encodeUpdate(w, record.update);
    case PERF_RECORD_USER.STAT_CONFIG:
      w.u64(3);
      for (const [tag, val] of [
        [STAT_CONFIG_TAG.AGGR_MODE, record.aggr_mode],
        [STAT_CONFIG_TAG.INTERVAL, record.interval],
        [STAT_CONFIG_TAG.SCALE, record.scale],
      ] as const) {
        w.u64(tag);
        w.u64(val);
      }
      return;
    case PERF_RECORD_USER.STAT:
      w.u64(record.id);
      w.u32(record.cpu);
      w.u32(record.thread);
      w.u64(record.val);
      w.u64(record.ena);
      w.u64(record.run);
      return;
    case PERF_RECORD_USER.STAT_ROUND:
      w.u64(record.round);
      w.u64(record.time);
      return;
    case PERF_RECORD_USER.TIME_CONV:
      w.u64(record.time_shift);
      w.u64(record.time_mult);
      w.u64(record.time_zero);
      return;
  }
}

const times = <T>(nr: number, item: () => T): T[] => {
  const items: T[] = [];
  for (let i = 0; i < nr; i++) items.push(item());
  return items;
};

/** Decodes the payload of a tool record that `r` spans. `type` is one of TOOL_TYPES. */
export function decodeToolRecord(r: ByteReader, type: number): ToolRecord {
  switch (type) {
    case PERF_RECORD_USER.FINISHED_ROUND:
    case PERF_RECORD_USER.FINISHED_INIT:
      return { type };
    case PERF_RECORD_USER.ID_INDEX:
      return {
        type,
        entries: times(r.u64(), () => ({
          id: r.exactU64(),
          idx: r.exactU64(),
          cpu: r.exactAddress(),
          tid: r.exactAddress(),
        })),
      };
    case PERF_RECORD_USER.THREAD_MAP:
      return { type, threads: times(r.u64(), () => ({ pid: r.exactAddress(), comm: r.string(THREAD_COMM_SIZE) })) };
    case PERF_RECORD_USER.CPU_MAP:
      return { type, cpus: decodeCpuMap(r) };
    case PERF_RECORD_USER.EVENT_UPDATE: {
      const [kind, id] = [r.u64(), r.exactU64()];
      return { type, id, update: decodeUpdate(r, kind) };
    }
    case PERF_RECORD_USER.STAT_CONFIG: {
      const config = new Map(times(r.u64(), () => [r.u64(), r.exactU64()] as const));
      return {
        type,
        aggr_mode: config.get(STAT_CONFIG_TAG.AGGR_MODE) ?? 0,
        interval: config.get(STAT_CONFIG_TAG.INTERVAL) ?? 0,
        scale: config.get(STAT_CONFIG_TAG.SCALE) ?? 0,
      };
    }
    case PERF_RECORD_USER.STAT:
      return {
        type,
        id: r.exactU64(),
        cpu: r.s32(),
        thread: r.u32(),
        val: r.exactU64(),
        ena: r.exactU64(),
        run: r.exactU64(),
      };
    case PERF_RECORD_USER.STAT_ROUND:
      return { type, round: r.exactU64(), time: r.exactU64() as Nanos64 };
    default:
      return {
        type: PERF_RECORD_USER.TIME_CONV,
        time_shift: r.exactU64(),
        time_mult: r.exactU64(),
        time_zero: r.exactU64(),
      };
  }
}
