/**
 * Reads a recording: gperf's own or real perf's, from a file or a pipe, in time order and constant memory.
 *
 * The memory held is two rounds of the recorder (sorter.ts), however long the file; one without rounds is held whole.
 * Records that the tool wrote (types from 64 on) and those without a time come at their place in the file; the others as
 * soon as their round is complete, as perf's session delivers them.
 * Opening, reading and the account of damage share one file's state, hence the length.
 * Not modelled: big-endian files, the 2009 format.
 */
import type { Nanos64 } from '../units.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { decodeAttr, PERF_ATTR_SIZE_VER0 } from './attr.ts';
import { ByteReader, OutOfBounds } from './bytes.ts';
import { PerfDataFormatError } from './errors.ts';
import { Evlist } from './evlist.ts';
import type { Described } from './described.ts';
import { decodeBuildId, decodeFeatures, type DescribedEvent, type FeatureView, NO_FEATURES } from './features.ts';
import {
  decodeFileHeader,
  featureName,
  FILE_HEADER_SIZE,
  HEADER,
  MAGIC,
  PIPE_HEADER_SIZE,
  type FileHeader,
  type FileSection,
} from './header.ts';
import { Holdings } from './holdings.ts';
import { Input } from './input.ts';
import { ANOTHER, type Chunk, offsetIn, type Placed, RecordStream } from './record-stream.ts';
import {
  inTurn,
  openParts,
  type DirectoryFile,
  recordsOf,
  unpacked,
  Unpackable,
  WaitingChunks,
} from './record-walk.ts';
import { PERF_RECORD_USER_TYPE_START, RECORD_HEADER_SIZE, RecordCodec, type FileRecord } from './records.ts';
import { OrderedEvents } from './sorter.ts';
import { isToolRecord } from './tool-records.ts';
import { TraceEvents } from './trace/trace-events.ts';
import type { BuildId, PerfEnv } from './perf-env.ts';
import { PERF_RECORD_USER } from '../perf-events/tool-record.ts';

export type { FileRecord, OpaqueRecord } from './records.ts';

/** A record and the event it belongs to; tool records have none. */
export interface Delivered {
  readonly record: FileRecord;
  readonly evsel: Evsel | undefined;
  /** Offset of the record in the file. */
  readonly offset: number;
}

const PERF_RECORD_COMPRESSED2 = 83;
const ATTR_SECTION_SIZE = 16;
/** What compressed records may unfold to while they wait for the end of their round: 256 MiB. */
const MOST_WAITING = 1 << 28;
const TOO_MUCH = `its compressed records hold more than ${MOST_WAITING} bytes in one round`;
/** More than any feature of a real recording takes: 64 MiB; and all sections of a header together. */
const MOST_FEATURE = 1 << 26;
const MOST_SECTIONS = 1 << 28;
/** How far perf is followed behind the end of a feature that does not decode. */
const BEYOND = 1 << 12;
const INCOMPATIBLE = 'incompatible file format (rerun with -v to learn more)';

/** Types that open a pipe and describe it; the first other one begins the data. */
const PRELUDE: ReadonlySet<number> = new Set([
  PERF_RECORD_USER.HEADER_ATTR,
  PERF_RECORD_USER.EVENT_TYPE,
  PERF_RECORD_USER.TRACING_DATA,
  PERF_RECORD_USER.BUILD_ID,
  PERF_RECORD_USER.FEATURE,
  PERF_RECORD_USER.ID_INDEX,
]);

/**
 * Of sections in the order of the file's table: the first that a cut of the file took; Infinity if none. Recorders put one
 * behind the other, so a cut takes the end of one and all that follow; anything else that passes the end points anywhere.
 */
function cutFrom(sections: readonly FileSection[], start: number, end: number): number {
  const first = sections.findIndex(({ offset, size }) => offset + size > end);
  if (first < 0) return Infinity;
  const before = sections.slice(0, first).reduce((at, { offset, size }) => Math.max(at, offset + size), start);
  const { offset } = sections[first]!;
  const cut = offset >= before && offset <= end && sections.slice(first + 1).every((later) => later.offset >= end);
  return cut ? first : Infinity;
}

/**
 * Opens a recording; "-" is standard input; an opened Input is taken over. Throws PerfDataIoError if it cannot be read,
 * PerfDataFormatError if it is not a recording (with perf's words). Damage behind the header is only reported by `records()`,
 * after what could be read.
 */
