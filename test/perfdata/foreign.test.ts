/** Files by tools other than perf 6.1: longer headers and attrs, data between records, records in any order. */
import { expect } from 'chai';
import { writeFileSync } from 'node:fs';
import { ByteReader, ByteWriter } from '../../src/perfdata/bytes.ts';
import { decodeFileHeader, encodeFileHeader } from '../../src/perfdata/header.ts';
import { openPerfData, type Session } from '../../src/perfdata/reader.ts';
import { CHUNK_SIZE, RecordStream } from '../../src/perfdata/record-stream.ts';
import { MemorySink } from '../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../src/perfdata/writer.ts';
import type { Evsel } from '../../src/perf-events/evsel.ts';
import { PERF_RECORD } from '../../src/uapi/perf-event.ts';
import type { FileRecord } from '../../src/perfdata/records.ts';
import { scratch } from './real-perf.ts';
import { ENV, event, ms, prologue, S, samples } from './recordings.ts';
import { PERF_RECORD_USER } from '../../src/perf-events/tool-record.ts';

const PLAIN = S.IP | S.TID | S.TIME | S.PERIOD;

describe('foreign recordings', () => {
  const dir = scratch();
  after(() => dir.remove());

  function open(bytes: Uint8Array): Session {
    const path = dir.file('x');
    writeFileSync(path, bytes);
    return openPerfData(path);
  }
  function recording(records: readonly FileRecord[], evlist: readonly Evsel[] = [event('cycles', 0, PLAIN)]): Buffer {
    const sink = new MemorySink();
    const writer = new PerfDataWriter(sink, evlist, { env: ENV });
    writer.write(records);
    writer.finish();
    return sink.bytes;
  }
  const sampleTimes = (session: Session): number[] =>
    [...session.records()].flatMap(({ record }) => (record.type === PERF_RECORD.SAMPLE ? [Number(record.time)] : []));

  it('attrs of 136 bytes behind a header of 112', () => {
    const old = recording([...prologue(), ...samples(3)]);
    const header = decodeFileHeader(old);
    const { data } = header;
    const w = new ByteWriter();
    w.zeros(112);
    const idsAt = w.pos;
    w.u64(100);
    const attrsAt = w.pos;
    w.put(old.subarray(header.attrs.offset, header.attrs.offset + 128));
    w.u64(0);
    w.u64(idsAt);
    w.u64(8);
    const dataAt = w.pos;
    w.put(old.subarray(data.offset, data.offset + data.size));
    const newer = Buffer.from(w.taken());
    newer.writeUInt32LE(136, attrsAt + 4);
    newer.set(
      encodeFileHeader({
        size: 112,
        attr_size: 152,
        attrs: { offset: attrsAt, size: 152 },
        data: { offset: dataAt, size: data.size },
        features: [],
      }),
    );
    const session = open(newer);
    expect(session.evlist[0]).to.deep.include({ name: 'cycles', ids: [100] });
    expect(session.evlist[0]?.attr).to.deep.equal(event('cycles', 0, PLAIN).attr);
    expect(sampleTimes(session)).to.have.length(3);
    session.close();
  });

  it('AUX area data between the records is passed over, however long', () => {
    for (const size of [0, 24, CHUNK_SIZE, 3 * CHUNK_SIZE + 8]) {
      const w = new ByteWriter();
      w.u32(PERF_RECORD_USER.AUXTRACE);
      w.u16(0);
      w.u16(48);
      w.u64(size);
      w.zeros(32);
      w.put(Buffer.alloc(size, 0xff));
      w.u32(PERF_RECORD_USER.FINISHED_ROUND);
      w.u16(0);
      w.u16(8);
      const reader = new ByteReader(w.taken());
      const stream = new RecordStream(
        (into) => {
          const n = Math.min(into.length, reader.left);
          into.set(reader.take(n));
          return n;
        },
        0,
        w.pos,
      );
      expect(stream.advance() && stream.type).to.equal(PERF_RECORD_USER.AUXTRACE);
      expect(stream.advance() && stream.type).to.equal(PERF_RECORD_USER.FINISHED_ROUND);
      expect(stream.place).to.equal(48 + size);
      expect(stream.advance()).to.equal(false);
      expect(stream.fault).to.equal(undefined);
    }
  });

  it('more than one chunk, in pieces of any size', () => {
    const all = recording([...prologue(), ...samples(20_000)]);
    const session = open(all);
    expect(sampleTimes(session)).to.have.length(20_000);
    // A file can be read again.
    expect(sampleTimes(session)).to.have.length(20_000);
    session.close();
    const { data } = decodeFileHeader(all);
    for (const piece of [1000, 77_777]) {
      let at = data.offset;
      const stream = new RecordStream(
        (into) => {
          const n = Math.min(piece, into.length, data.offset + data.size - at);
          into.set(all.subarray(at, at + n));
          at += n;
          return n;
        },
        data.offset,
        data.size,
      );
      let n = 0;
      while (stream.advance()) n++;
      expect(n).to.equal(20_003);
      expect(stream.fault).to.equal(undefined);
    }
  });

  it('buffers of two CPUs come out in time order', () => {
    const [even, odd] = [0, 1].map((cpu) => samples(1000, (i) => ({ cpu, time: ms(i * 2 + cpu) })));
    const pieces: FileRecord[] = [];
    for (let i = 0; i < 1000; i += 250)
      pieces.push(...even!.slice(i, i + 250), ...odd!.slice(i, i + 250), { type: PERF_RECORD_USER.FINISHED_ROUND });
    const session = open(recording([...prologue(), ...pieces], [event('cycles', 0, PLAIN | S.CPU)]));
    const times = sampleTimes(session);
    expect(times).to.have.length(2000);
    expect(times).to.deep.equal(times.toSorted((a, b) => a - b));
    expect(session.unordered).to.equal(0);
    session.close();
  });

  it('without times, or without sample_id_all, in the order of the file', () => {
    for (const evsel of [event('cycles', 0, S.IP | S.TID), event('cycles', 0, PLAIN, { sample_id_all: false })]) {
      const backwards = samples(5, (i) => ({ ip: samples(1)[0]!.ip, time: ms(5 - i) }));
      const session = open(recording([...prologue(), ...backwards], [evsel]));
      const order = [...session.records()].map(({ offset }) => offset);
      expect(order).to.deep.equal(order.toSorted((a, b) => a - b));
      session.close();
    }
  });

  it('a sample of an event that is not there is damage', () => {
    const evlist = [event('a', 0, PLAIN | S.ID), event('b', 1, PLAIN | S.ID)];
    const bytes = recording([...prologue(), ...samples(4, (i) => ({ id: 100 + (i % 2) }))], evlist);
    const at = bytes.lastIndexOf(
      Buffer.from('6500000000000000', 'hex'),
      decodeFileHeader(bytes).data.offset + decodeFileHeader(bytes).data.size,
    );
    bytes.writeUInt32LE(999, at);
    const session = open(bytes);
    expect(() => sampleTimes(session)).to.throw(/corrupt at offset 0x[0-9a-f]+: no event has the id 999$/);
    session.close();
  });
});
