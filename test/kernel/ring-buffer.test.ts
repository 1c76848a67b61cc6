/** The ring buffer: what fits, what is lost, who is woken when; and that sizes match the file's records. */
import { expect } from 'chai';
import fc from 'fast-check';
import { RingBuffer } from '../../src/kernel/ring-buffer.ts';
import type { Task } from '../../src/kernel/task.ts';
import { ByteWriter } from '../../src/perfdata/bytes.ts';
import { RecordCodec } from '../../src/perfdata/records.ts';
import {
  PERF_RECORD,
  PERF_SAMPLE,
  type KernelRecord,
  type PerfEventAttr,
  type SampleRecord,
} from '../../src/uapi/perf-event.ts';
import { kernelRecordSize, sampleSize } from '../../src/uapi/record-size.ts';
import { address, cycles, nanos, type Address } from '../../src/units.ts';

const PLAIN: PerfEventAttr = {
  type: 0,
  config: 0,
  sample_period: 4000,
  freq: true,
  sample_type: PERF_SAMPLE.IP | PERF_SAMPLE.TID | PERF_SAMPLE.TIME | PERF_SAMPLE.PERIOD,
  read_format: 4,
  sample_id_all: true,
};
const COMMON = { misc: 2, pid: 1, tid: 1, time: nanos(7), id: 3, stream_id: 3, cpu: 0 };
const SAMPLE: SampleRecord = { ...COMMON, type: PERF_RECORD.SAMPLE, ip: address(0x1000), period: 5 };
const BYTES = 40;
const note = (lost: number): KernelRecord => ({ ...COMMON, type: PERF_RECORD.LOST, lost });

/** Writes a sample as perf_output_begin() does, with the LOST record that is due. */
const put = (rb: RingBuffer, attr = PLAIN): boolean => rb.write(attr, SAMPLE, rb.lost > 0 ? note(rb.lost) : undefined);

