/** Frequency feedback, throttling, and the limits that long PMIs lower, checked by figures. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { Cpu } from '../../src/arch/cpu.ts';
import type { PerfEvent } from '../../src/kernel/perf-event.ts';
import { PerCpu } from '../../src/kernel/per-cpu.ts';
import { SampleRate } from '../../src/kernel/sampling.ts';
import type { PerfSysctls } from '../../src/kernel/sysctl.ts';
import { System } from '../../src/kernel/system.ts';
import { nanos, type Nanos } from '../../src/units.ts';
import { CONFIG, CPU0 } from './machine.ts';

/** A clock that a test sets, and the parts of an event that sampling uses. */
class Desk {
  now = 0;
  readonly throttles: boolean[] = [];
  readonly driver: string[] = [];
  readonly here: PerCpu;
  readonly sysctl: PerfSysctls;
  readonly rate: SampleRate;
  readonly event: PerfEvent;

  constructor(config: Partial<typeof CONFIG> = {}, attr: Partial<PerfEvent['attr']> = {}) {
    const cpu = { spend: () => undefined, nanos: () => nanos(this.now) } as unknown as Cpu;
    const system = new System({ ...CONFIG, ...config });
    this.here = new PerCpu(system, cpu, CPU0);
    this.sysctl = this.here.sysctl;
    const throttle = (_: PerfEvent, enable: boolean): number => this.throttles.push(enable);
    this.rate = new SampleRate(this.here, { sample: () => undefined, throttle });
    const pmu = {
      stop: (_: PerfEvent, flags: number) => this.driver.push(`stop ${flags}`),
      start: (_: PerfEvent, flags: number) => this.driver.push(`start ${flags}`),
    };
    const hw = {
      sample_period: 1,
      last_period: 1,
      period_left: 0,
      interrupts: 0,
      interrupts_seq: -1,
      freq_time_stamp: 0,
      freq_count_stamp: 0,
    };
    const event = { attr: { sample_period: 4000, freq: true, ...attr }, hw, pmu, count: 0, state: 1, sibling_list: [] };
    this.event = Object.assign(event as unknown as PerfEvent, { group_leader: event });
  }

  get log(): string[] {
    return this.here.log.map(({ text }) => text);
  }

  /** A machine whose PMIs have always taken `avg` takes one more. */
  took(avg: number): this {
    this.here.running_sample_length = 128 * avg;
    this.rate.sample_event_took(avg as Nanos);
    return this;
  }

  /** PMIs until the event is throttled. */
  allowance(): number {
    for (let n = 1; ; n++) if (this.rate.account_interrupt(this.event, true)) return n;
  }
}

