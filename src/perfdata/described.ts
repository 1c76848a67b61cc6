/**
 * Decodes the header features that only perf's header lines show.
 *
 *   NUMA_TOPOLOGY  u32 n; { u32 node; u64 total, free kB; string cpus }[n]
 *   CACHE          u32 version 1, n; { u32 level, line_size, sets, ways; string type, size, map }[n]
 *   MEM_TOPOLOGY   u64 version 1, block size, n; { u64 node, size in bits, size again, words[] }[n]
 *   CLOCKID        u64 resolution in ns     CLOCK_DATA  u32 version 1, clockid; u64 wall clock, clock in ns
 *   DIR_FORMAT     u64 version              COMPRESSED  u32 version, type, level, ratio, mmap_len
 *   BPF_PROG_INFO  u32 n; { u32 info_len, data_len; u64 arrays; bpf_prog_info; data[] }[n]
 *   BPF_BTF        u32 n; { u32 id, size; data[] }[n]
 *   CPU_PMU_CAPS   u32 n; { string name, value }[n]
 *   HYBRID_TOPOLOGY  u32 n; { string pmu, cpus }[n]
 *   PMU_CAPS       u32 n; { CPU_PMU_CAPS; string pmu }[n]
 *
 * Numbers that may use all 64 bits are bigints. As in perf, a feature that is cut off is left out.
 * Source: tools/perf/util/header.c of Linux 6.1, include/uapi/linux/bpf.h.
 */
import { type ByteReader, OutOfBounds } from './bytes.ts';
import { HEADER } from './header.ts';

interface NumaNode {
  readonly node: number;
  /** kB. */
  readonly total: bigint;
  readonly free: bigint;
  readonly cpus: string;
}
interface CpuCache {
  readonly level: number;
  readonly type: string;
  readonly size: string;
  readonly map: string;
}
/** A memory node, and its blocks of the physical address space. */
export interface MemoryNode {
  readonly node: bigint;
  /** Valid bits of the bitmap. */
  readonly bits: number;
  readonly words: readonly bigint[];
}
/** The parts of struct bpf_prog_info that name the code. */
export interface BpfProgInfo {
  readonly id: number;
  readonly name: string;
  readonly btfId: number;
  /** Its functions: address, bytes, tag (hex), type in the BTF object. */
  readonly functions: readonly {
    readonly address: bigint;
    readonly size: number;
    readonly tag: string;
    readonly type: number;
  }[];
}
export interface DescribedPmuCaps {
  readonly pmu: string;
  readonly caps: readonly { readonly name: string; readonly value: string }[];
}

/** What the features say, as far as they decoded. */
export interface Described {
  numa?: readonly NumaNode[];
  caches?: readonly CpuCache[];
  memory?: { readonly blockSize: bigint; readonly nodes: readonly MemoryNode[] };
  clockidResolution?: bigint;
  /** Wall clock and the recording's clock at one moment, in ns. */
  clockData?: { readonly clockid: number; readonly wall: bigint; readonly clock: bigint };
  dirVersion?: bigint;
  compressed?: { readonly type: number; readonly level: number; readonly ratio: number; readonly mmapLength: number };
  bpfPrograms?: readonly BpfProgInfo[];
  btf?: ReadonlyMap<number, Uint8Array>;
  cpuPmuCaps?: DescribedPmuCaps['caps'];
  hybrid?: readonly { readonly pmu: string; readonly cpus: string }[];
  pmuCaps?: readonly DescribedPmuCaps[];
}

/** A string in a feature: its length, rounded up to 64, and its bytes. */
export const getString = (r: ByteReader): string => r.string(r.u32());

/** `nr` items of at least `size` bytes each; a count that cannot fit is refused before memory is taken. */
export function getItems<T>(r: ByteReader, nr: number, size: number, item: () => T): T[] {
  if (!(nr * size <= r.left)) throw new OutOfBounds(`${nr} entries do not fit`);
  const items: T[] = [];
  for (let i = 0; i < nr; i++) items.push(item());
  return items;
}
export const getList = <T>(r: ByteReader, size: number, item: () => T): T[] => getItems(r, r.u32(), size, item);

function version(found: number | bigint): void {
  if (BigInt(found) !== 1n) throw new OutOfBounds(`version ${found}`);
}

