/**
 * The raw data of a tracepoint's sample: numbers and texts at offsets that come from its format, so cannot be trusted.
 */

export class RawData {
  readonly size: number;
  readonly #bytes: Buffer;
  readonly #bigEndian: boolean;

  constructor(bytes: Uint8Array, bigEndian: boolean) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bigEndian = bigEndian;
    this.size = bytes.length;
  }

  /** An unsigned number of 1, 2, 4 or 8 bytes; 0 for any other size, and past the end. */
  number(at: number, size: number): bigint {
    const bytes = this.#bytes;
    if (at + size > this.size) return 0n;
    const big = this.#bigEndian;
    switch (size) {
      case 1:
        return BigInt(bytes.readUInt8(at));
      case 2:
        return BigInt(big ? bytes.readUInt16BE(at) : bytes.readUInt16LE(at));
      case 4:
        return BigInt(big ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at));
      case 8:
        return big ? bytes.readBigUInt64BE(at) : bytes.readBigUInt64LE(at);
      default:
        return 0n;
    }
  }

  /** The bytes from an offset up to a NUL, at most `most` of them. */
  string(at: number, most = Infinity): string {
    const end = Math.min(this.size, at + Math.max(0, most));
    if (at >= end) return '';
    const nul = this.#bytes.indexOf(0, at);
    return this.#bytes.toString('latin1', at, nul >= 0 && nul < end ? nul : end);
  }

  /** Bytes as pairs of hex digits, as many as there are. */
  hex(at: number, count: number, separator: string): string {
    const end = Math.min(this.size, at + Math.max(0, count));
    if (at >= end) return '';
    const digits = this.#bytes.toString('hex', at, end);
    return separator === '' ? digits : (digits.match(/../g) ?? []).join(separator);
  }
}
