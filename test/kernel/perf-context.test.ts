/** Which events are on the PMU, in which order they yield, and what their times say about it. */
import { expect } from 'chai';
import { PERF_EVENT_STATE, type PerfEvent } from '../../src/kernel/perf-event.ts';
import { startWatchdog } from '../../src/kernel/watchdog.ts';
import { hertz } from '../../src/units.ts';
import { PMC_IDX_FIXED } from '../../src/arch/msr.ts';
import { Bench, MS } from './machine.ts';

/** The letter's six events: five for general-purpose counters only, two of which are one hardware event, and cycles. */
const SIX = 'branches,cycles,L1-icache-load-misses,branch-misses,branch-loads,dTLB-load-misses';
const LETTERS = 'BCIMLD';
const FOUR = 'branches,branch-misses,L1-dcache-loads,L1-dcache-stores';

const { ACTIVE, INACTIVE, ERROR, OFF } = PERF_EVENT_STATE;
const states = (events: readonly PerfEvent[]): PerfEvent['state'][] => events.map((e) => e.state);
/** Percent of the time it was enabled that an event was on a counter. */
const share = ({ ena, run }: { ena: number; run: number }): number => (100 * run) / ena;

describe('kernel/perf-context', () => {
  describe('multiplexing', () => {
    /** Who is on the PMU, in the order they were tried, before and after each of so many rotations. */
    function pattern(bench: Bench, events: readonly PerfEvent[], rotations: number): string[] {
      const on = (): string => {
        const { ctx } = events[0]!;
        return ctx.flexible_active.map((e) => LETTERS[events.indexOf(e)]).join('');
      };
      bench.pass(0.1 * MS);
      const seen = [on()];
      for (let i = 0; i < rotations; i++) {
        const before = bench.kernel.perf.rotations;
        while (bench.kernel.perf.rotations === before) bench.pass(0.1 * MS);
        seen.push(on());
      }
      return seen;
    }

    it('rotates six events over five counters in six steps', () => {
      const bench = new Bench();
      const events = bench.open(SIX, bench.spinner());
      const round = ['BCIML', 'CIMLD', 'IMLD', 'MLDBC', 'LDBCI', 'DBCIM'];
      expect(pattern(bench, events, 12)).to.deep.equal([...round, ...round, 'BCIML']);
    });

    it('gives branches two thirds of the time and every other event five sixths', () => {
      const bench = new Bench();
      const events = bench.open(SIX, bench.spinner());
      bench.pass(600 * MS);
      const shares = events.map((e) => share(bench.sys.read(e)));
      expect(shares[0]).to.be.within(66.3, 67);
      for (const s of shares.slice(1)) expect(s).to.be.within(83, 83.7);
    });

    it('with the NMI watchdog on the fixed counter, everyone gets four sixths', () => {
      const bench = new Bench();
      startWatchdog(bench.kernel, hertz(2.2e9));
      const events = bench.open(SIX, bench.spinner());
      bench.pass(600 * MS);
      for (const e of events) expect(share(bench.sys.read(e)), `event ${e.id}`).to.be.within(66.2, 67.2);
    });

    it('needs no timer and no rotation while everything fits', () => {
      const bench = new Bench();
      const [task, other] = [bench.spinner(), bench.spinner()];
      const events = bench.open(`${FOUR},cycles,instructions,ref-cycles`, task);
      bench.open('cycles', other);
      bench.pass(200 * MS);
      expect(bench.kernel.perf.rotations).to.equal(0);
      for (const e of events) {
        const { ena, run } = bench.sys.read(e);
        expect(run, `event ${e.id}`)
          .to.equal(ena)
          .and.to.be.within(90 * MS, 110 * MS);
      }
    });

    it('gives every event its turn for a task that runs a millisecond at a time, too', () => {
      const bench = new Bench();
      const napper = bench.task(function* (tool) {
        for (;;) {
          yield* tool.user('main', MS);
          tool.kernel.nanosleep(5.3 * MS);
          yield;
        }
      });
      const events = bench.open(SIX, napper);
      bench.pass(1500 * MS);
      const shares = events.map((e) => share(bench.sys.read(e)));
      for (const s of shares) expect(s).to.be.within(55, 95);
    });

    describe('when the first event to turn to does not fit', () => {
      const stuck = (release: string): number[] => {
        const bench = new Bench({ release });
        const task = bench.spinner();
        bench.open('branch-misses', task, { attr: { pinned: true } });
        bench.open(FOUR, task, { group: true });
        const [last] = bench.open('branches', task);
        bench.pass(100 * MS);
        const { ena, run } = bench.sys.read(last!);
        return [Math.round(ena / MS), Math.round(run / MS)];
      };
      it('a 5.0 kernel never turns', () => expect(stuck('5.0.0')).to.deep.equal([100, 0]));
      it('from 5.6 on it does', () => {
        const [ena, run] = stuck('5.6.0');
        expect(ena).to.equal(100);
        expect(run).to.be.within(45, 99);
      });
    });
  });

  describe('pinned events', () => {
    it('go before flexible ones that were there first', () => {
      const bench = new Bench();
      const task = bench.spinner();
      const flexible = bench.open(FOUR, task);
      bench.pass(MS);
      expect(states(flexible)).to.deep.equal([ACTIVE, ACTIVE, ACTIVE, ACTIVE]);
      const [pinned] = bench.open('cache-misses', task, { attr: { pinned: true } });
      bench.pass(MS);
      expect(pinned!.state).to.equal(ACTIVE);
      expect(states(flexible).filter((s) => s === ACTIVE)).to.have.length(3);
      bench.pass(100 * MS);
      const { ena, run } = bench.sys.read(pinned!);
      expect(run).to.equal(ena);
    });

    it('are in error if they find no counter, until they are enabled again; reads return nothing', () => {
      const bench = new Bench();
      const task = bench.spinner();
      const attr = { pinned: true };
      const four = bench.open(FOUR, task, { attr });
      const [fifth] = bench.open('cache-misses', task, { attr });
      bench.pass(20 * MS);
      expect(states([...four, fifth!])).to.deep.equal([ACTIVE, ACTIVE, ACTIVE, ACTIVE, ERROR]);
      expect(bench.sys.read(fifth!)).to.include({ val: 0, ena: 0, run: 0 });
      bench.sys.close(four[0]!);
      bench.pass(20 * MS);
      expect(fifth!.state).to.equal(ERROR);
      bench.sys.enable(fifth!);
      bench.pass(MS);
      expect(fifth!.state).to.equal(ACTIVE);
    });
  });

  describe('exclusive groups', () => {
    it('share the PMU with no other event: the first to come stays', () => {
      const first = (exclusive: readonly boolean[]): boolean[] => {
        const bench = new Bench();
        const task = bench.spinner();
        const [a] = bench.open('instructions', task, { attr: { exclusive: exclusive[0]! } });
        const [b] = bench.open('branches', task, { attr: { exclusive: exclusive[1]! } });
        const [clock] = bench.open('task-clock', task);
        bench.pass(50 * MS);
        return [a!, b!, clock!].map((e) => e.total_time_running > 0 || bench.sys.read(e).run > 0);
      };
      expect(first([true, false])).to.deep.equal([true, false, true]);
      expect(first([false, true])).to.deep.equal([true, false, true]);
      expect(first([false, false])).to.deep.equal([true, true, true]);
    });
  });

  describe('groups', () => {
    it('are on the PMU as a whole or not at all', () => {
      const bench = new Bench();
      const task = bench.spinner();
      const three = bench.open('branches,branch-misses,cache-misses', task, { group: true });
      const two = bench.open('L1-dcache-loads,L1-dcache-stores', task, { group: true });
      const seen = new Set<string>();
      for (let i = 0; i < 100; i++) {
        bench.pass(MS);
        expect(new Set(states(three)).size, 'group of three').to.equal(1);
        expect(new Set(states(two)).size, 'group of two').to.equal(1);
        seen.add(`${three[0]!.state}${two[0]!.state}`);
      }
      expect([...seen].toSorted()).to.deep.equal([`${INACTIVE}${ACTIVE}`, `${ACTIVE}${INACTIVE}`]);
      const [a, b] = [three, two].map((g) => g.map((e) => bench.sys.read(e)));
      // A read takes half a microsecond, so that the third member is read one later than the first.
      for (const r of a!) expect(r.run - a![0]!.run, 'members run for the same time').to.be.within(0, 3000);
      expect(share(a![0]!)).to.be.within(45, 55);
      expect(share(b![1]!)).to.be.within(45, 55);
    });

    it('that could never fit are refused', () => {
      const bench = new Bench();
      const task = bench.spinner();
      const five = `${FOUR},cache-misses`;
      expect(() => bench.open(five, task, { group: true })).to.throw('cache-misses: errno 22');
      expect(() => bench.open(`cycles,instructions,ref-cycles,${FOUR}`, task, { group: true })).to.not.throw();
      expect(() => bench.open('r0148,r08a3', task, { group: true }), 'both want counter 2').to.throw('r08a3: errno 22');
    });

    it('led by a software event move to the hardware with their first hardware member', () => {
      const bench = new Bench();
      const task = bench.spinner();
      const group = bench.open('context-switches,branches,cycles', task, { group: true });
      bench.pass(20 * MS);
      expect(group.map((e) => e.ctx.kind)).to.deep.equal(['hw', 'hw', 'hw']);
      expect(states(group)).to.deep.equal([ACTIVE, ACTIVE, ACTIVE]);
      const [, branches, cycles] = group.map((e) => bench.sys.read(e));
      expect(branches!.val).to.be.greaterThan(1e6);
      expect(cycles!.ena).to.equal(cycles!.run);
    });

    it('led by a hardware event carry software members along', () => {
      const bench = new Bench();
      const [task, other] = [bench.spinner(), bench.spinner()];
      const [cycles, switches] = bench.open('cycles,context-switches', task, { group: true });
      bench.pass(100 * MS);
      expect(switches!.ctx).to.equal(cycles!.ctx);
      expect(bench.sys.read(switches!).val).to.be.within(3, 9);
      expect(other.sum_exec_runtime).to.be.greaterThan(0);
    });

    it('with a software leader are not tried once a hardware group has found no room', () => {
      const bench = new Bench();
      const task = bench.spinner();
      const four = bench.open(FOUR, task, { group: true });
      const blocked = bench.open('cache-misses,cache-references', task, { group: true });
      const mixed = bench.open('context-switches,cycles', task, { group: true });
      const software = bench.open('page-faults,task-clock', task, { group: true });
      bench.pass(MS);
      // cycles has its own fixed counter, but after a group that did not fit the kernel tries no further hardware
      // event.
      const on = [four, blocked, mixed, software].map(([leader]) => leader!.state === ACTIVE);
      expect(on).to.deep.equal([true, false, false, true]);
      bench.pass(40 * MS);
      expect(share(bench.sys.read(mixed[1]!))).to.be.within(60, 75);
    });

    it('stop the clocks of all members while the leader is off', () => {
      const bench = new Bench();
      const task = bench.spinner();
      const [leader] = bench.open('cycles', task, { attr: { disabled: true } });
      const attr = { ...leader!.attr, config: 1, disabled: false };
      const member = bench.sys.perf_event_open(attr, { task, cpu: -1, group_leader: leader }) as PerfEvent;
      bench.pass(10 * MS);
      expect([leader!.state, member.state]).to.deep.equal([OFF, INACTIVE]);
      bench.sys.enable(leader!);
      bench.pass(10 * MS);
      const [a, b] = [leader!, member].map((e) => bench.sys.read(e));
      expect(b!.ena - a!.ena).to.be.within(0, 1000);
      expect(b!.run)
        .to.equal(b!.ena)
        .and.to.be.within(9 * MS, 11 * MS);
      bench.sys.disable(leader!);
      const off = bench.sys.read(member);
      bench.pass(10 * MS);
      expect(bench.sys.read(member)).to.deep.equal(off);
    });

    it('whose leader is closed go on as events of their own', () => {
      const bench = new Bench();
      const task = bench.spinner();
      const [leader, member] = bench.open('branches,branch-misses', task, { group: true });
      bench.pass(MS);
      bench.sys.close(leader!);
      const before = bench.sys.read(member!);
      bench.pass(10 * MS);
      const after = bench.sys.read(member!);
      expect(after.run - before.run).to.be.within(9 * MS, 11 * MS);
      expect(member!.group_leader).to.equal(member);
    });
  });

  describe('times', () => {
    it('an event of a sleeping task stands still', () => {
      const bench = new Bench();
      const task = bench.task(function* (tool) {
        yield* tool.user('main', 2 * MS);
        tool.kernel.nanosleep(50 * MS);
        yield;
        for (;;) yield* tool.user('main', 1e12);
      });
      const [cycles, clock] = bench.open('cycles:u,task-clock', task);
      bench.pass(20 * MS);
      const [a, b] = [cycles!, clock!].map((e) => bench.sys.read(e));
      bench.pass(20 * MS);
      expect([cycles!, clock!].map((e) => bench.sys.read(e))).to.deep.equal([a, b]);
      expect(a!.val).to.equal(5_600_000);
      expect(a!.ena).to.be.within(2 * MS, 2.1 * MS);
    });

    it('a read brings a running event up to now', () => {
      const bench = new Bench();
      const reads: { val: number; ena: number; run: number }[] = [];
      const task = bench.task(function* (tool) {
        for (;;) {
          yield* tool.user('main', MS);
          reads.push(tool.sys.read(own!));
        }
      });
      const [own] = bench.open('cycles:u', task);
      bench.pass(5.2 * MS);
      reads.forEach(({ val, ena, run }, i) => {
        expect(val).to.equal(2_800_000 * (i + 1));
        expect(run)
          .to.equal(ena)
          .and.to.be.within(MS * (i + 1), 1.02 * MS * (i + 1));
      });
      expect(reads).to.have.length(5);
    });

    it('are kept when the task has ended', () => {
      const bench = new Bench();
      const task = bench.task(function* (tool) {
        yield* tool.user('main', 3 * MS);
        return 0;
      });
      const [cycles] = bench.open('cycles:u', task);
      bench.pass(20 * MS);
      expect(task.state).to.equal('dead');
      expect(cycles!.state).to.equal(PERF_EVENT_STATE.EXIT);
      const { val, ena, run } = bench.sys.read(cycles!);
      expect(val).to.equal(8_400_000);
      expect(run)
        .to.equal(ena)
        .and.to.be.within(3 * MS, 3.1 * MS);
    });
  });

  it('the watchdog has the fixed counter, cycles of the user a general-purpose one', () => {
    const bench = new Bench();
    const task = bench.spinner();
    const [before] = bench.open('cycles', task);
    bench.pass(MS);
    expect(before!.hw.idx).to.equal(PMC_IDX_FIXED + 1);
    bench.sys.close(before!);
    startWatchdog(bench.kernel, hertz(2.2e9));
    const [after] = bench.open('cycles', task);
    bench.pass(MS);
    expect(after!.hw.idx).to.equal(0);
    expect(bench.kernel.log.map((l) => l.text)).to.deep.equal([
      'NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.',
    ]);
  });

  it('events confined to other CPUs are opened and never run', () => {
    const bench = new Bench({ nrCpus: 4 });
    const task = bench.spinner();
    const events = [0, 1, 2, 3].flatMap((cpu) => bench.open('cycles', task, { cpu }));
    bench.pass(10 * MS);
    const reads = events.map((e) => bench.sys.read(e));
    expect(reads.map((r) => r.val > 0)).to.deep.equal([true, false, false, false]);
    expect(reads.map((r) => r.run > 0)).to.deep.equal([true, false, false, false]);
    expect(bench.kernel.perf.rotations).to.equal(0);
  });
});
