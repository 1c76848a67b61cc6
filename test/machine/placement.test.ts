/** Threads and processes that begin, end and are counted on several CPUs. */
import { expect } from 'chai';
import fc from 'fast-check';
import { COLUMN } from '../../src/arch/events.ts';
import { FIRST_THREAD } from '../../src/arch/dso.ts';
import { ProgramError } from '../../src/kernel/futex.ts';
import { ProgramBody } from '../../src/kernel/program.ts';
import { FN, type KernelFunction } from '../../src/kernel/symbols.ts';
import { SyncObjects } from '../../src/kernel/sync-objects.ts';
import type { Task } from '../../src/kernel/task.ts';
import { statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { perfStat, type StatOutcome } from '../../src/tool/perf-stat.ts';
import { ToolTask } from '../../src/tool/tool-task.ts';
import { cycles } from '../../src/units.ts';
import { Threads, act, join, lock, repeat, spawn, syscall, unlock, work } from '../kernel/scripts.ts';
import { Smp, US } from './smp.ts';

const MS = 1000 * US;
const fork = (entry: string) => act({ op: 'fork', entry });
const wait = act({ op: 'wait' });
const sleep = (ns: number) => syscall('nanosleep', { ns });
type Scripts = ConstructorParameters<typeof Threads>[0];

/** perf stat of a program on CPU 0 of so many: what it has counted, and which CPU every thread was on. */
function stat(scripts: Scripts, { cpus = 4, longest = Infinity, timeout = 0 } = {}) {
  const smp = new Smp(cpus, longest);
  const program = new Threads(scripts);
  let outcome: StatOutcome | undefined;
  const evlist = statAttrs(parseEventList(['instructions:u', 'branches:u', 'task-clock'], 'stat'));
  const job = { evlist, executable: program, ...(timeout > 0 && { timeout }) };
  const tool = new ToolTask(smp.cpus[0]!.host, (self) => perfStat(self, job, (done) => (outcome = done)));
  const { system } = smp.cpus[0]!.host;
  const copy = system.copy_process.bind(system);
  const made: Task[] = [];
  system.copy_process = (...args) => {
    const task = copy(...args);
    made.push(task);
    return task;
  };
  let error: string | undefined;
  try {
    smp.group.run(cycles(400 * MS), () => tool.status !== undefined);
  } catch (thrown) {
    if (!(thrown instanceof ProgramError)) throw thrown;
    error = thrown.message;
  }
  const counts = outcome?.run.counts.map(({ val }) => val);
  const times = made.map(({ state, sum_exec_runtime, utime, stime, nvcsw }) => [
    state,
    sum_exec_runtime,
    utime,
    stime,
    nvcsw,
  ]);
  return {
    placed: made.map(({ cpu }) => cpu),
    program,
    counts,
    error,
    status: tool.status,
    seen: { counts, error, times, smp: smp.seen },
  };
}

const worker = repeat(4, work(MS), lock(), work(20_000), unlock());

describe('new threads on several CPUs', () => {
  it('go to the least busy one, and perf stat counts all of them', () => {
    const { placed, program, counts, status } = stat({ main: [...repeat(3, spawn('worker')), work(MS), join], worker });
    expect(status).to.equal(0);
    expect(placed).to.deep.equal([0, 1, 2, 3]);
    expect(counts!.slice(0, 2)).to.deep.equal([COLUMN.instructions, COLUMN.branches].map((one) => program.total(one)));
  });

  it('stay on the CPU that is named, if there is one', () => {
    const main = [...repeat(2, spawn('worker', 2)), spawn('worker', 9), work(MS), join];
    const { placed, program, counts } = stat({ main, worker });
    expect(placed).to.deep.equal([0, 2, 2, 1]);
    expect(counts![0]).to.equal(program.total(COLUMN.instructions));
  });

  it('go on where sched_setaffinity lets them', () => {
    const main = [spawn('worker'), syscall('sched_setaffinity', { cpus: 3 }), work(MS), join];
    const { placed, program, counts } = stat({ main, worker });
    expect(placed).to.deep.equal([3, 1]);
    expect(counts![0]).to.equal(program.total(COLUMN.instructions));
  });

  it('run at once', () => {
    const scripts = { main: [...repeat(3, spawn('worker')), join], worker: [work(12 * MS)] };
    const [four, one] = [stat(scripts), stat(scripts, { cpus: 1 })];
    expect(four.counts!.slice(0, 2)).to.deep.equal(one.counts!.slice(0, 2));
    expect(four.seen.counts![2]).to.be.closeTo(one.seen.counts![2]!, 1e6);
  });

  for (const [what, scripts] of Object.entries({
    'exit_group by one of them': {
      main: [...repeat(3, spawn('worker')), join],
      worker: [...worker, syscall('exit_group', { status: 5 }), work(MS)],
    },
    'the end of main': { main: [...repeat(3, spawn('worker')), work(MS)], worker: [work(60 * MS)] },
  } satisfies Record<string, Scripts>))
    it(`end by ${what}`, () => {
      const { counts, program, status } = stat(scripts);
      expect(status).to.equal(what === 'the end of main' ? 0 : 5);
      expect(counts![0]).to.equal(program.total(COLUMN.instructions));
    });

  it('end by a group exit that interrupts each CPU which has some of them once, and no other', () => {
    const smp = new Smp(6);
    const busy = repeat(1, work(60 * MS));
    const at = (cpu: number) => spawn('worker', cpu);
    const program = new Threads({ main: [at(1), at(1), at(2), at(2), at(2), work(8 * MS + 400 * US)], worker: busy });
    const passes = (fn: KernelFunction) => smp.cpus.map(({ core }) => core.passes[FN[fn]]!);
    const host = smp.cpus[0]!.host;
    const task = host.spawn('main', { run: () => undefined });
    task.program = { executable: program, thread: FIRST_THREAD, objects: new SyncObjects() };
    task.body = new ProgramBody(host, task);
    smp.runTo(8);
    const seen = () => [passes('native_smp_send_reschedule'), passes('scheduler_ipi')];
    const before = seen();
    smp.runTo(80);
    expect(host.system.tasks).to.deep.equal([]);
    const [sent, noticed] = seen().map((all, i) => all.map((n, cpu) => n - before[i]![cpu]!));
    expect(sent![0]).to.equal(2);
    // CPUs with several threads may have kicked the first that is idle, to take some.
    expect(noticed!.slice(4)).to.deep.equal([0, 0]);
  });

  it('end by a signal', () => {
    const { counts, program, status } = stat(
      { main: [...repeat(3, spawn('worker')), join], worker: [work(600 * MS)] },
      { timeout: 9e6 },
    );
    expect(status).to.equal(128 + 15);
    expect(counts![0]).to.equal(program.total(COLUMN.instructions));
  });

  it('that wait for each other are named', () => {
    const { error } = stat({ main: [lock(), spawn('worker'), join], worker: [work(1000), lock()] });
    expect(error).to.equal(
      'deadlock: main (tid 1001) waits for worker (tid 1002) to end; worker (tid 1002) waits for mutex m, held by main (tid 1001)',
    );
  });

  const step = fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 100, max: 400_000 }).map((n) => [work(n)]) },
    { weight: 3, arbitrary: fc.integer({ min: 100, max: 9000 }).map((n) => [lock(), work(n), unlock()]) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 200_000 }).map((ns) => [sleep(ns)]) },
  );
  const some = fc.array(step, { minLength: 1, maxLength: 12 }).map((steps) => steps.flat());
  const family = fc.record({ a: some, b: some, c: some, d: some, n: fc.integer({ min: 1, max: 3 }) });

  it('are the same for any longest window', () => {
    fc.assert(
      fc.property(family, fc.constantFrom(3 * US, 20 * US, 250 * US), ({ a, b, c, d, n }, longest) => {
        const scripts = {
          main: [work(100), ...repeat(n, spawn('parent')), ...a, fork('child'), ...b, join, wait],
          parent: [...c, ...repeat(n, spawn('leaf')), ...d, join],
          // A process that ends kills its threads, and the mutex that one of them holds is never free again.
          child: [...d, ...repeat(n, spawn('leaf')), ...a, join],
          leaf: [...b, ...c],
        };
        const unlimited = stat(scripts);
        expect(unlimited.counts![0]).to.equal(unlimited.program.total(COLUMN.instructions));
        expect(stat(scripts, { longest }).seen).to.deep.equal(unlimited.seen);
      }),
      { numRuns: 20, seed: 13 },
    );
  });
});
