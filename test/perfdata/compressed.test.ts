/** Recordings whose records are packed (record -z) or spread over the files of a directory (record --threads). */
import { expect } from 'chai';
import fc from 'fast-check';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PERF_RECORD_USER } from '../../src/perf-events/tool-record.ts';
import { ByteWriter } from '../../src/perfdata/bytes.ts';
import { decodeFileHeader, encodeFileHeader, HEADER } from '../../src/perfdata/header.ts';
import { openPerfData } from '../../src/perfdata/reader.ts';
import { MemorySink } from '../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../src/perfdata/writer.ts';
import { PERF_RECORD, type SampleRecord } from '../../src/uapi/perf-event.ts';
import { canRecord, run, scratch } from './real-perf.ts';
import { ENV, event, prologue, S, samples } from './recordings.ts';
import { payloadsOf, withFeatures } from './sections.ts';

const N = 60;
const MMAP_LENGTH = 4096;

/** The start of a zstd frame with a window of 2^(10 + log). */
const frame = (log = 9): Buffer => Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, log << 3]);
const block = (type: 0 | 1, size: number, body: Uint8Array): Buffer => {
  const head = Buffer.alloc(3);
  head.writeUIntLE((size << 3) | (type << 1), 0, 3);
  return Buffer.concat([head, body]);
};
function compressed(payload: Uint8Array): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(PERF_RECORD_USER.COMPRESSED, 0);
  head.writeUInt16LE(8 + payload.length, 6);
  return Buffer.concat([head, payload]);
}

const whole = ((): Buffer => {
  const sink = new MemorySink('file');
  const writer = new PerfDataWriter(sink, [event('cycles', 0, S.IP | S.TID | S.TIME | S.PERIOD)], { env: ENV });
  writer.write([...prologue(), ...samples(N)]);
  writer.finish();
  return sink.bytes;
})();
const { data } = decodeFileHeader(whole);
const RECORDS = whole.subarray(data.offset, data.offset + data.size);

/** The recording with other data; its features say that so much is compressed at once. */
function recording(bytes: Uint8Array): Buffer {
  const w = new ByteWriter();
  for (const word of [1, 1, 1, 2, MMAP_LENGTH]) w.u32(word);
  const header = decodeFileHeader(whole);
  const bare = Buffer.concat([whole.subarray(0, data.offset), bytes]);
  bare.set(encodeFileHeader({ ...header, data: { offset: data.offset, size: bytes.length }, features: [] }));
  return withFeatures(bare, new Map(payloadsOf(whole)).set(HEADER.COMPRESSED, w.taken()));
}

describe('packed recordings', () => {
  const dir = scratch();
  after(() => dir.remove());

  function read(bytes: Uint8Array): { samples: SampleRecord[]; error: string } {
    writeFileSync(dir.file('x'), bytes);
    return readAt(dir.file('x'));
  }
  function readAt(path: string): { samples: SampleRecord[]; error: string } {
    const session = openPerfData(path);
    const found: SampleRecord[] = [];
    let error = '';
    try {
      for (const { record } of session.records()) if (record.type === PERF_RECORD.SAMPLE) found.push(record);
    } catch (thrown) {
      error = (thrown as Error).message;
    } finally {
      session.close();
    }
    return { samples: found, error };
  }
  const plain = read(whole);

  it('give the same records, wherever payloads and blocks end', () => {
    expect(plain.samples).to.have.length(N);
    const cuts = fc.array(fc.nat(RECORDS.length), { maxLength: 6 });
    fc.assert(
      fc.property(cuts, cuts, (blocks, payloads) => {
        const ends = [...blocks, RECORDS.length].toSorted((a, b) => a - b);
        const stream = [frame()];
        let from = 0;
        for (const end of ends) stream.push(block(0, end - from, RECORDS.subarray(from, (from = end))));
        const packed = Buffer.concat(stream);
        const records: Buffer[] = [];
        let at = 0;
        for (const cut of [...payloads.map((n) => n % packed.length), packed.length].toSorted((a, b) => a - b))
          records.push(compressed(packed.subarray(at, (at = cut))));
        expect(read(recording(Buffer.concat(records)))).to.deep.equal(plain);
      }),
      { numRuns: 60 },
    );
  });

  it('cut inside a record: what came before, and the offset', () => {
    const packed = Buffer.concat([frame(), block(0, RECORDS.length - 4, RECORDS.subarray(0, -4))]);
    const { samples: found, error } = read(recording(compressed(packed)));
    expect(found).to.deep.equal(plain.samples.slice(0, -1));
    expect(error).to.match(/is corrupt at offset 0x[\da-f]+: a compressed record has no end$/);
  });

  it('cannot unfold to more than the recorder compressed at once, nor ask for a large window', () => {
    const bomb = Buffer.concat([
      frame(),
      ...Array.from({ length: 9000 }, () => block(1, 128 * 1024, Buffer.from([7]))),
    ]);
    expect(read(recording(compressed(bomb.subarray(0, 36_000)))).error).to.match(
      /a compressed record holds more than the 4096 bytes that it may$/,
    );
    expect(read(recording(compressed(frame(20)))).error).to.match(
      /a zstd window of 1073741824 bytes, more than 8388608$/,
    );
  });

  it('any bytes: no crash, and what came before', () => {
    const half = block(0, RECORDS.length, RECORDS);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => {
        const { samples: found } = read(
          recording(Buffer.concat([compressed(Buffer.concat([frame(), half])), compressed(junk)])),
        );
        expect(found.length).to.be.at.least(N);
      }),
    );
  });

  it('of a directory: the files’ records in one order of time', () => {
    const path = dir.file('threads');
    mkdirSync(path);
    const list: Buffer[] = [];
    for (let at = 0; at < RECORDS.length; at += RECORDS.readUInt16LE(at + 6))
      list.push(RECORDS.subarray(at, at + RECORDS.readUInt16LE(at + 6)));
    const side = list.filter((record) => record.readUInt32LE(0) !== PERF_RECORD.SAMPLE);
    const all = list.filter((record) => record.readUInt32LE(0) === PERF_RECORD.SAMPLE);
    writeFileSync(join(path, 'data'), recording(Buffer.concat(side)));
    writeFileSync(join(path, 'data.1'), Buffer.concat(all.filter((_, i) => i % 3 > 0)));
    writeFileSync(join(path, 'data.0'), Buffer.concat(all.filter((_, i) => i % 3 === 0)));
    expect(readAt(path)).to.deep.equal(plain);
    writeFileSync(join(path, 'data.1'), Buffer.concat(all.filter((_, i) => i % 3 > 0)).subarray(0, -3));
    const { samples: found, error } = readAt(path);
    expect(found).to.deep.equal(plain.samples.slice(0, -1));
    expect(error).to.match(/threads\/data\.1 is truncated at offset 0x[\da-f]+: a record goes on$/);
  });

  for (const option of ['-z', '--threads'])
    it(`by real perf (record ${option}): as perf prints them`, function () {
      if (!canRecord) this.skip();
      const path = dir.file(`real${option}`);
      const spin = 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; true';
      const args = ['record', '-q', option, '-F', '999', '-e', 'cpu-clock:u', '-o', path, 'sh', '-c', spin];
      if (run('perf', args).status !== 0) this.skip();
      for (const words of [['script'], ['report', '--stdio', '-q'], ['evlist', '-v'], ['report', '--header-only']]) {
        const ours = run(process.execPath, ['dist/bundle/cli/main.js', ...words, '-i', path]);
        expect(ours.stdout, words.join(' ')).to.equal(run('perf', [...words, '-i', path]).stdout);
      }
    });
});
