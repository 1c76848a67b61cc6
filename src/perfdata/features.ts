/**
 * The header features: what a recording says about its events and the machine that made it.
 *
 *   string        u32 len (a multiple of 64, NUL included); char[len]
 *   HOSTNAME OSRELEASE VERSION ARCH CPUDESC CPUID   string
 *   BUILD_ID      { perf_event_header; s32 pid; u8 id[20], size, pad[3]; char filename[] (multiple of 64) }*
 *   NRCPUS        u32 available, online               TOTAL_MEM   u64 kB               SAMPLE_TIME  u64 first, last
 *   CMDLINE       u32 n; string[n]; and from gperf one more string beyond the count, which perf passes over: the spec
 *   EVENT_DESC    u32 nr, attr_size; { perf_event_attr; u32 nr_ids; string name; u64 ids[] }[nr]
 *   CPU_TOPOLOGY  u32 n; string cores[n]; u32 n; string threads[n];    perf before 4.4, and where there are no ids, ends here
 *                 { u32 core_id, socket_id }[available];               perf before 5.2 ends here
 *                 u32 n; string dies[n]; u32 die_id[available]
 *   PMU_MAPPINGS  u32 n; { u32 type; string name }[n]  GROUP_DESC  u32 n; { string name; u32 leader_idx, nr_members }[n]
 *   BRANCH_STACK, STAT  nothing: being there is what they say
 *
 * Source: tools/perf/util/header.c, perf.data-file-format.txt (NRCPUS measured: available comes first).
 * Features that only the header lines show are in described.ts.
 * Not modelled: TRACING_DATA and AUXTRACE, which are kept as bytes.
 */
import type { Nanos64, U64 } from '../units.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { PERF_SAMPLE, type PerfEventAttr } from '../uapi/perf-event.ts';
import { decodeAttr, encodeAttr, PERF_ATTR_SIZE, PERF_ATTR_SIZE_VER0 } from './attr.ts';
import { align, ByteReader, ByteWriter, OutOfBounds } from './bytes.ts';
import { decodeDescribed, type Described, getItems, getList, getString } from './described.ts';
import { HEADER } from './header.ts';
import type { BuildId, PerfEnv } from './perf-env.ts';
import { PERF_RECORD_USER } from '../perf-events/tool-record.ts';

const NAME_ALIGN = 64;
const BUILD_ID_FIELD = 20;
const BUILD_ID_FIXED = 36;
/** header.misc of a BUILD_ID entry: the size byte after the id is valid. */
const PERF_RECORD_MISC_BUILD_ID_SIZE = 1 << 15;
/** perf's name for a group without one. */
const ANON_GROUP = '{anon_group}';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function putString(w: ByteWriter, s: string): void {
  const size = align(Buffer.byteLength(s) + 1, NAME_ALIGN);
  w.u32(size);
  w.string(s, size);
}
function putList<T>(w: ByteWriter, list: readonly T[], item: (w: ByteWriter, value: T) => void): void {
  w.u32(list.length);
  for (const value of list) item(w, value);
}

/** One BUILD_ID entry; with its type as a record of a pipe, with type 0 in the feature, as perf writes it. */
export function encodeBuildId(w: ByteWriter, entry: BuildId, asRecord: boolean): void {
  const id = Buffer.from(entry.buildId, 'hex').subarray(0, BUILD_ID_FIELD);
  const name = align(Buffer.byteLength(entry.filename) + 1, NAME_ALIGN);
  w.u32(asRecord ? PERF_RECORD_USER.BUILD_ID : 0);
  w.u16(entry.misc | PERF_RECORD_MISC_BUILD_ID_SIZE);
  w.u16(BUILD_ID_FIXED + name);
  w.u32(entry.pid);
  w.put(id);
  w.zeros(BUILD_ID_FIELD - id.length);
  w.u32(id.length);
  w.string(entry.filename, name);
}

/** Decodes the entry at `r.pos` and moves past it. Old entries without a size byte have 20 bytes. */
export function decodeBuildId(r: ByteReader): BuildId {
  const start = r.pos;
  r.skip(4);
  const [misc, size, pid] = [r.u16(), r.u16(), r.s32()];
  if (size < BUILD_ID_FIXED) throw new OutOfBounds(`a build-id entry of ${size} bytes`);
  const id = r.take(BUILD_ID_FIELD);
  const length = misc & PERF_RECORD_MISC_BUILD_ID_SIZE ? Math.min(r.u8(), BUILD_ID_FIELD) : BUILD_ID_FIELD;
  r.pos = start + BUILD_ID_FIXED;
  return {
    pid,
    misc: misc & ~PERF_RECORD_MISC_BUILD_ID_SIZE,
    buildId: Buffer.from(id.subarray(0, length)).toString('hex'),
    filename: r.string(size - BUILD_ID_FIXED),
  };
}

