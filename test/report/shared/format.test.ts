import { expect } from 'chai';
import fc from 'fast-check';
import { abbreviated, fixed, hex, paddedHex } from '../../../src/report/shared/format.ts';

/** printf("%.*f") done slowly and exactly: the double as a fraction, rounded half to even. */
function exactly(value: number, digits: number): string {
  let [numerator, shift] = [value, 0];
  while (!Number.isInteger(numerator)) [numerator, shift] = [numerator * 2, shift + 1];
  const scaled = BigInt(numerator) * 10n ** BigInt(digits);
  const denominator = 1n << BigInt(shift);
  const [quotient, rest] = [scaled / denominator, scaled % denominator];
  const up = 2n * rest > denominator || (2n * rest === denominator && quotient % 2n === 1n);
  const text = String(quotient + (up ? 1n : 0n)).padStart(digits + 1, '0');
  return digits ? `${text.slice(0, -digits)}.${text.slice(-digits)}` : text;
}

describe('numbers as text', () => {
  it('fixed() rounds like printf', () => {
    expect([3.125, 9.375, 0.125, 2.5, 0.5, 1.5].map((v) => [fixed(v, 2), fixed(v, 0)])).to.deep.equal([
      ['3.12', '3'],
      ['9.38', '9'],
      ['0.12', '0'],
      ['2.50', '2'],
      ['0.50', '0'],
      ['1.50', '2'],
    ]);
    const value = fc.oneof(
      fc.integer({ min: 0, max: 1 << 20 }).map((n) => n / 64),
      fc.double({ min: 0, max: 1e6, noNaN: true, noDefaultInfinity: true }),
    );
    fc.assert(
      fc.property(value, fc.integer({ min: 0, max: 4 }), (v, digits) => {
        fc.pre(v === 0 || v > 1e-9);
        expect(fixed(v, digits)).to.equal(exactly(v, digits));
      }),
    );
  });

  it('abbreviates counts by cutting', () => {
    expect([0, 999, 1000, 1001, 1999, 5198, 1e6, 1_001_000, 2.9e9].map(abbreviated)).to.deep.equal([
      '0 ',
      '999 ',
      '1000 ',
      '1K',
      '1K',
      '5K',
      '1000K',
      '1M',
      '2G',
    ]);
  });

  it('prints addresses unsigned', () => {
    expect([0, 255, -0x7f000000].map(hex)).to.deep.equal(['0', 'ff', 'ffffffff81000000']);
    expect([0, 255].map((a) => paddedHex(a, 16))).to.deep.equal(['0000000000000000', '0x00000000000000ff']);
  });
});
