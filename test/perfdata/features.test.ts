/** A damaged header section costs itself, not the samples; its own claim about its size is not trusted. */
import { expect } from 'chai';
import fc from 'fast-check';
import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { decodeFileHeader, featureName, HEADER } from '../../src/perfdata/header.ts';
import { openPerfData, type Session } from '../../src/perfdata/reader.ts';
import { MemorySink } from '../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../src/perfdata/writer.ts';
import { headerLines } from '../../src/report/header/text.ts';
import { PERF_RECORD } from '../../src/uapi/perf-event.ts';
import { scratch } from './real-perf.ts';
import { BUILD_IDS, ENV, epilogue, event, prologue, S, samples } from './recordings.ts';
import { payloadsOf, sectionsOf, withFeatures, withSection } from './sections.ts';

const N = 20;
const EVLIST = [
  event('cycles', 0, S.IP | S.TID | S.TIME | S.IDENTIFIER, {}, { leader: 0 }),
  event('instructions', 1, S.IP | S.TID | S.TIME | S.IDENTIFIER, {}, { leader: 0 }),
];

describe('header sections', () => {
  const dir = scratch();
  after(() => dir.remove());
  const whole = ((): Buffer => {
    const sink = new MemorySink('file');
    const writer = new PerfDataWriter(sink, EVLIST, { env: ENV, buildIds: BUILD_IDS });
    writer.write([...prologue(), ...samples(N), ...epilogue()]);
    writer.finish();
    return sink.bytes;
  })();
  const bits = [...sectionsOf(whole).keys()];

  function reading<T>(bytes: Uint8Array, use: (session: Session) => T): T {
    const path = dir.file('x');
    writeFileSync(path, bytes);
    const session = openPerfData(path);
    try {
      return use(session);
    } finally {
      session.close();
    }
  }
  /** Warnings, what ended the reading, and the header's lines, once all samples have come out. */
  const outcome = (bytes: Uint8Array): { warnings: readonly string[]; error: string; lines: string[] } =>
    reading(bytes, (session) => {
      let [n, error] = [0, ''];
      try {
        for (const { record } of session.records()) if (record.type === PERF_RECORD.SAMPLE) n++;
      } catch (thrown) {
        error = (thrown as Error).message;
      }
      expect(n).to.equal(N);
      const lines = [...headerLines(session, { capturedOn: '', full: true })];
      return { warnings: session.warnings.map((text) => text.replace(dir.file('x'), 'X')), error, lines };
    });

  it('whole ones are not warned of', () => {
    const { warnings, error, lines } = outcome(whole);
    expect({ warnings, error }).to.deep.equal({ warnings: [], error: '' });
    expect(lines).to.include('# hostname : guest');
  });

  it('each one emptied, filled with ones, out of the file or as long as can be: one warning, all samples', () => {
    const seen = new Set<string>();
    for (const bit of bits) {
      const features = payloadsOf(whole);
      const { length } = features.get(bit)!;
      const damages = [
        withFeatures(whole, new Map(features).set(bit, new Uint8Array())),
        withFeatures(whole, new Map(features).set(bit, new Uint8Array(length).fill(0xff))),
        withSection(whole, bit, { offset: 1n << 40n }),
        withSection(whole, bit, { size: (1n << 64n) - 1n }),
        withSection(whole, bit, { offset: (1n << 64n) - 8n, size: 16n }),
        withSection(whole, bit, { size: 0n }),
        withSection(whole, bit, { offset: 0n }),
      ];
      for (const bytes of damages) {
        const { warnings, error } = outcome(bytes);
        expect(warnings.length).to.be.at.most(1);
        // The end of the last section is the end of the file: what lacks there may have been cut off.
        if (bit !== bits.at(-1)) expect(error).to.equal('');
        for (const warning of warnings) {
          expect(warning).to.match(/^X: features of its header that .*: /);
          for (const name of warning.slice(warning.lastIndexOf(': ') + 2).split(', ')) seen.add(name);
        }
      }
    }
    expect([...seen].toSorted()).to.deep.equal(bits.map(featureName).toSorted());
  });

  it('those of a newer perf: named, the others are read', () => {
    const features = payloadsOf(whole);
    for (const bit of [HEADER.PMU_CAPS + 1, 77, 255]) features.set(bit, Buffer.from('future'));
    const { warnings, lines } = outcome(withFeatures(whole, features));
    expect(warnings).to.deep.equal([
      'X: features of its header that gperf does not know: feature 32, feature 77, feature 255',
    ]);
    expect(lines.filter((line) => !line.startsWith('# feat'))).to.deep.equal(
      outcome(whole).lines.filter((line) => !line.startsWith('# feat')),
    );
  });

  it('any bytes anywhere behind the data: all samples', () => {
    const { data } = decodeFileHeader(whole);
    const from = data.offset + data.size;
    const patch = fc.tuple(
      fc.integer({ min: from, max: whole.length - 1 }),
      fc.uint8Array({ minLength: 1, maxLength: 9 }),
    );
    fc.assert(
      fc.property(fc.array(patch, { minLength: 1, maxLength: 4 }), (patches) => {
        const damaged = Buffer.from(whole);
        for (const [at, bytes] of patches) damaged.set(bytes.subarray(0, damaged.length - at), at);
        outcome(damaged);
      }),
      { numRuns: 500 },
    );
  });

  it('a hole in the file is not read 200 times over', () => {
    const path = dir.file('sparse');
    const features = new Map(Array.from({ length: 200 }, (_, bit) => [bit + 1, new Uint8Array()]));
    const bytes = withFeatures(whole, features);
    const { data } = decodeFileHeader(bytes);
    for (let i = 0; i < 200; i++) {
      bytes.writeBigUInt64LE(4096n, data.offset + data.size + 16 * i);
      bytes.writeBigUInt64LE(50_000_000n, data.offset + data.size + 16 * i + 8);
    }
    const fd = openSync(path, 'w');
    writeSync(fd, bytes);
    ftruncateSync(fd, 100_000_000);
    closeSync(fd);
    const session = openPerfData(path);
    let held = 0;
    for (const payload of session.features.values()) held += payload.length;
    expect(held).to.be.at.most(100_000_000);
    session.close();
  });

  it('a section of 4 GB is not taken for an empty one', () => {
    const path = dir.file('large');
    const fd = openSync(path, 'w');
    const bytes = withSection(whole, HEADER.CPUID, { offset: 4096n, size: 1n << 32n });
    writeSync(fd, bytes);
    ftruncateSync(fd, 2 ** 32 + 8192);
    closeSync(fd);
    const session = openPerfData(path);
    expect(session.warnings).to.deep.equal([`${path}: features of its header that are longer than can be: CPUID`]);
    session.close();
  });

  it('event ids that overlap are not read once for each event', () => {
    const many = Array.from({ length: 500 }, (_, i) => event(`e${i}`, i, S.IP | S.TID | S.TIME | S.IDENTIFIER));
    const sink = new MemorySink('file');
    const writer = new PerfDataWriter(sink, many, { env: ENV });
    writer.write(prologue());
    writer.finish();
    const { bytes } = sink;
    const { attrs, attr_size } = decodeFileHeader(bytes);
    for (let i = 0; i < 500; i++) {
      bytes.writeBigUInt64LE(0n, attrs.offset + i * attr_size + attr_size - 16);
      bytes.writeBigUInt64LE(BigInt(bytes.length), attrs.offset + i * attr_size + attr_size - 8);
    }
    reading(bytes, (session) => {
      const ids = session.evlist.reduce((sum, evsel) => sum + evsel.ids.length, 0);
      expect(ids * 8).to.be.at.most(bytes.length);
      expect(() => [...session.records()]).to.throw(/more than a header can hold/);
    });
  });
});
