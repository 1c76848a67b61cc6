/**
 * Tracepoints: every piece of the print format language, the tracing data around it, and the effect of damage to
 * either. If perf 6.1 is installed, the expected texts are checked against it.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { writeFileSync } from 'node:fs';
import { openPerfData } from '../../../src/perfdata/reader.ts';
import { parseEventFormat } from '../../../src/perfdata/trace/event-format.ts';
import { parseNumber } from '../../../src/perfdata/trace/numbers.ts';
import { formatNumber } from '../../../src/perfdata/trace/printf.ts';
import { TraceEvents } from '../../../src/perfdata/trace/trace-events.ts';
import { decodeTracingData } from '../../../src/perfdata/trace/tracing-data.ts';
import { PERF_RECORD } from '../../../src/uapi/perf-event.ts';
import { perfVersion, run, scratch } from '../real-perf.ts';
import { encodeTracingData, formatText, traceRecording, type TraceSample } from './made-up.ts';
import { PRINT_ROWS } from './print-rows.ts';

const FIRST_ID = 300;
/** The eight bytes that all tracepoints have, then the event's own, filled as the kernel does. */
function rawOf(id: number, own: Uint8Array): Uint8Array {
  const size = Math.ceil((8 + own.length + 4) / 8) * 8 - 4;
  const bytes = Buffer.alloc(size);
  bytes.writeUInt16LE(id, 0);
  bytes.writeInt32LE(7, 4);
  bytes.set(own, 8);
  return bytes;
}
const formats = PRINT_ROWS.map(({ fields, print }, i) => ({
  system: 'test',
  text: formatText(FIRST_ID + i, fields, print),
}));
const samples = PRINT_ROWS.map(({ raw }, i): TraceSample => ({ id: FIRST_ID + i, raw: rawOf(FIRST_ID + i, raw) }));

describe('print formats of tracepoints', () => {
  const events = new TraceEvents(encodeTracingData(formats));
  for (const [i, { print, expected }] of PRINT_ROWS.entries())
    it(print, () => {
      expect(events.text(samples[i]!.raw)).to.equal(expected);
    });

  it('perf prints the same', function () {
    if (perfVersion !== '6.1') this.skip();
    const dir = scratch();
    const path = dir.file('trace.data');
    writeFileSync(path, traceRecording(encodeTracingData(formats), samples));
    const { stdout } = run('perf', ['script', '-F', 'trace', '-i', path]);
    dir.remove();
    expect(stdout.split('\n').slice(0, -1)).to.deep.equal(PRINT_ROWS.map(({ expected }) => expected));
  });

  it('functions are named by whoever knows the kernel', () => {
    const text = formatText(1, ['void * f;8;8;0'], '"%ps %pS %pF %pf", REC->f, REC->f, REC->f, REC->f');
    const own = new TraceEvents(encodeTracingData([{ system: 'test', text }]));
    const raw = rawOf(1, Buffer.from('10100081ffffffff', 'hex'));
    const at = Buffer.from(raw).readBigUInt64LE(8);
    expect(own.text(raw, (address) => ({ name: 'schedule', start: address - 16n }))).to.equal(
      'schedule schedule+0x10 schedule+0x10 schedule',
    );
    expect(own.text(raw)).to.equal(Array.from({ length: 4 }, () => `0x${at.toString(16)}`).join(' '));
  });

  it('texts of trace_printk() are found by their address', () => {
    const text = formatText(1, ['char * f;8;8;0'], '"<%s>", REC->f');
    const data = encodeTracingData([{ system: 'test', text }], { printk: '0x10 : "it happened\\n"\n' });
    const raw = rawOf(1, Buffer.from([0x10, 0, 0, 0, 0, 0, 0, 0]));
    expect(new TraceEvents(data).text(raw)).to.equal('<it happened>');
  });

  it('big-endian data is read as such', () => {
    const text = formatText(1, ['int a;8;4;1'], '"%d", REC->a');
    const events2 = new TraceEvents(encodeTracingData([{ system: 'test', text }], { bigEndian: true }));
    expect(events2.text(Buffer.from([0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe]))).to.equal('-2');
  });

  it('events without a name of their own are called by their format', () => {
    const dir = scratch();
    writeFileSync(dir.file('x'), traceRecording(encodeTracingData(formats), samples.slice(0, 2)));
    const session = openPerfData(dir.file('x'));
    expect(session.evlist.map(({ name }) => name)).to.deep.equal(['test:event_300', 'test:event_301']);
    session.close();
    dir.remove();
  });
});

