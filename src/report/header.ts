/**
 * What a recording says of its machine and its making: perf report --header, --header-only and -I.
 *
 * Source: tools/perf/util/header.c, measured on perf 6.1. In a pipe the features are records of the stream, so perf prints
 * them after the block; there is no list of what is missing.
 * Not modelled: printing of BPF programs, PMU capabilities, hybrid topologies and directory formats; dates in a local
 * time zone (the reference time of CLOCK_DATA is printed in UTC).
 */
import { ByteReader, OutOfBounds } from '../perfdata/bytes.ts';
import { type FileHeader, HEADER } from '../perfdata/header.ts';
import type { Evsel, PerfEnv } from '../uapi/evsel.ts';
import type { Nanos } from '../units.ts';
import { attrFields } from './evlist.ts';
import { fixed, hex } from './table.ts';

/** What is printed; perfdata's Session is one. */
export interface HeaderSource {
  readonly isPipe: boolean;
  readonly header: FileHeader | undefined;
  readonly features: ReadonlyMap<number, Uint8Array>;
  readonly evlist: readonly Evsel[];
  readonly env: PerfEnv;
  readonly sampleTime: { readonly first: Nanos; readonly last: Nanos } | undefined;
}

export interface HeaderOptions {
  /** When the file was last changed, as ctime() words it. */
  readonly capturedOn: string;
  /** -I: topology, caches and memory too. */
  readonly full?: boolean;
}

const ATTR_SIZE = 128;

/** Bytes of a perf_event_attr in the recording. */
export function attrSizeOf({ header, features }: Pick<HeaderSource, 'header' | 'features'>): number {
  if (header) return header.attr_size - 16;
  const described = features.get(HEADER.EVENT_DESC);
  return described && described.length >= 8 ? new ByteReader(described, 4).u32() : ATTR_SIZE;
}

/** Lines of the header block, without their newlines. */
export function* headerLines(source: HeaderSource, options: HeaderOptions): Generator<string> {
  const { header, features, isPipe } = source;
  yield '# ========';
  yield `# captured on    : ${options.capturedOn}`;
  yield '# header version : 1';
  yield `# data offset    : ${header?.data.offset ?? 0}`;
  yield `# data size      : ${header?.data.size ?? 0}`;
  yield `# feat offset    : ${header ? header.data.offset + header.data.size : 0}`;
  if (isPipe) yield* ['# ========', '#'];
  for (const [bit, payload] of features) yield* featureLines(bit, payload, source, options);
  if (isPipe) return;
  const missing = Object.entries(HEADER).filter(([, bit]) => !features.has(bit));
  if (missing.length) yield `# missing features: ${missing.map(([name]) => `${name} `).join('')}`;
  yield* ['# ========', '#'];
}

/** Features that are long and shown with -I only. */
const FULL_ONLY: ReadonlySet<number> = new Set([
  HEADER.CPU_TOPOLOGY,
  HEADER.NUMA_TOPOLOGY,
  HEADER.CACHE,
  HEADER.MEM_TOPOLOGY,
]);

function featureLines(bit: number, payload: Uint8Array, source: HeaderSource, options: HeaderOptions): string[] {
  if (FULL_ONLY.has(bit) && !options.full) {
    const name = Object.entries(HEADER).find(([, known]) => known === bit)?.[0];
    return [`# ${name} info available, use -I to display`];
  }
  try {
    return PRINT[bit]?.(source, new ByteReader(payload)) ?? [];
  } catch (error) {
    if (error instanceof OutOfBounds) return [];
    throw error;
  }
}

const text = (name: string, value: string | number | undefined): string[] => [`# ${name} : ${value ?? ''}`];
const usec = (ns: number): string => `${Math.floor(ns / 1e9)}.${String(Math.floor((ns % 1e9) / 1e3)).padStart(6, '0')}`;
/** A string in a feature: its length, rounded up to 64, and its bytes. */
const string = (r: ByteReader): string => r.string(r.u32());

