/**
 * Little-endian bytes, read and written at a cursor.
 *
 * 64-bit fields are numbers if a number holds them exactly, and bigints otherwise (units.ts: U64, Address64). Nearly
 * all are numbers, moved as two 32-bit halves, because a bigint access costs ten times as much. Fields that use all 64
 * bits (registers) have their own bigint methods; values that are only compared with the file's size are rounded
 * (u64()).
 *
 * Not modelled: big-endian files.
 */
import { byteLength, decodeBytes, encodeBytes } from './octets.ts';
import { address, type Address, type Address64, type U64 } from '../units.ts';

const TWO32 = 0x1_0000_0000;
/** A high word below this leaves at most 53 bits. */
const HIGH_EXACT = 1 << 21;

/** The next multiple of `to` (a power of two) at or above n. */
export const align = (n: number, to: number): number => Math.ceil(n / to) * to;

/** Thrown by ByteReader if a field would pass the end. */
export class OutOfBounds extends Error {}

/** Reads fields of one record, section or file image; never passes `end`. */
export class ByteReader {
  readonly bytes: Buffer;
  readonly view: DataView;
  pos: number;
  end: number;

  constructor(bytes: Uint8Array, pos = 0, end: number = bytes.length) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.pos = pos;
    this.end = end;
  }

  get left(): number {
    return this.end - this.pos;
  }
  /** Skips n bytes and returns where they start. */
  skip(n: number): number {
    const at = this.pos;
    if (!(n >= 0 && at + n <= this.end)) throw new OutOfBounds(`${n} bytes at ${at} pass the end at ${this.end}`);
    this.pos = at + n;
    return at;
  }
  u8(): number {
    return this.view.getUint8(this.skip(1));
  }
  u16(): number {
    return this.view.getUint16(this.skip(2), true);
  }
  u32(): number {
    return this.view.getUint32(this.skip(4), true);
  }
  s32(): number {
    return this.view.getInt32(this.skip(4), true);
  }
  /** A size, count or offset: unsigned, and rounded above 2^53, which is beyond the end of any file. */
  u64(): number {
    const at = this.skip(8);
    return this.view.getUint32(at + 4, true) * TWO32 + this.view.getUint32(at, true);
  }
  /** An address in a program's file: signed, exact if canonical. */
  address(): Address {
    const at = this.skip(8);
    return address(this.view.getInt32(at + 4, true) * TWO32 + this.view.getUint32(at, true));
  }
  /** Unsigned and exact. */
  exactU64(): U64 {
    return getU64(this.view, this.skip(8));
  }
  /** Signed and exact. */
  exactAddress(): Address64 {
    const at = this.skip(8);
    const high = this.view.getInt32(at + 4, true);
    if (high >= -HIGH_EXACT && high < HIGH_EXACT) return address(high * TWO32 + this.view.getUint32(at, true));
    return this.view.getBigInt64(at, true);
  }
  bigU64(): bigint {
    return this.view.getBigUint64(this.skip(8), true);
  }
  f64(): number {
    return this.view.getFloat64(this.skip(8), true);
  }
  /** A copy of n bytes. */
  take(n: number): Uint8Array {
    const at = this.skip(n);
    return new Uint8Array(this.bytes.subarray(at, at + n));
  }
  /** A string in a field of n bytes: up to the first NUL, or all of it. */
  string(n: number): string {
    const at = this.skip(n);
    const nul = this.bytes.indexOf(0, at);
    return decodeBytes(this.bytes.subarray(at, nul >= 0 && nul < at + n ? nul : at + n));
  }
}

/** Unsigned 64-bit value at an offset. */
export function getU64(view: DataView, at: number): U64 {
  const high = view.getUint32(at + 4, true);
  return high < HIGH_EXACT ? high * TWO32 + view.getUint32(at, true) : view.getBigUint64(at, true);
}

/** Appends fields to a buffer that grows. The bytes written so far are `taken()`. */
export class ByteWriter {
  bytes: Buffer;
  view: DataView;
  pos = 0;

  constructor(capacity = 4096) {
    this.bytes = Buffer.alloc(capacity);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, capacity);
  }

  /** Makes room for n more bytes. */
  reserve(n: number): void {
    if (this.pos + n <= this.bytes.length) return;
    const bytes = Buffer.alloc(Math.max(this.bytes.length * 2, this.pos + n));
    this.bytes.copy(bytes, 0, 0, this.pos);
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  /** Claims n bytes and returns where they start; may replace `bytes` and `view`. */
  #claim(n: number): number {
    const at = this.pos;
    if (at + n > this.bytes.length) this.reserve(n);
    this.pos = at + n;
    return at;
  }
  u8(v: number): void {
    const at = this.#claim(1);
    this.view.setUint8(at, v);
  }
  u16(v: number): void {
    const at = this.#claim(2);
    this.view.setUint16(at, v, true);
  }
  u32(v: number): void {
    const at = this.#claim(4);
    this.view.setUint32(at, v, true);
  }
  /** A signed or unsigned 64-bit value; for a bigint, its low 64 bits. */
  u64(v: number | bigint): void {
    const at = this.#claim(8);
    if (typeof v === 'bigint') return this.view.setBigUint64(at, v, true);
    this.view.setUint32(at, v, true);
    this.view.setUint32(at + 4, Math.floor(v / TWO32), true);
  }
  bigU64(v: bigint): void {
    const at = this.#claim(8);
    this.view.setBigUint64(at, v, true);
  }
  f64(v: number): void {
    const at = this.#claim(8);
    this.view.setFloat64(at, v, true);
  }
  put(bytes: Uint8Array): void {
    const at = this.#claim(bytes.length);
    this.bytes.set(bytes, at);
  }
  zeros(n: number): void {
    const at = this.#claim(n);
    this.bytes.fill(0, at, at + n);
  }
  /** Zeros up to a multiple of `to`, counted from `start`. */
  pad(to: number, start = 0): void {
    this.zeros(align(this.pos - start, to) - (this.pos - start));
  }
  /** A string in a field of n bytes, cut if it is longer, NUL-filled. */
  string(s: string, n: number): void {
    const at = this.#claim(n);
    const bytes = encodeBytes(s).subarray(0, n);
    this.bytes.set(bytes, at);
    this.bytes.fill(0, at + bytes.length, at + n);
  }
  /** The written bytes; a view, valid until the next write. */
  taken(): Buffer {
    return this.bytes.subarray(0, this.pos);
  }
}

/** Bytes of a NUL-terminated string padded to a multiple of 8, as records hold names. */
export const nameSize = (s: string): number => align(byteLength(s) + 1, 8);