export const openPerfData = (path: string | Input): Session => new Session(path);

/** An open recording. `evlist`, `env` and `buildIds` are known at once; a pipe may rename events while it is read. */
export class Session {
  readonly path: string;
  /** True for a pipe's format, wherever it is stored. */
  readonly isPipe: boolean;
  /** Absent for a pipe. */
  readonly header: FileHeader | undefined;
  /** Payloads of all features, by bit, understood or not. */
  readonly features = new Map<number, Uint8Array>();
  /** Set by `records()`: events that came too late for their place in time. */
  unordered = 0;
  /** What the records delivered so far hold. */
  readonly holdings = new Holdings();
  readonly #input: Input;
  readonly #events = new Evlist();
  readonly #ids: BuildId[] = [];
  #view: FeatureView = NO_FEATURES;
  /** What is wrong with the header's sections; told at the end of `records()`. */
  #damage: { readonly how: 'corrupt' | 'truncated'; readonly what: string; readonly offset: number } | undefined;
  /** Where the last payload of a feature ends. */
  #featuresEnd = 0;
  /** Where the features' payloads stand that the file has. */
  readonly #places = new Map<number, FileSection>();
  /** Features that could not be used, by what is wrong with them. */
  readonly #unused = new Map<string, string[]>();
  /** Bytes of sections that may still be read: all together no more than the file has. */
  #budget: number;
  #pipe: RecordStream | undefined;
  /** The same for good. */
  #fromPipe: RecordStream | undefined;
  /** Records of a pipe that were read to learn its events. */
  readonly #prelude: Placed[] = [];

  constructor(from: string | Input) {
    this.#input = typeof from === 'string' ? new Input(from) : from;
    this.path = this.#input.path;
    this.#budget = Math.min(this.#input.size, MOST_SECTIONS);
    try {
      const size = this.#checkMagic();
      this.isPipe = size === PIPE_HEADER_SIZE;
      if (this.isPipe) this.#openPipe();
      else this.header = this.#openFile();
    } catch (error) {
      this.#input.close();
      throw error;
    }
  }

