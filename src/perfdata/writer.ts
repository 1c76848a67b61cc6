/**
 * Writes a recording while it is made: records go out as they come; what is known only at the end (the size of the
 * data, the features) follows them.
 *
 * A file: header, ids, attrs, data, feature table, payloads; then the header once more with the sizes. A pipe: header, one
 * HEADER_ATTR per event, FEATURE records and their end mark, the events' names, build-ids, data. The order and the bytes are
 * perf 6.1's; equal input gives equal bytes.
 * Not modelled: compression (-z), several output files (--switch-output, --threads).
 */
import { nanos, type Nanos64, type U64 } from '../units.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { PERF_RECORD, PERF_SAMPLE } from '../uapi/perf-event.ts';
import { encodeAttr, PERF_ATTR_SIZE } from './attr.ts';
import { ByteWriter } from './bytes.ts';
import { DsoHits } from './dso-hits.ts';
import { encodeBuildId, encodeFeatures, type FeatureSource } from './features.ts';
import { PerfDataFormatError } from './errors.ts';
import { encodeFileHeader, encodePipeHeader, FILE_HEADER_SIZE, HEADER, type FileSection } from './header.ts';
import { ReadSamples } from './read-samples.ts';
import { RECORD_HEADER_SIZE, RecordCodec, type FileRecord } from './records.ts';
import type { Sink } from './sink.ts';
import type { BuildId, PerfEnv } from './perf-env.ts';
import { PERF_RECORD_USER, type PerfRecord } from '../perf-events/tool-record.ts';

const FLUSH_SIZE = 1 << 18;
/** An attr entry: the attr, then the section of its ids. */
const ATTR_ENTRY_SIZE = PERF_ATTR_SIZE + 16;
/** HEADER_LAST_FEATURE of perf 6.1: a FEATURE record with this bit ends the features of a pipe. */
const HEADER_LAST_FEATURE = 32;
const MAX_RECORD_SIZE = 0xffff;

export interface WriterOptions {
  readonly env: PerfEnv;
  /**
   * Build-ids of the kernel and of every file that may be mapped. A file stores those that a sample hit (and names in
   * brackets, like the kernel's, always); a pipe stores all, since nothing is known yet. Without any, perf does not
   * scan the samples, and SAMPLE_TIME is 0.
   */
  readonly buildIds?: readonly BuildId[];
  /** --buildid-all: build-ids of everything mapped; SAMPLE_TIME is then 0 too, unless timestampBoundary asks for it. */
  readonly buildIdAll?: boolean;
  /** --timestamp-boundary */
  readonly timestampBoundary?: boolean;
  /** How gperf was set up, as text, which real perf ignores. Stored only along with env.cmdline. */
  readonly spec?: string;
  /** A perf stat recording. */
  readonly stat?: boolean;
  /** Payloads of further features, by bit, stored as they are. */
  readonly features?: ReadonlyMap<number, Uint8Array>;
}

/** The numbers in perf record's closing line. */
export interface Written {
  /**
   * End of the data (data.offset + data.size), which perf calls the size of the recording. 0 for a pipe, as in perf.
   */
  readonly dataEnd: number;
  readonly samples: number;
}

export class PerfDataWriter {
  readonly #sink: Sink;
  readonly #evlist: readonly Evsel[];
  readonly #options: WriterOptions;
  readonly #codec: RecordCodec;
  readonly #out = new ByteWriter(FLUSH_SIZE + MAX_RECORD_SIZE);
  readonly #hits = new DsoHits();
  readonly #attrs: FileSection;
  #dataOffset = 0;
  /** Bytes handed to the sink. */
  #flushed = 0;
  /** As perf counts them: a group reading is one sample of each event. */
  #samples = 0;
  readonly #reads: ReadSamples;
  readonly #byId: ReadonlyMap<U64, number>;
  #first: Nanos64 | undefined;
  #last: Nanos64 = nanos(0);
  #open = true;

