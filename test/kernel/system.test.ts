/** Several CPUs of one boot: what they share and what is per CPU. */
import { expect } from 'chai';
import { Core } from '../../src/hw/core.ts';
import { EINVAL } from '../../src/kernel/errno.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import type { PerfEvent } from '../../src/kernel/perf-event.ts';
import { PerfSyscalls } from '../../src/kernel/perf-syscalls.ts';
import { System } from '../../src/kernel/system.ts';
import type { Task } from '../../src/kernel/task.ts';
import { stream } from '../../src/sim/rng.ts';
import { ToolTask } from '../../src/tool/tool-task.ts';
import { PERF_RECORD, type PerfEventAttr, type SampleRecord } from '../../src/uapi/perf-event.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { cycles, type Nanos } from '../../src/units.ts';
import { BROADWELL, CONFIG, CPU0, MS } from './machine.ts';

const [CYCLES] = parseEventList(['cycles:u'], 'stat');

/** Two CPUs, each on a core of its own. */
class Pair {
  readonly system = new System({ ...CONFIG, nrCpus: 2 });
  readonly cpus = [this.#cpu(0), this.#cpu(1)] as const;

  #cpu(number: number): Kernel {
    const core = new Core(BROADWELL, stream('test', `core=${number}/skid`));
    const kernel = new Kernel(this.system, core, { ...CPU0, number });
    core.setSoftware(kernel);
    kernel.boot();
    return kernel;
  }

  /** Lets so many nanoseconds pass on both. */
  pass(ns: number): void {
    for (const kernel of this.cpus) kernel.run(cycles(kernel.cpu.now() + kernel.cyclesOf(ns)));
  }
}

const spinner = (kernel: Kernel): Task =>
  new ToolTask(kernel, function* (tool) {
    for (;;) yield* tool.user('main', 1e12);
  }).task;

function open(kernel: Kernel, task: Task | undefined, cpu: number, attr: Partial<PerfEventAttr> = {}): PerfEvent {
  const wanted = { ...CYCLES!.attr, disabled: false, ...attr };
  const event = new PerfSyscalls(kernel).perf_event_open(wanted, { task, cpu, group_leader: undefined });
  if (typeof event === 'number') throw new Error(`errno ${-event}`);
  return event;
}

describe('kernel/system', () => {
  it('gives every task a pid and every event an id of its own, wherever it is made', () => {
    const { system, cpus } = new Pair();
    const tasks = [0, 1, 1, 0].map((i) => spinner(cpus[i]!));
    expect(tasks.map(({ pid }) => pid)).to.deep.equal([1000, 1001, 1002, 1003]);
    expect(system.tasks).to.deep.equal(tasks);
    const events = [0, 1, 1, 0].map((i, n) => open(cpus[i]!, tasks[n], -1));
    expect(new Set(events.map(({ id }) => id)).size).to.equal(4);
  });

  it('knows who comes from a task, and what threads share, until they end', () => {
    const { system, cpus } = new Pair();
    const parent = spinner(cpus[1]);
    const idle = { run: () => undefined };
    expect(system.descendants(parent)).to.deep.equal([]);
    const child = system.copy_process(parent, 'child', idle);
    const thread = system.copy_process(child, 'child', idle, true);
    const grandchild = system.copy_process(thread, 'child', idle);
    expect([child, thread, grandchild].map(({ pid, tgid }) => [pid, tgid])).to.deep.equal([
      [1001, 1001],
      [1002, 1001],
      [1003, 1003],
    ]);
    expect(system.descendants(parent)).to.deep.equal([child, thread, grandchild]);
    expect(system.descendants(child)).to.deep.equal([grandchild]);
    expect([child.parent, thread.parent, grandchild.parent]).to.deep.equal([parent, parent, thread]);
    expect(thread.mm).to.equal(child.mm);
    expect(grandchild.mm).not.to.equal(child.mm);
    for (const task of [thread, grandchild, child]) system.release_task(task);
    expect(system.descendants(parent)).to.deep.equal([]);
    expect(system.tasks).to.deep.equal([parent]);
  });

  it('long PMIs on one CPU lower the limit of both as soon as the other learns of it; average and log are its own', () => {
    const { cpus } = new Pair();
    const [slow, other] = cpus;
    const sampling = { sample_period: 50_000, freq: true };
    expect(() => open(other, spinner(other), -1, sampling)).not.to.throw();
    slow.running_sample_length = 128 * 8800;
    slow.rate.sample_event_took(8800 as Nanos);
    expect(slow.sysctl.sysctl_perf_event_sample_rate).to.equal(22_500);
    expect(() => open(other, spinner(other), -1, sampling)).not.to.throw();
    other.sysctl.takeOver(slow.sysctl);
    expect(() => open(other, spinner(other), -1, sampling)).to.throw(`errno ${EINVAL}`);
    expect([slow, other].map(({ rate }) => rate.averagePmi)).to.deep.equal([8800, 0]);
    expect([slow, other].map(({ log }) => log.length)).to.deep.equal([1, 0]);
  });

  it('ticks, tasks and counters of one CPU are not those of the other', () => {
    const pair = new Pair();
    const [first, second] = pair.cpus;
    const event = open(second, spinner(second), -1);
    pair.pass(40 * MS);
    expect(second.current).to.equal(event.task);
    expect(first.current).to.equal(first.idle);
    expect(event.hw.last_cpu).to.equal(1);
    expect([...second.cpu_hw_events.events.values()]).to.deep.equal([event]);
    expect(first.cpu_hw_events.n_events).to.equal(0);
    // An idle CPU stops its tick after the first.
    expect(second.throttled_seq - first.throttled_seq).to.be.within(8, 10);
  });

  it("samples say which CPU they were taken on, and a CPU's events are on that one", () => {
    const pair = new Pair();
    const events = pair.cpus.map((kernel) => {
      spinner(kernel);
      const event = open(kernel, undefined, kernel.number, { sample_period: 1_000_000, freq: false });
      new PerfSyscalls(kernel).mmap(event, 16);
      return event;
    });
    pair.pass(10 * MS);
    for (const [number, event] of events.entries()) {
      const { records } = event.rb!.drain();
      const samples = records.filter((r): r is SampleRecord => r.type === PERF_RECORD.SAMPLE);
      expect(samples.length).to.be.greaterThan(5);
      expect(new Set(samples.map(({ cpu }) => cpu))).to.deep.equal(new Set([number]));
    }
  });

  it("an event on a task that is confined to one CPU does not count on another's", () => {
    const pair = new Pair();
    const [, second] = pair.cpus;
    const task = spinner(second);
    const confined = [0, 1].map((cpu) => open(second, task, cpu));
    pair.pass(10 * MS);
    const [elsewhere, here] = confined.map((event) => new PerfSyscalls(second).read(event));
    expect(elsewhere!.val).to.equal(0);
    expect(here!.val).to.be.greaterThan(1e6);
  });
});
