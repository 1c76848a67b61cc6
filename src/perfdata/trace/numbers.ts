/** C's numbers: what strtoull() reads, and 64-bit numbers that wrap. */

const SIGNIFICANT = 40;

/** strtoull(text, NULL, 0): the number at the start of a text, decimal, hexadecimal or octal; 0 if there is none. */
export function parseNumber(text: string): bigint {
  const match = /^\s*(-)?(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))/.exec(text);
  if (!match) return 0n;
  const [, minus, hex, octal, decimal] = match;
  const digits = hex ?? octal ?? decimal ?? '0';
  // Too long for any 64-bit number: saturates as strtoull() does.
  if (digits.length > SIGNIFICANT) return 0xffff_ffff_ffff_ffffn;
  const magnitude = BigInt(hex === undefined ? (octal === undefined ? digits : `0o${octal}`) : `0x${hex}`);
  if (magnitude > 0xffff_ffff_ffff_ffffn) return 0xffff_ffff_ffff_ffffn;
  return wrapU64(minus === undefined ? magnitude : -magnitude);
}

export const wrapU64 = (value: bigint): bigint => BigInt.asUintN(64, value);
export const wrapS64 = (value: bigint): bigint => BigInt.asIntN(64, value);