/** The data from which a recording's features are made. */
export interface FeatureSource {
  readonly evlist: readonly Evsel[];
  readonly env: PerfEnv;
  readonly buildIds?: readonly BuildId[];
  /** Times of the first and the last sample; 0 if unknown, as perf stores it. */
  readonly sampleTime: { readonly first: Nanos64; readonly last: Nanos64 };
  /** Text stored after the command line: how gperf was set up. */
  readonly spec?: string;
  /** A perf stat recording. */
  readonly stat?: boolean;
}

/** All features of a recording, by ascending bit. Features without content are left out. */
export function encodeFeatures(source: FeatureSource): Map<number, Uint8Array> {
  const { evlist, env, spec } = source;
  const features = new Map<number, Uint8Array>();
  const put = <T>(bit: number, content: T | undefined | false, fill: (w: ByteWriter, content: T) => void): void => {
    if (content === undefined || content === false) return;
    const w = new ByteWriter(256);
    fill(w, content);
    features.set(bit, w.taken());
  };
  const leaders = evlist.filter((evsel, i) => evsel.leader === i && membersOf(evlist, i) > 1);

  put(HEADER.BUILD_ID, source.buildIds, (w, ids) => ids.forEach((id) => encodeBuildId(w, id, false)));
  put(HEADER.HOSTNAME, env.hostname, putString);
  put(HEADER.OSRELEASE, env.os_release, putString);
  put(HEADER.VERSION, env.version, putString);
  put(HEADER.ARCH, env.arch, putString);
  put(HEADER.NRCPUS, env.nr_cpus_avail, (w, avail) => {
    w.u32(avail);
    w.u32(env.nr_cpus_online ?? avail);
  });
  put(HEADER.CPUDESC, env.cpu_desc, putString);
  put(HEADER.CPUID, env.cpuid, putString);
  put(HEADER.TOTAL_MEM, env.total_mem, (w, kB) => w.u64(kB));
  put(HEADER.CMDLINE, env.cmdline, (w, argv) => {
    putList(w, argv, putString);
    if (spec !== undefined) putString(w, spec);
  });
  put(HEADER.EVENT_DESC, evlist, encodeEventDesc);
  put(HEADER.CPU_TOPOLOGY, env.cpu_topology, encodeTopology);
  put(
    HEADER.BRANCH_STACK,
    evlist.some((e) => e.attr.sample_type & PERF_SAMPLE.BRANCH_STACK),
    () => {},
  );
  put(HEADER.PMU_MAPPINGS, env.pmu_mappings, (w, pmus) =>
    putList(w, pmus, (_, { type, name }) => {
      w.u32(type);
      putString(w, name);
    }),
  );
  put(HEADER.GROUP_DESC, leaders.length > 0 && leaders, (w, groups) =>
    putList(w, groups, (_, { groupName, leader }) => {
      putString(w, groupName || ANON_GROUP);
      w.u32(leader);
      w.u32(membersOf(evlist, leader));
    }),
  );
  put(HEADER.STAT, source.stat, () => {});
  put(HEADER.SAMPLE_TIME, source.sampleTime, (w, { first, last }) => {
    w.u64(first);
    w.u64(last);
  });
  return features;
}

const membersOf = (evlist: readonly Evsel[], leader: number): number =>
  evlist.filter((evsel) => evsel.leader === leader).length;

function encodeEventDesc(w: ByteWriter, evlist: readonly Evsel[]): void {
  w.u32(evlist.length);
  w.u32(PERF_ATTR_SIZE);
  for (const { attr, ids, name } of evlist) {
    encodeAttr(w, attr);
    w.u32(ids.length);
    putString(w, name);
    for (const id of ids) w.u64(id);
  }
}

type CpuTopology = NonNullable<PerfEnv['cpu_topology']>;

function encodeTopology(w: ByteWriter, t: CpuTopology): void {
  putList(w, t.core_siblings, putString);
  putList(w, t.thread_siblings, putString);
  if (!t.cpus) return;
  for (const cpu of t.cpus) {
    w.u32(cpu.core_id);
    w.u32(cpu.socket_id);
  }
  if (!t.die_siblings) return;
  putList(w, t.die_siblings, putString);
  for (const cpu of t.cpus) w.u32(cpu.die_id ?? 0);
}

/** Socket ids above the number of CPUs are wrong, except on these machines, which number sockets freely. */
const FREE_SOCKETS = /^(s390|aarch64)/;

/** process_cpu_topology(): keeps what came before any damage, but no ids of CPUs. */
function decodeTopology(r: ByteReader, env: Mutable<PerfEnv>): void {
  const { nr_cpus_avail: nr_cpus = 0, arch = '' } = env;
  const topology: Mutable<CpuTopology> = { core_siblings: [], thread_siblings: [] };
  env.cpu_topology = topology;
  topology.core_siblings = getList(r, 4, () => getString(r));
  topology.thread_siblings = getList(r, 4, () => getString(r));
  if (r.left === 0) return;
  const cpus = getItems(r, nr_cpus, 8, () => ({ core_id: r.u32(), socket_id: r.u32() }));
  const wrong = cpus.find(({ socket_id }) => socket_id > nr_cpus && socket_id !== 0xffff_ffff);
  if (wrong && !FREE_SOCKETS.test(arch)) throw new OutOfBounds(`socket ${wrong.socket_id} of ${nr_cpus} CPUs`);
  topology.cpus = cpus;
  if (r.left === 0) return;
  topology.die_siblings = getList(r, 4, () => getString(r));
  delete topology.cpus;
  const dies = getItems(r, nr_cpus, 4, () => r.u32());
  topology.cpus = cpus.map(({ core_id, socket_id }, i) => ({ core_id, socket_id, die_id: dies[i]! }));
}

