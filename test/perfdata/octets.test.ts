import { expect } from 'chai';
import fc from 'fast-check';
import {
  byteLength,
  compareBytes,
  cutBytes,
  decodeBytes,
  encodeBytes,
  padEndBytes,
  padStartBytes,
} from '../../src/perfdata/octets.ts';

/** Bytes as names have them: much ASCII, some UTF-8, some that is neither. */
const names = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.string({ maxLength: 6, unit: 'grapheme' }).map((text) => new Uint8Array(Buffer.from(text))),
    ),
    { maxLength: 5 },
  )
  .map((parts) => Buffer.concat(parts));

describe('names as bytes', () => {
  it('UTF-8 is what it says, another byte stands for itself', () => {
    expect(decodeBytes(Buffer.from('café 🐢 \ufffd'))).to.equal('café 🐢 \ufffd');
    expect(decodeBytes(Buffer.from([0x61, 0xe9, 0x62]))).to.equal('a\udce9b');
    // Overlong, a surrogate, beyond Unicode, cut short: none of them is UTF-8.
    for (const bytes of [
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf5, 0x80, 0x80, 0x80],
      [0xe2, 0x82],
    ])
      expect(decodeBytes(Buffer.from(bytes))).to.equal(String.fromCharCode(...bytes.map((byte) => 0xdc00 + byte)));
  });

  it('any bytes come back', () => {
    fc.assert(fc.property(names, (bytes) => encodeBytes(decodeBytes(bytes)).equals(bytes)));
  });

  it('lengths, padding, cutting and order are those of the bytes', () => {
    fc.assert(
      fc.property(names, names, fc.nat(30), (a, b, n) => {
        const [left, right] = [decodeBytes(a), decodeBytes(b)];
        expect(byteLength(left)).to.equal(a.length);
        expect(encodeBytes(cutBytes(left, n)).equals(a.subarray(0, n))).to.equal(true);
        expect(byteLength(padEndBytes(left, n))).to.equal(Math.max(n, a.length));
        expect(padStartBytes(left, n)).to.equal(' '.repeat(Math.max(0, n - a.length)) + left);
        expect(Math.sign(compareBytes(left, right))).to.equal(Buffer.compare(a, b));
      }),
    );
  });
});
