/** What a host pays for its first and last hardware event, and when the static key is switched. */
import { expect } from 'chai';
import type { Cpu } from '../../src/arch/cpu.ts';
import { EBUSY } from '../../src/kernel/errno.ts';
import { HostGlobal } from '../../src/kernel/host-global.ts';
import { EventQueue } from '../../src/sim/event-queue.ts';
import { cycles, type Cycles } from '../../src/units.ts';

const NS = (ns: number): Cycles => cycles(ns);
const SECOND = 1e9;

/** A kernel whose clock a test moves on; ns are cycles. */
class Clock {
  time = 0;
  spent = 0;
  blocked = 0;
  readonly #timers = new EventQueue();
  readonly cpu = {
    now: () => NS(this.time),
    enter: () => undefined,
    leave: () => undefined,
    spendFor: (_fn: number, cost: Cycles) => void (this.spent += cost),
  } as unknown as Cpu;
  readonly cyclesOf = NS;
  readonly tick = NS(4e6);
  block(span: Cycles): void {
    this.blocked += span;
  }
  hrtimer(...args: Parameters<EventQueue['at']>): ReturnType<EventQueue['at']> {
    return this.#timers.at(...args);
  }
  pass(ns: number): void {
    this.time += ns;
    this.#timers.fireDue(() => NS(this.time));
  }
}

function host(): { clock: Clock; global: HostGlobal } {
  const global = new HostGlobal({
    ds_buffers: () => [[0, NS(100)] as const],
    static_branch_enable: () => NS(20_000),
    means: { reserve_ds_buffers: NS(100), release_ds_buffers: NS(100) },
  });
  return { clock: new Clock(), global };
}

