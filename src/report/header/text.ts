/**
 * What a recording says about its machine and how it was made: perf report --header, --header-only and -I.
 *
 * Source: tools/perf/util/header.c, measured on perf 6.1. In a pipe the features are records of the stream, so perf
 * prints them after the block, without a list of what is missing. A feature that does not decode is printed empty, as
 * in perf.
 */
import type { Evsel } from '../../perf-events/evsel.ts';
import { ByteReader } from '../../perfdata/bytes.ts';
import type { BpfProgInfo, Described, MemoryNode, DescribedPmuCaps } from '../../perfdata/described.ts';
import type { DescribedEvent } from '../../perfdata/features.ts';
import { featureName, type FileHeader, HEADER } from '../../perfdata/header.ts';
import type { PerfEnv } from '../../perfdata/perf-env.ts';
import type { Nanos64 } from '../../units.ts';
import { attrFields, groupsOf } from '../evlist/text.ts';
import { fixed } from '../shared/format.ts';
import { btfNames } from './btf.ts';

/** What the header is printed from; perfdata's Session is one. */
export interface HeaderSource {
  readonly isPipe: boolean;
  readonly header: FileHeader | undefined;
  readonly features: ReadonlyMap<number, Uint8Array>;
  readonly evlist: readonly Evsel[];
  readonly eventDesc: readonly DescribedEvent[] | undefined;
  readonly env: PerfEnv;
  readonly sampleTime: { readonly first: Nanos64; readonly last: Nanos64 } | undefined;
  readonly described: Described;
}

export interface HeaderOptions {
  /** When the file was last changed, in ctime() format. */
  readonly capturedOn: string;
  /** -I: show topology, caches and memory too. */
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
  const present = header ? header.features : [...features.keys()];
  for (const bit of present) yield* featureLines(bit, source, options);
  if (isPipe) return;
  const there = new Set(present);
  const missing = Object.entries(HEADER).filter(([, bit]) => !there.has(bit));
  yield `# missing features: ${missing.map(([name]) => `${name} `).join('')}`;
  yield* ['# ========', '#'];
}

/** Long features, shown only with -I. */
const FULL_ONLY: ReadonlySet<number> = new Set([
  HEADER.CPU_TOPOLOGY,
  HEADER.NUMA_TOPOLOGY,
  HEADER.CACHE,
  HEADER.MEM_TOPOLOGY,
  HEADER.HYBRID_TOPOLOGY,
]);

function featureLines(bit: number, source: HeaderSource, options: HeaderOptions): string[] {
  if (FULL_ONLY.has(bit) && !options.full) return [`# ${featureName(bit)} info available, use -I to display`];
  return PRINT[bit]?.(source) ?? [];
}

const text = (name: string, value: string | number): string[] => [`# ${name} : ${value}`];
/** What C prints for a missing string. */
const NULL = '(null)';
const usec = (ns: bigint): string => `${ns / NSEC_PER_SEC}.${padded((ns % NSEC_PER_SEC) / 1000n, 6)}`;
const padded = (n: bigint, digits: number): string => String(n).padStart(digits, '0');
const NSEC_PER_SEC = 1_000_000_000n;
const wrap = (n: bigint): bigint => BigInt.asUintN(64, n);
/** printf("%d") of a number stored as unsigned. */
const signed = (n: number): number => n | 0;