describe('kernel/ring-buffer', () => {
  it('a sample of the default record takes 40 bytes, a THROTTLE 48, a LOST 40', () => {
    expect(sampleSize(PLAIN)).to.equal(BYTES);
    expect(kernelRecordSize(PLAIN, { ...COMMON, type: PERF_RECORD.THROTTLE })).to.equal(48);
    expect(kernelRecordSize(PLAIN, note(1))).to.equal(40);
  });

  it('half the buffer is the watermark, unless the event says otherwise', () => {
    expect(new RingBuffer(8192, PLAIN).watermark).to.equal(4096);
    expect(new RingBuffer(8192, { ...PLAIN, watermark: true, wakeup: 100 }).watermark).to.equal(100);
    expect(new RingBuffer(8192, { ...PLAIN, watermark: true, wakeup: 100_000 }).watermark).to.equal(8192);
    expect(new RingBuffer(8192, { ...PLAIN, watermark: true, wakeup: 0 }).watermark).to.equal(4096);
  });

  it('wakes once per watermark of cumulative bytes, however the reader drains', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 60 }),
        fc.constantFrom(4096, 8192),
        (runs, size) => {
          const rb = new RingBuffer(size, PLAIN);
          let bytes = 0;
          let wakeups = 0;
          for (const n of runs) {
            for (let i = 0; i < n; i++) {
              if (put(rb)) wakeups++;
              bytes += BYTES;
              expect(wakeups).to.equal(Math.ceil(bytes / rb.watermark) - 1);
            }
            rb.drain();
          }
        },
      ),
    );
  });

  it('wakes for every n-th sample if the event asks for that', () => {
    const attr = { ...PLAIN, wakeup: 3 };
    const rb = new RingBuffer(1 << 16, attr);
    expect(Array.from({ length: 7 }, () => put(rb, attr))).to.deep.equal([
      false,
      false,
      true,
      false,
      false,
      true,
      false,
    ]);
  });

  it('loses what finds no room, and says how much as soon as there is some', () => {
    const rb = new RingBuffer(4096, PLAIN);
    for (let i = 0; i < 110; i++) put(rb);
    // 102 samples are 4080 bytes; one byte of a ring is never used, so that full and empty differ.
    expect(rb.available).to.equal(4080);
    expect([rb.lost, rb.lostTotal]).to.deep.equal([8, 8]);
    expect(rb.drain().records).to.have.length(102);
    expect(rb.available).to.equal(0);
    put(rb);
    expect(rb.lost).to.equal(0);
    const { records, bytes } = rb.drain();
    expect(records).to.deep.equal([note(8), SAMPLE]);
    expect(bytes).to.equal(80);
    expect(rb.lostTotal).to.equal(8);
  });

  it('a reader on another CPU takes what was complete by then, and the writer learns later of the room', () => {
    const rb = new RingBuffer(4096, PLAIN);
    rb.readFrom({} as Task, 1);
    const write = (at: number): boolean => rb.write(PLAIN, SAMPLE, undefined, cycles(at));
    for (let i = 0; i < 102; i++) write(i);
    const { records, bytes, tail } = rb.drain(cycles(49));
    expect([records.length, bytes, tail]).to.deep.equal([50, 2000, 2000]);
    write(200);
    expect(rb.lost).to.equal(1);
    rb.data_tail = tail;
    rb.write(PLAIN, SAMPLE, note(1), cycles(300));
    expect(rb.drain(cycles(300)).records).to.have.length(54);
    expect(rb.drain(cycles(400))).to.deep.include({ records: [], bytes: 0 });
  });

  it('knows how many records it takes at least until the reader is woken', () => {
    const rb = new RingBuffer(1 << 14, PLAIN);
    const wakesAfter = (write: (n: number) => boolean): number => {
      for (let n = 0; ; n++) if (write(n)) return n;
    };
    const { samples } = rb.toWatermark;
    const after = wakesAfter((n) => rb.write(PLAIN, SAMPLE, n === 0 ? note(1) : undefined));
    expect(after).to.be.within(samples, samples + 40);
    rb.drain();
    const { records } = rb.toWatermark;
    expect(records).to.be.within(1, samples - 1);
    const name = { ...COMMON, type: PERF_RECORD.COMM, comm: 'x'.repeat(250) } as const;
    expect(wakesAfter(() => rb.write(PLAIN, name, note(1)))).to.be.at.least(records);
    rb.drain();
    rb.take({ ...PLAIN, sample_type: PLAIN.sample_type | PERF_SAMPLE.CALLCHAIN });
    expect(rb.toWatermark.records).to.be.below(records);
    expect(new RingBuffer(1 << 14, { ...PLAIN, wakeup: 3 }).toWatermark).to.deep.equal({ records: 0, samples: 0 });
  });

  it('is full one byte before its size', () => {
    const attr = { ...PLAIN, sample_type: PLAIN.sample_type & ~PERF_SAMPLE.PERIOD };
    expect(sampleSize(attr)).to.equal(32);
    const rb = new RingBuffer(4096, attr);
    for (let i = 0; i < 128; i++) put(rb, attr);
    expect([rb.available, rb.lost]).to.deep.equal([4096 - 32, 1]);
  });

  it('does not count a LOST record that found no room itself', () => {
    const rb = new RingBuffer(4096, PLAIN);
    for (let i = 0; i < 105; i++) put(rb);
    for (let i = 0; i < 10; i++) put(rb);
    expect(rb.lost).to.equal(13);
  });

  it('every record is either written or lost', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 30 }), (runs) => {
        const rb = new RingBuffer(4096, PLAIN);
        let samples = 0;
        let lost = 0;
        let written = 0;
        const drain = (): void => {
          for (const r of rb.drain().records) {
            if (r.type === PERF_RECORD.LOST) lost += Number(r.lost);
            else samples++;
          }
        };
        for (const n of runs) {
          for (let i = 0; i < n; i++) put(rb);
          written += n;
          drain();
        }
        expect(samples + lost + rb.lost).to.equal(written);
        expect(rb.lostTotal).to.equal(lost + rb.lost);
      }),
    );
  });

  describe('record sizes', () => {
    const bits = fc.constantFrom(
      ...([
        'IP',
        'TID',
        'TIME',
        'ADDR',
        'ID',
        'CPU',
        'PERIOD',
        'STREAM_ID',
        'READ',
        'CALLCHAIN',
        'IDENTIFIER',
      ] as const),
    );
    type Names = readonly (keyof typeof PERF_SAMPLE)[];
    const withFields = (names: Names, sample_id_all: boolean, read_format: number): PerfEventAttr => ({
      ...PLAIN,
      read_format,
      sample_type: names.reduce((type, name) => type | PERF_SAMPLE[name], 0),
      sample_id_all,
    });
    const text = fc.string({ maxLength: 30 }).filter((s) => !s.includes('\0'));
    const chain = fc.array(fc.integer({ min: 0, max: 2 ** 40 }).map(address), { maxLength: 20 });
    const types = fc.constantFrom(
      ...(['SAMPLE', 'COMM', 'MMAP', 'MMAP2', 'FORK', 'EXIT', 'THROTTLE', 'UNTHROTTLE'] as const),
      ...(['LOST', 'LOST_SAMPLES', 'SWITCH', 'SWITCH_CPU_WIDE'] as const),
    );
    /** A record of any type: one object has the fields of all. */
    const recordOf = (type: keyof typeof PERF_RECORD, name: string, callchain: Address[]): KernelRecord =>
      ({
        ...SAMPLE,
        read: { time_enabled: 1, time_running: 1, values: callchain.map((_, id) => ({ value: 1, id, lost: 0 })) },
        type: PERF_RECORD[type],
        addr: SAMPLE.ip,
        callchain,
        comm: name,
        filename: name,
        len: 4096,
        pgoff: address(0),
        ppid: 1,
        ptid: 1,
        lost: 5,
        next_prev_pid: 1,
        next_prev_tid: 1,
      }) as unknown as KernelRecord;

    it("are those that the file's encoder writes", () => {
      fc.assert(
        fc.property(
          fc.array(bits),
          fc.boolean(),
          fc.integer({ min: 0, max: 31 }),
          types,
          text,
          chain,
          (names, idAll, read_format, type, name, callchain) => {
            const attr = withFields(names, idAll, read_format);
            const record = recordOf(type, name, callchain);
            const evsel = { name: 'cycles', attr, leader: 0, unit: '', scale: 1, ids: [COMMON.id] };
            const w = new ByteWriter();
            new RecordCodec([evsel]).encode(w, record);
            expect(kernelRecordSize(attr, record), type).to.equal(w.pos);
          },
        ),
        { numRuns: 1000 },
      );
    });
  });
});
