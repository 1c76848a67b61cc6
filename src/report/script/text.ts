/**
 * perf script: one line per sample, or a block if it has a call chain, byte for byte as perf 6.1 prints it. FlameGraph
 * and speedscope read this.
 *
 * Lines come while the recording is read; nothing of it is kept. In a chain, perf 6.1 prints user addresses relative
 * to the file (offset in the dso) and kernel addresses as they are; a sample without a chain is printed as sampled.
 *
 * The parts: scriptLines(), the printer of a line, the cached texts of frames, and the texts of further fields.
 * Source: tools/perf/builtin-script.c, util/evsel_fprintf.c, util/event.c; measured on perf 6.1.
 * Not modelled: -D, scripting engines, branch stacks, registers, instructions, source lines, --time.
 */
import { byteLength, padStartBytes } from '../../perfdata/octets.ts';
import { TraceEvents } from '../../perfdata/trace/trace-events.ts';
import type { Dso, Sym, SymbolSource } from '../../profile/dso.ts';
import type { Location, MachineMaps, MappedCall, Thread } from '../../profile/machine-maps.ts';
import { type DsoMap, mapIp } from '../../profile/maps.ts';
import { isSample, type Recording, replaySamples } from '../../profile/session.ts';
import { type FileRecord, writerOf } from '../../perfdata/records.ts';
import type { Evsel } from '../../perf-events/evsel.ts';
import {
  type KernelRecord,
  type MmapRecord,
  PERF_COUNT_HW,
  PERF_COUNT_SW,
  PERF_RECORD,
  PERF_RECORD_MISC,
  PERF_SAMPLE,
  PERF_TYPE,
  type PerfEventAttr,
  type SampleId,
  type SampleRecord,
  type SwitchRecord,
} from '../../uapi/perf-event.ts';
import { address, type Address64, moveAddress, type Nanos64, subU64, type U64 } from '../../units.ts';
import { dataSourceText, pageSizeText } from './data-source.ts';
import type { PlaceFilters, SampleFilters } from '../report/options.ts';
import { cpuFilter, filterOf, sampleFilter } from '../report/sample-filter.ts';
import { type ScriptField, scriptFields } from './fields.ts';
import { StatTable } from './stat.ts';
import { hex } from '../shared/format.ts';

export interface ScriptOptions extends PlaceFilters, SampleFilters {
  /** -F. */
  readonly fields?: string;
  /** --ns: nanoseconds instead of microseconds. */
  readonly ns?: boolean;
  /** Times since the first line, or since the line before. */
  readonly reltime?: boolean;
  readonly deltatime?: boolean;
  /** -G: no call chains. */
  readonly hideCallGraph?: boolean;
  readonly maxStack?: number;
  readonly showMmapEvents?: boolean;
  readonly showTaskEvents?: boolean;
  readonly showSwitchEvents?: boolean;
  readonly showLostEvents?: boolean;
  /** Lines of --header. */
  readonly header?: readonly string[];
}

type SideBand = Exclude<KernelRecord, SampleRecord>;

const NSEC_PER_SEC = 1e9;

/** What is printed for side-band records if there are no events. */
const OF_NO_EVENT: ReadonlySet<ScriptField> = new Set(['comm', 'tid']);

/** Lines of the script, without their newlines. */
export function* scriptLines(recording: Recording, symbols: SymbolSource, options: ScriptOptions): Generator<string> {
  if (options.header) yield* options.header;
  const script = new Script(recording, options);
  const stat = new StatTable(recording.evlist);
  for (const replayed of replaySamples(recording, symbols)) {
    const { record, evsel, machine } = replayed;
    if (isSample(replayed)) {
      for (const line of script.sample(replayed.record, evsel, machine)) yield line;
      continue;
    }
    yield* stat.process(record);
    const text = sideBandText(record, options);
    if (text !== undefined) yield* script.sideBand(text.record, evsel, machine, text.line);
  }
}

class Script {
  readonly #recording: Recording;
  readonly #evlist: readonly Evsel[];
  readonly #options: ScriptOptions;
  readonly #fields: readonly ReadonlySet<ScriptField>[];
  /** By event. */
  readonly #frames: readonly FrameTexts[];
  readonly #chains: boolean;
  readonly #nameWidth: number;
  readonly #shown: (sample: SampleRecord) => boolean;
  readonly #shownCpu: ((cpu: number | undefined) => boolean) | undefined;
  #dataSourceWidth = 0;
  /** Made when the first tracepoint is printed, as a pipe's formats come with its records. */
  #events: TraceEvents | undefined;
  /** Time of the first line that has one, and of the previous line. */
  #initialTime: U64 = 0;
  #previousTime: U64 = 0;