const PRINT: Readonly<Record<number, (source: HeaderSource, payload: ByteReader) => string[]>> = {
  [HEADER.HOSTNAME]: ({ env }) => text('hostname', env.hostname),
  [HEADER.OSRELEASE]: ({ env }) => text('os release', env.os_release),
  [HEADER.VERSION]: ({ env }) => text('perf version', env.version),
  [HEADER.ARCH]: ({ env }) => text('arch', env.arch),
  [HEADER.NRCPUS]: ({ env }) => [
    ...text('nrcpus online', env.nr_cpus_online),
    ...text('nrcpus avail', env.nr_cpus_avail),
  ],
  [HEADER.CPUDESC]: ({ env }) => text('cpudesc', env.cpu_desc),
  [HEADER.CPUID]: ({ env }) => text('cpuid', env.cpuid),
  [HEADER.TOTAL_MEM]: ({ env }) => text('total memory', `${env.total_mem} kB`),
  [HEADER.CMDLINE]: ({ env }) =>
    text('cmdline', (env.cmdline ?? []).map((arg) => `${arg.replaceAll("'", "\\'")} `).join('')),
  [HEADER.EVENT_DESC]: (source) => source.evlist.map((evsel) => eventText(evsel, attrSizeOf(source))),
  [HEADER.CPU_TOPOLOGY]: ({ env }) => topologyLines(env),
  [HEADER.NUMA_TOPOLOGY]: (_, r) =>
    Array.from({ length: r.u32() }, () => {
      const [node, total, free] = [r.u32(), r.u64(), r.u64()];
      return [
        `# node${node} meminfo  : total = ${total} kB, free = ${free} kB`,
        `# node${node} cpu list : ${string(r)}`,
      ];
    }).flat(),
  [HEADER.BRANCH_STACK]: () => ['# contains samples with branch stack'],
  [HEADER.PMU_MAPPINGS]: ({ env: { pmu_mappings: pmus = [] } }) => [
    `# pmu mappings: ${pmus.map(({ name, type }) => `${name} = ${type}`).join(', ') || 'not available'}`,
  ],
  [HEADER.GROUP_DESC]: ({ evlist }) => groupLines(evlist),
  [HEADER.AUXTRACE]: () => ['# contains AUX area data (e.g. instruction trace)'],
  [HEADER.STAT]: () => ['# contains stat data'],
  [HEADER.CACHE]: (_, r) => {
    r.u32();
    const caches = Array.from({ length: r.u32() }, () => {
      const level = r.u32();
      r.skip(12);
      const [type, size, map] = [string(r), string(r), string(r)];
      return `#  L${level} ${type.padEnd(15)} ${size.padStart(8)} [${map}]`;
    });
    return ['# CPU cache info:', ...caches];
  },
  [HEADER.SAMPLE_TIME]: ({ sampleTime }) => {
    const { first, last } = sampleTime ?? { first: 0, last: 0 };
    return [
      `# time of first sample : ${usec(first)}`,
      `# time of last sample : ${usec(last)}`,
      `# sample duration : ${fixed((last - first) / 1e6, 3).padStart(10)} ms`,
    ];
  },
  [HEADER.MEM_TOPOLOGY]: (_, r) => memoryLines(r),
  [HEADER.CLOCKID]: (_, r) => [`# clockid frequency: ${r.u64() * 1000} MHz`],
  [HEADER.COMPRESSED]: (_, r) => {
    r.u32();
    const [type, level, ratio] = [r.u32(), r.u32(), r.u32()];
    return [`# compressed : ${type === 1 ? 'Zstd' : 'Unknown'}, level = ${level}, ratio = ${ratio}`];
  },
  [HEADER.CLOCK_DATA]: (_, r) => {
    r.u32();
    return clockLines(r.u32(), r.bigU64(), r.bigU64());
  },
};

