/**
 * struct machine: the tasks of a recording and their mappings, replayed record by record, and with them the function
 * at an address.
 *
 * A thread is known by its tid; threads of one process share its address space; a fork copies it; exec replaces the
 * comm and maps the new program over the old one. The kernel is one address space for all.
 *
 * The parts: types, decoding of records and chains, then Machine: tasks, mappings, lookups, call chains.
 *
 * Source: tools/perf/util/machine.c, thread.c, event.c; measured on perf 6.1.
 * Not modelled: guests as machines of their own (their samples are seen and filtered, as perf does without --guest),
 * DWARF unwinding, inlined frames.
 */
import { PERF_RECORD_USER } from '../perf-events/tool-record.ts';
import { ByteReader } from '../perfdata/bytes.ts';
import type { BuildId } from '../perfdata/perf-env.ts';
import type { FileRecord, OpaqueRecord } from '../perfdata/reader.ts';
import {
  type MmapRecord,
  PERF_CONTEXT,
  PERF_RECORD,
  PERF_RECORD_MISC,
  type SampleRecord,
  type TaskRecord,
} from '../uapi/perf-event.ts';
import { address, type Address64, moveAddress, toAddress64 } from '../units.ts';
import { type Dso, Dsos, moduleName, type Sym, type SymbolSource } from './dso.ts';
import { type DsoMap, mapIp, Maps } from './maps.ts';

/** HIST_FILTER__*: why an entry is counted in the totals but not shown. */
export const HIST_FILTER = { DSO: 1, THREAD: 2, PARENT: 4, SYMBOL: 8, GUEST: 16 } as const;

/** struct thread. */
export interface Thread {
  readonly pid: number;
  readonly tid: number;
  ppid: number;
  /** As of the last record read. */
  comm: string;
  /** False while it is the placeholder ":tid". */
  commSet: boolean;
  maps: Maps;
}

/** struct addr_location: what is known about an address. */
export interface Location {
  readonly thread: Thread;
  /** The thread's comm when the sample was taken. */
  readonly comm: string;
  cpumode: number;
  /** '.' user, 'k' kernel, 'H' neither or unknown. */
  level: string;
  map: DsoMap | undefined;
  sym: Sym | undefined;
  /** In the dso's address space if there is a map, else as sampled. */
  addr: number | bigint;
  filtered: number;
}

/** One entry of a resolved call chain. */
export interface CallFrame {
  /** Equal for the same function, or for the same address if it has no symbol. */
  readonly key: number;
  readonly ip: Address64;
  readonly map: DsoMap | undefined;
  readonly sym: Sym | undefined;
  readonly kernel: boolean;
}

/** An address of a call chain, the CPU mode there, and the mapping there. */
export interface MappedCall {
  readonly mode: number;
  readonly ip: Address64;
  map: DsoMap | undefined;
}

