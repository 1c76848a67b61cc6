/**
 * Small recordings made by hand: the program of the letter's precision tables (ftest, with foo and bar calling qux), a
 * kernel of five functions, and samples over both at fixed places.
 */
import { createHash } from 'node:crypto';
import type { DsoImage } from '../../src/arch/dso.ts';
import { encodeElf } from '../../src/perfdata/elf.ts';
import { address, addressToU64, nanos, type Address, type Nanos, type Address64 } from '../../src/units.ts';
import type { Evsel } from '../../src/perf-events/evsel.ts';
import {
  PERF_COUNT_HW,
  PERF_CONTEXT,
  PERF_RECORD,
  PERF_RECORD_MISC,
  PERF_SAMPLE,
  PERF_TYPE,
  type CommRecord,
  type MmapRecord,
  type PerfEventAttr,
  type SampleRecord,
} from '../../src/uapi/perf-event.ts';
import type { BuildId, PerfEnv } from '../../src/perfdata/perf-env.ts';
import { PERF_RECORD_USER, type PerfRecord } from '../../src/perf-events/tool-record.ts';

const CODE_SIZE = 0x40;
const NAMES = ['_start', 'random@plt', 'qux', 'foo', 'bar', 'main'];
/** push %rbp; mov %rsp,%rbp; add $1,%rax; dec %ecx; jne; pop %rbp; ret; nops. */
const CODE = Uint8Array.of(0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xc0, 0x01, 0xff, 0xc9, 0x75, 0xf8, 0x5d, 0xc3);

export const FTEST: DsoImage = {
  path: '/opt/guest/ftest',
  base: address(0x555555554000),
  textOffset: 0x1000,
  text: ((): Uint8Array => {
    const text = new Uint8Array(NAMES.length * CODE_SIZE).fill(0x90);
    NAMES.forEach((_, i) => text.set(CODE, i * CODE_SIZE));
    return text;
  })(),
  symbols: NAMES.map((name, i) => ({ name, offset: 0x1000 + i * CODE_SIZE, size: CODE_SIZE })),
};
export const FTEST_ELF = encodeElf(FTEST);

export const KERNEL_TEXT = address(-0x7f000000);
const KERNEL_SYMBOLS = ['_text', 'native_write_msr', 'intel_pmu_enable_all', 'schedule', 'do_syscall_64', '_etext'].map(
  (symbol, i) => ({ symbol, address: address(KERNEL_TEXT + i * CODE_SIZE) }),
);
export const KALLSYMS = KERNEL_SYMBOLS.map(
  ({ symbol, address: a }) => `${addressToU64(a).toString(16)} T ${symbol}\n`,
).join('');
export const KERNEL_BUILD_ID = createHash('sha1').update(KALLSYMS).digest('hex');

/** Run-time address of an instruction of ftest, or of the kernel. */
export function at(name: string, offset = 4): Address {
  const user = FTEST.symbols.find((s) => s.name === name);
  if (user) return address(FTEST.base + user.offset + offset);
  const kernel = KERNEL_SYMBOLS.find((s) => s.symbol === name);
  if (!kernel) throw new Error(`no symbol ${name}`);
  return address(kernel.address + offset);
}

export const BUILD_IDS: readonly BuildId[] = [
  { pid: -1, misc: PERF_RECORD_MISC.KERNEL, buildId: KERNEL_BUILD_ID, filename: '[kernel.kallsyms]' },
  { pid: -1, misc: PERF_RECORD_MISC.USER, buildId: FTEST_ELF.buildId, filename: FTEST.path },
];

export const ENV: PerfEnv = {
  hostname: 'guest',
  os_release: '5.0.0',
  version: '6.1',
  arch: 'x86_64',
  nr_cpus_avail: 2,
  nr_cpus_online: 2,
  cpu_desc: 'Intel(R) Xeon(R) CPU E5-2699 v4 @ 2.20GHz',
  cpuid: 'GenuineIntel,6,79,1',
  total_mem: 4039500,
  cmdline: ['/usr/bin/gperf', 'record', '--seed', 'a "b"', './ftest'],
  pmu_mappings: [
    { type: 4, name: 'cpu' },
    { type: 1, name: 'software' },
  ],
  cpu_topology: {
    core_siblings: ['0-1'],
    thread_siblings: ['0', '1'],
    die_siblings: ['0-1'],
    cpus: [
      { core_id: 0, socket_id: 0, die_id: 0 },
      { core_id: 1, socket_id: 0, die_id: 0 },
    ],
  },
};

/** Fields of a sample. */
export const S = PERF_SAMPLE;