describe('kernel: what all CPUs share of perf', () => {
  it('only the first event reserves, only the last releases', () => {
    const { clock, global } = host();
    for (let i = 0; i < 3; i++) global.account(clock, false);
    expect(global.paid).to.deep.equal({ reserve: 1, release: 0, static_key: 0 });
    for (let i = 0; i < 2; i++) global.unaccount(clock, false);
    expect(global.paid.release).to.equal(0);
    global.unaccount(clock, false);
    expect(global.paid).to.deep.equal({ reserve: 1, release: 1, static_key: 0 });
    expect(clock.spent).to.equal(200);
    global.account(clock, false);
    expect(global.paid.reserve).to.equal(2);
  });

  it("the first task event waits for the static key, a CPU's event does not", () => {
    const { clock, global } = host();
    global.account(clock, false);
    expect(clock.blocked).to.equal(0);
    global.account(clock, true);
    global.account(clock, true);
    expect(global.paid.static_key).to.equal(1);
    expect(clock.blocked).to.equal(20_000);
  });

  it('two that come while the key is off wait for one grace period, together', () => {
    const { clock, global } = host();
    const waits: number[] = [];
    clock.block = (span): void => {
      waits.push(span);
      // The other comes while this one waits.
      if (waits.length > 1) return;
      clock.time += 5_000;
      global.account(clock, true);
    };
    global.account(clock, true);
    expect(waits).to.deep.equal([20_000, 15_000]);
    expect(global.paid.static_key).to.equal(1);
    // Both are counted: the key stays on when one of them goes.
    clock.block = (span): void => void waits.push(span);
    global.unaccount(clock, true);
    clock.pass(2 * SECOND);
    global.account(clock, true);
    expect(waits).to.have.length(2);
  });

  it("nobody waits for the static key while a task of somebody else's keeps it on", () => {
    const { clock, global } = host();
    global.accountTaskElsewhere();
    global.account(clock, true);
    global.unaccount(clock, true);
    clock.pass(2 * SECOND);
    global.account(clock, true);
    expect(clock.blocked).to.equal(0);
    expect(global.paid).to.deep.equal({ reserve: 2, release: 1, static_key: 0 });
  });

  it('the key stays on for a second after the last task event', () => {
    const { clock, global } = host();
    const once = (): void => {
      global.account(clock, true);
      global.unaccount(clock, true);
    };
    once();
    clock.pass(0.9 * SECOND);
    once();
    expect(global.paid.static_key, 'within the second').to.equal(1);
    clock.pass(0.2 * SECOND);
    once();
    expect(global.paid.static_key, 'after it').to.equal(2);
  });

  it('when the second is over, an event that is being opened keeps the key on; one that is being closed does not', () => {
    for (const [making, switched] of [
      [true, 1],
      [false, 2],
    ] as const) {
      const { clock, global } = host();
      // The work is due while the IPIs of a reserve or a release are on their way.
      let due = false;
      clock.cpu.spendFor = () => {
        if (due) clock.pass(2 * SECOND);
        due = false;
      };
      global.account(clock, true);
      global.unaccount(clock, true);
      due = making;
      global.account(clock, true);
      if (making) global.account(clock, true);
      due = !making;
      global.unaccount(clock, true);
      global.account(clock, true);
      expect(global.paid.static_key, String(making)).to.equal(switched);
    }
  });

  it('an earlier run leaves the key on for a second', () => {
    for (const [after, switched] of [
      [0.9, 0],
      [1.1, 1],
    ] as const) {
      const { clock, global } = host();
      expect(global.perf_sched_events).to.equal(false);
      global.leaveSwitchedOn(clock);
      expect(global.perf_sched_events).to.equal(true);
      clock.pass(after * SECOND);
      global.account(clock, true);
      expect(global.paid.static_key).to.equal(switched);
    }
  });

  it('an event that outlives the second keeps the key on', () => {
    const { clock, global } = host();
    global.account(clock, true);
    global.unaccount(clock, true);
    global.account(clock, true);
    clock.pass(2 * SECOND);
    global.account(clock, true);
    expect(global.paid.static_key).to.equal(1);
    global.unaccount(clock, true);
    global.unaccount(clock, true);
    clock.pass(2 * SECOND);
    global.account(clock, true);
    expect(global.paid.static_key).to.equal(2);
  });

  describe('on one core of several', () => {
    const ELSEWHERE = { hardwareEvents: 3, perf_sched_count: 1, include_guest_events: 1 };

    it('who has events on another core pays for the first and the last', () => {
      const { clock, global } = host();
      global.others = ELSEWHERE;
      expect(global.perf_sched_events).to.equal(true);
      for (let i = 0; i < 2; i++) {
        global.account(clock, true);
        global.unaccount(clock, true);
      }
      clock.pass(2 * SECOND);
      expect(global.paid).to.deep.equal({ reserve: 0, release: 0, static_key: 0 });
      expect([clock.spent, clock.blocked]).to.deep.equal([0, 0]);
      expect(global.own).to.deep.equal({ hardwareEvents: 0, perf_sched_count: 0, include_guest_events: 0 });
    });

    it('the last one here releases if the others went before', () => {
      const { clock, global } = host();
      global.others = ELSEWHERE;
      global.account(clock, true);
      expect(global.own).to.deep.equal({ hardwareEvents: 1, perf_sched_count: 1, include_guest_events: 0 });
      global.others = { hardwareEvents: 0, perf_sched_count: 0, include_guest_events: 0 };
      global.unaccount(clock, true);
      expect(global.paid).to.deep.equal({ reserve: 0, release: 1, static_key: 0 });
      expect(global.perf_sched_events, 'for a second more').to.equal(true);
      clock.pass(2 * SECOND);
      expect(global.perf_sched_events).to.equal(false);
    });

    it('no guest gets the counters while an event elsewhere counts in guests', () => {
      const { global } = host();
      global.others = ELSEWHERE;
      expect(global.perf_create_mediated_pmu()).to.equal(-EBUSY);
      global.others = { ...ELSEWHERE, include_guest_events: 0 };
      expect(global.perf_create_mediated_pmu()).to.equal(0);
    });
  });
});
