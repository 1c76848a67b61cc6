/** Which CPU a thread goes to, where CPUs are hardware threads of cores. */
import { expect } from 'chai';
import { select_fork, select_wake } from '../../src/kernel/select-task-rq.ts';
import { System } from '../../src/kernel/system.ts';
import { GONE, type Task } from '../../src/kernel/task.ts';
import { CONFIG } from './machine.ts';

/** Six CPUs with so many runnable tasks, with hyperthreads: 0 and 3, 1 and 4, 2 and 5. A thread that was on CPU number `on`. */
function six(running: readonly number[], on: number, hyperthreads: boolean): { system: System; task: Task } {
  const system = new System({ ...CONFIG, nrCpus: 6 });
  for (const [cpu, n] of running.entries()) {
    system.cpus.set(cpu, undefined as never);
    system.nr_running.set(cpu, n);
    if (hyperthreads) system.siblings.set(cpu, (cpu + 3) % 6);
  }
  const task = system.copy_process(undefined, 'task', GONE);
  task.acted_on = on;
  return { system, task };
}

const fork = (running: readonly number[], from: number, hyperthreads = true): number => {
  const { system, task } = six(running, from, hyperthreads);
  return select_fork(system, from, task);
};
const wake = (running: readonly number[], on: number, waker: number, hyperthreads = true): number => {
  const { system, task } = six(running, on, hyperthreads);
  return select_wake(system, waker, task).to;
};

describe('kernel/select-task-rq', () => {
  it('a new thread goes to a core that does nothing else, then to the least busy CPU', () => {
    expect(fork([1, 0, 1, 0, 0, 0], 2)).to.equal(4);
    expect(fork([1, 0, 1, 0, 0, 0], 2, false)).to.equal(3);
    expect(fork([1, 1, 1, 0, 0, 0], 2)).to.equal(3);
    expect(fork([1, 1, 1, 1, 1, 0], 0)).to.equal(5);
    expect(fork([2, 1, 1, 1, 1, 1], 0)).to.equal(1);
  });

  it('a woken one stays if it can, else goes to such a core, then to any idle CPU', () => {
    expect(wake([1, 0, 0, 1, 0, 1], 2, 0)).to.equal(2);
    expect(wake([1, 0, 1, 0, 0, 0], 2, 0)).to.equal(4);
    expect(wake([1, 0, 1, 0, 0, 0], 2, 0, false)).to.equal(3);
    expect(wake([1, 1, 1, 0, 0, 0], 2, 0)).to.equal(3);
    expect(wake([1, 1, 1, 1, 1, 1], 2, 0)).to.equal(2);
  });
});
