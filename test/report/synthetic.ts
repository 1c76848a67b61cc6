/**
 * Recordings made by hand: one program, its libc and a kernel, small enough to check by eye.
 */
import type { Dso, Sym, SymbolTable } from '../../src/profile/dso.ts';
import type { Recording } from '../../src/profile/session.ts';
import type { FileRecord } from '../../src/perfdata/reader.ts';
import type { Evsel } from '../../src/uapi/evsel.ts';
import { PERF_CONTEXT, PERF_RECORD, PERF_RECORD_MISC, PERF_SAMPLE, PERF_TYPE } from '../../src/uapi/perf-event.ts';
import { address, nanos } from '../../src/units.ts';

const KERNEL_TEXT = -0x7f000000;
const FTEST = 0x400000;
const LIBC = 0x7f0000000000;

const TABLES: Readonly<Record<string, readonly (readonly [string, number])[]>> = {
  '/opt/guest/ftest': [
    ['main', 0x1000],
    ['foo', 0x1100],
    ['bar', 0x1200],
    ['qux', 0x1300],
  ],
  '/usr/lib/libc-2.27.so': [
    ['__libc_start_main', 0x2000],
    ['random', 0x2100],
  ],
  '[kernel.kallsyms]': [
    ['_text', KERNEL_TEXT],
    ['do_syscall_64', KERNEL_TEXT + 0x100],
    ['schedule', KERNEL_TEXT + 0x200],
  ],
};

/** Symbols of the dsos above, 0x100 bytes each. */
export function symbols(dso: Dso): SymbolTable | undefined {
  const table: readonly Sym[] | undefined = TABLES[dso.name]?.map(([name, start]) => ({
    name,
    start,
    end: start + 0x100,
  }));
  return (
    table && { origin: dso.kernel ? 'k' : 'B', find: (at) => table.find((sym) => at >= sym.start && at < sym.end) }
  );
}

const { IP, TID, TIME, PERIOD, CALLCHAIN } = PERF_SAMPLE;
export const FLAT = IP | TID | TIME | PERIOD;
export const CHAINS = FLAT | CALLCHAIN;

export const evsel = (name: string, index: number, more: Partial<Evsel> = {}, sample_type = FLAT): Evsel => ({
  name,
  attr: { type: PERF_TYPE.HARDWARE, config: index, sample_period: 4000, freq: true, sample_type, read_format: 4 },
  leader: index,
  unit: '',
  scale: 1,
  ids: [index + 1],
  ...more,
});

const made = { pid: 0, tid: 0, time: nanos(0) };
const mapped = (filename: string, addr: number, pgoff: number, ino: number): FileRecord => ({
  type: PERF_RECORD.MMAP2,
  misc: PERF_RECORD_MISC.USER,
  pid: 100,
  tid: 100,
  time: nanos(1_000_000_500),
  addr: address(addr),
  len: 0x1000,
  pgoff: address(pgoff),
  filename,
  maj: 8,
  min: 1,
  ino,
  ino_generation: 0,
  prot: 5,
  flags: 2,
});

/** What stands at the start of every recording: kernel, program and libc mapped by process 100. */
export const opening: readonly FileRecord[] = [
  {
    ...made,
    type: PERF_RECORD.MMAP,
    misc: PERF_RECORD_MISC.KERNEL,
    pid: -1,
    addr: address(KERNEL_TEXT),
    len: 0x300,
    pgoff: address(KERNEL_TEXT),
    filename: '[kernel.kallsyms]_text',
  },
  { ...made, type: PERF_RECORD.COMM, misc: 0, pid: 100, tid: 100, comm: 'perf-exec' },
  {
    type: PERF_RECORD.COMM,
    misc: PERF_RECORD_MISC.COMM_EXEC,
    pid: 100,
    tid: 100,
    time: nanos(1_000_000_000),
    comm: 'ftest',
  },
  mapped('/opt/guest/ftest', FTEST, 0x1000, 7),
  mapped('/usr/lib/libc-2.27.so', LIBC, 0x2000, 8),
];

/** Run-time address of an offset in the program, libc or kernel. */
export const at = {
  ftest: (offset: number): number => FTEST + offset - 0x1000,
  libc: (offset: number): number => LIBC + offset - 0x2000,
  kernel: (offset: number): number => KERNEL_TEXT + offset,
};

export interface Shot {
  readonly ip: number;
  readonly period?: number;
  readonly tid?: number;
  readonly cpu?: number;
  readonly id?: number;
  /** Callers, innermost first, the sampled address included; kernel addresses are negative. */
  readonly chain?: readonly number[];
}

/** Samples at these places, 250 us apart. */
export const shots = (list: readonly Shot[]): FileRecord[] =>
  list.map(({ ip, period = 1000, tid = 100, cpu, id, chain }, i) => {
    const kernel = chain?.filter((frame) => frame < 0) ?? [];
    const user = chain?.filter((frame) => frame >= 0) ?? [];
    const context = [
      ...(kernel.length ? [PERF_CONTEXT.KERNEL, ...kernel] : []),
      ...(user.length ? [PERF_CONTEXT.USER, ...user] : []),
    ];
    return {
      type: PERF_RECORD.SAMPLE,
      misc: ip < 0 ? PERF_RECORD_MISC.KERNEL : PERF_RECORD_MISC.USER,
      ip: address(ip),
      pid: 100,
      tid,
      time: nanos(1_000_001_000 + 250_000 * i),
      period,
      ...(cpu !== undefined && { cpu }),
      ...(id !== undefined && { id }),
      ...(chain && { callchain: context.map(address) }),
    };
  });

/** A recording of these events and records; a record belongs to the event of its id. */
export const recording = (evlist: readonly Evsel[], records: readonly FileRecord[]): Recording => ({
  evlist,
  env: {},
  buildIds: [],
  *records() {
    for (const record of [...opening, ...records]) {
      const id = 'id' in record ? record.id : undefined;
      yield { record, evsel: evlist.find(({ ids }) => id !== undefined && ids.includes(id)) ?? evlist[0] };
    }
  },
});
