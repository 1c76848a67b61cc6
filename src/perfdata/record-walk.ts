/**
 * The records of a recording in file order: those of a pipe or of the data section, with compressed ones unpacked; for
 * a directory (record --threads), the files of all threads, one piece of each in turn, as perf's session reads them.
 *
 * Source: __perf_session__process_dir_events(), perf_session__process_compressed_event() in tools/perf/util/session.c.
 * Not modelled: records compressed twice; PERF_RECORD_COMPRESSED2 (Linux 6.16), which is compressed alike.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ByteReader, OutOfBounds } from './bytes.ts';
import { attempt } from './errors.ts';
import type { FileSection } from './header.ts';
import { Input } from './input.ts';
import { type Chunk, offsetIn, type Placed, RecordStream } from './record-stream.ts';
import { RECORD_HEADER_SIZE } from './records.ts';
import { ZstdRecords } from './zstd-records.ts';
import { PERF_RECORD_USER } from '../perf-events/tool-record.ts';

/** READER_MAX_SIZE: bytes read from one file before the next file's turn. */
const TURN = 2 << 20;
const TWO32 = 0x1_0000_0000;

/** Records of one file. Throws Unpackable if compressed ones do not unpack. */
export function* unpacked(records: Iterable<Placed>, atOnce: number | undefined): Generator<Placed, void, undefined> {
  let zstd: ZstdRecords | undefined;
  let last = 0;
  for (const record of records) {
    yield record;
    if (record.type !== PERF_RECORD_USER.COMPRESSED) continue;
    const { chunk, at, size } = record;
    last = offsetIn(chunk, at);
    try {
      zstd ??= new ZstdRecords(atOnce);
      const bytes = zstd.unpack(chunk.reader.bytes.subarray(at + RECORD_HEADER_SIZE, at + size));
      const inner: Chunk = { offset: last, reader: new ByteReader(bytes), packed: true };
      zstd.keep(bytes.subarray(yield* within(inner)));
    } catch (error) {
      if (error instanceof OutOfBounds) throw new Unpackable(error.message, last);
      throw error;
    }
  }
  if (zstd && zstd.left > 0) throw new Unpackable('a compressed record has no end', last);
}

/** Compressed records from some offset on do not unpack. */
export class Unpackable extends Error {
  readonly offset: number;

  constructor(what: string, offset: number) {
    super(what);
    this.offset = offset;
  }
}

/** The whole records in a chunk; returns where they end. */
function* within(chunk: Chunk): Generator<Placed, number, undefined> {
  const { view, end } = chunk.reader;
  let at = 0;
  while (at + RECORD_HEADER_SIZE <= end) {
    const [type, size] = [view.getUint32(at, true), view.getUint16(at + 6, true)];
    if (type === 0 || size < RECORD_HEADER_SIZE) throw new OutOfBounds(`no record: type ${type}, size ${size}`);
    if (type === PERF_RECORD_USER.COMPRESSED) throw new OutOfBounds('a record is compressed twice');
    if (at + size > end) break;
    yield { chunk, at, type, size };
    at += size;
  }
  return at;
}

/** Takes pieces from several walks in turn. */
export function* inTurn(walks: readonly Iterator<Placed, void>[]): Generator<Placed, void, undefined> {
  const left = new Set(walks);
  while (left.size > 0)
    for (const walk of left) {
      for (let passed = 0; passed < TURN;) {
        const { value, done } = walk.next();
        if (done === true || !value) {
          left.delete(walk);
          break;
        }
        if (value.chunk.packed !== true) passed += value.size;
        yield value;
      }
    }
}

/** The records of a section of a file; one of no size goes on to the end. */
export function streamOf(input: Input, { offset, size }: FileSection): RecordStream {
  let position = offset;
  const source = (into: Uint8Array): number => {
    const got = input.readInto(into, position);
    position += got;
    return got;
  };
  return new RecordStream(source, offset, size || Infinity);
}

export function* recordsOf(stream: RecordStream): Generator<Placed, void, undefined> {
  while (stream.advance()) yield stream;
}

/** One of a directory's files beside "data". */
export interface DirectoryFile {
  readonly name: string;
  readonly input: Input;
  readonly stream: RecordStream;
}

/** Opens the non-empty files data.0, data.1, … of a directory. Throws PerfDataIoError. */
export function openParts(directory: string): DirectoryFile[] {
  const names = attempt('open', directory, () => readdirSync(directory)).filter((name) => /^data\.\d+$/.test(name));
  const parts: DirectoryFile[] = [];
  for (const name of names.toSorted((a, b) => Number(a.slice(5)) - Number(b.slice(5)))) {
    const input = new Input(join(directory, name));
    parts.push({ name, input, stream: streamOf(input, { offset: 0, size: 0 }) });
  }
  return parts;
}

/** The chunks that hold waiting records. A place is a chunk's number and an offset in it, packed into one number. */
export class WaitingChunks {
  readonly #chunks = new Map<number, Chunk>();
  readonly #numbers = new WeakMap<Chunk, number>();
  #current: Chunk | undefined;
  #number = 0;
  #made = 0;
  /** Bytes held in unpacked chunks. */
  unpackedBytes = 0;

  placeOf({ chunk, at }: Placed): number {
    if (chunk !== this.#current) this.#turnTo(chunk);
    return this.#number * TWO32 + at;
  }

  #turnTo(chunk: Chunk): void {
    this.#current = chunk;
    let number = this.#numbers.get(chunk);
    if (number === undefined) this.#numbers.set(chunk, (number = this.#made++));
    this.#number = number;
    if (this.#chunks.has(number)) return;
    this.#chunks.set(number, chunk);
    if (chunk.packed === true) this.unpackedBytes += chunk.reader.end;
  }

  at(place: number): { readonly chunk: Chunk; readonly at: number } {
    const number = Math.floor(place / TWO32);
    return { chunk: this.#chunks.get(number)!, at: place - number * TWO32 };
  }

  /** Releases the chunks before the oldest waiting place. */
  forget(oldest: number): void {
    for (const [number, chunk] of this.#chunks) {
      if (number * TWO32 + TWO32 > oldest) continue;
      this.#chunks.delete(number);
      if (chunk.packed === true) this.unpackedBytes -= chunk.reader.end;
    }
    this.#current = undefined;
  }
}
