/**
 * Files that are not recordings, or damaged ones: one sentence with the offset after all that could be read; never a
 * crash, whatever the bytes.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { mkdirSync, writeFileSync } from 'node:fs';
import { PERF_RECORD_USER, type PerfRecord } from '../../src/perf-events/tool-record.ts';
import { ByteWriter } from '../../src/perfdata/bytes.ts';
import { PerfDataFormatError, PerfDataIoError } from '../../src/perfdata/errors.ts';
import { openPerfData } from '../../src/perfdata/reader.ts';
import { MemorySink } from '../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../src/perfdata/writer.ts';
import { PERF_RECORD } from '../../src/uapi/perf-event.ts';
import { perfVersion, run, scratch } from './real-perf.ts';
import { BUILD_IDS, callchain, ENV, epilogue, event, prologue, S, samples } from './recordings.ts';

const N = 50;
const EVLIST = [event('cycles', 0, S.IP | S.TID | S.TIME | S.PERIOD | S.CALLCHAIN)];
const RECORDS: readonly PerfRecord[] = [
  ...prologue(),
  { type: PERF_RECORD_USER.FINISHED_ROUND },
  ...samples(N, (_, s) => ({ callchain: callchain(s) })),
  ...epilogue(),
];

function recording(format: 'file' | 'pipe'): {
  readonly bytes: Buffer;
  readonly dataStart: number;
  readonly dataEnd: number;
} {
  const sink = new MemorySink(format);
  const writer = new PerfDataWriter(sink, EVLIST, { env: ENV, buildIds: BUILD_IDS });
  const dataStart = writer.size;
  writer.write(RECORDS);
  const dataEnd = writer.size;
  writer.finish();
  return { bytes: sink.bytes, dataStart, dataEnd };
}

describe('damaged recordings', () => {
  const dir = scratch();
  after(() => dir.remove());
  const FILE = recording('file');
  const PIPE = recording('pipe');

  /** Reads all of it: the number of samples, and the error. */
  function read(bytes: Uint8Array, name = 'x'): { readonly n: number; readonly error: Error | undefined } {
    const path = dir.file(name);
    writeFileSync(path, bytes);
    let n = 0;
    let error: Error | undefined;
    try {
      const session = openPerfData(path);
      try {
        for (const { record } of session.records()) if (record.type === PERF_RECORD.SAMPLE) n++;
      } finally {
        session.close();
      }
    } catch (e) {
      if (!(e instanceof PerfDataFormatError || e instanceof PerfDataIoError)) throw e;
      error = e;
    }
    return { n, error };
  }
  const message = (bytes: Uint8Array): string | undefined => read(bytes).error?.message.replace(dir.file('x'), 'X');

  it('are none of those', () => {
    for (const { bytes } of [FILE, PIPE]) expect(read(bytes)).to.deep.equal({ n: N, error: undefined });
  });

  it('no recording at all: perf’s words', function () {
    const cases = {
      empty: '',
      garbage: 'hello, world'.repeat(20),
      magic: 'PERFILE2',
      short: FILE.bytes.subarray(0, 50),
    };
    for (const [name, content] of Object.entries(cases)) {
      const { error } = read(Buffer.from(content), name);
      expect(error, name).to.be.instanceOf(PerfDataFormatError);
      if (perfVersion)
        expect(`${error?.message}\n`, name).to.equal(run('perf', ['report', '--stdio', '-i', dir.file(name)]).stderr);
    }
    const swapped = Buffer.from(FILE.bytes);
    swapped.subarray(0, 8).reverse();
    expect(message(swapped)).to.equal('X was recorded on a big-endian machine, which gperf does not read');
  });

  it('no file: the system’s words', () => {
    expect(() => openPerfData(dir.file('none'))).to.throw(
      PerfDataIoError,
      `failed to open ${dir.file('none')}: No such file or directory`,
    );
    mkdirSync(dir.file('directory'));
    expect(() => openPerfData(dir.file('directory'))).to.throw(
      PerfDataIoError,
      `failed to open ${dir.file('directory')}/data: No such file or directory`,
    );
  });

  it('truncated: all whole records, and where it ends', () => {
    const cut = (at: number): Buffer => FILE.bytes.subarray(0, at);
    const { n, error } = read(cut(FILE.dataEnd - 300));
    expect(n).to.be.within(N - 6, N - 1);
    expect(error?.message).to.match(/^\S+ is truncated at offset 0x[0-9a-f]+: its data goes on$/);
    expect(message(cut(FILE.dataEnd))).to.match(
      /^X is truncated at offset 0x[0-9a-f]+: its feature table would end at 0x[0-9a-f]+$/,
    );
    expect(message(cut(FILE.bytes.length - 1))).to.match(
      /^X is truncated at offset 0x[0-9a-f]+: its features would end at 0x[0-9a-f]+$/,
    );
    expect(read(cut(FILE.bytes.length - 1)).n).to.equal(N);
    expect(message(PIPE.bytes.subarray(0, PIPE.bytes.length - 12))).to.match(
      /^X is truncated at offset 0x\w+: a record goes on$/,
    );
  });

  it('never finished: its data size is 0', () => {
    const unfinished = Buffer.from(FILE.bytes.subarray(0, FILE.dataEnd));
    unfinished.fill(0, 48, 56);
    unfinished.fill(0, 72, 104);
    const { n, error } = read(unfinished);
    expect(n).to.equal(N);
    expect(error?.message).to.match(/its data size field is 0; was 'perf record' properly terminated\?$/);
  });

  it('corrupt: what came before, and where', () => {
    const broken = (patch: (b: Buffer) => void): Buffer => {
      const bytes = Buffer.from(FILE.bytes);
      patch(bytes);
      return bytes;
    };
    const firstSample = FILE.bytes.indexOf(Buffer.from([9, 0, 0, 0]), FILE.dataStart);
    const hex = firstSample.toString(16);
    expect(message(broken((b) => b.writeUInt16LE(3, firstSample + 6)))).to.equal(
      `X is corrupt at offset 0x${hex}: no record: type 9, size 3`,
    );
    const last = FILE.bytes.lastIndexOf(Buffer.from([9, 0, 0, 0]), FILE.dataEnd - 40);
    expect(message(broken((b) => b.writeUInt16LE(0xfff8, last + 6)))).to.equal(
      `X is corrupt at offset 0x${last.toString(16)}: a record passes the end of the data at 0x${FILE.dataEnd.toString(16)}`,
    );
    expect(message(broken((b) => b.fill(0, firstSample, firstSample + 8)))).to.equal(
      `X is corrupt at offset 0x${hex}: no record: type 0, size 0`,
    );
    expect(message(broken((b) => b.writeUInt32LE(1e9, firstSample + 40)))).to.equal(
      `X is corrupt at offset 0x${hex}: 1000000000 entries of 8 bytes do not fit`,
    );
  });

  it('without an event: where the events should be', () => {
    const none = Buffer.from(FILE.bytes);
    none.writeBigUInt64LE(0n, 32); // perf_file_header.attrs.size
    expect(read(none).error!.message).to.match(/x is corrupt at offset 0x[\da-f]+: it has no events$/);
    expect(read(FILE.bytes.subarray(0, 104)).error!.message).to.match(
      /x is truncated at offset 0x68: its attrs would end at 0x[\da-f]+$/,
    );
    expect(read(PIPE.bytes.subarray(0, 16)).error!.message).to.match(/x is corrupt at offset 0x10: it has no events$/);
  });

  it('two put together: where the second begins, file or pipe', () => {
    for (const [first, before] of [
      [FILE, 0],
      [PIPE, N],
    ] as const) {
      const { n, error } = read(Buffer.concat([first.bytes, FILE.bytes]));
      expect(n).to.equal(before);
      const at = first.bytes.length.toString(16);
      expect(error?.message).to.match(
        new RegExp(
          `^\\S+ is several recordings put together, the second from offset 0x${at} on: cut them apart there$`,
        ),
      );
    }
    // Behind a whole recording anything else is nobody's.
    expect(read(Buffer.concat([FILE.bytes, Buffer.from('PERFIL')]))).to.deep.equal({ n: N, error: undefined });
  });

  it('compressed records that are no zstd: the reason', () => {
    const w = new ByteWriter();
    w.put(FILE.bytes.subarray(0, FILE.dataStart));
    w.u32(PERF_RECORD_USER.COMPRESSED);
    w.u16(0);
    w.u16(16);
    w.u64(0);
    w.view.setUint32(48, 16, true);
    const { error } = read(w.taken());
    expect(error?.message).to.match(/is corrupt at offset 0x[\da-f]+: its compressed data is no zstd frame$/);
  });

  for (const [name, { bytes }] of [
    ['file', FILE],
    ['pipe', PIPE],
  ] as const)
    it(`any bytes anywhere in a ${name}: no crash`, () => {
      const patch = fc.tuple(fc.nat(bytes.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }));
      const cut = fc.option(fc.nat(bytes.length), { nil: bytes.length });
      fc.assert(
        fc.property(fc.array(patch, { minLength: 1, maxLength: 4 }), cut, (patches, length) => {
          const damaged = Buffer.from(bytes);
          for (const [at, with_] of patches) damaged.set(with_.subarray(0, damaged.length - at), at);
          read(damaged.subarray(0, length));
        }),
        { numRuns: 400 },
      );
    });
});