const PRINT: Readonly<Record<number, (source: HeaderSource) => string[]>> = {
  [HEADER.HOSTNAME]: ({ env }) => text('hostname', env.hostname ?? NULL),
  [HEADER.OSRELEASE]: ({ env }) => text('os release', env.os_release ?? NULL),
  [HEADER.VERSION]: ({ env }) => text('perf version', env.version ?? NULL),
  [HEADER.ARCH]: ({ env }) => text('arch', env.arch ?? NULL),
  [HEADER.NRCPUS]: ({ env }) => [
    ...text('nrcpus online', env.nr_cpus_online ?? 0),
    ...text('nrcpus avail', env.nr_cpus_avail ?? 0),
  ],
  [HEADER.CPUDESC]: ({ env }) => text('cpudesc', env.cpu_desc ?? NULL),
  [HEADER.CPUID]: ({ env }) => text('cpuid', env.cpuid ?? NULL),
  [HEADER.TOTAL_MEM]: ({ env }) => text('total memory', `${env.total_mem ?? 0} kB`),
  [HEADER.CMDLINE]: ({ env }) =>
    text('cmdline', (env.cmdline ?? []).map((arg) => `${arg.replaceAll("'", "\\'")} `).join('')),
  [HEADER.EVENT_DESC]: ({ eventDesc }) =>
    eventDesc?.map(eventText) ?? ['# event desc: not available or unable to read'],
  [HEADER.CPU_TOPOLOGY]: ({ env }) => topologyLines(env),
  [HEADER.NUMA_TOPOLOGY]: ({ described: { numa = [] } }) =>
    numa.flatMap(({ node, total, free, cpus }) => [
      `# node${node} meminfo  : total = ${total} kB, free = ${free} kB`,
      `# node${node} cpu list : ${cpus}`,
    ]),
  [HEADER.BRANCH_STACK]: () => ['# contains samples with branch stack'],
  [HEADER.PMU_MAPPINGS]: ({ env: { pmu_mappings: pmus = [] } }) => [
    `# pmu mappings: ${pmus.map(({ name, type }) => `${name} = ${type}`).join(', ') || 'not available'}`,
  ],
  [HEADER.GROUP_DESC]: ({ evlist }) => groupLines(evlist),
  [HEADER.AUXTRACE]: () => ['# contains AUX area data (e.g. instruction trace)'],
  [HEADER.STAT]: () => ['# contains stat data'],
  [HEADER.CACHE]: ({ described: { caches = [] } }) => [
    '# CPU cache info:',
    ...caches.map(
      ({ level, type, size, map }) => `#  L${signed(level)} ${type.padEnd(15)} ${size.padStart(8)} [${map}]`,
    ),
  ],
  [HEADER.SAMPLE_TIME]: ({ sampleTime }) => {
    const [first, last] = [BigInt(sampleTime?.first ?? 0), BigInt(sampleTime?.last ?? 0)];
    return [
      `# time of first sample : ${usec(first)}`,
      `# time of last sample : ${usec(last)}`,
      `# sample duration : ${fixed(Number(wrap(last - first)) / 1e6, 3).padStart(10)} ms`,
    ];
  },
  [HEADER.MEM_TOPOLOGY]: ({ described: { memory = { blockSize: 0n, nodes: [] } } }) => [
    `# memory nodes (nr ${memory.nodes.length}, block size 0x${memory.blockSize.toString(16)}):`,
    ...memory.nodes.map((node) => memoryLine(node, memory.blockSize)),
  ],
  [HEADER.CLOCKID]: ({ described: { clockidResolution = 0n } }) => [
    `# clockid frequency: ${wrap(clockidResolution * 1000n)} MHz`,
  ],
  [HEADER.DIR_FORMAT]: ({ described: { dirVersion = 0n } }) => [`# directory data version : ${dirVersion}`],
  [HEADER.BPF_PROG_INFO]: ({ described: { bpfPrograms = [], btf } }) =>
    byId(bpfPrograms).flatMap((program) => programLines(program, btf?.get(program.btfId))),
  [HEADER.BPF_BTF]: ({ described: { btf = new Map<number, never>() } }) =>
    [...btf.keys()].toSorted((a, b) => a - b).map((id) => `# btf info of id ${id}`),
  [HEADER.COMPRESSED]: ({ described: { compressed: { type, level, ratio } = { type: 0, level: 0, ratio: 0 } } }) => [
    `# compressed : ${type === PERF_COMP_ZSTD ? 'Zstd' : 'Unknown'}, level = ${level}, ratio = ${ratio}`,
  ],
  [HEADER.CPU_PMU_CAPS]: ({ described: { cpuPmuCaps = [] } }) => [capsLine({ pmu: 'cpu', caps: cpuPmuCaps })],
  [HEADER.CLOCK_DATA]: ({ described: { clockData } }) =>
    clockData ? clockLines(clockData) : ['# reference time disabled'],
  [HEADER.HYBRID_TOPOLOGY]: ({ described: { hybrid = [] } }) => [
    '# hybrid cpu system:',
    ...hybrid.map(({ pmu, cpus }) => `# ${pmu} cpu list : ${cpus}`),
  ],
  [HEADER.PMU_CAPS]: ({ described: { pmuCaps = [] } }) => pmuCaps.map(capsLine),
};

const PERF_COMP_ZSTD = 1;

const capsLine = ({ pmu, caps }: DescribedPmuCaps): string =>
  `# ${pmu} pmu capabilities: ${caps.map(({ name, value }) => `${name}=${value}`).join(', ') || 'not available'}`;