/** Values above this are PERF_CONTEXT markers, not addresses. */
const PERF_CONTEXT_MAX = -4095;
const KERNEL_NAME = '[kernel.kallsyms]';
/** Anonymous memory, or memory without a file behind it: any code in it is a JIT's. */
const ANON = /^(\/\/anon$|\/dev\/zero|\/anon_hugepage)/;
const NO_DSO = /^(\[stack|\/SYSV|\[heap\]$)/;
const PROT_EXEC = 4;
const MAP_SHARED = 1;
const PERF_RECORD_MISC_BUILD_ID_SIZE = 1 << 15;
/** Bytes of a KSYMBOL record before its name: u64 addr; u32 len; u16 ksym_type, flags. */
const KSYMBOL_FIXED = 16;
const PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER = 1;
/** sysctl kernel.perf_event_max_stack: frames of a chain that are used. */
const PERF_MAX_STACK_DEPTH = 127;

const cpumodeOf = (misc: number): number => misc & PERF_RECORD_MISC.CPUMODE_MASK;
const isGuest = (cpumode: number): boolean =>
  cpumode === PERF_RECORD_MISC.GUEST_KERNEL || cpumode === PERF_RECORD_MISC.GUEST_USER;

const BUILD_ID_SIZE = 20;
/** Bytes of such a record between its header and its file name. */
const BUILD_ID_FIXED = 28;
/** struct perf_record_header_build_id after its header: s32 pid; u8 id[20], size, pad[3]; char filename[]. */
function buildIdOf({ payload, misc }: OpaqueRecord): Pick<BuildId, 'filename' | 'buildId' | 'misc'> {
  const r = new ByteReader(payload, 4);
  const [id, size] = [r.take(BUILD_ID_SIZE), r.u32() & 0xff];
  const known = misc & PERF_RECORD_MISC_BUILD_ID_SIZE ? Math.min(size, BUILD_ID_SIZE) : BUILD_ID_SIZE;
  return { misc, buildId: Buffer.from(id.subarray(0, known)).toString('hex'), filename: r.string(r.left) };
}

/** The addresses of a chain, with the CPU mode from its markers; none if a marker is unknown. */
function callsOf(callchain: readonly Address64[]): MappedCall[] {
  const calls: MappedCall[] = [];
  let mode: number = PERF_RECORD_MISC.USER;
  for (const ip of callchain) {
    if (ip >= 0 || ip < PERF_CONTEXT_MAX) calls.push({ mode, ip, map: undefined });
    else if (ip === PERF_CONTEXT.HV) mode = PERF_RECORD_MISC.HYPERVISOR;
    else if (ip === PERF_CONTEXT.KERNEL) mode = PERF_RECORD_MISC.KERNEL;
    else if (ip === PERF_CONTEXT.USER) mode = PERF_RECORD_MISC.USER;
    else return [];
  }
  return calls;
}

export class MachineMaps {
  readonly kernelMaps = new Maps();
  readonly threads = new Map<number, Thread>();
  readonly #dsos = new Dsos();
  readonly #source: SymbolSource;
  /** Mappings of functions created at run time. */
  readonly #ksymbols = new Set<DsoMap>();
  readonly #frameKeys = new Map<Sym | string, number>();

  /** `buildIds`: the recording's BUILD_ID table, whose dsos are known before the first mapping is read. */
  constructor(source: SymbolSource, buildIds: readonly BuildId[] = []) {
    this.#source = source;
    for (const entry of buildIds) this.#addBuildId(entry);
    Object.assign(this.thread(0, 0), { comm: 'swapper', commSet: true });
  }

  #addBuildId({ filename, buildId, misc }: Pick<BuildId, 'filename' | 'buildId' | 'misc'>): void {
    const mode = cpumodeOf(misc);
    if (isGuest(mode)) return;
    const kernel = mode === PERF_RECORD_MISC.KERNEL;
    const isModule = kernel && filename !== KERNEL_NAME;
    const name = isModule && filename.startsWith('/') ? moduleName(filename) : filename;
    this.#dsos.find(name, { buildId, kernel, ...(isModule && { shortName: name }) });
  }

  /** machine__findnew_thread(): an unknown tid is called ":tid". */
  thread(pid: number, tid: number): Thread {
    const known = this.threads.get(tid);
    if (known) return known;
    const maps = pid === tid || pid === -1 ? new Maps() : this.thread(pid, pid).maps;
    const thread: Thread = { pid, tid, ppid: -1, comm: `:${tid}`, commSet: false, maps };
    this.threads.set(tid, thread);
    return thread;
  }

  /** Applies a record to tasks and mappings; samples and others have no effect. */
  process(record: FileRecord): void {
    const { type } = record;
    if (type === PERF_RECORD.FORK) this.#fork(record);
    else if (type === PERF_RECORD_USER.BUILD_ID && record.payload.length > BUILD_ID_FIXED)
      this.#addBuildId(buildIdOf(record));
    else if (type === PERF_RECORD.KSYMBOL) this.#mapKsymbol(record);
    else if (type === PERF_RECORD.COMM || type === PERF_RECORD.MMAP || type === PERF_RECORD.MMAP2) {
      const mode = cpumodeOf(record.misc);
      if (isGuest(mode)) return;
      if (type === PERF_RECORD.COMM) {
        Object.assign(this.thread(record.pid, record.tid), { comm: record.comm, commSet: true });
      } else if (mode === PERF_RECORD_MISC.KERNEL) this.#mapKernel(record);
      else this.#mapUser(record);
    }
  }

  #fork({ pid, tid, ppid, ptid, misc }: TaskRecord): void {
    let parent = this.thread(ppid, ptid);
    if (parent.pid !== ppid) {
      this.threads.delete(ptid);
      parent = this.thread(ppid, ptid);
    }
    this.threads.delete(tid);
    const thread = this.thread(pid, tid);
    thread.ppid = ptid;
    if (parent.commSet) Object.assign(thread, { comm: parent.comm, commSet: true });
    // Records that perf writes about running tasks do not copy mappings: no fork happened here.
    const synthesized = (misc & PERF_RECORD_MISC.COMM_EXEC) !== 0;
    if (pid !== parent.pid && !synthesized) thread.maps = parent.maps.clone();
  }

  #mapUser(record: MmapRecord): void {
    const { addr: start, len, filename, prot = PROT_EXEC } = record;
    const nameless = ANON.test(filename) || NO_DSO.test(filename);
    const name = nameless && prot & PROT_EXEC ? `/tmp/perf-${record.pid}.map` : filename;
    const vdso = filename === '[vdso]';
    const fileId =
      record.buildId === undefined && record.ino
        ? `${record.maj}:${record.min}:${record.ino}:${record.ino_generation}`
        : undefined;
    const dso = this.#dsos.find(name, {
      ...(fileId && { fileId }),
      ...(record.buildId && { buildId: record.buildId }),
    });
    const pgoff = vdso ? 0 : record.pgoff;
    this.thread(record.pid, record.tid).maps.insert({
      start,
      end: moveAddress(start, len),
      pgoff,
      dso,
      identity: nameless,
      prot,
      shared: ((record.flags ?? 0) & MAP_SHARED) !== 0,
    });
  }

  #mapKernel(record: MmapRecord): void {
    const { addr: start, len, filename: name } = record;
    const isKernel = name.startsWith(KERNEL_NAME.slice(0, -1));
    const shown = isKernel ? KERNEL_NAME : name.startsWith('/') ? moduleName(name) : name;
    const dso = this.#dsos.find(shown, {
      kernel: true,
      shortName: shown,
      ...(record.buildId && { buildId: record.buildId }),
    });
    if (isKernel && record.pgoff !== 0) dso.reference = { name: name.slice(KERNEL_NAME.length), address: record.pgoff };
    // "Be a bit paranoid": a recording made without access to kernel addresses has an empty kernel mapping.
    const end = isKernel && start === 0 && len === 0 ? address(-1) : moveAddress(start, len);
    this.kernelMaps.insert({ start, end, pgoff: record.pgoff, dso, identity: isKernel, prot: PROT_EXEC });
  }

  /**
   * machine__process_ksymbol(): a function that the kernel made or removed at run time (a bpf program, a trampoline).
   */
  #mapKsymbol({ payload }: OpaqueRecord): void {
    if (payload.length < KSYMBOL_FIXED) return;
    const r = new ByteReader(payload);
    const [start, length, , flags] = [toAddress64(r.bigU64()), r.u32(), r.u16(), r.u16()];
    const name = r.string(r.left);
    const end = moveAddress(start, length);
    // Read the symbols first: they trim the kernel's own mapping, which must happen before it is cut here.
    const around = this.#kernelMap(start);
    if (flags & PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER) {
      if (around && this.#ksymbols.delete(around)) this.kernelMaps.remove(around);
      return;
    }
    if (length === 0) return;
    const sym: Sym = { name, start: 0, end: length };
    const dso = this.#dsos.find(name, { kernel: true, shortName: name });
    dso.table = { origin: 'k', find: (at) => (at >= 0 && at < length ? sym : undefined) };
    const map = { start, end, pgoff: 0, dso, identity: false, prot: PROT_EXEC };
    this.kernelMaps.insert(map);
    this.#ksymbols.add(map);
  }

  /** thread__find_map() and map__find_symbol(). */
  locate(thread: Thread, cpumode: number, ip: Address64): Location {
    const at: Location = {
      thread,
      comm: thread.comm,
      cpumode,
      level: 'H',
      map: undefined,
      sym: undefined,
      addr: ip,
      filtered: 0,
    };
    if (cpumode === PERF_RECORD_MISC.KERNEL) at.level = 'k';
    else if (cpumode === PERF_RECORD_MISC.USER) at.level = '.';
    else if (isGuest(cpumode)) at.filtered |= HIST_FILTER.GUEST;
    at.map = this.#mapAt(thread, cpumode, ip);
    if (at.map) {
      at.addr = mapIp(at.map, ip);
      at.sym = this.#symbol(at.map.dso, at.addr);
    }
    return at;
  }

  #mapAt(thread: Thread, cpumode: number, ip: Address64): DsoMap | undefined {
    if (cpumode === PERF_RECORD_MISC.KERNEL) return this.#kernelMap(ip);
    return cpumode === PERF_RECORD_MISC.USER ? thread.maps.find(ip) : undefined;
  }

  /** map__find_symbol(). */
  symbolAt(map: DsoMap, ip: Address64): Sym | undefined {
    return this.#symbol(map.dso, mapIp(map, ip));
  }

  /** At an inexact number there is no symbol: the address is not canonical. */
  #symbol(dso: Dso, at: number | bigint): Sym | undefined {
    return typeof at === 'number' ? this.#table(dso)?.find(at) : undefined;
  }

  /** machine__resolve(): who was sampled, and where. */
  resolve(sample: SampleRecord): Location {
    return this.locate(this.thread(sample.pid, sample.tid), cpumodeOf(sample.misc), sample.ip);
  }

  /**
   * thread__resolve_callchain(): the frames of a sample, innermost first (ORDER_CALLEE) or outermost first. Addresses
   * before the first marker count as user's; an unknown marker makes the whole chain worthless.
   */
  resolveChain(sample: SampleRecord, order: 'callee' | 'caller', maxStack = PERF_MAX_STACK_DEPTH): CallFrame[] {
    const calls = callsOf(sample.callchain ?? []);
    if (order === 'caller') calls.reverse();
    const thread = this.thread(sample.pid, sample.tid);
    return calls.slice(0, maxStack).map(({ mode, ip }) => this.#frame(mode, ip, this.#mapAt(thread, mode, ip)));
  }

  /** The same, innermost first, for callers that need only mappings, not symbols. */
  mappedChain(sample: SampleRecord, maxStack = PERF_MAX_STACK_DEPTH): MappedCall[] {
    const calls = callsOf(sample.callchain ?? []);
    const thread = this.thread(sample.pid, sample.tid);
    if (calls.length > maxStack) calls.length = maxStack;
    for (const call of calls) call.map = this.#mapAt(thread, call.mode, call.ip);
    return calls;
  }

  #frame(mode: number, ip: Address64, map: DsoMap | undefined): CallFrame {
    const sym = map && this.symbolAt(map, ip);
    const identity = sym ?? `${map?.dso.index ?? -1}:${ip}`;
    let key = this.#frameKeys.get(identity);
    if (key === undefined) this.#frameKeys.set(identity, (key = this.#frameKeys.size));
    return { key, ip, map, sym, kernel: mode === PERF_RECORD_MISC.KERNEL };
  }

  /** machine__resolve_kernel_addr(): the function of the kernel or a module at an address, and where it starts. */
  kernelFunction(at: bigint): { readonly name: string; readonly start: bigint } | undefined {
    const ip = toAddress64(at);
    const map = this.#kernelMap(ip);
    if (!map) return undefined;
    const addr = mapIp(map, ip);
    const sym = this.#symbol(map.dso, addr);
    return sym && { name: sym.name, start: BigInt.asUintN(64, BigInt(sym.start) + at - BigInt(addr)) };
  }

  /** Once the kernel's symbols are known, its mapping is the range they span, as in dso__load_kernel_sym(). */
  #kernelMap(ip: Address64): DsoMap | undefined {
    const map = this.kernelMaps.find(ip);
    if (map && map.dso.table === undefined) {
      const range = this.#table(map.dso)?.range;
      if (range) this.kernelMaps.replace(map, { ...map, ...range });
    }
    return map;
  }

  #table(dso: Dso): ReturnType<SymbolSource> {
    if (dso.table === undefined) dso.table = this.#source(dso) ?? null;
    return dso.table ?? undefined;
  }
}