/** An event as perf record opens it: 4000 Hz, side-band records on the first one. */
export function event(
  name: string,
  index: number,
  sample_type: number,
  attr: Partial<PerfEventAttr> = {},
  group: Partial<Pick<Evsel, 'leader' | 'groupName'>> = {},
): Evsel {
  const sideBand = index === 0;
  return {
    name,
    attr: {
      type: PERF_TYPE.HARDWARE,
      config: name.startsWith('instructions') ? PERF_COUNT_HW.INSTRUCTIONS : PERF_COUNT_HW.CPU_CYCLES,
      sample_period: 4000,
      freq: true,
      sample_type,
      read_format: 4,
      disabled: true,
      inherit: true,
      enable_on_exec: true,
      sample_id_all: true,
      exclude_guest: true,
      ...(sideBand && { mmap: true, comm: true, task: true, mmap2: true, comm_exec: true }),
      ...attr,
    },
    leader: index,
    ...group,
    unit: '',
    scale: 1,
    ids: [100 + index],
  };
}

/** An event as perf stat record opens it. */
export function statEvent(name: string, index: number, type: number, config: number): Evsel {
  const attr = {
    type,
    config,
    sample_period: 0,
    sample_type: S.IDENTIFIER,
    read_format: 3,
    disabled: true,
    inherit: true,
  };
  const clock = name === 'task-clock';
  return { name, attr, leader: index, unit: clock ? 'msec' : '', scale: clock ? 1e-6 : 1, ids: [1 + index] };
}

export const PID = 4242;
const SECOND = 1_000_000_000;
const TASK = { pid: PID, tid: PID, cpu: 0 };
/** Milliseconds after the program's start. */
export const ms = (n: number): Nanos => nanos(SECOND + n * 1_000_000);

export const kernelMmap: MmapRecord = {
  type: PERF_RECORD.MMAP,
  misc: PERF_RECORD_MISC.KERNEL,
  pid: -1,
  tid: 0,
  time: nanos(0),
  addr: KERNEL_TEXT,
  len: 0x1000000,
  pgoff: KERNEL_TEXT,
  filename: '[kernel.kallsyms]_text',
};
export const execComm = (ids: { id?: number } = {}): CommRecord => ({
  ...TASK,
  ...ids,
  type: PERF_RECORD.COMM,
  misc: PERF_RECORD_MISC.COMM_EXEC,
  time: nanos(SECOND),
  comm: 'ftest',
});
export const ftestMmap = (ids: { id?: number } = {}): MmapRecord => ({
  ...TASK,
  ...ids,
  type: PERF_RECORD.MMAP2,
  misc: PERF_RECORD_MISC.USER,
  time: nanos(SECOND + 1),
  addr: address(FTEST.base + FTEST.textOffset),
  len: 0x1000,
  pgoff: address(FTEST.textOffset),
  maj: 0xfe,
  min: 0,
  ino: 1,
  ino_generation: 0,
  prot: 5,
  flags: 2,
  filename: FTEST.path,
});

/** What precedes the samples. */
export const prologue = (ids: { id?: number } = {}): PerfRecord[] => [kernelMmap, execComm(ids), ftestMmap(ids)];

export const epilogue = (ids: { id?: number } = {}): PerfRecord[] => [
  { ...TASK, ...ids, type: PERF_RECORD.EXIT, misc: 0, time: ms(1000), ppid: 4241, ptid: 4241 },
  { type: PERF_RECORD_USER.FINISHED_ROUND },
];

/** n samples, 250 us apart: qux 40 %, foo 20 %, bar 20 %, main 10 %, native_write_msr 10 %. */
export function samples(
  n: number,
  more: (i: number, sample: SampleRecord) => Partial<SampleRecord> = () => ({}),
): SampleRecord[] {
  const where = ['qux', 'foo', 'qux', 'bar', 'qux', 'foo', 'main', 'bar', 'qux', 'native_write_msr'];
  return Array.from({ length: n }, (_, i): SampleRecord => {
    const name = where[i % where.length]!;
    const sample: SampleRecord = {
      ...TASK,
      type: PERF_RECORD.SAMPLE,
      misc: name === 'native_write_msr' ? PERF_RECORD_MISC.KERNEL : PERF_RECORD_MISC.USER,
      time: nanos(SECOND + 1000 + i * 250_000),
      ip: at(name, 4 + 2 * (i % 3)),
      period: 550_000,
    };
    return Object.assign(sample, more(i, sample));
  });
}

/** A callchain through main and, from the kernel, the system call that entered it. */
export const callchain = ({ ip, misc }: SampleRecord): readonly Address64[] => [
  ...(misc === PERF_RECORD_MISC.KERNEL ? [address(PERF_CONTEXT.KERNEL), ip, at('do_syscall_64', 8)] : []),
  address(PERF_CONTEXT.USER),
  ...(misc === PERF_RECORD_MISC.USER ? [ip] : []),
  at('foo', 9),
  at('main', 13),
];
