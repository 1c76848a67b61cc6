/**
 * Walks the records of a file's data section or of a pipe, chunk by chunk, without decoding them.
 *
 * A chunk holds whole records and stays valid as long as it is referenced: the sorter keeps places, the reader the
 * chunks that hold them. A record cut by the end of a chunk moves to the next one.
 */
import { PERF_RECORD_USER } from '../perf-events/tool-record.ts';
import { ByteReader } from './bytes.ts';
import { MAGIC } from './header.ts';
import { RECORD_HEADER_SIZE } from './records.ts';

export const CHUNK_SIZE = 1 << 18;
/** More than the longest record, so that a chunk always holds one. */
const MIN_ROOM = 1 << 17;

/** Fills a buffer with the next bytes, as far as there are any; returns how many. */
export type Source = (into: Uint8Array) => number;

export interface Chunk {
  /** Offset in the file of the first byte. */
  readonly offset: number;
  readonly reader: ByteReader;
  /** Its bytes come from a compressed record at `offset`. */
  readonly packed?: boolean;
}

/** A record's place: the chunk, and where in it. */
export interface Placed {
  readonly chunk: Chunk;
  /** Offset in the chunk. */
  readonly at: number;
  readonly type: number;
  readonly size: number;
}

/** File offset of a position in a chunk. */
export const offsetIn = ({ packed, offset }: Chunk, at: number): number => (packed === true ? offset : offset + at);

/** Why a stream ended early. */
export interface StreamFault {
  readonly offset: number;
  readonly what: string;
}

/** Ends a stream if the magic of another recording stands in place of a record. */
export const ANOTHER = 'another recording begins';
/** The first half of the magic, which stands where a record has its type. */
const MAGIC_TYPE = Buffer.from(MAGIC, 'latin1').readUInt32LE(0);

/** Bytes that follow a record: AUX area data and a pipe's tracing data are not part of it. */
function trailingBytes(view: DataView, at: number, type: number, size: number): number {
  if (type === PERF_RECORD_USER.AUXTRACE && size >= 16)
    return view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * 0x1_0000_0000;
  if (type === PERF_RECORD_USER.TRACING_DATA && size >= 12) return Math.ceil(view.getUint32(at + 8, true) / 8) * 8;
  return 0;
}

/** The longest tracing data kept: more than the formats of all tracepoints of a kernel. */
const MOST_TRACING_DATA = 1 << 26;

/** A cursor over records: after `advance()` returned true, the fields describe the current one. */
export class RecordStream {
  type = 0;
  size = 0;
  /** Offset in the file of the current record. */
  place: number;
  chunk: Chunk;
  /** Set if `advance` returned false before the end. */
  fault: StreamFault | undefined;
  /** The bytes after a TRACING_DATA record that was passed. */
  tracingData: Uint8Array | undefined;
  readonly #source: Source;
  /** Bytes of the section not yet requested from the source. */
  #remaining: number;
  /** Position in the chunk after the current record. */
  #next = 0;
  /** Bytes after the current record that belong to no record. */
  #trailing = 0;

  /** Records from `offset` on: `length` bytes, or Infinity for all there are. */
  constructor(source: Source, offset: number, length: number) {
    this.#source = source;
    this.place = offset;
    this.#remaining = length;
    this.chunk = { offset, reader: new ByteReader(new Uint8Array()) };
  }

  /** Offset of the current record in its chunk. */
  get at(): number {
    return this.place - this.chunk.offset;
  }

  /** Moves to the next record; false at the end or at a fault. */
  advance(): boolean {
    if (this.fault) return false;
    if (this.#trailing > 0) this.#pass();
    if (this.#available() < RECORD_HEADER_SIZE && !this.#fill()) return this.#atEnd();
    this.place = this.chunk.offset + this.#next;
    this.type = this.chunk.reader.view.getUint32(this.#next, true);
    this.size = this.chunk.reader.view.getUint16(this.#next + 6, true);
    if (this.type === MAGIC_TYPE) return this.#fail(ANOTHER);
    if (this.size < RECORD_HEADER_SIZE || this.type === 0)
      return this.#fail(`no record: type ${this.type}, size ${this.size}`);
    if (this.#available() < this.size) {
      this.#fill();
      if (this.#available() < this.size) return this.#fail('truncated');
    }
    this.#trailing = trailingBytes(this.chunk.reader.view, this.#next, this.type, this.size);
    this.#next += this.size;
    return true;
  }

  #available(): number {
    return this.chunk.reader.end - this.#next;
  }

  #fail(what: string): false {
    this.fault = { offset: this.chunk.offset + this.#next, what };
    return false;
  }

  #atEnd(): false {
    const missing = this.#remaining > 0 && this.#remaining < Infinity;
    return this.#available() > 0 || missing ? this.#fail('truncated') : false;
  }

  /** Starts a new chunk with the unread rest of this one; false if that gave no further header. */
  #fill(): boolean {
    const { reader } = this.chunk;
    const rest = reader.bytes.subarray(this.#next, reader.end);
    const bytes = Buffer.allocUnsafeSlow(Math.max(CHUNK_SIZE, rest.length + MIN_ROOM));
    bytes.set(rest);
    let filled = rest.length;
    while (filled < bytes.length && this.#remaining > 0) {
      const got = this.#source(bytes.subarray(filled, filled + Math.min(bytes.length - filled, this.#remaining)));
      if (got === 0) break;
      filled += got;
      this.#remaining -= got;
    }
    this.chunk = { offset: this.chunk.offset + this.#next, reader: new ByteReader(bytes, 0, filled) };
    this.#next = 0;
    return filled >= RECORD_HEADER_SIZE;
  }

  /** Skips the trailing bytes, which may span chunks. */
  #pass(): void {
    const kept =
      this.type === PERF_RECORD_USER.TRACING_DATA && this.#trailing <= MOST_TRACING_DATA
        ? ([] as Uint8Array[])
        : undefined;
    while (this.#trailing > 0) {
      const step = Math.min(this.#trailing, this.#available());
      kept?.push(this.chunk.reader.bytes.slice(this.#next, this.#next + step));
      this.#next += step;
      this.#trailing -= step;
      if (this.#trailing > 0 && !this.#fill() && this.#available() === 0) break;
    }
    this.#trailing = 0;
    if (kept) this.tracingData = Buffer.concat(kept);
  }
}
