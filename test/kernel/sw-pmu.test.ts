/** Software events: what the kernel counts itself, and the clocks that sample from a timer. */
import { expect } from 'chai';
import { CYCLES, eventVector } from '../../src/arch/events.ts';
import type { PerfEvent } from '../../src/kernel/perf-event.ts';
import type { RingBuffer } from '../../src/kernel/ring-buffer.ts';
import type { Task } from '../../src/kernel/task.ts';
import { PERF_RECORD, type PerfEventAttr, type SampleRecord } from '../../src/uapi/perf-event.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { branch, fault, func, loop, ops, program, syscall } from '../../src/workload/build.ts';
import { Bench, MS } from './machine.ts';
import { subU64 } from '../../src/units.ts';

/** Opens one event that samples into a buffer of its own. */
function sampler(bench: Bench, name: string, task: Task, attr: Partial<PerfEventAttr>): [PerfEvent, RingBuffer] {
  const [event] = bench.open(name, task, { attr });
  return [event!, bench.sys.mmap(event!, 1024)];
}
const samples = (rb: RingBuffer): SampleRecord[] =>
  rb.drain().records.filter((r): r is SampleRecord => r.type === PERF_RECORD.SAMPLE);
const faulty = (faults: number) =>
  program({
    name: 'faulty',
    about: 'a test',
    functions: [func('main', [loop(faults, [fault('write'), ops(50, 'alu')])])],
  });

