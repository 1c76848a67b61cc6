/**
 * The tracepoints of a recording: what perf prints for a sample's raw data.
 *
 * Each format is parsed when its first sample is printed. Not modelled: trace_printk() in binary (ftrace:bprint), macros
 * that libtraceevent's plugins add.
 */
import { decodeBytes } from '../octets.ts';
import type { EventFormat, FormatField } from './types.ts';
import { numberOf, textOf, type TraceContext } from './evaluate.ts';
import { formatId, parseEventFormat } from './event-format.ts';
import { pointerText } from './pointers.ts';
import { formatNumber } from './printf.ts';
import { RawData } from './raw-data.ts';
import { decodeTracingData, type FormatFile, type TracingData } from './tracing-data.ts';

/** Names a kernel function by its address. */
export type FunctionAt = TraceContext['functionAt'];
const NO_FUNCTIONS: FunctionAt = () => undefined;

export class TraceEvents {
  readonly #data: TracingData | undefined;
  readonly #files = new Map<number, FormatFile>();
  readonly #parsed = new Map<number, EventFormat | undefined>();
  /** The field in which every event holds its id. */
  readonly #typeField: Pick<FormatField, 'offset' | 'size'>;

  /** `bytes`: a recording's tracing data; without it, no format is known. */
  constructor(bytes: Uint8Array | undefined) {
    this.#data = bytes && decodeTracingData(bytes);
    for (const file of this.#data?.formats ?? []) {
      const id = formatId(file.text);
      if (id !== undefined && !this.#files.has(id)) this.#files.set(id, file);
    }
    const first = [...this.#files.keys()][0];
    const type =
      first === undefined ? undefined : this.format(first)?.common.find(({ name }) => name === 'common_type');
    this.#typeField = type ?? { offset: 0, size: 2 };
  }

  /** The format of a tracepoint, by its id: config of its perf_event_attr. */
  format(id: number): EventFormat | undefined {
    if (this.#parsed.has(id)) return this.#parsed.get(id);
    const file = this.#files.get(id);
    const format = file && parseEventFormat(file, this.#data?.longSize ?? 8);
    this.#parsed.set(id, format);
    return format;
  }

  /** "sched:sched_switch", by the same id. */
  name(id: number): string | undefined {
    const format = this.format(id);
    return format && utf8(`${format.system}:${format.name}`);
  }

  /** The text for a sample's raw data; empty if its format is unknown. */
  text(raw: Uint8Array, functionAt: FunctionAt = NO_FUNCTIONS): string {
    const data = new RawData(raw, this.#data?.bigEndian ?? false);
    const format = this.format(Number(data.number(this.#typeField.offset, this.#typeField.size)));
    if (!format || !this.#data) return '';
    const { longSize, printk } = this.#data;
    return utf8(prettyText(format, data, { longSize, printk, functionAt }));
  }
}

/** Decodes a text of bytes. */
const utf8 = (bytes: string): string => decodeBytes(Buffer.from(bytes, 'latin1'));

function prettyText(format: EventFormat, data: RawData, context: TraceContext): string {
  if (!format.print) return `[FAILED TO PARSE]${fieldsText(format, data)}`;
  let text = '';
  for (const piece of format.print.pieces) {
    if (piece.kind === 'text') {
      text += piece.text;
      continue;
    }
    const { arg, conversion } = piece;
    const star = piece.star && Number(BigInt.asIntN(32, numberOf(piece.star, data, context)));
    if (piece.kind === 'string') text += textOf(arg, conversion, star ?? -1, data, context);
    else if (piece.kind === 'pointer') text += pointerText(arg, conversion, star ?? 1, data, context);
    else text += formatNumber(conversion, numberOf(arg, data, context), star ?? -1);
  }
  return text;
}

/** tep_print_fields(): every field with its name. */
const fieldsText = ({ fields }: EventFormat, data: RawData): string =>
  fields.map((field) => ` ${field.name}=${fieldText(field, data)}`).join('');

/** tep_print_field(). */
function fieldText(field: FormatField, data: RawData): string {
  if (field.isArray) return arrayText(field, data);
  const value = data.number(field.offset, field.size);
  if (field.isPointer) return `0x${value.toString(16)}`;
  if (!field.signed) return field.isLong ? `0x${value.toString(16)}` : String(value);
  if (field.size === 4 && field.isLong) return `0x${value.toString(16)}`;
  const text = String(
    BigInt.asIntN(field.size === 1 || field.size === 2 || field.size === 4 ? 8 * field.size : 64, value),
  );
  return field.size === 2 ? text.padStart(2) : text;
}

function arrayText(field: FormatField, data: RawData): string {
  let { offset, size: length } = field;
  if (field.isDynamic) {
    const word = Number(BigInt.asUintN(32, data.number(offset, length)));
    offset = word & 0xffff;
    length = word >>> 16;
    if (field.isRelative) offset += field.offset + field.size;
  }
  if (field.isString && /^[\t-\r -~]*$/.test(data.string(offset, length))) return data.string(offset);
  field.isString = false;
  return `ARRAY[${data.hex(offset, length, ', ')}]`;
}