/** The features of a file, as far as gperf understands them. */
export interface FeatureView {
  readonly env: PerfEnv;
  readonly buildIds: readonly BuildId[];
  /** EVENT_DESC, by position in the list of events; undefined if missing or damaged. */
  readonly eventDesc: readonly DescribedEvent[] | undefined;
  readonly groups: readonly { readonly name: string; readonly leader: number; readonly members: number }[];
  readonly sampleTime?: { readonly first: Nanos64; readonly last: Nanos64 };
  readonly spec?: string;
  readonly described: Described;
}

/** An event as EVENT_DESC has it. */
export interface DescribedEvent {
  readonly name: string;
  readonly attr: PerfEventAttr;
  /** attr.size. */
  readonly size: number;
  readonly ids: readonly U64[];
}

export const NO_FEATURES: FeatureView = { env: {}, buildIds: [], eventDesc: undefined, groups: [], described: {} };

/**
 * Decodes features, given by bit. One that does not decode is left out; `damaged` receives its bit, and may return the
 * bytes that follow it in the file: perf does not know where a section ends and reads on.
 */
export function decodeFeatures(
  features: ReadonlyMap<number, Uint8Array>,
  damaged: (bit: number) => Uint8Array | undefined,
): FeatureView {
  const env: Mutable<PerfEnv> = {};
  const view: Mutable<FeatureView> = { ...NO_FEATURES, env, described: {} };
  const decodes = (bit: number, bytes: Uint8Array): boolean => {
    try {
      decodeFeature(bit, new ByteReader(bytes), env, view);
      return true;
    } catch (error) {
      if (!(error instanceof OutOfBounds)) throw error;
      return false;
    }
  };
  for (const [bit, bytes] of features) {
    const longer = decodes(bit, bytes) ? undefined : damaged(bit);
    if (longer) decodes(bit, longer);
  }
  return view;
}

function decodeFeature(bit: number, r: ByteReader, env: Mutable<PerfEnv>, view: Mutable<FeatureView>): void {
  switch (bit) {
    case HEADER.BUILD_ID: {
      const entries: BuildId[] = [];
      while (r.left > 0) entries.push(decodeBuildId(r));
      view.buildIds = entries;
      break;
    }
    case HEADER.HOSTNAME:
      env.hostname = getString(r);
      break;
    case HEADER.OSRELEASE:
      env.os_release = getString(r);
      break;
    case HEADER.VERSION:
      env.version = getString(r);
      break;
    case HEADER.ARCH:
      env.arch = getString(r);
      break;
    case HEADER.NRCPUS:
      env.nr_cpus_avail = r.u32();
      env.nr_cpus_online = r.u32();
      break;
    case HEADER.CPUDESC:
      env.cpu_desc = getString(r);
      break;
    case HEADER.CPUID:
      env.cpuid = getString(r);
      break;
    case HEADER.TOTAL_MEM:
      env.total_mem = r.exactU64();
      break;
    case HEADER.CMDLINE:
      env.cmdline = getList(r, 4, () => getString(r));
      if (r.left > 4 && r.view.getUint32(r.pos, true) <= r.left - 4) view.spec = getString(r);
      break;
    case HEADER.EVENT_DESC: {
      const [nr, size] = [r.u32(), r.u32()];
      if (size < PERF_ATTR_SIZE_VER0) throw new OutOfBounds(`attrs of ${size} bytes`);
      view.eventDesc = getItems(r, nr, size + 8, () => {
        const at = r.pos;
        const attr = decodeAttr(r, size);
        const own = r.view.getUint32(at + 4, true);
        const nr_ids = r.u32();
        const name = getString(r);
        return { name, attr, size: own, ids: getItems(r, nr_ids, 8, () => r.exactU64()) };
      });
      break;
    }
    case HEADER.CPU_TOPOLOGY:
      decodeTopology(r, env);
      break;
    case HEADER.PMU_MAPPINGS:
      env.pmu_mappings = getList(r, 8, () => ({ type: r.u32(), name: getString(r) }));
      break;
    case HEADER.GROUP_DESC:
      view.groups = getList(r, 12, () => {
        const name = getString(r);
        return { name: name === ANON_GROUP ? '' : name, leader: r.u32(), members: r.u32() };
      });
      break;
    case HEADER.SAMPLE_TIME:
      view.sampleTime = { first: r.exactU64() as Nanos64, last: r.exactU64() as Nanos64 };
      break;
    default:
      decodeDescribed(bit, r, view.described);
  }
}
