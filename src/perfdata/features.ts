/**
 * The header features: what a recording says of its events and of the machine that made it.
 *
 *   string        u32 len (a multiple of 64, NUL included); char[len]
 *   HOSTNAME OSRELEASE VERSION ARCH CPUDESC CPUID   string
 *   BUILD_ID      { perf_event_header; s32 pid; u8 id[20], size, pad[3]; char filename[] (multiple of 64) }*
 *   NRCPUS        u32 available, online               TOTAL_MEM   u64 kB               SAMPLE_TIME  u64 first, last
 *   CMDLINE       u32 n; string[n]; and from gperf one more string beyond the count, which perf passes over: the spec
 *   EVENT_DESC    u32 nr, attr_size; { perf_event_attr; u32 nr_ids; string name; u64 ids[] }[nr]
 *   CPU_TOPOLOGY  u32 n; string cores[n]; u32 n; string threads[n]; { u32 core_id, socket_id }[available]
 *                 u32 n; string dies[n]; u32 die_id[available]
 *   PMU_MAPPINGS  u32 n; { u32 type; string name }[n]  GROUP_DESC  u32 n; { string name; u32 leader_idx, nr_members }[n]
 *   BRANCH_STACK, STAT  nothing: being there is what they say
 *
 * Source: tools/perf/util/header.c, perf.data-file-format.txt (NRCPUS measured: available comes first).
 * Not modelled: NUMA_TOPOLOGY, CACHE, MEM_TOPOLOGY, CLOCKID and the others, which are carried as bytes.
 */
import { nanos, type Nanos } from '../units.ts';
import type { BuildId, Evsel, PerfEnv } from '../uapi/evsel.ts';
import { PERF_RECORD, PERF_SAMPLE } from '../uapi/perf-event.ts';
import { decodeAttr, encodeAttr, PERF_ATTR_SIZE } from './attr.ts';
import { align, ByteReader, ByteWriter, OutOfBounds } from './bytes.ts';
import { HEADER } from './header.ts';

const NAME_ALIGN = 64;
const BUILD_ID_FIELD = 20;
const BUILD_ID_FIXED = 36;
/** header.misc of a BUILD_ID entry: the size byte behind the id is valid. */
const PERF_RECORD_MISC_BUILD_ID_SIZE = 1 << 15;
/** What perf calls a group without a name. */
const ANON_GROUP = '{anon_group}';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function putString(w: ByteWriter, s: string): void {
  const size = align(Buffer.byteLength(s) + 1, NAME_ALIGN);
  w.u32(size);
  w.string(s, size);
}
const getString = (r: ByteReader): string => r.string(r.u32());

function getList<T>(r: ByteReader, item: () => T): T[] {
  const nr = r.u32();
  if (nr > r.left) throw new OutOfBounds(`${nr} entries do not fit`);
  return Array.from({ length: nr }, item);
}
function putList<T>(w: ByteWriter, list: readonly T[], item: (w: ByteWriter, value: T) => void): void {
  w.u32(list.length);
  for (const value of list) item(w, value);
}

/** One BUILD_ID entry; as a record of a pipe with its type, in the feature (as perf writes it) with type 0. */
export function encodeBuildId(w: ByteWriter, entry: BuildId, asRecord: boolean): void {
  const id = Buffer.from(entry.buildId, 'hex').subarray(0, BUILD_ID_FIELD);
  const name = align(Buffer.byteLength(entry.filename) + 1, NAME_ALIGN);
  w.u32(asRecord ? PERF_RECORD.BUILD_ID : 0);
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

/** What a recording's features are made from. */
export interface FeatureSource {
  readonly evlist: readonly Evsel[];
  readonly env: PerfEnv;
  readonly buildIds?: readonly BuildId[];
  /** Of the first and the last sample; 0: not known, as perf stores it. */
  readonly sampleTime: { readonly first: Nanos; readonly last: Nanos };
  /** Text that rides behind the command line: how gperf was set up. */
  readonly spec?: string;
  /** A perf stat recording. */
  readonly stat?: boolean;
}

/** All features of a recording, by bit, ascending. Those whose content is absent are left out. */
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
  for (const cpu of t.cpus) {
    w.u32(cpu.core_id);
    w.u32(cpu.socket_id);
  }
  if (!t.die_siblings) return;
  putList(w, t.die_siblings, putString);
  for (const cpu of t.cpus) w.u32(cpu.die_id ?? 0);
}

function decodeTopology(r: ByteReader, nr_cpus: number): CpuTopology {
  const core_siblings = getList(r, () => getString(r));
  const thread_siblings = getList(r, () => getString(r));
  const cpus = Array.from({ length: nr_cpus }, () => ({ core_id: r.u32(), socket_id: r.u32() }));
  if (r.left === 0) return { core_siblings, thread_siblings, cpus };
  const die_siblings = getList(r, () => getString(r));
  return {
    core_siblings,
    thread_siblings,
    die_siblings,
    cpus: cpus.map(({ core_id, socket_id }) => ({ core_id, socket_id, die_id: r.u32() })),
  };
}

/** What the features of a file said, as far as gperf understands them. */
export interface FeatureView {
  readonly env: PerfEnv;
  readonly buildIds: readonly BuildId[];
  /** EVENT_DESC, by position in the list of events. */
  readonly eventDesc: readonly { readonly name: string; readonly ids: readonly number[] }[];
  readonly groups: readonly { readonly name: string; readonly leader: number; readonly members: number }[];
  readonly sampleTime?: { readonly first: Nanos; readonly last: Nanos };
  readonly spec?: string;
}

/** Decodes features, given by bit. One that does not decode is left out; `damaged` is told its bit. */
export function decodeFeatures(features: ReadonlyMap<number, Uint8Array>, damaged: (bit: number) => void): FeatureView {
  const env: Mutable<PerfEnv> = {};
  const view: Mutable<FeatureView> = { env, buildIds: [], eventDesc: [], groups: [] };
  for (const [bit, bytes] of features) {
    try {
      decodeFeature(bit, new ByteReader(bytes), env, view);
    } catch (error) {
      if (!(error instanceof OutOfBounds)) throw error;
      damaged(bit);
    }
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
      env.total_mem = r.u64();
      break;
    case HEADER.CMDLINE:
      env.cmdline = getList(r, () => getString(r));
      if (r.left > 0) view.spec = getString(r);
      break;
    case HEADER.EVENT_DESC: {
      const [nr, size] = [r.u32(), r.u32()];
      if (nr * size > r.left) throw new OutOfBounds(`${nr} events do not fit`);
      view.eventDesc = Array.from({ length: nr }, () => {
        decodeAttr(r, size);
        const nr_ids = r.u32();
        const name = getString(r);
        if (nr_ids * 8 > r.left) throw new OutOfBounds(`${nr_ids} ids do not fit`);
        return { name, ids: Array.from({ length: nr_ids }, () => r.u64()) };
      });
      break;
    }
    case HEADER.CPU_TOPOLOGY:
      env.cpu_topology = decodeTopology(r, env.nr_cpus_avail ?? 0);
      break;
    case HEADER.PMU_MAPPINGS:
      env.pmu_mappings = getList(r, () => ({ type: r.u32(), name: getString(r) }));
      break;
    case HEADER.GROUP_DESC:
      view.groups = getList(r, () => {
        const name = getString(r);
        return { name: name === ANON_GROUP ? '' : name, leader: r.u32(), members: r.u32() };
      });
      break;
    case HEADER.SAMPLE_TIME:
      view.sampleTime = { first: nanos(r.u64()), last: nanos(r.u64()) };
      break;
    default:
      break;
  }
}
