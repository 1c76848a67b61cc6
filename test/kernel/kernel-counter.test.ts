/** What in-kernel users do with an event after making it: pause it, set its period, enable it. */
import { expect } from 'chai';
import { EINVAL } from '../../src/kernel/errno.ts';
import {
  perf_event_create_kernel_counter,
  perf_event_enable,
  perf_event_pause,
  perf_event_period,
} from '../../src/kernel/kernel-counter.ts';
import { PERF_EVENT_STATE, type PerfEvent } from '../../src/kernel/perf-event.ts';
import { FN } from '../../src/kernel/symbols.ts';
import type { Task } from '../../src/kernel/task.ts';
import { PERF_COUNT_HW, PERF_TYPE, type PerfEventAttr } from '../../src/uapi/perf-event.ts';
import { Bench, MS } from './machine.ts';

const { ACTIVE, ERROR, OFF } = PERF_EVENT_STATE;
const PLAIN = { type: PERF_TYPE.HARDWARE, config: PERF_COUNT_HW.CPU_CYCLES, sample_type: 0, read_format: 0 } as const;

/** A task that computes, with the kernel's events on it. */
class Kept extends Bench {
  readonly task_: Task = this.spinner();
  readonly overflows: PerfEvent[] = [];

  constructor() {
    super();
    this.pass(0.1 * MS);
  }

  event(attr: Partial<PerfEventAttr> = {}): PerfEvent {
    const wanted = { ...PLAIN, sample_period: 2 ** 40, pinned: true, exclude_kernel: true, ...attr };
    const event = perf_event_create_kernel_counter(this.kernel, wanted, { task: this.task_, cpu: -1 }, (e) =>
      this.overflows.push(e),
    );
    if (typeof event === 'number') throw new Error(`errno ${-event}`);
    return event;
  }

  /** Register writes that `work` takes. */
  writes(work: () => void): number {
    const { passes } = this.core;
    const before = passes[FN.native_write_msr]!;
    work();
    return passes[FN.native_write_msr]! - before;
  }
}

describe('kernel/kernel-counter', () => {
  it('a paused event tells what it counted, once, and counts no more', () => {
    const bench = new Kept();
    const { kernel } = bench;
    const event = bench.event();
    bench.pass(MS);
    const counted = perf_event_pause(kernel, event);
    expect(counted).to.be.within(2.7e6, 2.8e6);
    expect(event.state).to.equal(OFF);
    bench.pass(MS);
    expect(perf_event_pause(kernel, event)).to.equal(0);
    perf_event_enable(kernel, event);
    expect(event.state).to.equal(ACTIVE);
    bench.pass(MS);
    expect(perf_event_pause(kernel, event)).to.be.within(2.7e6, 2.8e6);
  });

  it('a period counts from where it is given, of a running event and of a paused one', () => {
    for (const paused of [false, true]) {
      const bench = new Kept();
      const { kernel } = bench;
      const event = bench.event();
      bench.pass(MS);
      if (paused) perf_event_pause(kernel, event);
      expect(perf_event_period(kernel, event, 5_600_000)).to.equal(0);
      if (paused) perf_event_enable(kernel, event);
      bench.pass(1.9 * MS);
      expect(bench.overflows, 'before 2 ms of cycles').to.have.length(0);
      bench.pass(0.2 * MS);
      expect(bench.overflows).to.deep.equal([event]);
    }
  });

  it('refuses what cannot be a period', () => {
    const bench = new Kept();
    const { kernel } = bench;
    expect(perf_event_period(kernel, bench.event(), 0)).to.equal(-EINVAL);
    expect(perf_event_period(kernel, bench.event({ sample_period: 0 }), 1000), 'of no sampling event').to.equal(
      -EINVAL,
    );
    // Erratum BDM11: no short period for the retired instructions of a general-purpose counter.
    const instructions = bench.event({ type: PERF_TYPE.RAW, config: 0x01c0 });
    expect(perf_event_period(kernel, instructions, 127)).to.equal(-EINVAL);
    expect(perf_event_period(kernel, instructions, 128)).to.equal(0);
  });

  it('enables an event in ERROR once there is a counter for it', () => {
    const bench = new Kept();
    const { kernel } = bench;
    const ref = { config: PERF_COUNT_HW.REF_CPU_CYCLES };
    const [first, second] = [bench.event(ref), bench.event(ref)];
    expect([first.state, second.state], 'one counter counts them').to.deep.equal([ACTIVE, ERROR]);
    perf_event_enable(kernel, second);
    expect(second.state, 'in vain').to.equal(ERROR);
    perf_event_pause(kernel, first);
    expect(second.state, 'nobody looks').to.equal(ERROR);
    perf_event_enable(kernel, second);
    expect(second.state).to.equal(ACTIVE);
  });

  it('schedules every sibling anew for each event that it enables, and nobody for one that it pauses', () => {
    const costs = (n: number): { enable: number; pause: number } => {
      const bench = new Kept();
      const { kernel } = bench;
      const events = Array.from({ length: n }, () => bench.event({ config: PERF_COUNT_HW.BRANCH_INSTRUCTIONS }));
      const pause = bench.writes(() => events.forEach((event) => perf_event_pause(kernel, event)));
      const enable = bench.writes(() => events.forEach((event) => perf_event_enable(kernel, event)));
      for (const { state } of events) expect(state).to.equal(ACTIVE);
      return { enable, pause };
    };
    const [one, two, four] = [costs(1), costs(2), costs(4)];
    expect([two.pause, four.pause]).to.deep.equal([2 * one.pause, 4 * one.pause]);
    // k running siblings leave (a selector each) and come back (selector and counter); GLOBAL_CTRL twice, LVTPC.
    const enabling = (n: number): number =>
      Array.from({ length: n }, (_, k) => 2 + 1 + 2 + 3 * k).reduce((sum, writes) => sum + writes, 0);
    expect([one.enable, two.enable, four.enable]).to.deep.equal([enabling(1), enabling(2), enabling(4)]);
  });
});
