/** Samples: what they contain, and that it is from the moment of the interrupt. */
import { expect } from 'chai';
import type { PerfEvent } from '../../src/kernel/perf-event.ts';
import type { RingBuffer } from '../../src/kernel/ring-buffer.ts';
import {
  PERF_CONTEXT,
  PERF_FORMAT,
  PERF_RECORD,
  PERF_SAMPLE,
  type PerfEventAttr,
  type SampleRecord,
} from '../../src/uapi/perf-event.ts';
import { call, func, loop, ops, program, syscall, type Program } from '../../src/workload/build.ts';
import { Bench, MS } from './machine.ts';
import { type Address64, subU64, address } from '../../src/units.ts';

const FIELDS = PERF_SAMPLE.IP | PERF_SAMPLE.TID | PERF_SAMPLE.TIME | PERF_SAMPLE.PERIOD;
/** main calls a calls b calls c, which computes and calls the kernel. */
const deep: Program = program({
  name: 'deep',
  about: 'a test',
  functions: [
    func('main', [loop(1e6, [call('a')])]),
    func('a', [call('b'), ops(2, 'alu')]),
    func('b', [call('c'), ops(2, 'alu')]),
    func('c', [ops(4000, 'alu'), syscall('read')]),
  ],
});

/** The samples that an event with this attr takes of the program in so many ms. */
function sample(
  attr: Partial<PerfEventAttr>,
  ms = 20,
  tamper?: (bench: Bench, event: PerfEvent) => void,
): SampleRecord[] {
  const bench = new Bench();
  const [event] = bench.open('cycles', bench.exec(deep), { attr: { sample_type: FIELDS, ...attr } });
  const rb: RingBuffer = bench.sys.mmap(event!, 1024);
  tamper?.(bench, event!);
  bench.pass(ms * MS);
  return rb.drain().records.filter((r): r is SampleRecord => r.type === PERF_RECORD.SAMPLE);
}

describe('kernel/perf-output', () => {
  it('a sample is worth the period that elapsed, whatever accounting makes the next one', () => {
    const samples = sample({ sample_period: 500_000 }, 20, ({ kernel }, event) => {
      const account = kernel.rate.account_interrupt.bind(kernel.rate);
      kernel.rate.account_interrupt = (e, throttle) => {
        const stop = account(e, throttle);
        event.hw.last_period = 7;
        return stop;
      };
    });
    expect(samples.length).to.be.greaterThan(50);
    expect(new Set(samples.map((s) => s.period))).to.deep.equal(new Set([500_000]));
  });

  it('says which ring it hit, and whose thread', () => {
    const samples = sample({ sample_period: 77_777 });
    const [user, kernel] = [samples.filter((s) => s.misc === 2), samples.filter((s) => s.misc === 1)];
    expect(user.length).to.be.greaterThan(50);
    expect(kernel.length).to.be.greaterThan(50);
    expect(user.every((s) => s.ip > 0)).to.equal(true);
    expect(kernel.every((s) => s.ip < 0)).to.equal(true);
    expect(new Set(samples.map((s) => s.pid)).size).to.equal(1);
  });

  describe('call chains', () => {
    const chains = (attr: Partial<PerfEventAttr>): (readonly Address64[])[] =>
      sample({ sample_period: 77_777, ...attr, sample_type: FIELDS | PERF_SAMPLE.CALLCHAIN }).map((s) => s.callchain!);

    it('begin where the sample hit, kernel before user, each under its marker', () => {
      for (const chain of chains({})) {
        const user = chain.indexOf(address(PERF_CONTEXT.USER));
        if (chain[0] === PERF_CONTEXT.KERNEL) {
          const kernel = chain.slice(1, user < 0 ? undefined : user);
          expect(kernel.length).to.be.within(1, 12);
          expect(kernel.every((a) => a < 0)).to.equal(true);
        } else expect(user).to.equal(0);
        if (user < 0) continue;
        // In c of b of a of main, or on the way there.
        expect(chain.slice(user + 1).length).to.be.within(1, 4);
        expect(chain.slice(user + 1).every((a) => a > 0)).to.equal(true);
      }
    });

    it('leave out the ring that is not wanted', () => {
      const kernelOnly = chains({ exclude_callchain_user: true }).flat();
      expect(kernelOnly).to.include(PERF_CONTEXT.KERNEL).and.to.not.include(PERF_CONTEXT.USER);
      const userOnly = chains({ exclude_callchain_kernel: true }).flat();
      expect(userOnly).to.include(PERF_CONTEXT.USER).and.to.not.include(PERF_CONTEXT.KERNEL);
    });

    it('are no deeper than asked, both rings together', () => {
      for (const chain of chains({ sample_max_stack: 2 }))
        expect(chain.filter((a) => a !== PERF_CONTEXT.KERNEL && a !== PERF_CONTEXT.USER).length).to.be.at.most(2);
    });
  });

  describe('counts in samples', () => {
    const { TOTAL_TIME_ENABLED, TOTAL_TIME_RUNNING, ID, GROUP, LOST } = PERF_FORMAT;

    it('of one event go with its periods, times with the clock', () => {
      const read_format = TOTAL_TIME_ENABLED | TOTAL_TIME_RUNNING | ID;
      const samples = sample({ sample_period: 1e6, sample_type: FIELDS | PERF_SAMPLE.READ, read_format });
      samples.forEach(({ read, time }, i) => {
        expect(read!.values).to.have.length(1);
        expect(Number(read!.values[0]!.value) / 1e6).to.be.within(i + 1, i + 1.003);
        expect(read!.time_enabled).to.equal(read!.time_running);
        const before = samples[i - 1];
        if (before !== undefined)
          expect(subU64(read!.time_enabled!, before.read!.time_enabled!)).to.be.closeTo(
            Number(subU64(time, before.time)),
            500,
          );
      });
    });

    it('of a group are read with it, members on the PMU brought up to now', () => {
      const bench = new Bench();
      const task = bench.exec(deep);
      const attr = { sample_period: 1e6, sample_type: FIELDS | PERF_SAMPLE.READ, read_format: GROUP | ID | LOST };
      const [leader, member] = bench.open('cycles:u,instructions:u', task, { attr, group: true });
      const rb = bench.sys.mmap(leader!, 16);
      bench.pass(20 * MS);
      const samples = rb.drain().records.filter((r): r is SampleRecord => r.type === PERF_RECORD.SAMPLE);
      expect(samples.length).to.be.greaterThan(10);
      for (const { read } of samples) {
        const [cycles, instructions] = read!.values;
        expect([cycles!.id, instructions!.id]).to.deep.equal([leader!.id, member!.id]);
        // Four simple instructions a cycle, less the calls.
        expect(Number(instructions!.value) / Number(cycles!.value)).to.be.within(3.5, 4);
        expect(cycles!.lost).to.equal(0);
      }
    });

    it('say how many records found no room', () => {
      const bench = new Bench();
      const attr = { sample_period: 100_000, sample_type: FIELDS | PERF_SAMPLE.READ, read_format: ID | LOST };
      const [event] = bench.open('cycles:u', bench.exec(deep), { attr });
      const rb = bench.sys.mmap(event!, 1);
      bench.pass(20 * MS);
      expect(event!.lost_samples).to.equal(rb.lostTotal).and.to.be.greaterThan(50);
      rb.drain();
      bench.pass(1 * MS);
      const [, first] = rb.drain().records;
      expect((first as SampleRecord).read!.values[0]!.lost).to.equal(rb.lostTotal);
    });
  });
});
