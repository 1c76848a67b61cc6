/**
 * The arguments of a tracepoint's print format, evaluated on the raw data of one sample.
 *
 * Nothing here fails: what points past the end of the sample is read as empty. Numbers are unsigned, of 64 bits, and
 * wrap.
 * Source: tools/lib/traceevent/event-parse.c (eval_num_arg, print_str_arg), measured on perf 6.1.
 */
import { calculate, castTo } from './arithmetic.ts';
import { wrapS64, wrapU64 } from './numbers.ts';
import { formatString } from './printf.ts';
import type { RawData } from './raw-data.ts';
import type { Arg, FormatField } from './types.ts';

/** What a format may ask about the recorded machine. */
export interface TraceContext {
  readonly longSize: number;
  readonly printk: ReadonlyMap<bigint, string>;
  /** The kernel function at an address. */
  readonly functionAt: (address: bigint) => { readonly name: string; readonly start: bigint } | undefined;
}

/** Where the data of a dynamic field is. */
function dynamicPiece(data: RawData, field: FormatField): { readonly offset: number; readonly length: number } {
  const word = Number(BigInt.asUintN(32, data.number(field.offset, field.size)));
  return { offset: word & 0xffff, length: word >>> 16 };
}

const truth = (value: boolean): bigint => (value ? 1n : 0n);

/** The value of an argument as a number; 0 if it has none. */
export function numberOf(arg: Arg, data: RawData, context: TraceContext): bigint {
  switch (arg.kind) {
    case 'atom':
      return arg.value;
    case 'field':
      return arg.field ? data.number(arg.field.offset, arg.field.size) : 0n;
    case 'cast':
      return castTo(numberOf(arg.of, data, context), arg.type);
    case 'length':
      return BigInt(dynamicPiece(data, arg.field).length);
    case 'dynamic':
      return BigInt(dynamicPiece(data, arg.field).offset);
    case 'op':
      return operation(arg, data, context);
    case 'null':
    case 'flags':
    case 'symbol':
    case 'hex':
    case 'array':
    case 'string':
    case 'bitmask':
      return 0n;
  }
}

function operation(arg: Arg & { readonly kind: 'op' }, data: RawData, context: TraceContext): bigint {
  const { op, left, right } = arg;
  if (op === '?' && right.kind === 'op')
    return numberOf(numberOf(left, data, context) ? right.left : right.right, data, context);
  if (op === '[') {
    const element = elementOf(left, numberOf(right, data, context), data, context);
    if (element !== undefined) return element;
  }
  const [a, b] = [numberOf(left, data, context), numberOf(right, data, context)];
  if (op === '!') return truth(b === 0n);
  if (op === '~') return wrapU64(~b);
  return wrapU64(calculate(op, a, b));
}

/** `field[index]` and `((type *)__get_dynamic_array(field))[index]`, whose index counts bytes. */
function elementOf(array: Arg, index: bigint, data: RawData, context: TraceContext): bigint | undefined {
  let [of, type] = [array, undefined as string | undefined];
  while (of.kind === 'cast') {
    type ??= of.type;
    of = of.of;
  }
  let value: bigint;
  const at = (base: number, step: number): number => Number(BigInt.asUintN(32, BigInt(base) + index * BigInt(step)));
  if (of.kind === 'dynamic')
    value = data.number(at(dynamicPiece(data, of.field).offset, 1), of.field.elementSize || context.longSize);
  else if (of.kind === 'field' && of.field)
    value = data.number(at(of.field.offset, of.field.elementSize), of.field.elementSize);
  else return undefined;
  return type?.endsWith('*') ? castTo(value, type.slice(0, -2)) : value;
}

/** Where the bytes of an array argument are. */
function bytesAt(arg: Arg, data: RawData): number | undefined {
  if (arg.kind === 'dynamic') return dynamicPiece(data, arg.field).offset;
  return arg.kind === 'field' ? arg.field?.offset : undefined;
}

const s32 = (value: bigint): number => Number(BigInt.asIntN(32, value));

/** What %s prints for an argument. */
export function textOf(arg: Arg, conversion: string, star: number, data: RawData, context: TraceContext): string {
  const put = (text: string): string => formatString(conversion, text, star);
  switch (arg.kind) {
    case 'atom':
      return put(arg.text);
    case 'field':
      return arg.field ? fieldText(arg.field, put, data, context) : '';
    case 'string':
      return arg.field ? put(data.string(Number(data.number(arg.field.offset, 4) & 0xffffn))) : '';
    case 'flags':
      return flagsText(arg, put, numberOf(arg.of, data, context));
    case 'symbol': {
      const value = wrapS64(numberOf(arg.of, data, context));
      const choice = arg.choices.find((known) => known.value === value);
      return choice ? put(choice.text) : `0x${wrapU64(value).toString(16)}`;
    }
    case 'hex': {
      const at = bytesAt(arg.of, data);
      if (at === undefined) return '';
      return data.hex(at, s32(numberOf(arg.size, data, context)), arg.separator);
    }
    case 'array':
      return arrayText(arg, data, context);
    case 'bitmask': {
      if (!arg.field) return '';
      const word = data.number(arg.field.offset, 4);
      return put(bitmaskText(data, Number(word & 0xffffn), Number(word >> 16n)));
    }
    case 'op': {
      if (arg.op !== '?' || arg.right.kind !== 'op') return '';
      const branch = numberOf(arg.left, data, context) ? arg.right.left : arg.right.right;
      return textOf(branch, conversion, star, data, context);
    }
    case 'null':
    case 'cast':
    case 'dynamic':
    case 'length':
      return '';
  }
}

function fieldText(field: FormatField, put: (text: string) => string, data: RawData, context: TraceContext): string {
  if (!field.isArray && field.size === context.longSize) {
    const address = data.number(field.offset, field.size);
    return context.printk.get(address) ?? address.toString(16);
  }
  return put(data.string(field.offset, field.size || data.size - field.offset));
}

function flagsText(arg: Arg & { readonly kind: 'flags' }, put: (text: string) => string, value: bigint): string {
  let left = value;
  const parts: string[] = [];
  for (const { value: bits, text } of arg.choices) {
    if (left === 0n && bits < 0n) return parts.join(arg.delimiter) + put(text);
    if (bits <= 0n || (left & bits) !== bits) continue;
    parts.push(put(text));
    left &= ~bits;
  }
  if (left !== 0n) parts.push(`0x${left.toString(16)}`);
  return parts.join(arg.delimiter);
}

function arrayText(arg: Arg & { readonly kind: 'array' }, data: RawData, context: TraceContext): string {
  const at = bytesAt(arg.of, data);
  if (at === undefined) return '';
  const size = s32(numberOf(arg.elementSize, data, context));
  const step = [1, 2, 4, 8].includes(size) ? size : 1;
  const count = Math.min(s32(numberOf(arg.count, data, context)), Math.ceil((data.size - at) / step));
  const items: string[] = [];
  for (let i = 0; i < count; i++) items.push(String(data.number(at + i * step, step)));
  // libtraceevent complains once, and continues byte by byte.
  if (step !== size && count > 0) items[0] = `BAD SIZE:${size} 0x${data.number(at, 1).toString(16)}`;
  return items.join(' ');
}

/** Hexadecimal, highest byte first, with a comma every 32 bits. */
function bitmaskText(data: RawData, at: number, size: number): string {
  let text = '';
  const bytes = Math.min(size, Math.max(0, data.size - at));
  for (let i = 0; i < bytes; i++) {
    if (i > 0 && i % 4 === 0) text = `,${text}`;
    text = data.hex(at + i, 1, '') + text;
  }
  return text;
}
