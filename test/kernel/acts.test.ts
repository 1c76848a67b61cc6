/** Acts: what they do depends on their order and times alone, not on how far any CPU has come. */
import { expect } from 'chai';
import { apply, type SystemAct } from '../../src/kernel/acts.ts';
import { ProgramError } from '../../src/kernel/futex.ts';
import { perform } from '../../src/kernel/perf-install.ts';
import { PERF_EVENT_STATE } from '../../src/kernel/perf-event.ts';
import { SyncObjects } from '../../src/kernel/sync-objects.ts';
import { System } from '../../src/kernel/system.ts';
import { GONE, type Task } from '../../src/kernel/task.ts';
import { FIRST_THREAD } from '../../src/arch/dso.ts';
import { cycles } from '../../src/units.ts';
import { Smp } from '../machine/smp.ts';
import { repeat, work } from './scripts.ts';
import { CONFIG } from './machine.ts';

describe('kernel/acts', () => {
  /** Two threads that are about to wait for each other, and the act that closes the circle. */
  function circle(): { readonly system: System; readonly first: Task; readonly last: SystemAct } {
    const system = new System({ ...CONFIG, nrCpus: 2 });
    const first = system.copy_process(undefined, 'first', GONE);
    const second = system.copy_process(first, 'second', GONE, true);
    const objects = new SyncObjects();
    for (const task of [first, second])
      task.program = { executable: undefined as never, thread: FIRST_THREAD, objects };
    const lock = ({ pid: tid }: Task, name: string): SystemAct => {
      const act = { op: 'lock', object: { kind: 'mutex', name } } as const;
      return { op: 'object', tid, act, again: false };
    };
    for (const [task, name] of [
      [first, 'm'],
      [second, 'n'],
      [first, 'n'],
    ] as const)
      apply(system, lock(task, name), cycles(10), 0);
    return { system, first, last: lock(second, 'm') };
  }

  it('find a deadlock unless a signal has been sent by then that ends the process', () => {
    const { system, last } = circle();
    expect(() => apply(system, last, cycles(100), 0)).to.throw(ProgramError, /^deadlock: /);
    const killed = circle();
    killed.system.sendSignal(killed.first.tgid, cycles(100));
    expect(apply(killed.system, last, cycles(100), 0).sleeps).to.equal(true);
  });

  it('do not see a signal of which a CPU that is ahead has learnt', () => {
    const { system, first, last } = circle();
    system.sendSignal(first.tgid, cycles(101));
    first.fatal_signal = 15;
    expect(() => apply(system, last, cycles(100), 0)).to.throw(ProgramError, /^deadlock: /);
  });
});

describe('kernel/acts of perf', () => {
  it('do not see the end of a thread of which its CPU has not told', () => {
    const smp = new Smp(2).start([{ cpu: 0, script: repeat(1, work(1000)) }]);
    const { system } = smp.cpus[0]!.host;
    const [event] = system.events.keys();
    const lives = () => apply(system, { op: 'perf_cpus', event: event! }, cycles(100), 1).lives;
    const [thread] = smp.tasks;
    thread!.state = 'dead';
    expect(lives()).to.equal(true);
    apply(system, { op: 'exit', tid: thread!.pid, group_exit: 0 }, cycles(101), 0);
    expect(lives()).to.equal(true);
    apply(system, { op: 'exit_notify', tid: thread!.pid, status: 0, time: undefined, counts: [] }, cycles(102), 0);
    expect(lives()).to.equal(false);
  });
});

describe('kernel/perf-install', () => {
  it('only the CPU that owns a pinned event says that it has failed', () => {
    const smp = new Smp(2).start([{ cpu: 0, script: repeat(1, work(1000)) }]);
    const [event] = smp.cpus[0]!.host.system.events.values();
    event!.state = PERF_EVENT_STATE.ERROR;
    const failed = smp.cpus.map(({ host }) => perform(host, { func: 'read', event: event!.id }).failed);
    expect(failed).to.deep.equal([true, false]);
  });
});