  get evlist(): readonly Evsel[] {
    return this.#events.events;
  }
  get env(): PerfEnv {
    return this.#view.env;
  }
  get buildIds(): readonly BuildId[] {
    return this.isPipe ? this.#ids : this.#view.buildIds;
  }
  /** SAMPLE_TIME. */
  get sampleTime(): { readonly first: Nanos64; readonly last: Nanos64 } | undefined {
    return this.#view.sampleTime;
  }
  /** What the header lines show besides. */
  get described(): Described {
    return this.#view.described;
  }
  /** EVENT_DESC; undefined if it is not there or damaged. */
  get eventDesc(): readonly DescribedEvent[] | undefined {
    return this.#view.eventDesc;
  }
  /** What of the header could not be used, a sentence each; the samples are none the worse. */
  get warnings(): readonly string[] {
    return [...this.#unused].map(([what, names]) => `${this.path}: ${what}: ${names.join(', ')}`);
  }
  /** The formats of tracepoints (trace/tracing-data.ts); a pipe's are known once it has been read so far. */
  get tracingData(): Uint8Array | undefined {
    return this.features.get(HEADER.TRACING_DATA) ?? this.#fromPipe?.tracingData;
  }
  /** What gperf stored of its own setup; absent in real perf's files. */
  get spec(): string | undefined {
    return this.#view.spec;
  }

  /** When the file was last changed. */
  get changed(): Date {
    return this.#input.changed;
  }
  /** Bytes of the file; Infinity for a pipe. */
  get size(): number {
    return this.#input.size;
  }

  close(): void {
    this.#input.close();
  }

  /** Reads magic and header size, and returns the latter. */
  #checkMagic(): number {
    const start = this.#input.read(PIPE_HEADER_SIZE);
    if (start.length === 0) throw new PerfDataFormatError(this.path, `zero-sized data (${this.path}), nothing to do!`);
    const magic = Buffer.from(start.subarray(0, 8)).toString('latin1');
    if (magic === '2ELIFREP')
      throw new PerfDataFormatError(
        this.path,
        `${this.path} was recorded on a big-endian machine, which gperf does not read`,
      );
    if (magic !== MAGIC || start.length < PIPE_HEADER_SIZE) throw new PerfDataFormatError(this.path, INCOMPATIBLE);
    const size = new ByteReader(start, 8).u64();
    if (size !== PIPE_HEADER_SIZE && (size < FILE_HEADER_SIZE || !this.#input.seekable))
      throw new PerfDataFormatError(this.path, INCOMPATIBLE);
    return size;
  }

  #openFile(): FileHeader {
    const bytes = this.#input.read(FILE_HEADER_SIZE, 0);
    if (bytes.length < FILE_HEADER_SIZE) throw new PerfDataFormatError(this.path, INCOMPATIBLE);
    const header = decodeFileHeader(bytes);
    const attrSize = header.attr_size - ATTR_SECTION_SIZE;
    if (attrSize < PERF_ATTR_SIZE_VER0 || attrSize > 4096) throw new PerfDataFormatError(this.path, INCOMPATIBLE);
    const attrs = new ByteReader(this.#section(header.attrs, 'attrs'));
    while (attrs.left >= header.attr_size) {
      const attr = decodeAttr(attrs, attrSize);
      const ids = this.#section({ offset: attrs.u64(), size: attrs.u64() }, 'event ids');
      this.#events.add(attr, ids);
    }
    // perf stat record -n counts nothing, and its file says so.
    if (this.evlist.length === 0 && !header.features.includes(HEADER.STAT)) {
      const damage = this.#damage;
      throw damage
        ? this.#broken(damage.how, damage.offset, damage.what)
        : this.#corrupt(header.attrs.offset, 'it has no events');
    }
    this.#readFeatures(header);
    this.#refuseAnother(header);
    return header;
  }

  /** Files put together: perf takes the first for the whole, and says nothing. */
  #refuseAnother({ data, features }: FileHeader): void {
    const table = data.offset + data.size + ATTR_SECTION_SIZE * features.length;
    const end = Math.max(table, this.#featuresEnd);
    if (data.size === 0 || Buffer.from(this.#input.read(MAGIC.length, end)).toString('latin1') !== MAGIC) return;
    throw this.#several(end);
  }

  #several(offset: number): PerfDataFormatError {
    return new PerfDataFormatError(
      this.path,
      `${this.path} is several recordings put together, the second from offset 0x${offset.toString(16)} on: cut them apart there`,
      offset,
    );
  }

  /** The bytes of a section, as many as the file has. */
  #section({ offset, size }: FileSection, what: string): Uint8Array {
    const end = this.#input.size;
    if (offset + size > end)
      this.#damage ??= {
        how: 'truncated',
        what: `its ${what} would end at 0x${(offset + size).toString(16)}`,
        offset: end,
      };
    const length = Math.max(0, Math.min(size, end - offset));
    if (length > this.#budget) {
      this.#damage ??= {
        how: 'corrupt',
        what: `its ${what} and those before take more than a header can hold`,
        offset,
      };
      return new Uint8Array();
    }
    this.#budget -= length;
    return this.#input.read(length, offset);
  }

  #readFeatures(header: FileHeader): void {
    // An unfinished recording has neither a data size nor features.
    if (header.data.size === 0) return;
    const at = header.data.offset + header.data.size;
    const table = new ByteReader(this.#section({ offset: at, size: 16 * header.features.length }, 'feature table'));
    const sections: { readonly bit: number; readonly section: FileSection }[] = [];
    for (const bit of header.features) {
      if (table.left < 16) break;
      sections.push({ bit, section: { offset: table.u64(), size: table.u64() } });
    }
    const cut = cutFrom(
      sections.map(({ section }) => section),
      at + 16 * header.features.length,
      this.#input.size,
    );
    for (const [i, { bit, section }] of sections.entries()) {
      const end = section.offset + section.size;
      if (bit > HEADER.PMU_CAPS) this.#unuse('features of its header that gperf does not know', bit);
      else if (i >= cut) this.#section(section, 'features');
      else if (end > this.#input.size) this.#unuse('features of its header that stand outside of the file', bit);
      else if (section.size > MOST_FEATURE || section.size > this.#budget)
        this.#unuse('features of its header that are longer than can be', bit);
      else {
        this.#places.set(bit, section);
        this.features.set(bit, this.#section(section, 'features'));
        this.#featuresEnd = Math.max(this.#featuresEnd, end);
      }
    }
    this.#useFeatures();
  }

  #unuse(what: string, bit: number): void {
    const names = this.#unused.get(what);
    if (names) names.push(featureName(bit));
    else this.#unused.set(what, [featureName(bit)]);
  }

  #useFeatures(): void {
    this.#view = decodeFeatures(this.features, (bit) => {
      this.#unuse('features of its header that do not decode', bit);
      const place = this.#places.get(bit);
      return place && this.#input.read(Math.min(place.size + BEYOND, this.#input.size - place.offset), place.offset);
    });
    this.#events.describe(this.#view);
    if (!this.#events.hasUnnamedTracepoints || !this.tracingData) return;
    const formats = new TraceEvents(this.tracingData);
    this.#events.nameTracepoints((id) => formats.name(id));
  }