function eventText({ name, ids, attr, size }: DescribedEvent): string {
  const id = ids.length ? `, id = { ${ids.join(', ')} }` : '';
  const fields = attrFields(attr, size).map(([field, value]) => `, ${field} = ${value}`);
  return `# event : name = ${name}, ${id}${fields.join('')}`;
}

function topologyLines({ cpu_topology: topology, nr_cpus_avail = 0 }: PerfEnv): string[] {
  const { core_siblings = [], die_siblings = [], thread_siblings = [], cpus } = topology ?? {};
  const lines = core_siblings.map((list) => `# sibling sockets : ${list}`);
  for (const list of die_siblings) lines.push(`# sibling dies    : ${list}`);
  for (const list of thread_siblings) lines.push(`# sibling threads : ${list}`);
  const dies = die_siblings.length > 0;
  if (!cpus) return [...lines, `# Core ID${dies ? ', Die ID' : ''} and Socket ID information is not available`];
  for (const [cpu, { core_id, die_id = 0, socket_id }] of cpus.slice(0, nr_cpus_avail).entries()) {
    const die = dies ? ` Die ID ${signed(die_id)},` : '';
    lines.push(`# CPU ${cpu}: Core ID ${signed(core_id)},${die} Socket ID ${signed(socket_id)}`);
  }
  return lines;
}

function groupLines(evlist: readonly Evsel[]): string[] {
  return [...groupsOf(evlist)].flatMap(([leader, members]) =>
    members.length > 1
      ? [`# group: ${evlist[leader]?.groupName ?? ''}{${members.map(({ name }) => name).join(',')}}`]
      : [],
  );
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

/** unit_number__scnprintf(): 24G, but 1024M, as a unit is used only for more than one of it. */
function bytesText(bytes: bigint): string {
  let [value, unit] = [bytes, 0];
  while (value / 1024n > 1n && unit < 3) [value, unit] = [value / 1024n, unit + 1];
  return `${value}${'BKMG'[unit]}`;
}

/** Size of perf's buffer for a list of memory blocks. */
const MAP_BUFFER = 100;

function memoryLine({ node, bits, words }: MemoryNode, blockSize: bigint): string {
  const blocks: number[] = [];
  for (const [i, word] of words.entries())
    for (let bit = 0, left = word; left > 0n && i * 64 + bit < bits; bit++, left >>= 1n)
      if (left & 1n) blocks.push(i * 64 + bit);
  const size = wrap(blockSize * BigInt(blocks.length));
  return `#  ${String(node).padStart(3)} [${bytesText(size)}]: ${ranges(blocks).slice(0, MAP_BUFFER - 1)}`;
}

const byId = (programs: readonly BpfProgInfo[]): BpfProgInfo[] =>
  [...new Map(programs.toReversed().map((program) => [program.id, program])).values()].toSorted((a, b) => a.id - b.id);

/** bpf_event__print_bpf_prog_info(). */
function programLines({ id, name, functions }: BpfProgInfo, btf: Uint8Array | undefined): string[] {
  const nameOf = btf && btfNames(btf);
  const words = functions.map(({ address, size, tag, type }) => {
    const short = nameOf ? nameOf(type) : functions.length === 1 ? name : 'F';
    return `bpf_prog_${tag}${short ? `_${short}` : ''} addr 0x${address.toString(16)} size ${size}`;
  });
  if (functions.length === 1) return [`# bpf_prog_info ${id}: ${words[0]}`];
  return [`# bpf_prog_info ${id}:`, ...words.map((word, i) => `# \tsub_prog ${i}: ${word}`)];
}

/** clockid_name(). */
const CLOCKS: Readonly<Record<number, string>> = {
  0: 'realtime',
  1: 'monotonic',
  4: 'monotonic_raw',
  7: 'boottime',
  11: 'tai',
};

function clockLines({ clockid, wall, clock }: NonNullable<Described['clockData']>): string[] {
  const name = CLOCKS[clockid] ?? '(not found)';
  const date = new Date(Number(wall / 1_000_000n));
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  const micros = padded((wall % NSEC_PER_SEC) / 1000n, 6);
  return [
    `# clockid: ${name} (${clockid})`,
    `# reference time: ${day} ${time}.${micros} = ${wall / NSEC_PER_SEC}.${micros} (TOD) = ` +
      `${clock / NSEC_PER_SEC}.${padded(clock % NSEC_PER_SEC, 9)} (${name})`,
  ];
}
