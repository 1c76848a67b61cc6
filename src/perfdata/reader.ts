/**
 * A recording as others read it: gperf's own or real perf's, from a file or a pipe.
 *
 * Its first bytes tell which of the two it is: open-file.ts reads a file's header, open-pipe.ts the first records of a
 * pipe. delivery.ts delivers the records, record-walk.ts finds them, and damage.ts says what is wrong.
 * Not modelled: big-endian files, the 2009 format.
 */
import type { Nanos64 } from '../units.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { ByteReader } from './bytes.ts';
import { Damage, incompatible } from './damage.ts';
import { type Delivered, Delivery, type Walk } from './delivery.ts';
import { PerfDataFormatError } from './errors.ts';
import { Evlist } from './evlist.ts';
import type { Described } from './described.ts';
import type { DescribedEvent } from './features.ts';
import { FILE_HEADER_SIZE, type FileHeader, HEADER, MAGIC, PIPE_HEADER_SIZE } from './header.ts';
import { Holdings } from './holdings.ts';
import { Input } from './input.ts';
import { type OpenedFile, openFile } from './open-file.ts';
import { type OpenedPipe, openPipe } from './open-pipe.ts';
import type { BuildId, PerfEnv } from './perf-env.ts';
import type { Placed } from './record-stream.ts';
import { inTurn, openParts, recordsOf, streamOf, unpacked } from './record-walk.ts';

export type { Delivered } from './delivery.ts';
export type { FileRecord, OpaqueRecord } from './records.ts';

/**
 * Opens a recording; "-" is standard input; an opened Input is taken over. Throws PerfDataIoError if it cannot be read,
 * PerfDataFormatError if it is not a recording (with perf's words). Damage behind the header is only reported by `records()`,
 * after what could be read.
 */
export const openPerfData = (path: string | Input): Session => new Session(path);

/** An open recording. `evlist`, `env` and `buildIds` are known at once; a pipe may rename events while it is read. */
export class Session {
  readonly path: string;
  /** Absent for a pipe. */
  readonly header: FileHeader | undefined;
  /** What the records delivered so far hold. */
  readonly holdings = new Holdings();
  readonly #input: Input;
  readonly #damage: Damage;
  readonly #events = new Evlist();
  readonly #opened: OpenedFile | OpenedPipe;
  readonly #delivery: Delivery;
  /** What is left of a pipe. */
  #pipe: OpenedPipe | undefined;

  constructor(from: string | Input) {
    const input = typeof from === 'string' ? new Input(from) : from;
    this.#input = input;
    this.path = input.path;
    this.#damage = new Damage(input.path);
    this.#delivery = new Delivery(this.#events, this.holdings, this.#damage);
    try {
      if (isPipe(input)) this.#opened = this.#pipe = openPipe(input, this.#damage, this.#events);
      else {
        const opened = openFile(input, this.#damage, this.#events);
        this.header = opened.header;
        this.#opened = opened;
      }
    } catch (error) {
      input.close();
      throw error;
    }
  }

  /** True for a pipe's format, wherever it is stored. */
  get isPipe(): boolean {
    return this.header === undefined;
  }
  get evlist(): readonly Evsel[] {
    return this.#events.events;
  }
  /** Payloads of all features, by bit, understood or not. */
  get features(): ReadonlyMap<number, Uint8Array> {
    return this.#opened.features;
  }
  get env(): PerfEnv {
    return this.#opened.view.env;
  }
  get buildIds(): readonly BuildId[] {
    return this.#opened.view.buildIds;
  }
  /** SAMPLE_TIME. */
  get sampleTime(): { readonly first: Nanos64; readonly last: Nanos64 } | undefined {
    return this.#opened.view.sampleTime;
  }
  /** What the header lines show besides. */
  get described(): Described {
    return this.#opened.view.described;
  }
  /** EVENT_DESC; undefined if it is not there or damaged. */
  get eventDesc(): readonly DescribedEvent[] | undefined {
    return this.#opened.view.eventDesc;
  }
  /** What of the header could not be used, a sentence each; the samples are none the worse. */
  get warnings(): readonly string[] {
    return this.#damage.warnings;
  }
  /** The formats of tracepoints (trace/tracing-data.ts); a pipe's are known once it has been read so far. */
  get tracingData(): Uint8Array | undefined {
    const inHeader = this.features.get(HEADER.TRACING_DATA);
    return inHeader ?? ('stream' in this.#opened ? this.#opened.stream.tracingData : undefined);
  }
  /** What gperf stored of its own setup; absent in real perf's files. */
  get spec(): string | undefined {
    return this.#opened.view.spec;
  }
  /** Events that came too late for their place in time; known once `records()` has ended. */
  get unordered(): number {
    return this.#delivery.unordered;
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

  /**
   * All records. A file can be read again from the start, a pipe only once. At damage, what was read up to there comes
   * first; then a PerfDataFormatError with the offset is thrown.
   */
  records(): Generator<Delivered, void, undefined> {
    return this.#delivery.of(() => this.#walk());
  }

  /** The data section's records, or a pipe's; where the recording is a directory, those of its other files in turn. */
  #walk(): Walk {
    const { header } = this;
    const { prelude, stream } = header ? { prelude: [], stream: streamOf(this.#input, header.data) } : this.#takePipe();
    const parts = this.#input.directory ? openParts(this.path) : [];
    const atOnce = this.described.compressed?.mmapLength;
    function* main(): Generator<Placed, void, undefined> {
      yield* prelude;
      yield* recordsOf(stream);
    }
    const first = unpacked(main(), atOnce);
    const others = parts.map((part) => unpacked(recordsOf(part.stream), atOnce));
    return {
      records: others.length === 0 ? first : inTurn([first, ...others]),
      fault: () => this.#damage.ofStream(stream, header, this.size) ?? this.#damage.ofParts(parts),
      close: () => parts.forEach(({ input }) => input.close()),
    };
  }

  #takePipe(): OpenedPipe {
    const pipe = this.#pipe;
    if (!pipe) throw new Error('a pipe can be read once only');
    this.#pipe = undefined;
    return pipe;
  }
}

/** Whether a recording is in a pipe's format, according to its magic and the size of its header, which are read. */
function isPipe(input: Input): boolean {
  const { path } = input;
  const start = input.read(PIPE_HEADER_SIZE);
  if (start.length === 0) throw new PerfDataFormatError(path, `zero-sized data (${path}), nothing to do!`);
  const magic = Buffer.from(start.subarray(0, 8)).toString('latin1');
  if (magic === '2ELIFREP')
    throw new PerfDataFormatError(path, `${path} was recorded on a big-endian machine, which gperf does not read`);
  if (magic !== MAGIC || start.length < PIPE_HEADER_SIZE) throw incompatible(path);
  const size = new ByteReader(start, 8).u64();
  if (size === PIPE_HEADER_SIZE) return true;
  if (size < FILE_HEADER_SIZE || !input.seekable) throw incompatible(path);
  return false;
}