/** Decodes a feature if it is one of these; ignores all others. Throws OutOfBounds. */
export function decodeDescribed(bit: number, r: ByteReader, into: Described): void {
  switch (bit) {
    case HEADER.NUMA_TOPOLOGY:
      into.numa = getList(r, 24, () => ({ node: r.u32(), total: r.bigU64(), free: r.bigU64(), cpus: getString(r) }));
      break;
    case HEADER.CACHE:
      version(r.u32());
      into.caches = getList(r, 28, () => {
        const level = r.u32();
        r.skip(12);
        return { level, type: getString(r), size: getString(r), map: getString(r) };
      });
      break;
    case HEADER.MEM_TOPOLOGY:
      version(r.bigU64());
      into.memory = { blockSize: r.bigU64(), nodes: getItems(r, Number(r.bigU64()), 24, () => memoryNode(r)) };
      break;
    case HEADER.CLOCKID:
      into.clockidResolution = r.bigU64();
      break;
    case HEADER.CLOCK_DATA:
      version(r.u32());
      into.clockData = { clockid: r.u32(), wall: r.bigU64(), clock: r.bigU64() };
      break;
    case HEADER.DIR_FORMAT:
      into.dirVersion = r.bigU64();
      break;
    case HEADER.COMPRESSED:
      r.u32();
      into.compressed = { type: r.u32(), level: r.s32(), ratio: r.s32(), mmapLength: r.u32() };
      break;
    case HEADER.BPF_PROG_INFO:
      into.bpfPrograms = getList(r, 16, () => bpfProgram(r));
      break;
    case HEADER.BPF_BTF:
      into.btf = new Map(
        getList(r, 8, () => {
          const [id, size] = [r.u32(), r.u32()];
          return [id, r.take(size)] as const;
        }),
      );
      break;
    case HEADER.CPU_PMU_CAPS:
      into.cpuPmuCaps = capabilities(r);
      break;
    case HEADER.HYBRID_TOPOLOGY:
      into.hybrid = getList(r, 8, () => ({ pmu: getString(r), cpus: getString(r) }));
      break;
    case HEADER.PMU_CAPS:
      into.pmuCaps = getList(r, 8, () => {
        const caps = capabilities(r);
        return { pmu: getString(r), caps };
      });
      break;
    default:
      break;
  }
}

const capabilities = (r: ByteReader): DescribedPmuCaps['caps'] =>
  getList(r, 8, () => ({ name: getString(r), value: getString(r) }));

function memoryNode(r: ByteReader): MemoryNode {
  const [node, bits] = [r.bigU64(), Number(r.bigU64())];
  const size = Number(r.bigU64());
  return { node, bits, words: getItems(r, Math.ceil(size / 64), 8, () => r.bigU64()) };
}

/** Offsets in struct bpf_prog_info, which grew with the kernel, and its largest size in perf 6.1. */
const INFO = {
  ID: 4,
  NAME: 64,
  NR_JITED_KSYMS: 104,
  JITED_KSYMS: 112,
  JITED_FUNC_LENS: 120,
  BTF_ID: 128,
  FUNC_INFO_REC_SIZE: 132,
  FUNC_INFO: 136,
  PROG_TAGS: 184,
  MOST: 232,
} as const;
const BPF_OBJ_NAME_LEN = 16;
const BPF_TAG_SIZE = 8;

/** The arrays that info points at follow it; in a file, the pointers are offsets into them. */
function bpfProgram(r: ByteReader): BpfProgInfo {
  const [infoLength, dataLength] = [r.u32(), r.u32()];
  if (infoLength > INFO.MOST) throw new OutOfBounds(`a bpf_prog_info of ${infoLength} bytes`);
  r.skip(8);
  const info = Buffer.alloc(INFO.MOST);
  info.set(r.take(infoLength));
  const data = Buffer.from(r.take(dataLength));
  const pointer = (at: number): number => Number(info.readBigUInt64LE(at));
  const nr = info.readUInt32LE(INFO.NR_JITED_KSYMS);
  if (nr * (8 + 4 + BPF_TAG_SIZE) > dataLength) throw new OutOfBounds(`${nr} functions do not fit`);
  const place = (at: number, size: number): number => {
    if (!(at + size <= dataLength)) throw new OutOfBounds('an array of a BPF program passes its end');
    return at;
  };
  const recordSize = info.readUInt32LE(INFO.FUNC_INFO_REC_SIZE);
  const btfId = info.readUInt32LE(INFO.BTF_ID);
  const functions = Array.from({ length: nr }, (_, i) => {
    const tag = place(pointer(INFO.PROG_TAGS) + i * BPF_TAG_SIZE, BPF_TAG_SIZE);
    return {
      address: data.readBigUInt64LE(place(pointer(INFO.JITED_KSYMS) + i * 8, 8)),
      size: data.readUInt32LE(place(pointer(INFO.JITED_FUNC_LENS) + i * 4, 4)),
      tag: data.toString('hex', tag, tag + BPF_TAG_SIZE),
      type: btfId === 0 ? 0 : data.readUInt32LE(place(pointer(INFO.FUNC_INFO) + i * recordSize + 4, 4)),
    };
  });
  const end = info.indexOf(0, INFO.NAME);
  const name = info.toString('utf8', INFO.NAME, Math.min(end, INFO.NAME + BPF_OBJ_NAME_LEN));
  return { id: info.readUInt32LE(INFO.ID), name, btfId, functions };
}
