/**
 * struct perf_event_attr as bytes; the only file that knows its flag bits.
 *
 *   u32 type, size;  u64 config;  u64 sample_period|sample_freq;  u64 sample_type, read_format;  u64 flags;
 *   u32 wakeup_events|wakeup_watermark, bp_type;  u64 config1|bp_addr            VER0: 64 bytes
 *   u64 config2|bp_len (72)  u64 branch_sample_type (80)  u64 sample_regs_user;  u32 sample_stack_user;  s32 clockid (96)
 *   u64 sample_regs_intr (104)  u32 aux_watermark;  u16 sample_max_stack, pad (112)  u32 aux_sample_size, pad (120)
 *   u64 sig_data (128)  u64 config3 (136)
 *
 * Every size from 64 on is read (bytes beyond 128 are skipped); 128 is written, the most perf 6.1 accepts.
 * Source: include/uapi/linux/perf_event.h.
 * Not modelled: config3.
 */
import type { PerfEventAttr } from '../uapi/perf-event.ts';
import type { U64 } from '../units.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';

export const PERF_ATTR_SIZE = 128;
export const PERF_ATTR_SIZE_VER0 = 64;

type KeysOf<T> = {
  [K in keyof PerfEventAttr]-?: NonNullable<PerfEventAttr[K]> extends T ? K : never;
}[keyof PerfEventAttr];
type Flag = KeysOf<boolean>;
type WideField = Exclude<KeysOf<U64>, KeysOf<number> | 'config' | 'sample_period'>;

/** The flags of one bit each, with their bit numbers; precise_ip has bits 15 and 16. */
const FLAGS: readonly (readonly [Flag, number])[] = [
  ['disabled', 0],
  ['inherit', 1],
  ['pinned', 2],
  ['exclusive', 3],
  ['exclude_user', 4],
  ['exclude_kernel', 5],
  ['exclude_hv', 6],
  ['exclude_idle', 7],
  ['mmap', 8],
  ['comm', 9],
  ['freq', 10],
  ['inherit_stat', 11],
  ['enable_on_exec', 12],
  ['task', 13],
  ['watermark', 14],
  ['mmap_data', 17],
  ['sample_id_all', 18],
  ['exclude_host', 19],
  ['exclude_guest', 20],
  ['exclude_callchain_kernel', 21],
  ['exclude_callchain_user', 22],
  ['mmap2', 23],
  ['comm_exec', 24],
  ['use_clockid', 25],
  ['context_switch', 26],
  ['write_backward', 27],
  ['namespaces', 28],
  ['ksymbol', 29],
  ['bpf_event', 30],
  ['aux_output', 31],
  ['cgroup', 32],
  ['text_poke', 33],
  ['build_id', 34],
  ['inherit_thread', 35],
  ['remove_on_exec', 36],
  ['sigtrap', 37],
];
const PRECISE_IP_SHIFT = 15;

export function encodeAttr(w: ByteWriter, attr: PerfEventAttr): void {
  const start = w.pos;
  const flags: [number, number] = [(attr.precise_ip ?? 0) << PRECISE_IP_SHIFT, 0];
  for (const [name, bit] of FLAGS) if (attr[name]) flags[bit >>> 5]! |= 1 << (bit & 31);
  w.u32(attr.type);
  w.u32(PERF_ATTR_SIZE);
  w.u64(attr.config);
  w.u64(attr.sample_period);
  w.u64(attr.sample_type);
  w.u64(attr.read_format);
  w.u32(flags[0]);
  w.u32(flags[1]);
  w.u32(attr.wakeup ?? 0);
  w.u32(attr.bp_type ?? 0);
  w.u64(attr.config1 ?? 0);
  w.u64(attr.config2 ?? 0);
  w.u64(attr.branch_sample_type ?? 0);
  w.u64(attr.sample_regs_user ?? 0);
  w.u32(attr.sample_stack_user ?? 0);
  w.u32(attr.clockid ?? 0);
  w.u64(attr.sample_regs_intr ?? 0);
  w.u32(attr.aux_watermark ?? 0);
  w.u16(attr.sample_max_stack ?? 0);
  w.u16(0);
  w.u32(attr.aux_sample_size ?? 0);
  w.u32(0);
  w.u64(attr.sig_data ?? 0);
  if (w.pos - start !== PERF_ATTR_SIZE) throw new Error(`perf_event_attr of ${w.pos - start} bytes`);
}

/**
 * Decodes an attr that fills `size` bytes in the file (`attr.size` of old files may be 0 or smaller) and moves past it.
 * Fields beyond its size, and fields that are 0, stay absent.
 */
export function decodeAttr(r: ByteReader, size: number): PerfEventAttr {
  const end = r.pos + size;
  const type = r.u32();
  r.u32();
  const attr: PerfEventAttr = {
    type,
    config: r.exactU64(),
    sample_period: r.exactU64(),
    sample_type: r.u64(),
    read_format: r.u64(),
  };
  const flags = [r.u32(), r.u32()] as const;
  for (const [name, bit] of FLAGS) if ((flags[bit >>> 5]! >>> (bit & 31)) & 1) attr[name] = true;
  const precise_ip = (flags[0] >>> PRECISE_IP_SHIFT) & 3;
  if (precise_ip) attr.precise_ip = precise_ip;

  const field = (name: Exclude<KeysOf<number>, 'precise_ip'>, width: 2 | 4): void => {
    if (r.pos + width > end) return;
    const value = width === 4 ? r.u32() : r.u16();
    if (value) attr[name] = value;
  };
  const wide = (name: WideField): void => {
    if (r.pos + 8 > end) return;
    const value = r.exactU64();
    if (value) attr[name] = value;
  };
  field('wakeup', 4);
  field('bp_type', 4);
  wide('config1');
  wide('config2');
  wide('branch_sample_type');
  wide('sample_regs_user');
  field('sample_stack_user', 4);
  field('clockid', 4);
  wide('sample_regs_intr');
  field('aux_watermark', 4);
  field('sample_max_stack', 2);
  if (r.pos + 2 <= end) r.skip(2);
  field('aux_sample_size', 4);
  if (r.pos + 4 <= end) r.skip(4);
  wide('sig_data');
  r.skip(end - r.pos);
  return attr;
}
