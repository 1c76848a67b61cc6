/** A recording cut off at any byte: every command prints what came before the cut, and then the error. */
import { expect } from 'chai';
import fc from 'fast-check';
import { writeFileSync } from 'node:fs';
import { PERF_RECORD_USER, type PerfRecord } from '../../../src/perf-events/tool-record.ts';
import { PerfDataFormatError } from '../../../src/perfdata/errors.ts';
import { decodeFileHeader } from '../../../src/perfdata/header.ts';
import { openPerfData, type Session } from '../../../src/perfdata/reader.ts';
import { MemorySink } from '../../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../../src/perfdata/writer.ts';
import { reportStdio } from '../../../src/report/report/text.ts';
import { scriptLines } from '../../../src/report/script/text.ts';
import { PERF_RECORD } from '../../../src/uapi/perf-event.ts';
import { run, scratch } from '../../perfdata/real-perf.ts';
import { BUILD_IDS, ENV, epilogue, event, prologue, S, samples } from '../../perfdata/recordings.ts';

/** More than one batch of lines. */
const N = 700;

describe('a recording cut off', () => {
  const dir = scratch();
  after(() => dir.remove());

  function recording(format: 'file' | 'pipe'): Buffer {
    const sink = new MemorySink(format);
    const writer = new PerfDataWriter(sink, [event('cycles', 0, S.IP | S.TID | S.TIME | S.PERIOD)], {
      env: ENV,
      buildIds: BUILD_IDS,
    });
    const rounds: PerfRecord[] = [];
    const all = samples(N);
    for (let i = 0; i < N; i += 100) rounds.push(...all.slice(i, i + 100), { type: PERF_RECORD_USER.FINISHED_ROUND });
    writer.write([...prologue(), ...rounds, ...epilogue()]);
    writer.finish();
    return sink.bytes;
  }
  const [FILE, PIPE] = [recording('file'), recording('pipe')];

  /** Lines that come before the end or the error. */
  function lines(bytes: Uint8Array, print: (session: Session) => Iterable<string>): string[] {
    const path = dir.file('x');
    writeFileSync(path, bytes);
    const printed: string[] = [];
    let session: Session | undefined;
    try {
      session = openPerfData(path);
      for (const line of print(session)) printed.push(line);
    } catch (error) {
      expect(error).to.be.instanceOf(PerfDataFormatError);
    } finally {
      session?.close();
    }
    return printed;
  }
  const script = (session: Session): Iterable<string> =>
    scriptLines(session, () => undefined, { showMmapEvents: true, showTaskEvents: true });
  /** Offset behind each sample of a recording. */
  function ends(bytes: Uint8Array): number[] {
    writeFileSync(dir.file('ends'), bytes);
    const session = openPerfData(dir.file('ends'));
    const found = [...session.records()].flatMap(({ record, offset }) =>
      record.type === PERF_RECORD.SAMPLE ? [offset + Buffer.from(bytes).readUInt16LE(offset + 6)] : [],
    );
    session.close();
    return found;
  }

  for (const [name, bytes] of [
    ['file', FILE],
    ['pipe', PIPE],
  ] as const)
    it(`anywhere in a ${name}: script prints every record before, and no other`, () => {
      const whole = lines(bytes, script);
      const ended = ends(bytes);
      expect(ended).to.have.length(N);
      const cut = fc.nat(bytes.length);
      fc.assert(
        fc.property(cut, (at) => {
          const printed = lines(bytes.subarray(0, at), script);
          expect(printed).to.deep.equal(whole.slice(0, printed.length));
          const found = printed.filter((line) => line.includes('cycles')).length;
          expect(found).to.equal(ended.filter((end) => end <= at).length);
        }),
        { numRuns: 150 },
      );
    });

  it('anywhere behind the data: the whole report', () => {
    const report = (session: Session): Iterable<string> => reportStdio(session, () => undefined, {});
    const whole = lines(FILE, report);
    const { data } = decodeFileHeader(FILE);
    const cut = fc.integer({ min: data.offset + data.size, max: FILE.length });
    fc.assert(
      fc.property(cut, (at) => {
        expect(lines(FILE.subarray(0, at), report)).to.deep.equal(whole);
      }),
      { numRuns: 60 },
    );
  });

  it('in the middle of the data: the report of what came before', () => {
    const report = lines(FILE.subarray(0, ends(FILE)[321]! + 20), (session) =>
      reportStdio(session, () => undefined, { showNrSamples: true, sort: 'comm' }),
    );
    expect(report.join('\n')).to.match(/100\.00% +322 +ftest/);
  });

  it('the commands print it, and exit with 255', () => {
    const at = ends(FILE)[621]! + 20;
    writeFileSync(dir.file('cut'), FILE.subarray(0, at));
    const { stdout, stderr, status } = run(process.execPath, [
      'dist/bundle/cli/main.js',
      'script',
      '-i',
      dir.file('cut'),
    ]);
    expect(stdout.split('\n')).to.have.length(622 + 1);
    expect(stderr).to.match(/is truncated at offset 0x[\da-f]+: its data goes on\n$/);
    expect(status).to.equal(255);
  });
});
