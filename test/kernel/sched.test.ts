/** Tasks, ticks and timers: who runs when, and that every cycle is accounted to somebody. */
import { expect } from 'chai';
import type { Vector } from '../../src/arch/cpu.ts';
import { CYCLES, eventVector } from '../../src/arch/events.ts';
import { FN } from '../../src/kernel/symbols.ts';
import type { Task } from '../../src/kernel/task.ts';
import { cycles } from '../../src/units.ts';
import { fault, func, loop, op, ops, program, syscall, type Node } from '../../src/workload/build.ts';
import { Bench, MS } from './machine.ts';

const code = (...body: readonly Node[]) => program({ name: 'code', about: 'a test', functions: [func('main', body)] });

/** ns of CPU time a task has had, up to when it was last accounted. */
const ran = (bench: Bench, task: Task): number => bench.kernel.nanosOf(task.sum_exec_runtime);
/** Ticks so far. */
const ticks = (bench: Bench): number => bench.kernel.throttled_seq;

/** Counts the interrupts that reach the kernel. */
function countInterrupts(bench: Bench): Record<Vector, number> {
  const seen = { NMI: 0, LOCAL_TIMER: 0, IRQ_WORK: 0, PERF_GUEST_MEDIATED_PMI: 0, RESCHEDULE: 0, CALL_FUNCTION: 0 };
  const { kernel } = bench;
  bench.core.setSoftware({
    interrupt: (vector, regs) => {
      seen[vector]++;
      kernel.interrupt(vector, regs);
    },
    needResched: () => kernel.needResched(),
  });
  return seen;
}

