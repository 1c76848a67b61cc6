/**
 * The first bytes of a perf.data file: struct perf_file_header, or in a pipe struct perf_pipe_file_header.
 *
 *   struct perf_file_section { u64 offset, size; };
 *   struct perf_file_header {
 *     u64 magic;                              "PERFILE2"
 *     u64 size;                               104; newer headers are longer, and say so here
 *     u64 attr_size;                          sizeof(perf_event_attr) + 16
 *     struct perf_file_section attrs, data, event_types;
 *     u64 flags[4];                           one bit per feature
 *   };
 *   struct perf_pipe_file_header { u64 magic; u64 size; };
 *
 * The feature table follows the data: one perf_file_section per set bit, in ascending order.
 * Source: tools/perf/util/header.h and perf.data-file-format.txt; measured on perf 6.1.
 * Not modelled: the first format ("PERFFILE", 2009), big-endian files.
 */
import { ByteReader, ByteWriter } from './bytes.ts';

/** HEADER_*: feature bits. */
export const HEADER = {
  TRACING_DATA: 1,
  BUILD_ID: 2,
  HOSTNAME: 3,
  OSRELEASE: 4,
  VERSION: 5,
  ARCH: 6,
  NRCPUS: 7,
  CPUDESC: 8,
  CPUID: 9,
  TOTAL_MEM: 10,
  CMDLINE: 11,
  EVENT_DESC: 12,
  CPU_TOPOLOGY: 13,
  NUMA_TOPOLOGY: 14,
  BRANCH_STACK: 15,
  PMU_MAPPINGS: 16,
  GROUP_DESC: 17,
  AUXTRACE: 18,
  STAT: 19,
  CACHE: 20,
  SAMPLE_TIME: 21,
  MEM_TOPOLOGY: 22,
  CLOCKID: 23,
  DIR_FORMAT: 24,
  BPF_PROG_INFO: 25,
  BPF_BTF: 26,
  COMPRESSED: 27,
  CPU_PMU_CAPS: 28,
  CLOCK_DATA: 29,
  HYBRID_TOPOLOGY: 30,
  PMU_CAPS: 31,
} as const;

/** perf's name for a feature's bit. */
export function featureName(bit: number): string {
  const known = Object.entries(HEADER).find(([, own]) => own === bit);
  return known ? known[0] : `feature ${bit}`;
}

export const MAGIC = 'PERFILE2';
export const FILE_HEADER_SIZE = 104;
export const PIPE_HEADER_SIZE = 16;
const FEATURE_WORDS = 8;

export interface FileSection {
  readonly offset: number;
  readonly size: number;
}

export interface FileHeader {
  /** Size of the header itself; 16 marks a pipe. */
  readonly size: number;
  readonly attr_size: number;
  readonly attrs: FileSection;
  readonly data: FileSection;
  /** Set feature bits, ascending. */
  readonly features: readonly number[];
}

export function encodeFileHeader(header: FileHeader): Uint8Array {
  const w = new ByteWriter(FILE_HEADER_SIZE);
  w.string(MAGIC, 8);
  w.u64(header.size);
  w.u64(header.attr_size);
  for (const section of [header.attrs, header.data, { offset: 0, size: 0 }]) {
    w.u64(section.offset);
    w.u64(section.size);
  }
  const words = new Uint32Array(FEATURE_WORDS);
  for (const bit of header.features) words[bit >>> 5]! |= 1 << (bit & 31);
  for (const word of words) w.u32(word);
  return w.taken();
}

/** Decodes what follows the magic and size. `bytes` holds at least FILE_HEADER_SIZE bytes. */
export function decodeFileHeader(bytes: Uint8Array): FileHeader {
  const r = new ByteReader(bytes, 8);
  const section = (): FileSection => ({ offset: r.u64(), size: r.u64() });
  const [size, attr_size, attrs, data] = [r.u64(), r.u64(), section(), section()];
  section();
  const features: number[] = [];
  for (let word = 0; word < FEATURE_WORDS; word++) {
    const bits = r.u32();
    for (let bit = 0; bit < 32; bit++) if ((bits >>> bit) & 1) features.push(word * 32 + bit);
  }
  return { size, attr_size, attrs, data, features };
}

export function encodePipeHeader(): Uint8Array {
  const w = new ByteWriter(PIPE_HEADER_SIZE);
  w.string(MAGIC, 8);
  w.u64(PIPE_HEADER_SIZE);
  return w.taken();
}
