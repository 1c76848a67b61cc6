/**
 * %p and its extensions, as in printk(), as far as libtraceevent knows them.
 *
 *   %p                an address; followed, for unknown extensions, by their letters as text
 *   %ps %pf %pS %pF   a kernel function, with its offset for the capital letters
 *   %pM %pMR %pMF %pm a MAC address, reversed, with dashes, without colons
 *   %pI4 %pi4 %pI6 %pi6 %pI6c %pIS…   an IP address; with p, a socket address with its port
 *   %pU[bBlL]         a UUID;   %*ph[CDN]  bytes
 *
 * Source: tools/lib/traceevent/event-parse.c, measured on perf 6.1.
 */
import { numberOf, type TraceContext } from './evaluate.ts';
import type { RawData } from './raw-data.ts';
import type { Arg, FormatField } from './types.ts';

/** Kinds of arguments, by the numbers in perf's message where it wanted a field. */
const KIND_NUMBERS: Readonly<Record<Arg['kind'], number>> = {
  null: 0,
  atom: 1,
  field: 2,
  flags: 3,
  symbol: 4,
  hex: 5,
  array: 6,
  cast: 7,
  string: 8,
  dynamic: 10,
  op: 11,
  bitmask: 13,
  length: 14,
};
const AF_INET = 2;
const AF_INET6 = 10;
const SOCKADDR_IN_SIZE = 16;
const SOCKADDR_IN6_SIZE = 28;
const GUID = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
const UUID = [...GUID.keys()];

/** `star` is the value of an asterisk, or 1 if there is none. */
export function pointerText(arg: Arg, conversion: string, star: number, data: RawData, context: TraceContext): string {
  const kind = conversion.slice(conversion.indexOf('p') + 1);
  const letter = kind.charAt(0);
  if ('FfSs'.includes(letter) && letter !== '') return functionText(numberOf(arg, data, context), letter, context);
  if (letter === 'h') return arg.kind === 'dynamic' ? rawText(arg.field, kind, star, data) : notField(arg);
  if (letter !== '' && 'MmIiU'.includes(letter)) {
    if ((letter === 'I' || letter === 'i') && !/^.[46S]/.test(kind)) return '';
    if (arg.kind !== 'field') return notField(arg);
    if (!arg.field) return '';
    if (letter === 'U') return uuidText(arg.field, kind, data);
    return letter === 'M' || letter === 'm' ? macText(arg.field, kind, data) : ipText(arg.field, kind, data);
  }
  const value = numberOf(arg, data, context);
  return value === 0n ? '(nil)' : `0x${value.toString(16)}`;
}

const notField = (arg: Arg): string => `ARG TYPE NOT FIELD BUT ${KIND_NUMBERS[arg.kind]}`;

function functionText(address: bigint, letter: string, context: TraceContext): string {
  const found = context.functionAt(address);
  if (!found) return `0x${address.toString(16)}`;
  const offset = BigInt.asUintN(64, address - found.start);
  return letter === 'F' || letter === 'S' ? `${found.name}+0x${offset.toString(16)}` : found.name;
}

const bytesOf = (data: RawData, at: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Number(data.number(at + i, 1)));
const hex2 = (byte: number): string => byte.toString(16).padStart(2, '0');

function macText(field: FormatField, kind: string, data: RawData): string {
  if (field.size !== 6) return 'INVALIDMAC';
  const bytes = bytesOf(data, field.offset, 6);
  if (kind.charAt(1) === 'R') bytes.reverse();
  const separator = kind.charAt(0) === 'm' ? '' : kind.startsWith('MF') ? '-' : ':';
  return bytes.map(hex2).join(separator);
}

function rawText(field: FormatField, kind: string, star: number, data: RawData): string {
  const word = Number(BigInt.asUintN(32, data.number(field.offset, field.size)));
  const separator = { C: ':', D: '-', N: '' }[kind.charAt(1)] ?? ' ';
  return data.hex(word & 0xffff, Math.min(star, word >>> 16), separator);
}

function uuidText(field: FormatField, kind: string, data: RawData): string {
  if (field.size !== 16) return 'INVALIDUUID';
  const bytes = bytesOf(data, field.offset, 16);
  const order = kind.charAt(1).toLowerCase() === 'l' ? GUID : UUID;
  const digits = order.map((i) => hex2(bytes[i]!)).join('');
  const text = [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)];
  const joined = text.join('-');
  return 'LB'.includes(kind.charAt(1)) && kind.length > 1 ? joined.toUpperCase() : joined;
}

function ipv4(bytes: readonly number[], padded: boolean, reversed: boolean): string {
  const parts = bytes.map((byte) => String(byte).padStart(padded ? 3 : 0, '0'));
  return (reversed ? parts.toReversed() : parts).join('.');
}

/** h and l: the address is little-endian (h because recordings are). */
const isReversed = (order: string): boolean => order === 'h' || order === 'l';

function ipText(field: FormatField, kind: string, data: RawData): string {
  const padded = kind.charAt(0) === 'i';
  const { offset, size } = field;
  switch (kind.charAt(1)) {
    case '4':
      if (size !== 4) return 'INVALIDIPv4';
      return ipv4(bytesOf(data, offset, 4), padded, isReversed(kind.charAt(2)));
    case '6':
      if (size !== 16) return 'INVALIDIPv6';
      return ipv6(bytesOf(data, offset, 16), padded, !padded && kind.charAt(2) === 'c');
    default:
      return sockaddrText(field, kind, data);
  }
}

function sockaddrText({ offset, size }: FormatField, kind: string, data: RawData): string {
  const padded = kind.charAt(0) === 'i';
  const [, p = '', c = ''] = padded ? [] : (/^.S(p?)(c?)/.exec(kind) ?? []);
  const order = kind.charAt(2 + p.length + c.length);
  const family = Number(data.number(offset, 2));
  const [high = 0, low = 0] = bytesOf(data, offset + 2, 2);
  const port = high * 256 + low;
  if (family === AF_INET) {
    if (size < SOCKADDR_IN_SIZE) return 'INVALIDIPv4';
    const text = ipv4(bytesOf(data, offset + 4, 4), padded, isReversed(order));
    return p ? `${text}:${port}` : text;
  }
  if (family !== AF_INET6) return '';
  if (size < SOCKADDR_IN6_SIZE) return 'INVALIDIPv6';
  const text = ipv6(bytesOf(data, offset + 8, 16), padded, c !== '');
  return p ? `[${text}]:${port}` : text;
}

function ipv6(bytes: readonly number[], joined: boolean, compressed: boolean): string {
  const words = Array.from({ length: 8 }, (_, i) => bytes[2 * i]! * 256 + bytes[2 * i + 1]!);
  if (!compressed) return words.map((word) => word.toString(16).padStart(4, '0')).join(joined ? '' : ':');
  const mapped = words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff;
  const isatap = (words[4]! | 0x0200) === 0x0200 && words[5] === 0x5efe;
  const tail = mapped || isatap;
  const shown = words.slice(0, tail ? 6 : 8);
  let [from, length] = [-1, 1];
  for (let i = 0; i < shown.length; i++) {
    let end = i;
    while (end < shown.length && shown[end] === 0) end++;
    if (end - i > length) [from, length] = [i, end - i];
  }
  const text = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(':');
  let result = from < 0 ? text(shown) : `${text(shown.slice(0, from))}::${text(shown.slice(from + length))}`;
  if (tail) result += `${result.endsWith(':') ? '' : ':'}${ipv4(bytes.slice(12), false, false)}`;
  return result;
}