describe('tracing data that is not as it should be', () => {
  const fixture = ((): { readonly data: Uint8Array; readonly raws: readonly Uint8Array[] } => {
    const session = openPerfData('fixtures/perfdata/tracepoints.data');
    const raws = [...session.records()].flatMap(({ record }) =>
      record.type === PERF_RECORD.SAMPLE && record.raw ? [record.raw] : [],
    );
    const data = session.tracingData!;
    session.close();
    return { data, raws: raws.slice(0, 60) };
  })();

  it('is whole in the fixture', () => {
    const events = new TraceEvents(fixture.data);
    for (const raw of fixture.raws) expect(events.text(raw)).to.not.match(/^$|FAILED TO PARSE/);
    expect(decodeTracingData(fixture.data)!.formats.length).to.be.at.least(25);
  });

  it('does no harm cut anywhere', () => {
    fc.assert(
      fc.property(fc.nat(fixture.data.length), (length) => {
        const events = new TraceEvents(fixture.data.subarray(0, length));
        for (const raw of fixture.raws) events.text(raw);
      }),
      { numRuns: 40 },
    );
  });

  it('does no harm with bytes changed, nor do raw data of any size', () => {
    const change = fc.tuple(fc.nat(fixture.data.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), fc.uint8Array({ maxLength: 64 }), (changes, bytes) => {
        const data = Buffer.from(fixture.data);
        for (const [at, value] of changes) data[at] = value;
        const events = new TraceEvents(data);
        for (const raw of fixture.raws) {
          events.text(raw);
          events.text(Buffer.concat([raw.subarray(0, 8), bytes]));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('does no harm with formats of any words', () => {
    const word = fc.constantFrom(
      ...'REC -> a , ( ) [ ] { } ? : + - * / % & | ^ ! ~ << >> == != && || "x" \'y\' 0 -1 0xffffffffffffffff (int) (void *)'.split(
        ' ',
      ),
      '"%s',
      '%*.*d"',
      '"%1000000000d"',
      '__print_flags(',
      '__print_symbolic(',
      '__print_array(',
      '__print_hex(',
      '__get_str(',
      '\n',
      '\\',
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), (words) => {
        const text = formatText(
          1,
          ['int a;8;4;1', 'char s[4294967295];4294967288;4294967295;0'],
          `"%d %s %p %p", ${words.join(' ')}`,
        );
        const format = parseEventFormat({ system: 'test', text }, 8);
        expect(format?.name).to.equal('event_1');
        new TraceEvents(encodeTracingData([{ system: 'test', text }])).text(rawOf(1, Buffer.alloc(32, 0xff)));
      }),
      { numRuns: 500 },
    );
  });

  it('nesting has an end', () => {
    for (const [open, close] of [
      ['(', ')'],
      ['-', ''],
      ['1 + ', ''],
      ['1 ? ', ' : 2'],
      ['(int)', ''],
    ]) {
      const expression = `${open!.repeat(100_000)}REC->a${close!.repeat(100_000)}`;
      const text = formatText(1, ['int a;8;4;1'], `"%d", ${expression}`);
      expect(new TraceEvents(encodeTracingData([{ system: 'test', text }])).text(rawOf(1, Buffer.alloc(4)))).to.match(
        /^\[FAILED TO PARSE\]/,
      );
    }
  });

  it('a width from a file does not fill the memory', () => {
    expect(formatNumber('%1000000000d', 1n, -1)).to.have.length(1 << 16);
    expect(formatNumber('%.1000000000d', 1n, -1)).to.have.length(1 << 16);
    expect(formatNumber('%*d', 1n, 1e9)).to.have.length(1 << 16);
  });

  it('numbers are those of C', () => {
    const cases: readonly (readonly [string, bigint])[] = [
      ['12x', 12n],
      ['0x1F', 31n],
      ['017', 15n],
      ['08', 0n],
      ['-1', 0xffff_ffff_ffff_ffffn],
      ['18446744073709551616', 0xffff_ffff_ffff_ffffn],
      ['9'.repeat(100_000), 0xffff_ffff_ffff_ffffn],
      ['x', 0n],
    ];
    for (const [text, value] of cases) expect(parseNumber(text), text.slice(0, 30)).to.equal(value);
  });
});