describe('kernel/sw-pmu', () => {
  describe('counting', () => {
    it('task-clock is the time its task ran, to the nanosecond', () => {
      const bench = new Bench();
      const [task] = [bench.spinner(), bench.spinner()];
      const [clock, cpu] = bench.open('task-clock,cpu-clock', task);
      bench.pass(100 * MS);
      const { val, run, ena } = bench.sys.read(clock!);
      expect(val).to.equal(run).and.to.equal(ena);
      expect(val).to.be.within(48 * MS, 52 * MS);
      // cpu-clock looks at the clock when the event itself is started and stopped.
      expect(bench.sys.read(cpu!).val / val).to.be.within(0.999, 1.001);
    });

    it('context switches are those that the task made or suffered, and happen in ring 0', () => {
      const bench = new Bench();
      const [task] = [bench.spinner(), bench.spinner()];
      const [switches, user] = bench.open('context-switches,context-switches:u', task);
      bench.pass(300 * MS);
      expect(task.nvcsw + task.nivcsw).to.be.greaterThan(8);
      expect(bench.sys.read(switches!).val).to.equal(task.nvcsw + task.nivcsw);
      expect(bench.sys.read(user!).val).to.equal(0);
    });

    it("page faults are minor here, and the user's", () => {
      const bench = new Bench();
      const task = bench.exec(faulty(1234));
      const names = 'page-faults,minor-faults,major-faults,page-faults:k';
      const events = bench.open(names, task);
      bench.pass(20 * MS);
      expect(task.min_flt).to.equal(1234);
      expect(events.map((e) => bench.sys.read(e).val)).to.deep.equal([1234, 1234, 0, 0]);
    });

    it('dummy and migrations count nothing', () => {
      const bench = new Bench();
      const [dummy, migrations] = bench.open('dummy,cpu-migrations', bench.spinner());
      bench.pass(20 * MS);
      for (const e of [dummy!, migrations!]) {
        const { val, ena, run } = bench.sys.read(e);
        expect(val).to.equal(0);
        expect(run)
          .to.equal(ena)
          .and.to.be.greaterThan(19 * MS);
      }
    });

    it('cgroup-switches came with 5.13', () => {
      const open = (release: string): number => {
        const bench = new Bench({ release });
        const [evsel] = parseEventList(['dummy'], 'stat');
        const target = { task: bench.spinner(), cpu: -1, group_leader: undefined };
        const opened = bench.sys.perf_event_open({ ...evsel!.attr, config: 11 }, target);
        return typeof opened === 'number' ? opened : 0;
      };
      expect([open('5.0.0'), open('5.13.0')]).to.deep.equal([-2, 0]);
    });
  });

  describe('clocks that sample', () => {
    it('turn a frequency into a period at once, and keep to it', () => {
      const bench = new Bench();
      const task = bench.spinner();
      const [event, rb] = sampler(bench, 'cpu-clock', task, { sample_period: 4000, freq: true });
      bench.pass(250 * MS);
      expect([event.attr.sample_period, event.attr.freq]).to.deep.equal([250_000, false]);
      const taken = samples(rb);
      expect(taken).to.have.length(999);
      expect(new Set(taken.map((s) => s.period))).to.deep.equal(new Set([250_000]));
      // On a grid: the handler's time does not add up. Ticks delay single samples by some microseconds.
      const [first, last] = [taken[0]!.time, taken.at(-1)!.time];
      expect(Number(subU64(last, first)) / 998).to.be.within(249_990, 250_010);
    });

    it('do not sample more often than every 10 us', () => {
      const bench = new Bench();
      const [, rb] = sampler(bench, 'cpu-clock', bench.spinner(), { sample_period: 1 });
      bench.pass(2 * MS);
      expect(samples(rb)).to.have.length.within(198, 200);
    });

    it('remember what is left of a period while the task is away', () => {
      const bench = new Bench();
      const task = bench.task(function* (tool) {
        for (;;) {
          yield* tool.user('main', 0.1 * MS);
          tool.kernel.nanosleep(0.5 * MS);
          yield;
        }
      });
      const [event, rb] = sampler(bench, 'task-clock', task, { sample_period: MS });
      bench.pass(300 * MS);
      const { run } = bench.sys.read(event);
      expect(run).to.be.within(45 * MS, 60 * MS);
      expect(samples(rb)).to.have.length.within(Math.floor(run / MS) - 1, Math.ceil(run / MS));
    });

    it('leave out what their rings exclude', () => {
      const bench = new Bench();
      // The branch keeps the loop out of step with the timer.
      const body = loop(1e7, [ops(3000, 'alu'), branch(0.5, [ops(2000, 'alu')]), syscall('brk')]);
      const task = bench.exec(program({ name: 'p', about: '', functions: [func('main', [body])] }));
      const [, all] = sampler(bench, 'cpu-clock', task, { sample_period: 0.1 * MS });
      const [, user] = sampler(bench, 'cpu-clock:u', task, { sample_period: 0.1 * MS });
      bench.pass(100 * MS);
      const [everywhere, inUser] = [samples(all), samples(user)];
      expect(everywhere).to.have.length.within(998, 1000);
      const share = task.cursor!.totals(eventVector())[CYCLES]! / task.sum_exec_runtime;
      expect(share).to.be.within(0.2, 0.8);
      expect(inUser.length / everywhere.length).to.be.within(share - 0.08, share + 0.08);
      expect(inUser.every((s) => s.misc === 2)).to.equal(true);
      expect(everywhere.filter((s) => s.misc === 1)).to.have.length(everywhere.length - inUser.length);
    });

    it('are throttled like counters, and go on at the tick', () => {
      const bench = new Bench({ perf_event_max_sample_rate: 1250 });
      const [, rb] = sampler(bench, 'cpu-clock', bench.spinner(), { sample_period: 0.1 * MS });
      bench.pass(100 * MS);
      const records = rb.drain().records;
      const of = (type: number): number => records.filter((r) => r.type === type).length;
      // Five samples a tick, 24 or 25 ticks.
      expect(of(PERF_RECORD.SAMPLE)).to.be.within(120, 130);
      expect(of(PERF_RECORD.THROTTLE)).to.be.within(24, 26);
      expect(of(PERF_RECORD.UNTHROTTLE)).to.be.within(24, 25);
    });
  });

  describe('events that sample', () => {
    it('take every one at a period of 1, as many as there are in a tick', () => {
      const bench = new Bench({ perf_event_max_sample_rate: 1000 });
      const task = bench.exec(faulty(2000));
      const [, rb] = sampler(bench, 'page-faults', task, { sample_period: 1 });
      bench.pass(20 * MS);
      const taken = samples(rb);
      expect(taken).to.have.length(2000);
      expect(taken.every((s) => s.period === 1 && s.misc === 2)).to.equal(true);
    });

    it('take every n-th at a period of n', () => {
      const bench = new Bench();
      const task = bench.exec(faulty(1000));
      const [, rb] = sampler(bench, 'page-faults', task, { sample_period: 7 });
      bench.pass(20 * MS);
      expect(samples(rb)).to.have.length(Math.floor(1000 / 7));
    });

    it('take every one that the period is written into, if it is fixed', () => {
      const bench = new Bench();
      const task = bench.exec(faulty(100));
      const [, rb] = sampler(bench, 'page-faults', task, { sample_period: 7, sample_type: 7 | 256 });
      bench.pass(20 * MS);
      const taken = samples(rb);
      expect(taken).to.have.length(100);
      expect(taken.every((s) => s.period === 1)).to.equal(true);
    });

    it('find their frequency', () => {
      const bench = new Bench();
      const body = loop(1e6, [fault('write'), loop(10_000, [ops(4, 'alu')])]);
      const task = bench.exec(program({ name: 'slow', about: 'a test', functions: [func('main', [body])] }));
      const [, rb] = sampler(bench, 'page-faults', task, { sample_period: 1000, freq: true });
      bench.pass(400 * MS);
      const late = samples(rb).filter((s) => s.time > 200 * MS);
      expect(late.length).to.be.within(180, 220);
    });
  });
});
