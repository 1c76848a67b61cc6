/**
 * PERF_RECORD_COMPRESSED: records packed by perf record -z. The payloads of all such records of a file are one zstd
 * stream of whole records; a record may begin in one payload and end in the next.
 *
 * A small file must not unpack to any size, so two things are bounded first: the window, by that of perf's highest
 * ordinary level, and the content of a payload, by what perf compresses at once (mmap_len of the COMPRESSED feature).
 * The decompressor (fzstd) is loaded when the first such record comes.
 * Source: tools/perf/util/zstd.c of Linux 6.1; RFC 8878.
 * Not modelled: dictionaries, levels above 19 (their windows are larger).
 */
import { createRequire } from 'node:module';
import type * as Fzstd from 'fzstd';
import { OutOfBounds } from './bytes.ts';

const MAGIC = 0xfd2fb528;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;
/** 8 MiB, the window of level 19. */
const MOST_WINDOW = 1 << 23;
/** What one payload may hold if the recording does not say: 64 MiB. */
const MOST_AT_ONCE = 1 << 26;
const CHECKSUM_SIZE = 4;

/** Follows frames and blocks without decoding them, to see which windows they need. Takes the bytes of a stream. */
class FrameWalk {
  #want: 'frame' | 'block' | 'body' | 'checksum' = 'frame';
  readonly #head: number[] = [];
  #left = 0;
  #last = false;
  #checksum = false;

  /** Throws OutOfBounds if the bytes are not zstd or need too much. */
  feed(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#want === 'body' || this.#want === 'checksum') {
        const passed = Math.min(this.#left, bytes.length - at);
        at += passed;
        this.#left -= passed;
        if (this.#left === 0) this.#bodyEnd();
        continue;
      }
      this.#head.push(bytes[at++]!);
      if (this.#want === 'frame') this.#frame();
      else if (this.#head.length === 3) this.#block();
    }
  }

  #frame(): void {
    const head = this.#head;
    if (head.length < 5) return;
    const bytes = Buffer.from(head);
    if (bytes.readUInt32LE(0) !== MAGIC) throw new OutOfBounds('its compressed data is no zstd frame');
    const descriptor = head[4]!;
    const single = (descriptor & 0x20) !== 0;
    const idSize = [0, 1, 2, 4][descriptor & 3]!;
    const sizeSize = [single ? 1 : 0, 2, 4, 8][descriptor >>> 6]!;
    if (head.length < 5 + (single ? 0 : 1) + idSize + sizeSize) return;
    let window: number;
    if (single) {
      const content = bytes.subarray(5 + idSize);
      window = sizeSize === 8 ? Number(content.readBigUInt64LE()) : content.readUIntLE(0, sizeSize);
    } else {
      const exponent = 2 ** (10 + (head[5]! >>> 3));
      window = exponent + (exponent / 8) * (head[5]! & 7);
    }
    if (window > MOST_WINDOW) throw new OutOfBounds(`a zstd window of ${window} bytes, more than ${MOST_WINDOW}`);
    this.#checksum = (descriptor & 4) !== 0;
    this.#next('block');
  }

  #block(): void {
    const [a, b, c] = this.#head as [number, number, number];
    const word = a | (b << 8) | (c << 16);
    const type = (word >>> 1) & 3;
    if (type === RESERVED_BLOCK) throw new OutOfBounds('a zstd block of an unknown type');
    this.#last = (word & 1) !== 0;
    this.#left = type === RLE_BLOCK ? 1 : word >>> 3;
    this.#next('body');
    if (this.#left === 0) this.#bodyEnd();
  }

  #bodyEnd(): void {
    if (this.#want === 'body' && this.#last && this.#checksum) {
      this.#left = CHECKSUM_SIZE;
      this.#next('checksum');
    } else this.#next(this.#want === 'checksum' || this.#last ? 'frame' : 'block');
  }

  #next(want: 'frame' | 'block' | 'body' | 'checksum'): void {
    this.#want = want;
    this.#head.length = 0;
  }
}

/** Unpacks the compressed records of one file. */
export class ZstdRecords {
  readonly #limit: number;
  readonly #walk = new FrameWalk();
  readonly #stream: Fzstd.Decompress;
  #pieces: Uint8Array[] = [];
  #size = 0;
  /** The beginning of a record whose end is still compressed. */
  #rest: Uint8Array = new Uint8Array();

  /** `atOnce`: most bytes that one payload holds; 0 or absent: unknown. */
  constructor(atOnce: number | undefined) {
    this.#limit = Math.min(atOnce || MOST_AT_ONCE, MOST_AT_ONCE);
    const { Decompress } = createRequire(import.meta.url)('fzstd') as typeof Fzstd;
    this.#stream = new Decompress((piece) => {
      this.#size += piece.length;
      if (this.#size > this.#limit)
        throw new OutOfBounds(`a compressed record holds more than the ${this.#limit} bytes that it may`);
      // The decompressor reuses its buffer.
      if (piece.length > 0) this.#pieces.push(piece.slice());
    });
  }

  /** The content of a payload, after what was left before. Throws OutOfBounds. */
  unpack(payload: Uint8Array): Buffer {
    this.#pieces = [this.#rest];
    this.#size = 0;
    this.#walk.feed(payload);
    try {
      this.#stream.push(payload.slice());
    } catch (error) {
      if (error instanceof OutOfBounds) throw error;
      throw new OutOfBounds(`its compressed data does not unpack (${error instanceof Error ? error.message : ''})`);
    }
    return Buffer.concat(this.#pieces);
  }

  /** Keeps the beginning of a record that continues in the next payload. */
  keep(rest: Uint8Array): void {
    this.#rest = rest;
  }
  get left(): number {
    return this.#rest.length;
  }
}