  constructor(recording: Recording, options: ScriptOptions) {
    const { evlist } = recording;
    this.#recording = recording;
    this.#evlist = evlist;
    this.#options = options;
    this.#shown = sampleFilter(options, recording);
    this.#shownCpu = cpuFilter(options, recording);
    this.#chains = !options.hideCallGraph && evlist.some(hasChains);
    this.#fields = scriptFields(evlist, options.fields, this.#chains);
    this.#frames = this.#fields.map((fields) => new FrameTexts(fields));
    this.#nameWidth = Math.max(0, ...evlist.map(({ name }) => byteLength(name)));
  }

  sample(sample: SampleRecord, index: number, machine: MachineMaps): readonly string[] {
    const evsel = this.#evlist[index]!;
    const fields = this.#fields[index]!;
    if (!this.#shown(sample)) return [];
    const al = machine.resolve(sample);
    if (filterOf(al, this.#options) !== 0) return [];
    let line = this.#start(sample, al.thread, index, sample.misc & PERF_RECORD_MISC.CPUMODE_MASK);
    if (fields.has('period')) line += `${String(sample.period).padStart(10)} `;
    if (fields.has('event')) line += `${padStartBytes(evsel.name, this.#nameWidth)}: `;
    if (fields.has('flags')) line += `  ${' '.repeat(21)} `;
    if (fields.has('trace') && sample.raw) line += this.#trace(sample.raw, machine);
    if (fields.has('addr')) line += addrText(sample, al.thread, machine, evsel.attr, fields);
    if (fields.has('data_src')) line += this.#dataSource(sample);
    if (fields.has('weight')) line += String(sample.weight ?? 0).padStart(16);
    if (fields.has('ins_lat')) line += String(sample.var2_w ?? 0).padStart(16);
    if (!fields.has('ip')) return [line + physText(sample, fields)];
    if (!this.#chains || !sample.callchain)
      return [`${line} ${ipText(sample.ip, al, fields)}${physText(sample, fields)}`];
    const lines = [line];
    const frames = this.#frames[index]!;
    for (const call of machine.mappedChain(sample, this.#options.maxStack)) lines.push(frames.text(call, machine));
    lines.push(physText(sample, fields));
    return lines;
  }

  /** A side-band record: the same columns, then its content. */
  sideBand(record: SideBand, index: number, machine: MachineMaps, text: string): readonly string[] {
    if (this.#shownCpu?.(this.#cpuOf(record, index)) === false) return [];
    const { pid, tid } = writerOf(record);
    const thread = machine.thread(record.pid, record.tid);
    const start = this.#start({ ...record, pid, tid }, thread, index, record.misc & PERF_RECORD_MISC.CPUMODE_MASK);
    return [start + text];
  }

  /** perf_sample__fprintf_start(): who, where and when. */
  #start(sample: SampleId, thread: Thread, index: number, cpumode: number): string {
    const fields = this.#fields[index] ?? OF_NO_EVENT;
    let line = '';
    if (fields.has('comm')) {
      const plain = fields.has('ip') && this.#chains && hasChains(this.#evlist[index]!);
      line += `${plain ? thread.comm : padStartBytes(thread.comm, 16)} `;
    }
    const pid = String(sample.pid).padStart(5);
    if (fields.has('pid') && fields.has('tid')) line += `${pid}/${String(sample.tid).padEnd(5)} `;
    else if (fields.has('pid')) line += `${pid} `;
    else if (fields.has('tid')) line += `${String(sample.tid).padStart(5)} `;
    if (fields.has('cpu')) line += `[${this.#cpu(sample, index)}] `;
    if (fields.has('misc')) line += `${(MISC[cpumode] ?? '').padEnd(5)} `;
    if (fields.has('time')) line += `${this.#time(sample.time)}: `;
    return line;
  }

  /** %03d; a sample_id without a CPU means CPU -1, a record without a sample_id CPU 0. */
  #cpu(sample: SampleId, index: number): string {
    const cpu = this.#cpuOf(sample, index);
    return cpu === undefined ? '-01' : String(cpu).padStart(3, '0');
  }

  #cpuOf({ cpu }: SampleId, index: number): number | undefined {
    return cpu ?? (this.#evlist[index]?.attr.sample_id_all ? undefined : 0);
  }

  #time(time: Nanos64): string {
    let shown: U64 = time;
    if (this.#options.reltime) {
      this.#initialTime ||= time;
      shown = subU64(time, this.#initialTime);
    } else if (this.#options.deltatime) {
      shown = this.#previousTime === 0 ? 0 : subU64(time, this.#previousTime);
      this.#previousTime = time;
    }
    const [seconds, ns] =
      typeof shown === 'number' ? split(shown) : [shown / 1_000_000_000n, Number(shown % 1_000_000_000n)];
    if (this.#options.ns) return `${String(seconds).padStart(5)}.${String(ns).padStart(9, '0')}`;
    return `${seconds}.${String(Math.floor(ns / 1000)).padStart(6, '0')}`.padStart(12);
  }

  /** Padded to the longest so far. */
  #dataSource({ data_src = 0 }: SampleRecord): string {
    const text = dataSourceText(BigInt.asUintN(64, BigInt(data_src)));
    this.#dataSourceWidth = Math.max(this.#dataSourceWidth, text.length);
    return text.padEnd(this.#dataSourceWidth);
  }

  /** event_format__fprintf(): function names come from the machine's kernel as it was then. */
  #trace(raw: Uint8Array, machine: MachineMaps): string {
    this.#events ??= new TraceEvents(this.#recording.tracingData);
    return this.#events.text(raw, (at) => machine.kernelFunction(at));
  }
}

function split(ns: number): [seconds: number, ns: number] {
  const seconds = Math.floor(ns / NSEC_PER_SEC);
  return [seconds, ns - seconds * NSEC_PER_SEC];
}

const hasChains = (evsel: Evsel): boolean => (evsel.attr.sample_type & PERF_SAMPLE.CALLCHAIN) !== 0;

/** The letter of a sample's cpumode: kernel, user, hypervisor, guest's kernel and user. */
const MISC = ['', 'K', 'U', 'H', 'G', 'g'];

const ip16 = (ip: number | bigint): string => hex(ip).padStart(16);
const dsoText = (map: DsoMap | undefined, fields: ReadonlySet<ScriptField>): string =>
  fields.has('dso') ? ` (${map?.dso.name ?? '[unknown]'})` : '';

function symText(
  sym: Sym | undefined,
  addr: number | bigint,
  map: DsoMap | undefined,
  fields: ReadonlySet<ScriptField>,
): string {
  if (!fields.has('sym')) return '';
  if (!sym) return ' [unknown]';
  if (!fields.has('symoff')) return ` ${sym.name}`;
  const from = moveAddress(addr, 0, sym.start);
  const offset = addr < sym.end ? from : moveAddress(from, 0, map?.start ?? 0);
  return ` ${sym.name}+0x${hex(offset)}`;
}

const ipText = (ip: number | bigint, al: Location, fields: ReadonlySet<ScriptField>): string =>
  ip16(ip) + symText(al.sym, al.addr, al.map, fields) + dsoText(al.map, fields);

/** Texts kept per file: more than a program has frequent call sites. */
const MOST_TEXTS = 1 << 16;

/** The lines of frames. Most frames recur, so their texts are kept. */
class FrameTexts {
  readonly #fields: ReadonlySet<ScriptField>;
  /** User frames by file and offset, wherever mapped; kernel frames by mapping and address. */
  readonly #known = new WeakMap<Dso | DsoMap, Map<Address64, string>>();

  constructor(fields: ReadonlySet<ScriptField>) {
    this.#fields = fields;
  }

  text({ ip, map }: MappedCall, machine: MachineMaps): string {
    if (!map) return this.#make(ip, ip, map, undefined);
    const addr = mapIp(map, ip);
    const { dso } = map;
    // After a symbol without a size comes the offset in the mapping.
    const ofMap = dso.kernel || this.#fields.has('symoff');
    const owner = ofMap ? map : dso;
    let texts = this.#known.get(owner);
    if (!texts) this.#known.set(owner, (texts = new Map()));
    const key = ofMap ? ip : addr;
    let text = texts.get(key);
    if (text === undefined) {
      if (texts.size >= MOST_TEXTS) texts.clear();
      texts.set(key, (text = this.#make(dso.kernel ? ip : addr, addr, map, machine.symbolAt(map, ip))));
    }
    return text;
  }

  #make(shown: Address64, addr: Address64, map: DsoMap | undefined, sym: Sym | undefined): string {
    return `\t${ip16(shown)}${symText(sym, addr, map, this.#fields)}${dsoText(map, this.#fields)}`;
  }
}

/** perf_sample__fprintf_addr(): the address of a sample's data and, if it is code, its function. */
function addrText(
  sample: SampleRecord,
  thread: Thread,
  machine: MachineMaps,
  attr: PerfEventAttr,
  fields: ReadonlySet<ScriptField>,
): string {
  const addr = sample.addr ?? address(0);
  if (!addressIsPlace(attr)) return ip16(addr);
  const al = machine.locate(thread, sample.misc & PERF_RECORD_MISC.CPUMODE_MASK, addr);
  return ip16(addr) + symText(al.sym, al.addr, al.map, fields) + dsoText(al.map, fields);
}

/** sample_addr_correlates_sym(): page faults, and branches one by one (BTS). */
const addressIsPlace = ({ type, config, sample_period }: PerfEventAttr): boolean =>
  type === PERF_TYPE.SOFTWARE
    ? FAULTS.has(Number(config))
    : type === PERF_TYPE.HARDWARE &&
      Number(config) === PERF_COUNT_HW.BRANCH_INSTRUCTIONS &&
      Number(sample_period) === 1;
const FAULTS: ReadonlySet<number> = new Set([
  PERF_COUNT_SW.PAGE_FAULTS,
  PERF_COUNT_SW.PAGE_FAULTS_MIN,
  PERF_COUNT_SW.PAGE_FAULTS_MAJ,
]);

/** What follows the place: a physical address, and the sizes of the data's and code's pages. */
function physText(sample: SampleRecord, fields: ReadonlySet<ScriptField>): string {
  const { phys_addr = 0, data_page_size = 0, code_page_size = 0 } = sample;
  let text = fields.has('phys_addr') ? hex(phys_addr).padStart(16) : '';
  if (fields.has('data_page_size')) text += ` ${pageSizeText(BigInt(data_page_size))}`;
  if (fields.has('code_page_size')) text += ` ${pageSizeText(BigInt(code_page_size))}`;
  return text;
}

/** The text of a side-band record, if it was asked for. */
function sideBandText(
  record: FileRecord,
  options: ScriptOptions,
): { readonly record: SideBand; readonly line: string } | undefined {
  const { type } = record;
  if (type === PERF_RECORD.MMAP || type === PERF_RECORD.MMAP2)
    return options.showMmapEvents ? { record, line: mmapText(record) } : undefined;
  if (type === PERF_RECORD.SWITCH || type === PERF_RECORD.SWITCH_CPU_WIDE)
    return options.showSwitchEvents ? { record, line: switchText(record) } : undefined;
  if (type === PERF_RECORD.LOST)
    return options.showLostEvents ? { record, line: `PERF_RECORD_LOST lost ${record.lost}` } : undefined;
  if (!options.showTaskEvents) return undefined;
  if (type === PERF_RECORD.COMM) {
    const exec = record.misc & PERF_RECORD_MISC.COMM_EXEC ? ' exec' : '';
    return { record, line: `PERF_RECORD_COMM${exec}: ${record.comm}:${record.pid}/${record.tid}` };
  }
  if (type !== PERF_RECORD.FORK && type !== PERF_RECORD.EXIT) return undefined;
  const { pid, tid, ppid, ptid } = record;
  const name = type === PERF_RECORD.FORK ? 'FORK' : 'EXIT';
  return { record, line: `PERF_RECORD_${name}(${pid}:${tid}):(${ppid}:${ptid})` };
}

const plainHex = (n: number | bigint): string => (n === 0 ? '0' : `0x${hex(n)}`);
const byte = (n: number | undefined): string => (n ?? 0).toString(16).padStart(2, '0');

function mmapText(record: MmapRecord): string {
  const { pid, tid, addr, len, pgoff, filename, misc, prot = 0, flags = 0 } = record;
  const range = `${pid}/${tid}: [${plainHex(addr)}(${plainHex(len)}) @ ${plainHex(pgoff)}`;
  if (record.type === PERF_RECORD.MMAP)
    return `PERF_RECORD_MMAP ${range}]: ${misc & PERF_RECORD_MISC.MMAP_DATA ? 'r' : 'x'} ${filename}`;
  const { maj, min, ino = 0, ino_generation = 0, buildId } = record;
  const file = buildId === undefined ? `${byte(maj)}:${byte(min)} ${ino} ${ino_generation}` : `<${buildId}>`;
  const bits = `${prot & 1 ? 'r' : '-'}${prot & 2 ? 'w' : '-'}${prot & 4 ? 'x' : '-'}${flags & 1 ? 's' : 'p'}`;
  return `PERF_RECORD_MMAP2 ${range} ${file}]: ${bits} ${filename}`;
}

function switchText(record: SwitchRecord): string {
  const out = (record.misc & PERF_RECORD_MISC.SWITCH_OUT) !== 0;
  const preempt = (record.misc & PERF_RECORD_MISC.SWITCH_OUT_PREEMPT) !== 0;
  const inOut = !out ? 'IN         ' : preempt ? 'OUT preempt' : 'OUT        ';
  if (record.type === PERF_RECORD.SWITCH) return `PERF_RECORD_SWITCH ${inOut}`;
  const pid = String(record.next_prev_pid ?? 0).padStart(5);
  const tid = String(record.next_prev_tid ?? 0).padEnd(5);
  return `PERF_RECORD_SWITCH_CPU_WIDE ${inOut}  ${out ? 'next' : 'prev'} pid/tid: ${pid}/${tid}`;
}
