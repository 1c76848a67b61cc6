/** perf stat as a task: exact counts, honest times, and readings in between. */
import { expect } from 'chai';
import { CYCLES, INSTRUCTIONS, COLUMN, eventVector } from '../../src/arch/events.ts';
import type { KernelConfig } from '../../src/kernel/config.ts';
import { startWatchdog } from '../../src/kernel/watchdog.ts';
import { statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { StatCount, StatRead } from '../../src/results/stat.ts';
import { OpenError } from '../../src/tool/perf-record.ts';
import { perfStat, type StatJob, type StatOutcome } from '../../src/tool/perf-stat.ts';
import { ToolTask } from '../../src/tool/tool-task.ts';
import { hertz } from '../../src/units.ts';
import { branch, fault, func, loop, ops, program, syscall, type Node, type Program } from '../../src/workload/build.ts';
import { Bench, MS, executableOf } from '../kernel/machine.ts';

const code = (...body: readonly Node[]): Program =>
  program({ name: 'code', about: 'a test', functions: [func('main', body)] });
const busy = (rounds: number): Node => loop(rounds, [ops(40, 'alu')]);
const nap = (ns: number): Node => syscall('nanosleep', { ns });

interface Options {
  readonly config?: Partial<KernelConfig>;
  readonly interval?: number;
  readonly timeout?: number;
  readonly watchdog?: boolean;
  /** Another task that wants the CPU. */
  readonly rival?: boolean;
}
interface Counted extends StatOutcome {
  readonly bench: Bench;
  readonly readings: readonly { time: number; counts: readonly StatCount[] }[];
}

function stat(what: Program, events: string, o: Options = {}): Counted {
  const bench = new Bench(o.config);
  if (o.watchdog === true) startWatchdog(bench.kernel, hertz(2.2e9));
  if (o.rival === true) bench.spinner();
  const readings: { time: number; counts: readonly StatCount[] }[] = [];
  const report = (time: number, { counts }: Pick<StatRead, 'counts'>): void => void readings.push({ time, counts });
  const job: StatJob = {
    evlist: statAttrs(parseEventList([events], 'stat')),
    executable: executableOf(what),
    ...(o.interval === undefined ? {} : { interval: { ns: o.interval, report } }),
    ...(o.timeout === undefined ? {} : { timeout: o.timeout }),
  };
  let outcome: StatOutcome | undefined;
  const tool: ToolTask = new ToolTask(bench.kernel, (t) => perfStat(t, job, (result) => (outcome = result)));
  for (let i = 0; i < 1000 && tool.status === undefined; i++) bench.pass(10 * MS);
  return { ...outcome!, bench, readings };
}

/** All a program retires, by running it through at once. */
function truth(what: Program): Float64Array {
  const cursor = executableOf(what).start();
  cursor.arm([CYCLES]);
  cursor.advance(new Float64Array([Infinity]));
  return cursor.totals(eventVector());
}

describe('tool/perf-stat', () => {
  const mixed = code(
    loop(200_000, [ops(10, 'alu'), branch(0.3, [ops(7, 'load')], [ops(3, 'mul')], { mispredict: 0.1 })]),
    loop(50, [fault('write'), syscall('brk')]),
  );

  it('counts in ring 3 are those of the execution, to the last one', () => {
    const exact = truth(mixed);
    const { run } = stat(mixed, 'instructions:u,branches:u,branch-misses:u,L1-dcache-loads:u');
    expect(run.counts.map((c) => c.val)).to.deep.equal(
      [INSTRUCTIONS, COLUMN.branches, COLUMN['branch-misses'], COLUMN['L1-dcache-loads']].map((c) => exact[c]),
    );
    for (const c of run.counts) expect(c.run).to.equal(c.ena);
  });

  it('and the same beside a task that takes the CPU away', () => {
    const what = code(busy(12_000_000));
    const [alone, beside] = [stat(what, 'instructions:u'), stat(what, 'instructions:u', { rival: true })];
    expect(beside.run.counts[0]!.val).to.equal(alone.run.counts[0]!.val);
    expect(beside.run.elapsed).to.be.greaterThan(1.2 * alone.run.elapsed);
  });

  it('user and kernel make the whole', () => {
    const { run } = stat(mixed, 'instructions,instructions:u,instructions:k');
    const [all, user, kernel] = run.counts.map((c) => c.val);
    // Each is stopped and started by an access of its own.
    expect(user! + kernel! - all!).to.be.within(-2000, 2000);
    expect(kernel).to.be.greaterThan(50_000);
  });

  it('events that take turns are scaled to within a few percent', () => {
    const what = code(busy(12_000_000));
    const exact = truth(what);
    const six = 'branches:u,branch-misses:u,L1-dcache-loads:u,L1-dcache-stores:u,instructions:u,instructions:u';
    const { run } = stat(what, six);
    const [branches, , , , instructions] = run.counts;
    for (const [count, column] of [
      [branches!, COLUMN.branches],
      [instructions!, INSTRUCTIONS],
    ] as const) {
      expect(count.run).to.be.lessThan(count.ena);
      expect((count.val * count.ena) / count.run / exact[column]!).to.be.within(0.97, 1.03);
    }
  });

  it('a group begins and ends as one', () => {
    const { run } = stat(code(busy(1_000_000)), '{cycles,instructions,branches}');
    const [first] = run.counts;
    for (const { ena, run: ran } of run.counts) expect([ena, ran]).to.deep.equal([first!.ena, first!.run]);
    expect(first!.run).to.equal(first!.ena);
  });

  it('counts begin at exec, not at fork', () => {
    const { run } = stat(code(ops(1, 'alu')), 'task-clock,instructions:u,page-faults');
    const [clock, instructions] = run.counts;
    expect(clock!.val).to.be.lessThan(0.1 * MS);
    expect(instructions!.val).to.be.lessThan(5);
  });

  it('refuses what cannot be counted and counts the rest', () => {
    const { run } = stat(code(busy(1000)), 'stalled-cycles-frontend,cycles:p,instructions:u');
    expect(run.counts.map((c) => c.supported)).to.deep.equal([false, false, true]);
    expect(run.counts[0]).to.include({ val: 0, ena: 0, run: 0 });
  });

  describe('groups', () => {
    const FIVE = 'branches,branch-misses,cache-misses,cache-references,r412e';
    const nothing = { val: 0, ena: 0, run: 0 };

    it('that lack a member are not read, whatever the kernel counted', () => {
      const { run } = stat(code(busy(1000)), '{task-clock,stalled-cycles-frontend,page-faults},instructions:u');
      const [clock, refused, faults, alone] = run.counts;
      expect(clock).to.deep.equal({ ...nothing, supported: true, unread: true });
      expect(refused).to.deep.equal({ ...nothing, supported: false });
      expect(faults).to.deep.equal(clock);
      expect(alone!.val).to.be.greaterThan(1000);
    });

    it('that are larger than the PMU are not read either', () => {
      const { run } = stat(code(busy(1000)), `{${FIVE}}`);
      expect(run.counts.map((c) => c.supported)).to.deep.equal([true, true, true, true, false]);
      for (const { val, ena, run: ran } of run.counts) expect({ val, ena, run: ran }).to.deep.equal(nothing);
    });

    it('need their leader', () => {
      expect(() => stat(code(busy(1000)), 'cycles,{LLC-stores,cycles}')).to.throw(OpenError, 'LLC-stores');
      expect(stat(code(busy(1000)), '{LLC-stores}').run.counts).to.deep.equal([{ ...nothing, supported: false }]);
    });

    it('are broken up if they are weak: each event is counted, by turns', () => {
      const what = code(busy(12_000_000));
      const { run, evlist } = stat(what, `cycles,{${FIVE}}:W`);
      expect(evlist.map((e) => [e.leader, e.groupName])).to.deep.equal([0, 1, 2, 3, 4, 5].map((i) => [i, undefined]));
      for (const { supported, ena, run: ran } of run.counts.slice(1)) {
        expect(supported).to.equal(true);
        expect(ran).to.be.within(1, ena - 1);
      }
      const { val, ena, run: ran } = run.counts[1]!;
      expect((val * ena) / ran / truth(what)[COLUMN.branches]!).to.be.within(0.9, 1.1);
    });

    it('stay together if they are weak and fit', () => {
      const { run, evlist } = stat(code(busy(1000)), '{cycles,branches}:W');
      expect(evlist.map((e) => e.leader)).to.deep.equal([0, 0]);
      for (const { ena, run: ran } of run.counts) expect(ran).to.equal(ena);
    });

    it('that are weak break up at what is refused, too, and still need their leader', () => {
      const { run, evlist } = stat(
        code(busy(1000)),
        '{cycles,r412e,branches,branch-misses,cache-misses,r4f2e,LLC-stores}:W',
      );
      expect(new Set(evlist.map((e) => e.leader)).size).to.equal(7);
      expect(run.counts.map((c) => c.supported)).to.deep.equal([true, true, true, true, true, true, false]);
      expect(() => stat(code(busy(10)), '{LLC-stores,cycles}:W')).to.throw(OpenError, 'LLC-stores');
    });
  });

  it('a paranoid kernel lets it count ring 3 only, and the names say so', () => {
    const { evlist, run } = stat(mixed, 'instructions,branches:u,task-clock', { config: { perf_event_paranoid: 2 } });
    expect(evlist.map((e) => e.name)).to.deep.equal(['instructions:u', 'branches:u', 'task-clock:u']);
    expect(run.counts[0]!.val).to.equal(truth(mixed)[INSTRUCTIONS]);
  });

  it('the watchdog costs a counter: six events run two thirds of the time', () => {
    const six = 'branches,cycles,L1-icache-load-misses,branch-misses,branch-loads,dTLB-load-misses';
    const { run } = stat(code(busy(60_000_000)), six, { watchdog: true });
    for (const { ena, run: ran } of run.counts) expect((100 * ran) / ena).to.be.within(65, 69);
  });

  describe('times', () => {
    it('of a busy program: elapsed is a little more than user and system', () => {
      const { run } = stat(code(busy(30_000_000)), 'task-clock');
      const { elapsed, user, sys, counts } = run;
      expect(user + sys).to.be.within(0.99 * elapsed, elapsed);
      expect(counts[0]!.val).to.be.within(0.998 * (user + sys), user + sys);
      expect(sys).to.be.lessThan(0.05 * user);
    });

    it('of a sleeper: elapsed is the sleep, the rest next to nothing', () => {
      const { run } = stat(code(nap(40 * MS), nap(60 * MS)), 'task-clock,cycles:u');
      expect(run.elapsed).to.be.within(100.1 * MS, 100.6 * MS);
      expect(run.user + run.sys).to.be.lessThan(MS);
      expect(run.counts[0]!.run).to.equal(run.counts[0]!.val);
    });

    it('of a program in the kernel: mostly system', () => {
      const { run } = stat(code(loop(400_000, [syscall('read')])), 'task-clock');
      expect(run.sys / (run.sys + run.user)).to.be.greaterThan(0.9);
    });
  });

  describe('readings in between', () => {
    it('come at the interval, cumulative and never falling, the last before the end', () => {
      const what = code(busy(30_000_000));
      const { readings, run } = stat(what, 'cycles:u,instructions:u', { interval: 10 * MS });
      expect(readings).to.have.length(11);
      readings.forEach(({ time, counts }, i) => {
        expect(time).to.be.within(10 * (i + 1) * MS, (10 * (i + 1) + 13) * MS);
        const before = readings[i - 1]?.counts ?? counts.map(() => ({ val: 0, ena: 0, run: 0 }));
        counts.forEach((c, k) => {
          expect(c.val).to.be.greaterThan(before[k]!.val);
          expect(c.ena).to.be.greaterThan(before[k]!.ena);
        });
      });
      const last = readings.at(-1)!;
      expect(last.time).to.be.lessThan(run.elapsed);
      last.counts.forEach((c, k) => expect(c.val).to.be.at.most(run.counts[k]!.val));
      expect(run.counts[1]!.val).to.equal(truth(what)[INSTRUCTIONS]);
    });

    it('go on while the program sleeps', () => {
      const { readings } = stat(code(nap(55 * MS)), 'instructions:u', { interval: 10 * MS });
      expect(readings).to.have.length(5);
      expect(new Set(readings.map((r) => r.counts[0]!.val)).size).to.equal(1);
    });

    it('do not come if the program ends first', () => {
      expect(stat(code(busy(1000)), 'cycles', { interval: 10 * MS }).readings).to.deep.equal([]);
    });
  });

  it('ends a program that takes too long', () => {
    const { run } = stat(code(busy(1e9)), 'instructions:u', { timeout: 50 * MS });
    expect(run.status).to.equal(143);
    expect(run.elapsed).to.be.within(50 * MS, 51 * MS);
    expect(run.counts[0]!.val).to.be.greaterThan(1e8);
  });

  it('passes the exit status on', () => {
    expect(stat(code(syscall('exit_group', { status: 42 })), 'cycles').run.status).to.equal(42);
  });
});