function eventText({ name, ids, attr }: Evsel, size: number): string {
  const id = ids.length ? `, id = { ${ids.join(', ')} }` : '';
  const fields = attrFields(attr, size).map(([field, value]) => `, ${field} = ${value}`);
  return `# event : name = ${name}, ${id}${fields.join('')}`;
}

function topologyLines({ cpu_topology: topology, nr_cpus_avail = 0 }: PerfEnv): string[] {
  if (!topology) return [];
  const { core_siblings, die_siblings, thread_siblings, cpus } = topology;
  const lines = core_siblings.map((list) => `# sibling ${die_siblings ? 'sockets' : 'cores  '} : ${list}`);
  for (const list of die_siblings ?? []) lines.push(`# sibling dies    : ${list}`);
  for (const list of thread_siblings) lines.push(`# sibling threads : ${list}`);
  for (const [cpu, { core_id, die_id, socket_id }] of cpus.slice(0, nr_cpus_avail || undefined).entries()) {
    const die = die_siblings ? ` Die ID ${die_id ?? 0},` : '';
    lines.push(`# CPU ${cpu}: Core ID ${core_id},${die} Socket ID ${socket_id}`);
  }
  return lines;
}

function groupLines(evlist: readonly Evsel[]): string[] {
  return evlist.flatMap(({ groupName }, index) => {
    const members = evlist.filter(({ leader }) => leader === index);
    return members.length > 1 ? [`# group: ${groupName ?? ''}{${members.map(({ name }) => name).join(',')}}`] : [];
  });
}

/** Numbers as "0-23,32-199". */
function ranges(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const n of numbers) {
    const last = runs.at(-1);
    if (last && last[1] === n - 1) last[1] = n;
    else runs.push([n, n]);
  }
  return runs.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',');
}

/** 24G: the largest unit that leaves at least 1. */
function bytesText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < 3) [value, unit] = [Math.floor(value / 1024), unit + 1];
  return `${value}${'BKMG'[unit]}`;
}

function memoryLines(r: ByteReader): string[] {
  r.u64();
  const [blockSize, nr] = [r.u64(), r.u64()];
  const nodes = Array.from({ length: nr }, () => {
    const [node, bits] = [r.u64(), (r.u64(), r.u64())];
    const words = Array.from({ length: Math.ceil(bits / 64) }, () => r.bigU64());
    const blocks = Array.from({ length: bits }, (_, i) => i).filter(
      (i) => ((words[i >>> 6] ?? 0n) >> BigInt(i & 63)) & 1n,
    );
    return `#  ${String(node).padStart(3)} [${bytesText(blockSize * blocks.length)}]: ${ranges(blocks)}`;
  });
  return [`# memory nodes (nr ${nr}, block size 0x${hex(blockSize)}):`, ...nodes];
}

const CLOCKS: Readonly<Record<number, string>> = {
  0: 'realtime',
  1: 'monotonic',
  4: 'monotonic_raw',
  7: 'boottime',
  11: 'tai',
};

/** Nanoseconds as seconds with so many digits behind the point. */
const seconds = (ns: bigint, digits: number): string =>
  `${ns / 1_000_000_000n}.${String((ns % 1_000_000_000n) / 10n ** BigInt(9 - digits)).padStart(digits, '0')}`;

/** Times are in ns; the wall clock's exceed what a number holds exactly. */
function clockLines(clockid: number, wall: bigint, clock: bigint): string[] {
  const name = CLOCKS[clockid] ?? 'unknown';
  const date = new Date(Number(wall / 1_000_000n)).toISOString().slice(0, 19).replace('T', ' ');
  const micros = seconds(wall, 6);
  return [
    `# clockid: ${name} (${clockid})`,
    `# reference time: ${date}${micros.slice(-7)} = ${micros} (TOD) = ${seconds(clock, 9)} (${name})`,
  ];
}
