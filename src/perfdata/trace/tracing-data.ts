/**
 * The tracing data of a recording: the formats of its tracepoints, as the recorder found them in tracefs.
 *
 *   "\x17\x08\x44tracing"; char version[], NUL included; u8 big_endian, long_size; u32 page_size
 *   "header_page" NUL; u64 size; char[size];  "header_event" NUL; u64 size; char[size]
 *   u32 n; { u64 size; char[size] }[n]                                           formats of ftrace's own events
 *   u32 n; { char system[]; u32 n; { u64 size; char[size] }[n] }[n]              formats of tracepoints
 *   u32 size; char[size]  kallsyms (empty since perf 4.12);  u32 size; char[size]  printk formats
 *   u64 size; char[size]  saved command lines, from version 0.6 on; perf uses none
 *
 * It is the content of the feature TRACING_DATA; in a pipe it follows the record of that name. What comes before any
 * damage is used. Texts are bytes, one per character. Source: tools/perf/util/trace-event-{info,read}.c.
 */
import { ByteReader, OutOfBounds } from '../bytes.ts';

const MAGIC = '\x17\x08\x44tracing';
const FTRACE = 'ftrace';

/** One format file. */
export interface FormatFile {
  readonly system: string;
  readonly text: string;
}

export interface TracingData {
  readonly bigEndian: boolean;
  /** Bytes of a long on the recorded machine. */
  readonly longSize: number;
  readonly formats: readonly FormatFile[];
  /** Format strings of trace_printk() by their address. */
  readonly printk: ReadonlyMap<bigint, string>;
}

/** Decodes tracing data; undefined if the bytes are something else. */
export function decodeTracingData(bytes: Uint8Array): TracingData | undefined {
  const r = new ByteReader(bytes);
  const text = (size: number): string => Buffer.from(r.take(size)).toString('latin1');
  /** A string that ends with NUL. */
  const word = (): string => {
    const nul = r.bytes.indexOf(0, r.pos);
    if (nul < 0 || nul >= r.end) throw new OutOfBounds('a string without an end');
    const found = text(nul - r.pos);
    r.skip(1);
    return found;
  };
  const formats: FormatFile[] = [];
  const data = { bigEndian: false, longSize: 8, formats, printk: new Map<bigint, string>() };
  try {
    if (text(MAGIC.length) !== MAGIC) return undefined;
    word();
    data.bigEndian = r.u8() === 1;
    data.longSize = r.u8();
    const swap = data.bigEndian;
    const u32 = (): number => r.view.getUint32(r.skip(4), !swap);
    /** A size; rounding does no harm, as any inexact one is out of bounds. */
    const u64 = (): number => Number(r.view.getBigUint64(r.skip(8), !swap));
    u32();
    for (const part of ['header_page', 'header_event']) {
      if (word() !== part) return data;
      r.skip(u64());
    }
    for (let n = u32(); n > 0; n--) formats.push({ system: FTRACE, text: text(u64()) });
    for (let systems = u32(); systems > 0; systems--) {
      const system = word();
      for (let n = u32(); n > 0; n--) formats.push({ system, text: text(u64()) });
    }
    r.skip(u32());
    for (const line of text(u32()).split('\n')) addPrintk(line, data.printk);
  } catch (error) {
    if (!(error instanceof OutOfBounds)) throw error;
  }
  return data;
}

/** A line of printk_formats: the address and the quoted string, whose last character perf drops. */
function addPrintk(line: string, printk: Map<bigint, string>): void {
  const [, digits, quoted] = /^(?:0x)?([0-9a-fA-F]{1,16}) : "?(.*)$/.exec(line) ?? [];
  if (digits === undefined || quoted === undefined) return;
  printk.set(BigInt(`0x${digits}`), quoted.replace(/"$/, '').replace(/\\n$/, ''));
}
