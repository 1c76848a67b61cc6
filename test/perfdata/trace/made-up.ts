/** Recordings of tracepoints made by hand: formats and raw data as a test gives them. */
import type { Evsel } from '../../../src/perf-events/evsel.ts';
import { encodeAttr, PERF_ATTR_SIZE } from '../../../src/perfdata/attr.ts';
import { ByteWriter } from '../../../src/perfdata/bytes.ts';
import { encodeFileHeader, FILE_HEADER_SIZE, HEADER } from '../../../src/perfdata/header.ts';
import { RecordCodec } from '../../../src/perfdata/records.ts';
import type { FormatFile } from '../../../src/perfdata/trace/tracing-data.ts';
import { PERF_RECORD, PERF_RECORD_MISC, PERF_SAMPLE, PERF_TYPE } from '../../../src/uapi/perf-event.ts';
import { address, nanos } from '../../../src/units.ts';

export interface TracingDataOptions {
  readonly bigEndian?: boolean;
  readonly longSize?: number;
  readonly printk?: string;
}

/** perf requires one, and ignores it. */
const HEADER_PAGE = `	field: u64 timestamp;	offset:0;	size:8;	signed:0;
	field: local_t commit;	offset:8;	size:8;	signed:1;
	field: char data;	offset:16;	size:4080;	signed:0;
`;

/** The tracing data that perf 6.1 would write. */
export function encodeTracingData(formats: readonly FormatFile[], options: TracingDataOptions = {}): Buffer {
  const { bigEndian = false, longSize = 8, printk = '' } = options;
  const parts: Buffer[] = [];
  const text = (value: string): number => parts.push(Buffer.from(value, 'latin1'));
  const number = (value: number, size: 4 | 8): void => {
    const bytes = Buffer.alloc(size);
    bytes[bigEndian ? 'writeUInt32BE' : 'writeUInt32LE'](value, bigEndian ? size - 4 : 0);
    parts.push(bytes);
  };
  const file = (value: string): void => {
    number(value.length, 8);
    text(value);
  };
  text(`\x17\x08\x44tracing0.6\0${bigEndian ? '\x01' : '\0'}${String.fromCharCode(longSize)}`);
  number(4096, 4);
  for (const part of ['header_page', 'header_event']) {
    text(`${part}\0`);
    file(HEADER_PAGE);
  }
  const of = (name: string): FormatFile[] => formats.filter(({ system }) => system === name);
  const own = of('ftrace');
  number(own.length, 4);
  for (const format of own) file(format.text);
  const systems = [...new Set(formats.map(({ system }) => system))].filter((system) => system !== 'ftrace');
  number(systems.length, 4);
  for (const system of systems) {
    const members = of(system);
    text(`${system}\0`);
    number(members.length, 4);
    for (const format of members) file(format.text);
  }
  number(0, 4);
  number(printk.length, 4);
  text(printk);
  number(0, 8);
  return Buffer.concat(parts);
}

const COMMON = `	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;
`;

/** A format file: fields as "declaration;offset;size;signed", and what is behind "print fmt: ". */
export function formatText(id: number, fields: readonly string[], print: string): string {
  const lines = fields.map((field) => {
    const [declaration, offset, size, signed] = field.split(';');
    return `	field:${declaration};	offset:${offset};	size:${size};	signed:${signed};\n`;
  });
  return `name: event_${id}\nID: ${id}\nformat:\n${COMMON}\n${lines.join('')}\nprint fmt: ${print}\n`;
}

export interface TraceSample {
  /** The tracepoint's id. */
  readonly id: number;
  readonly raw: Uint8Array;
}

const TYPE =
  PERF_SAMPLE.IDENTIFIER |
  PERF_SAMPLE.IP |
  PERF_SAMPLE.TID |
  PERF_SAMPLE.TIME |
  PERF_SAMPLE.CPU |
  PERF_SAMPLE.PERIOD |
  PERF_SAMPLE.RAW;

/** A recording with an event for each tracepoint that is sampled, and the formats as its tracing data. */
export function traceRecording(tracingData: Uint8Array, samples: readonly TraceSample[]): Buffer {
  const ids = [...new Set(samples.map(({ id }) => id))];
  const evlist = ids.map((config, i): Evsel => {
    const attr = {
      type: PERF_TYPE.TRACEPOINT,
      config,
      sample_period: 1,
      sample_type: TYPE,
      read_format: 0,
      sample_id_all: true,
    };
    return { name: '', attr, leader: i, unit: '', scale: 1, ids: [1000 + i] };
  });
  const w = new ByteWriter();
  w.zeros(FILE_HEADER_SIZE);
  const idsAt = w.pos;
  for (const { ids: own } of evlist) w.u64(own[0]!);
  const attrsAt = w.pos;
  for (const [i, { attr }] of evlist.entries()) {
    encodeAttr(w, attr);
    w.u64(idsAt + 8 * i);
    w.u64(8);
  }
  const dataAt = w.pos;
  const codec = new RecordCodec(evlist);
  const who = { pid: 7, tid: 7 };
  codec.encode(w, { type: PERF_RECORD.COMM, misc: 0, ...who, time: nanos(0), id: 1000, comm: 'made-up' });
  for (const [i, { id, raw }] of samples.entries()) {
    const place = { ip: address(0x1000), time: nanos(1_000_000_000 + i), cpu: 0, period: 1, raw };
    codec.encode(w, {
      type: PERF_RECORD.SAMPLE,
      misc: PERF_RECORD_MISC.USER,
      ...who,
      ...place,
      id: 1000 + ids.indexOf(id),
    });
  }
  const end = w.pos;
  w.u64(end + 16);
  w.u64(tracingData.length);
  w.put(tracingData);
  const bytes = Buffer.from(w.taken());
  bytes.set(
    encodeFileHeader({
      size: FILE_HEADER_SIZE,
      attr_size: PERF_ATTR_SIZE + 16,
      attrs: { offset: attrsAt, size: evlist.length * (PERF_ATTR_SIZE + 16) },
      data: { offset: dataAt, size: end - dataAt },
      features: [HEADER.TRACING_DATA],
    }),
  );
  return bytes;
}