  #openPipe(): void {
    const stream = new RecordStream((into) => this.#input.readInto(into), PIPE_HEADER_SIZE, Infinity);
    this.#pipe = this.#fromPipe = stream;
    while (stream.advance()) {
      const { chunk, at, type, size } = stream;
      this.#prelude.push({ chunk, at, type, size });
      if (!PRELUDE.has(stream.type)) break;
      this.#absorb(stream);
    }
    if (this.evlist.length === 0) throw this.#faultOf(stream) ?? this.#corrupt(stream.place, 'it has no events');
    this.#useFeatures();
  }

  /** Takes a record in that describes the recording. */
  #absorb(stream: RecordStream): void {
    const { bytes } = stream.chunk.reader;
    const at = stream.place - stream.chunk.offset;
    const r = new ByteReader(bytes, at + RECORD_HEADER_SIZE, at + stream.size);
    try {
      if (stream.type === PERF_RECORD_USER.HEADER_ATTR) {
        const sizeAt = r.pos + 4;
        if (r.left < PERF_ATTR_SIZE_VER0) throw new OutOfBounds(`an attr of ${r.left} bytes`);
        const size = Math.max(PERF_ATTR_SIZE_VER0, r.view.getUint32(sizeAt, true));
        const attr = decodeAttr(r, size);
        this.#events.add(attr, r.take(r.left));
      } else if (stream.type === PERF_RECORD_USER.FEATURE) {
        const [bit, payload] = [r.u64(), r.take(r.left)];
        // Behind the last one perf puts the number of the bits it knows, without a payload.
        if (payload.length > 0 || bit <= HEADER.PMU_CAPS) this.features.set(bit, payload);
      } else if (stream.type === PERF_RECORD_USER.BUILD_ID)
        this.#ids.push(decodeBuildId(new ByteReader(bytes, at, r.end)));
    } catch (error) {
      if (!(error instanceof OutOfBounds)) throw error;
      throw this.#corrupt(stream.place, error.message);
    }
  }

  #corrupt(offset: number, what: string): PerfDataFormatError {
    return this.#broken('corrupt', offset, what);
  }

  #truncated(offset: number, what: string): PerfDataFormatError {
    return this.#broken('truncated', offset, what);
  }

  #broken(how: string, offset: number, what: string): PerfDataFormatError {
    return new PerfDataFormatError(
      this.path,
      `${this.path} is ${how} at offset 0x${offset.toString(16)}: ${what}`,
      offset,
    );
  }

  /**
   * All records. A file can be read again from the start, a pipe only once. At damage, what was read up to there comes
   * first; then a PerfDataFormatError with the offset is thrown.
   */
  *records(): Generator<Delivered, void, undefined> {
    const { header } = this;
    this.holdings.restart();
    const stream = header ? this.#dataStream(header) : this.#takePipe();
    const parts = this.#input.directory ? openParts(this.path) : [];
    const codec = new RecordCodec(this.evlist);
    const ordered = this.evlist.every((e) => e.attr.sample_id_all);
    const queue = new OrderedEvents();
    const chunks = new WaitingChunks();

    const deliver = (place: number): Delivered => {
      const { chunk, at } = chunks.at(place);
      return this.#decode(codec, chunk, at);
    };
    let fault: PerfDataFormatError | undefined;
    let last = 0;
    try {
      for (const placed of this.#walk(stream, parts)) {
        const { chunk, at, type, size } = placed;
        const { reader } = chunk;
        last = offsetIn(chunk, at);
        if (type < PERF_RECORD_USER_TYPE_START && ordered) {
          const time = codec.peekTime(reader.view, at, type, size);
          if (time !== 0) {
            queue.push(time, chunks.placeOf(placed));
            if (chunks.unpackedBytes > MOST_WAITING) throw new Unpackable(TOO_MUCH, last);
            continue;
          }
        } else if (type === PERF_RECORD_USER.FINISHED_ROUND) {
          for (const ready of queue.round()) yield deliver(ready);
          chunks.forget(queue.oldestPlace);
        } else if (type === PERF_RECORD_COMPRESSED2)
          throw new Unpackable('its compressed records are of a form that gperf does not read', last);
        yield this.#decode(codec, chunk, at);
      }
    } catch (error) {
      if (error instanceof PerfDataFormatError) fault = error;
      else if (error instanceof Unpackable) fault = this.#corrupt(error.offset, error.message);
      else if (error instanceof OutOfBounds) fault = this.#corrupt(last, error.message);
      else throw error;
    } finally {
      for (const { input } of parts) input.close();
    }
    for (const ready of queue.flush()) yield deliver(ready);
    this.unordered = queue.unordered;
    fault ??= this.#faultOf(stream) ?? this.#faultOfParts(parts);
    if (fault) throw fault;
  }

  /** The records of a pipe's opening, then those of the stream; or those of a directory's files in turn. */
  *#walk(stream: RecordStream, parts: readonly DirectoryFile[]): Generator<Placed, void, undefined> {
    const atOnce = this.#view.described.compressed?.mmapLength;
    const prelude = this.#prelude;
    function* main(): Generator<Placed, void, undefined> {
      yield* prelude;
      yield* recordsOf(stream);
    }
    if (parts.length === 0) return yield* unpacked(main(), atOnce);
    yield* inTurn([main(), ...parts.map((part) => recordsOf(part.stream))].map((records) => unpacked(records, atOnce)));
  }

  #faultOfParts(parts: readonly DirectoryFile[]): PerfDataFormatError | undefined {
    for (const { name, stream } of parts) {
      const { fault } = stream;
      if (!fault) continue;
      const how = fault.what === 'truncated' ? 'truncated' : 'corrupt';
      const what = how === 'truncated' ? 'a record goes on' : fault.what;
      const place = `${this.path}/${name}`;
      return new PerfDataFormatError(place, `${place} is ${how} at offset 0x${fault.offset.toString(16)}: ${what}`);
    }
    return undefined;
  }

  #dataStream(header: FileHeader): RecordStream {
    const { offset, size } = header.data;
    let position = offset;
    const source = (into: Uint8Array): number => {
      const got = this.#input.readInto(into, position);
      position += got;
      return got;
    };
    return new RecordStream(source, offset, size || Infinity);
  }

  #takePipe(): RecordStream {
    const pipe = this.#pipe;
    if (!pipe) throw new Error('a pipe can be read once only');
    this.#pipe = undefined;
    return pipe;
  }

  #decode(codec: RecordCodec, chunk: Chunk, at: number): Delivered {
    const offset = offsetIn(chunk, at);
    chunk.reader.pos = at;
    let record: FileRecord;
    try {
      record = codec.decode(chunk.reader);
    } catch (error) {
      throw this.#asFault(error, offset);
    }
    if (record.type === PERF_RECORD_USER.EVENT_UPDATE) this.#events.update(record.id, record.update);
    if (isToolRecord(record) || record.type >= PERF_RECORD_USER_TYPE_START) {
      this.holdings.see(record, undefined);
      return { record, evsel: undefined, offset };
    }
    const evsel = codec.evselOf(record);
    this.holdings.see(record, evsel);
    return { record, evsel, offset };
  }

  #asFault(error: unknown, place: number): PerfDataFormatError {
    if (error instanceof OutOfBounds) return this.#corrupt(place, error.message);
    throw error;
  }

  /** What to say of a recording whose records have all been delivered. */
  #faultOf(stream: RecordStream): PerfDataFormatError | undefined {
    const { fault } = stream;
    if (fault?.what === ANOTHER) return this.#several(fault.offset);
    if (fault && fault.what !== 'truncated') return this.#corrupt(fault.offset, fault.what);
    if (this.header?.data.size === 0)
      return this.#truncated(stream.place, "its data size field is 0; was 'perf record' properly terminated?");
    const { data } = this.header ?? {};
    // All of the data is there: what passes its end is wrong itself.
    if (fault && data && data.offset + data.size <= this.#input.size)
      return this.#corrupt(
        fault.offset,
        `a record passes the end of the data at 0x${(data.offset + data.size).toString(16)}`,
      );
    if (fault) return this.#truncated(fault.offset, data ? 'its data goes on' : 'a record goes on');
    return this.#damage && this.#broken(this.#damage.how, this.#damage.offset, this.#damage.what);
  }
}
