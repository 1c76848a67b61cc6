/**
 * C's printf() for one number or string, on texts of bytes.
 *
 * A width or precision from a file is bounded, so that no format can exhaust memory.
 */

/** Widest padding of a conversion. */
const WIDEST = 1 << 16;

interface Conversion {
  readonly left: boolean;
  readonly zeros: boolean;
  readonly alternative: boolean;
  readonly width: number;
  /** Undefined if none is given. */
  readonly precision: number | undefined;
  readonly length: string;
  readonly letter: string;
}

const GRAMMAR = /^%([-#0]*)(\*|[0-9]+)?(?:\.(\*|[0-9]*))?(hh|h|l|ll|L|z|Z)?([diuxXos])$/;

/** A conversion taken apart; `star` replaces an asterisk. Undefined if C does not know it. */
function parseConversion(text: string, star: number): Conversion | undefined {
  const match = GRAMMAR.exec(text);
  if (!match) return undefined;
  const [, flags = '', width, precision, length = '', letter = ''] = match;
  const size = (digits: string): number => (digits === '*' ? star : Math.min(Number(digits), WIDEST));
  const wide = width === undefined ? 0 : size(width);
  const exact = precision === undefined ? undefined : size(precision);
  return {
    left: flags.includes('-') || wide < 0,
    zeros: flags.includes('0'),
    alternative: flags.includes('#'),
    width: Math.min(Math.abs(wide), WIDEST),
    precision: exact === undefined || exact < 0 ? undefined : Math.min(exact, WIDEST),
    length,
    letter,
  };
}

const fill = (text: string, { left, width }: Conversion): string => (left ? text.padEnd(width) : text.padStart(width));

/** Bits of a number that a length modifier keeps. */
const BITS: Readonly<Record<string, number>> = { hh: 8, h: 16, '': 32, l: 64, ll: 64, L: 64, z: 64, Z: 64 };

/** %d, %i, %u, %x, %X or %o of a 64-bit number. */
export function formatNumber(text: string, value: bigint, star: number): string {
  const c = parseConversion(text, star);
  if (!c) return text;
  const bits = BITS[c.length] ?? 32;
  const signed = c.letter === 'd' || c.letter === 'i';
  // libtraceevent passes an int for %zu, whose upper half is not set.
  const given = c.length === 'z' || c.length === 'Z' ? BigInt.asUintN(32, value) : value;
  const number = signed ? BigInt.asIntN(bits, given) : BigInt.asUintN(bits, given);
  const radix = c.letter === 'o' ? 8 : signed || c.letter === 'u' ? 10 : 16;
  const sign = number < 0n ? '-' : '';
  let digits = (number < 0n ? -number : number).toString(radix);
  if (c.precision === 0 && number === 0n) digits = '';
  digits = digits.padStart(c.precision ?? 0, '0');
  let prefix = sign;
  if (c.alternative && radix === 16 && number !== 0n) prefix = '0x';
  if (c.alternative && radix === 8 && !digits.startsWith('0')) digits = `0${digits}`;
  if (c.zeros && !c.left && c.precision === undefined) digits = digits.padStart(c.width - prefix.length, '0');
  const whole = prefix + digits;
  return fill(c.letter === 'X' ? whole.toUpperCase() : whole, c);
}

/** %s of a text. */
export function formatString(text: string, value: string, star: number): string {
  const c = parseConversion(text, star);
  if (!c) return text;
  return fill(c.precision === undefined ? value : value.slice(0, c.precision), c);
}
