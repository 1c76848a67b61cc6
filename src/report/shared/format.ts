/**
 * Where numbers and names become text of a fixed width.
 *
 * perf prints with C's printf, which rounds the exact binary value and a tie to the even digit; toFixed rounds a tie up, so
 * 3.125% would differ.
 *
 * Not modelled: locales (thousands separators appear in perf only outside the C locale), colours.
 */

import { cutBytes, padEndBytes } from '../../perfdata/octets.ts';

/** printf("%.*f"): the exact value rounded to `digits`, ties to even. */
export function fixed(value: number, digits: number): string {
  // A tie at this digit is an odd multiple of 2^-(digits + 1); scaling by a power of two is exact.
  const halves = value * 2 ** (digits + 1);
  if (!Number.isInteger(halves) || halves % 2 === 0) return value.toFixed(digits);
  const scale = 10 ** digits;
  const below = Math.floor(value * scale);
  return ((below % 2 === 0 ? below : below + 1) / scale).toFixed(digits);
}

/** The share of a part in percent; 0 if the total is 0. */
export const percentOf = (part: number, total: number): number => (total ? (100 * part) / total : 0);

/**
 * "5198" as "5K ": perf's abbreviation of the number of samples, cut, not rounded; 1000 has no unit (convert_unit()).
 */
export function abbreviated(samples: number): string {
  let [value, unit] = [samples, ' '];
  for (const larger of ['K', 'M', 'G']) if (value > 1000) [value, unit] = [Math.floor(value / 1000), larger];
  return `${value}${unit}`;
}

/** The unsigned 64-bit value of an address in hex, without 0x. */
export const hex = (address: number | bigint): string =>
  address < 0 ? BigInt.asUintN(64, BigInt(address)).toString(16) : address.toString(16);

/** printf("%#0*x" with a precision): 0x and at least `digits` digits; zero has no 0x. */
export const paddedHex = (address: number | bigint, digits: number): string =>
  `${Number(address) === 0 ? '' : '0x'}${hex(address).padStart(digits, '0')}`;

/** Cut or padded to exactly `width` bytes. */
export const cell = (text: string, width: number): string => padEndBytes(cutBytes(text, width), width);

/** "host, legacy and v2". */
export const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)!}`;

/** A share in percentage points. */
export const points = (share: number): string => fixed(100 * share, 2);