describe('kernel/sampling', () => {
  describe('perf_sample_event_took', () => {
    const vectors = [
      { avg: 2507, hz: 1000, max: 79, rate: 79_000 },
      { avg: 484_426, hz: 250, max: 1, rate: 250 },
      { avg: 400_000, hz: 250, max: 2, rate: 500 },
      { avg: 400_001, hz: 250, max: 1, rate: 250 },
      { avg: 8800, hz: 250, max: 90, rate: 22_500 },
      { avg: 3_500_000, hz: 250, max: 1, rate: 250 },
    ];
    for (const { avg, hz, max, rate } of vectors)
      it(`an average of ${avg} ns at ${hz} Hz leaves ${max} samples a tick`, () => {
        const { sysctl, log } = new Desk({ hz }).took(avg);
        expect(sysctl.max_samples_per_tick).to.equal(max);
        expect(sysctl.sysctl_perf_event_sample_rate).to.equal(rate);
        expect(log).to.deep.equal([
          `perf: interrupt took too long (${avg} > 2500), lowering kernel.perf_event_max_sample_rate to ${rate}`,
        ]);
      });

    it('says nothing up to the allowance: 25 % of the period at the highest rate', () => {
      const { sysctl, log } = new Desk().took(2500);
      expect(log).to.deep.equal([]);
      expect([sysctl.max_samples_per_tick, sysctl.sysctl_perf_event_sample_rate]).to.deep.equal([400, 100_000]);
    });

    it('allows a quarter more than it saw before it complains again', () => {
      const desk = new Desk().took(8000);
      desk.took(10_000);
      expect(desk.log).to.have.length(1);
      desk.took(10_001);
      expect(desk.log[1]).to.contain('(10001 > 10000)');
    });

    it('lowers in steps while the average over 128 PMIs grows', () => {
      const desk = new Desk();
      const { rate, sysctl } = desk;
      for (let n = 0; n < 2000; n++) rate.sample_event_took(1_000_000 as Nanos);
      const steps = desk.log.map((line) => /\((\d+) > (\d+)\)/.exec(line)!.slice(1).map(Number) as [number, number]);
      // The first PMI alone makes an average of 7812 ns.
      expect(steps[0]).to.deep.equal([7812, 2500]);
      steps.slice(1).forEach(([, allowed], i) => expect(allowed).to.equal(Math.floor(steps[i]![0] * 1.25)));
      expect(rate.averagePmi).to.be.within(999_000, 1_000_000);
      expect(sysctl.max_samples_per_tick).to.equal(1);
    });

    it('is off at 0 % and at 100 %', () => {
      for (const percent of [0, 100]) {
        const { sysctl, log } = new Desk({ perf_cpu_time_max_percent: percent }).took(5_000_000);
        expect(log).to.deep.equal([]);
        expect(sysctl.max_samples_per_tick).to.equal(400);
      }
    });
  });

  describe('__perf_event_account_interrupt', () => {
    const rules = [
      { release: '5.0.0', taken: [2, 2, 3] },
      { release: '6.2.0', taken: [2, 2, 3] },
      { release: '6.3.0', taken: [2, 2, 3] },
      { release: '6.3.2', taken: [2, 3, 4] },
      { release: '6.4', taken: [2, 3, 4] },
      { release: '6.6.93', taken: [2, 3, 4] },
      { release: '6.6.94', taken: [1, 2, 3] },
      { release: '6.15.2', taken: [2, 3, 4] },
      { release: '6.16.0', taken: [1, 2, 3] },
    ];
    for (const { release, taken } of rules)
      it(`${release} takes ${taken.join(', ')} samples a tick at limits of 1, 2, 3`, () => {
        for (const [i, expected] of taken.entries()) {
          const desk = new Desk({ release, perf_event_max_sample_rate: 250 * (i + 1) });
          expect(desk.allowance(), `limit ${i + 1}`).to.equal(expected);
          expect(desk.throttles).to.deep.equal([false]);
          expect(desk.rate.next_tick()).to.equal(1);
          desk.rate.adjust_freq_unthr(desk.event);
          expect(desk.throttles).to.deep.equal([false, true]);
          expect(desk.allowance(), 'the next tick').to.equal(expected);
        }
      });

    it('an event that comes back within its tick is throttled by its next PMI if the limit is 1', () => {
      const desk = new Desk({ perf_event_max_sample_rate: 250 });
      desk.allowance();
      desk.rate.unthrottle(desk.event);
      expect(desk.allowance()).to.equal(1);
    });

    it('does not throttle an event that asks not to be', () => {
      const desk = new Desk({ perf_event_max_sample_rate: 250 });
      for (let i = 0; i < 10; i++) expect(desk.rate.account_interrupt(desk.event, false)).to.equal(false);
    });

    it('feeds a frequency back only if the last PMI is less than two ticks ago', () => {
      const moved = (dt: number): boolean => {
        const desk = new Desk();
        Object.assign(desk.event.hw, { sample_period: 1000, last_period: 1e6 });
        desk.now = dt;
        desk.rate.account_interrupt(desk.event, true);
        return desk.event.hw.sample_period !== 1000;
      };
      expect([0, 1, 7_999_999, 8_000_000, 9e9].map(moved)).to.deep.equal([false, true, true, false, false]);
    });
  });

  describe('the throttling of groups', () => {
    /** A leader that samples, and a sibling that only counts. */
    const pair = (release: string): { desk: Desk; sibling: PerfEvent } => {
      const desk = new Desk({ release, perf_event_max_sample_rate: 250 });
      const { event } = desk;
      const sibling = { ...event, hw: { ...event.hw }, attr: { ...event.attr, sample_period: 0 } } as PerfEvent;
      event.sibling_list.push(sibling);
      return { desk, sibling };
    };

    it('before 6.16 the event alone is throttled, and logs it', () => {
      const { desk, sibling } = pair('6.15.0');
      desk.allowance();
      expect([desk.event.hw.interrupts, sibling.hw.interrupts]).to.deep.equal([Infinity, 0]);
      expect(desk.throttles).to.deep.equal([false]);
      expect(desk.driver, 'its driver stops it').to.deep.equal([]);
    });

    it('from 6.16 on all its active members stop at once, and start together at the tick; the leader logs', () => {
      const { desk, sibling } = pair('6.16.0');
      const off = { ...sibling, state: -1, hw: { ...sibling.hw } } as PerfEvent;
      desk.event.sibling_list.push(off);
      desk.allowance();
      expect([desk.event, sibling, off].map(({ hw }) => hw.interrupts)).to.deep.equal([Infinity, Infinity, 0]);
      expect(desk.driver).to.deep.equal(['stop 0', 'stop 0']);
      desk.driver.length = 0;
      desk.event.count = 100;
      desk.rate.adjust_freq_unthr(desk.event);
      expect(sibling.hw.interrupts).to.equal(0);
      expect(desk.driver, 'the sibling; then the leader, whose period is adjusted').to.deep.equal([
        'start 0',
        'stop 4',
        'start 2',
      ]);
      expect(desk.throttles).to.deep.equal([false, true]);
    });

    it('before 6.10 the tick starts a throttled frequency event twice', () => {
      const starts = (release: string): number => {
        const desk = new Desk({ release, perf_event_max_sample_rate: 250 });
        desk.allowance();
        desk.driver.length = 0;
        desk.rate.adjust_freq_unthr(desk.event);
        return desk.driver.filter((call) => call.startsWith('start')).length;
      };
      expect(['6.9.0', '6.10.0', '6.16.0'].map(starts)).to.deep.equal([2, 1, 1]);
    });
  });

  describe('perf_adjust_period', () => {
    /** The kernel's formula in its own arithmetic: 64-bit integers, division that truncates. */
    function reference(period: bigint, nsec: bigint, count: bigint, freq: bigint, symmetric: boolean): bigint {
      const target = (count * 1_000_000_000n) / (nsec * freq);
      const apart = target - period;
      const next = period + (apart + (symmetric && apart < 0n ? -7n : 7n)) / 8n;
      return next === 0n ? 1n : next;
    }

    for (const release of ['5.0.0', '6.12.0'])
      it(`agrees with 64-bit integers on ${release}`, () => {
        const big = fc.integer({ min: 1, max: 2 ** 31 - 1 });
        fc.assert(
          fc.property(
            fc.oneof(big, fc.integer({ min: 1, max: 40 })),
            fc.integer({ min: 1000, max: 8_000_000 }),
            fc.oneof(big, fc.integer({ min: 1, max: 100 })),
            fc.integer({ min: 1, max: 100_000 }),
            (period, nsec, count, freq) => {
              const { rate, event } = new Desk({ release }, { sample_period: freq });
              event.hw.sample_period = period;
              rate.adjust_period(event, nsec, count, false);
              const numbers = [period, nsec, count, freq].map(BigInt) as [bigint, bigint, bigint, bigint];
              const expected = reference(...numbers, release === '6.12.0');
              expect(BigInt(event.hw.sample_period)).to.equal(expected);
            },
          ),
          { numRuns: 2000 },
        );
      });

    it('divides exactly where the quotient is just short of a whole number', () => {
      const { rate, event } = new Desk({}, { sample_period: 64_627 });
      // 2117561.99999999999: a double rounds it up. 15 above it the period moves by one, 14 above it stands.
      event.hw.sample_period = 2_117_576;
      rate.adjust_period(event, 1_879_361, 257_193_709, false);
      expect(event.hw.sample_period).to.equal(2_117_575);
    });

    it('settles once the target is at most 14 below the period, and never under 1', () => {
      fc.assert(
        fc.property(fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: 1, max: 200_000 }), (target, start) => {
          const { rate, event } = new Desk({}, { sample_period: 1000 });
          event.hw.sample_period = start;
          // At 1000 Hz, `target` events in 1 ms call for a period of `target`.
          for (let i = 0; i < 300; i++) rate.adjust_period(event, 1_000_000, target, false);
          const { sample_period } = event.hw;
          expect(target - sample_period).to.be.within(-14, target === 0 ? -1 : 0);
          rate.adjust_period(event, 1_000_000, target, false);
          expect(event.hw.sample_period).to.equal(sample_period);
        }),
      );
    });

    it('reaches the target from above on kernels that took "Fix small negative period being ignored"', () => {
      const settled = (release: string): number => {
        const { rate, event } = new Desk({ release }, { sample_period: 1000 });
        event.hw.sample_period = 30;
        for (let i = 0; i < 300; i++) rate.adjust_period(event, 1_000_000, 10, false);
        return event.hw.sample_period;
      };
      const settles = Object.fromEntries(
        ['5.15.167', '5.15.168', '6.6.54', '6.6.55', '6.9.0', '6.12'].map((r) => [r, settled(r)]),
      );
      expect(settles).to.deep.equal({
        '5.15.167': 24,
        '5.15.168': 10,
        '6.6.54': 24,
        '6.6.55': 10,
        '6.9.0': 24,
        '6.12': 10,
      });
    });

    it('re-arms at once a counter armed for more than eight new periods', () => {
      const desk = new Desk({}, { sample_period: 1000 });
      const { rate, event, driver } = desk;
      const adjust = (left: number, running: boolean): number => {
        driver.length = 0;
        Object.assign(event.hw, { sample_period: 100, period_left: left });
        rate.adjust_period(event, 1_000_000, 100, running);
        return event.hw.period_left;
      };
      expect(adjust(800, true)).to.equal(800);
      expect(driver).to.deep.equal([]);
      expect(adjust(801, true)).to.equal(0);
      expect(driver, 'PERF_EF_UPDATE, PERF_EF_RELOAD').to.deep.equal(['stop 4', 'start 2']);
      expect(adjust(801, false)).to.equal(0);
      expect(driver, 'the tick has stopped it already').to.deep.equal([]);
    });
  });

  it('the tick stops, measures and reloads a frequency event; one that did not count is only restarted', () => {
    const { rate, event, driver } = new Desk();
    event.hw.sample_period = 10_000;
    event.count = 16_000_000;
    rate.adjust_freq_unthr(event);
    expect(driver).to.deep.equal(['stop 4', 'start 2']);
    // 16 M in 4 ms at 4000 Hz: 1 M; an eighth of the way.
    expect(event.hw.sample_period).to.equal(10_000 + Math.trunc((1_000_000 - 10_000 + 7) / 8));
    driver.length = 0;
    rate.adjust_freq_unthr(event);
    expect(driver).to.deep.equal(['stop 4', 'start 0']);
  });
});