  /** Writes the opening of a recording of `evlist` to the sink. Any failure aborts the sink and throws PerfDataIoError. */
  constructor(sink: Sink, evlist: readonly Evsel[], options: WriterOptions) {
    this.#sink = sink;
    this.#evlist = evlist;
    this.#options = options;
    this.#codec = new RecordCodec(evlist);
    this.#reads = new ReadSamples(evlist);
    this.#byId = new Map(evlist.flatMap(({ ids }, evsel) => ids.map((id) => [id, evsel] as const)));
    const ids = evlist.reduce((n, evsel) => n + evsel.ids.length, 0) * 8;
    this.#attrs = { offset: FILE_HEADER_SIZE + ids, size: evlist.length * ATTR_ENTRY_SIZE };
    this.#guard(() => {
      if (sink.isPipe) this.#openPipe();
      else this.#openFile();
      this.#dataOffset = this.#out.pos;
    });
  }

  /** Bytes of the recording so far, headers included. */
  get size(): number {
    return this.#flushed + this.#out.pos;
  }

  /** Appends records, in the order given. Throws PerfDataIoError, after which the recording is gone. */
  write(records: readonly FileRecord[]): void {
    this.#guard(() => records.forEach((record) => this.#add(record)));
  }

  #add(record: FileRecord): void {
    this.#codec.encode(this.#out, record);
    if (record.type === PERF_RECORD.SAMPLE) {
      this.#samples += this.#reads.count(record, this.#byId.get(record.id ?? 0) ?? 0);
      if (this.#first === undefined || record.time < this.#first) this.#first = record.time;
      if (record.time > this.#last) this.#last = record.time;
      this.#hits.sample(record);
    } else if (!('payload' in record)) this.#hits.sideBand(record);
    if (this.#out.pos >= FLUSH_SIZE) this.#flush();
  }

  /** Completes the recording and puts it in its place. */
  finish(): Written {
    return this.#guard(() => {
      const dataEnd = this.#sink.isPipe ? 0 : this.size;
      if (this.#sink.isPipe) this.#flush();
      else this.#closeFile(dataEnd);
      this.#open = false;
      this.#sink.commit();
      return { dataEnd, samples: this.#samples };
    });
  }

  /** Gives up the recording; a file leaves no trace. */
  abort(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#sink.abort();
  }

  #guard<T>(work: () => T): T {
    if (!this.#open) throw new Error('the recording is closed');
    try {
      return work();
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  #flush(): void {
    this.#sink.write(this.#out.taken());
    this.#flushed += this.#out.pos;
    this.#out.pos = 0;
  }

  #openFile(): void {
    const out = this.#out;
    const evlist = this.#evlist;
    out.put(this.#fileHeader(0, []));
    const sections: FileSection[] = [];
    for (const { ids } of evlist) {
      sections.push({ offset: out.pos, size: ids.length * 8 });
      for (const id of ids) out.u64(id);
    }
    evlist.forEach(({ attr }, i) => {
      encodeAttr(out, attr);
      out.u64(sections[i]!.offset);
      out.u64(sections[i]!.size);
    });
  }

  /** The header of a file with `dataSize` bytes of data; 0 marks it as unfinished. */
  #fileHeader(dataSize: number, features: readonly number[]): Uint8Array {
    const data = { offset: this.#attrs.offset + this.#attrs.size, size: dataSize };
    return encodeFileHeader({ size: FILE_HEADER_SIZE, attr_size: ATTR_ENTRY_SIZE, attrs: this.#attrs, data, features });
  }

  #closeFile(dataEnd: number): void {
    const features = this.#features();
    let offset = dataEnd + 16 * features.size;
    for (const { length } of features.values()) {
      this.#out.u64(offset);
      this.#out.u64(length);
      offset += length;
    }
    for (const payload of features.values()) this.#out.put(payload);
    this.#flush();
    this.#sink.patch(this.#fileHeader(dataEnd - this.#dataOffset, [...features.keys()]), 0);
  }

  #features(): Map<number, Uint8Array> {
    const { env, buildIds = [], buildIdAll, spec, stat } = this.#options;
    const { isPipe } = this.#sink;
    const stored = buildIdAll === true ? this.#hits.mapped : this.#hits.filenames;
    const source: FeatureSource = {
      evlist: this.#evlist,
      env,
      ...(!isPipe && { buildIds: buildIds.filter((b) => b.filename.startsWith('[') || stored.has(b.filename)) }),
      sampleTime: this.#sampleTime(),
      ...(spec !== undefined && { spec }),
      ...(stat !== undefined && { stat }),
    };
    const all = new Map([...encodeFeatures(source), ...(this.#options.features ?? [])]);
    return new Map([...all].toSorted(([a], [b]) => a - b));
  }

  /** What perf knows about the samples' times after scanning the file for build-ids. */
  #sampleTime(): FeatureSource['sampleTime'] {
    const { buildIds, buildIdAll, timestampBoundary } = this.#options;
    const looked = buildIds !== undefined && (buildIdAll !== true || timestampBoundary === true);
    const timed = this.#evlist.every(({ attr }) => (attr.sample_type & PERF_SAMPLE.TIME) !== 0);
    const known = looked && timed && this.#samples > 0;
    return { first: (known && this.#first) || nanos(0), last: known ? this.#last : nanos(0) };
  }

  #openPipe(): void {
    const out = this.#out;
    const evlist = this.#evlist;
    out.put(encodePipeHeader());
    for (const { attr, ids, name } of evlist)
      this.#record(PERF_RECORD_USER.HEADER_ATTR, () => {
        encodeAttr(out, attr);
        const room = Math.floor((MAX_RECORD_SIZE - RECORD_HEADER_SIZE - PERF_ATTR_SIZE) / 8);
        // perf fails here, too: -E2BIG, "Couldn't synthesize attrs."
        if (ids.length > room)
          throw new PerfDataFormatError(
            this.#sink.path,
            `cannot write ${name} to a pipe: it is open on ${ids.length} CPUs, and the record that describes it has room for ${room}; record into a file (-o)`,
          );
        for (const id of ids) out.u64(id);
      });
    for (const [bit, payload] of this.#features()) {
      // perf reads this feature's entries after the record, and swallows what follows.
      if (bit === HEADER.BUILD_ID) continue;
      // perf_event__synthesize_features() leaves out what does not fit a record.
      if (payload.length > MAX_RECORD_SIZE - RECORD_HEADER_SIZE - 8) continue;
      this.#record(PERF_RECORD_USER.FEATURE, () => {
        out.u64(bit);
        out.put(payload);
      });
    }
    this.#record(PERF_RECORD_USER.FEATURE, () => out.u64(HEADER_LAST_FEATURE));
    for (const { ids, name } of evlist)
      if (ids[0] !== undefined)
        this.#codec.encode(out, {
          type: PERF_RECORD_USER.EVENT_UPDATE,
          id: ids[0],
          update: { kind: 'name', name },
        } satisfies PerfRecord);
    for (const entry of this.#options.buildIds ?? []) encodeBuildId(out, entry, true);
  }

  #record(type: number, payload: () => void): void {
    const out = this.#out;
    const start = out.pos;
    out.u32(type);
    out.u16(0);
    out.u16(0);
    payload();
    const size = out.pos - start;
    if (size > MAX_RECORD_SIZE) throw new RangeError(`a record of ${size - RECORD_HEADER_SIZE} bytes of payload`);
    out.view.setUint16(start + 6, size, true);
  }
}