describe('kernel/sched', () => {
  describe('fairness', () => {
    it('gives two busy tasks half each, a slice at a time', () => {
      const bench = new Bench();
      const [a, b] = [bench.spinner(), bench.spinner()];
      bench.pass(1000 * MS);
      // 24 ms of latency make slices of 12 ms, which a tick every 4 ms ends at 12 or 16.
      expect(Math.abs(ran(bench, a) - ran(bench, b))).to.be.lessThan(16.1 * MS);
      expect(bench.kernel.switches).to.be.within(60, 85);
    });

    it('gives ten tasks a tenth each', () => {
      const bench = new Bench();
      const tasks = Array.from({ length: 10 }, () => bench.spinner());
      bench.pass(1000 * MS);
      for (const t of tasks) expect(ran(bench, t)).to.be.within(90 * MS, 110 * MS);
    });

    it("every cycle since the first switch is some task's", () => {
      const bench = new Bench();
      const tasks = [bench.spinner(), bench.spinner(), bench.spinner()];
      bench.pass(100 * MS);
      const total = tasks.reduce((sum, t) => sum + t.sum_exec_runtime, 0);
      const running = bench.core.now() - bench.kernel.current.exec_start;
      const first = total + running;
      bench.pass(100 * MS);
      const then = tasks.reduce((sum, t) => sum + t.sum_exec_runtime, 0);
      const now = bench.core.now() - bench.kernel.current.exec_start;
      expect(then + now - first).to.equal(bench.kernel.cyclesOf(100 * MS));
    });

    it('a long sleep earns half a latency of credit, no more', () => {
      const bench = new Bench();
      const spinner = bench.spinner();
      const sleeper = bench.task(function* (tool) {
        tool.kernel.nanosleep(1000 * MS);
        yield;
        for (;;) yield* tool.user('main', 1e12);
      });
      bench.pass(1000 * MS);
      const before = ran(bench, spinner);
      bench.pass(100 * MS);
      expect(ran(bench, sleeper)).to.be.within(44 * MS, 72 * MS);
      expect(ran(bench, spinner) - before).to.be.within(28 * MS, 56 * MS);
    });

    it('counts no switch from a task to itself', () => {
      const bench = new Bench();
      const task = bench.spinner();
      bench.pass(100 * MS);
      expect([task.nvcsw, task.nivcsw, bench.kernel.switches]).to.deep.equal([0, 0, 1]);
      const other = bench.spinner();
      bench.pass(100 * MS);
      expect(task.nivcsw + other.nivcsw).to.equal(bench.kernel.switches - 1);
    });
  });

  describe('waking up', () => {
    /** Times from a timer to the first instruction of the task that waited for it, beside a busy task. */
    function latencies(nap: number, work: number, beside: boolean): number[] {
      const bench = new Bench();
      const late: number[] = [];
      if (beside) bench.spinner();
      bench.task(function* (tool) {
        for (;;) {
          const start = bench.core.nanos();
          tool.kernel.nanosleep(nap);
          yield;
          late.push(bench.core.nanos() - start - nap);
          yield* tool.user('main', work);
        }
      });
      bench.pass(400 * MS);
      return late;
    }

    it('is a matter of microseconds on an idle CPU', () => {
      const late = latencies(10 * MS, MS, false);
      expect(late).to.have.length.within(35, 37);
      for (const l of late) expect(l).to.be.within(500, 6000);
    });

    it('is not missed by a CPU that is just about to halt', () => {
      for (let ns = 0; ns < 3000; ns += 20) {
        const bench = new Bench();
        let woke = 0;
        bench.task(function* (tool) {
          tool.kernel.nanosleep(ns);
          yield;
          woke = bench.core.nanos();
          return 0;
        });
        bench.pass(MS);
        expect(woke, `a sleep of ${ns} ns`).to.be.within(1, 10_000);
      }
    });

    it('preempts a task that has run well ahead', () => {
      const late = latencies(20 * MS, MS, true);
      expect(late).to.have.length.within(17, 19);
      for (const l of late.slice(1)) expect(l).to.be.within(500, 8000);
    });

    it('waits for a tick if the other is not far enough ahead', () => {
      const late = latencies(MS, 5 * MS, true);
      expect(Math.max(...late)).to.be.greaterThan(2 * MS);
    });

    it('a child that ends wakes its parent', () => {
      const bench = new Bench();
      let seen: [status: number, when: number] | undefined;
      bench.task(function* (tool) {
        const child = yield* tool.perf.fork({ run: () => bench.kernel.do_exit(bench.kernel.current, 3, 'none') });
        let status: number | undefined;
        while ((status = tool.sys.wait4(child)) === undefined) yield;
        seen = [status, bench.core.nanos()];
        return 0;
      });
      bench.pass(5 * MS);
      expect(seen![0]).to.equal(3);
      expect(seen![1]).to.be.lessThan(0.2 * MS);
    });
  });

  describe('a task that waits in the middle of a system call', () => {
    /** Two tasks that wait for so many ns inside a call, the second a little later; when each went on, and at what. */
    const waits = (first: number, second: number): { who: string; at: number }[] => {
      const bench = new Bench();
      const { kernel } = bench;
      const went: { who: string; at: number }[] = [];
      const waiter = (who: string, ns: number, after: number): Task =>
        bench.task(function* (tool) {
          yield* tool.user('main', after);
          kernel.syscall(() => kernel.block(kernel.cyclesOf(ns)));
          went.push({ who, at: kernel.cpu.nanos() });
          for (;;) yield* tool.user('main', 1e12);
        });
      waiter('a', first, 1000);
      waiter('b', second, 1000);
      bench.pass(60 * MS);
      return went;
    };

    it('lets others run, and goes on when it is time', () => {
      const [b, a] = waits(20 * MS, 5 * MS);
      expect([b!.who, a!.who]).to.deep.equal(['b', 'a']);
      expect(b!.at).to.be.within(5 * MS, 5.1 * MS);
      // The other computes by then: a sleeper takes the CPU from it at once.
      expect(a!.at).to.be.within(20 * MS, 24 * MS);
    });

    it('lies below one that came later, and goes on after it', () => {
      const [b, a] = waits(5 * MS, 20 * MS);
      expect([b!.who, a!.who]).to.deep.equal(['b', 'a']);
      expect(b!.at).to.be.within(20 * MS, 20.1 * MS);
      expect(a!.at).to.be.within(20 * MS, 44 * MS);
    });
  });

  describe('ticks', () => {
    it('come HZ times a second while somebody runs', () => {
      for (const hz of [100, 250, 1000]) {
        const bench = new Bench({ hz });
        bench.spinner();
        bench.pass(1000 * MS);
        expect(ticks(bench), `HZ=${hz}`).to.be.within(hz - 1, hz);
      }
    });

    it('stay away while nobody does', () => {
      const bench = new Bench();
      bench.task(function* (tool) {
        yield* tool.user('main', 10 * MS);
        tool.kernel.nanosleep(500 * MS);
        yield;
        yield* tool.user('main', 10 * MS);
        return 0;
      });
      bench.pass(1000 * MS);
      expect(ticks(bench)).to.be.within(4, 6);
      expect(bench.core.idle / bench.core.now()).to.be.within(0.979, 0.981);
      expect(bench.kernel.dead).to.equal(true);
    });

    it('sort time into user and system by what they hit', () => {
      const bench = new Bench();
      const task = bench.exec(code(loop(1e7, [loop(1000, [ops(4, 'alu')]), syscall('brk')])));
      bench.pass(1000 * MS);
      const { utime, stime } = task;
      expect(utime + stime).to.equal(bench.kernel.tick * ticks(bench));
      const user = task.cursor!.totals(eventVector())[CYCLES]! / task.sum_exec_runtime;
      expect(user).to.be.within(0.2, 0.8);
      expect(utime / (utime + stime)).to.be.within(user - 0.08, user + 0.08);
    });

    it('that come too late to count are skipped, not queued', () => {
      const bench = new Bench();
      bench.spinner();
      bench.pass(10 * MS);
      const before = ticks(bench);
      bench.core.irqDisable();
      bench.core.spend(FN.do_execveat_common, 500);
      bench.core.irqEnable();
      // 30 ms without interrupts: one late tick, then the grid again.
      expect(ticks(bench)).to.equal(before + 1);
      bench.pass(4 * MS);
      expect(ticks(bench)).to.equal(before + 2);
    });

    it('and timers that are due together are served by one interrupt', () => {
      const bench = new Bench();
      const seen = countInterrupts(bench);
      let fired = 0;
      for (let i = 0; i < 3; i++) bench.kernel.hrtimer(cycles(bench.core.now() + 1e5), 'timer', () => fired++);
      bench.pass(0.1 * MS);
      expect([fired, seen.LOCAL_TIMER]).to.deep.equal([3, 1]);
    });

    it('a timer re-armed by its handler beside another that is due makes no interrupt of its own', () => {
      const bench = new Bench();
      const seen = countInterrupts(bench);
      const { kernel, core } = bench;
      const fired: string[] = [];
      kernel.hrtimer(cycles(core.now() + 5000), 'timer', (when) => {
        fired.push('first');
        kernel.hrtimer(cycles(when + 1e6), 'timer', () => fired.push('again'));
      });
      kernel.hrtimer(cycles(core.now() + 5000), 'timer', () => fired.push('second'));
      bench.pass(0.1 * MS);
      expect(fired).to.deep.equal(['first', 'second']);
      expect(seen.LOCAL_TIMER).to.equal(1);
    });
  });

  describe('programs', () => {
    it('fault, sleep and exit', () => {
      const bench = new Bench();
      const nap = syscall('nanosleep', { ns: 10 * MS });
      const task = bench.exec(
        code(loop(3, [fault('write'), nap]), ops(100, 'alu'), syscall('exit_group', { status: 7 })),
      );
      bench.pass(100 * MS);
      expect([task.state, task.exit_code, task.min_flt]).to.deep.equal(['dead', 7, 3]);
      expect([task.nvcsw, task.nivcsw]).to.deep.equal([4, 0]);
      expect(bench.kernel.nanosOf(bench.core.idle)).to.be.within(99.5 * MS, 100 * MS);
    });

    it('end with 0 when their code ends', () => {
      const bench = new Bench();
      const task = bench.exec(code(op('alu')));
      bench.pass(MS);
      expect([task.state, task.exit_code, task.comm]).to.deep.equal(['dead', 0, 'code']);
    });

    it('die of a signal at once, asleep or not', () => {
      const bench = new Bench();
      const busy = bench.exec(code(loop(1e9, [op('alu')])));
      const asleep = bench.exec(code(syscall('nanosleep', { ns: 1e12 })));
      bench.pass(5 * MS);
      for (const task of [busy, asleep]) bench.kernel.kill(task, 2);
      bench.pass(20 * MS);
      expect([busy, asleep].map((t) => [t.state, t.exit_code])).to.deep.equal([
        ['dead', 130],
        ['dead', 130],
      ]);
      expect(bench.kernel.dead).to.equal(true);
    });
  });
});
