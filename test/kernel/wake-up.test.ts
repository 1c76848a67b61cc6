/** Waking a task that has not left its CPU yet: it sleeps, but is still the current one. */
import { expect } from 'chai';
import { hand_over, try_to_wake_up, wake_waiter } from '../../src/kernel/wake-up.ts';
import { cycles } from '../../src/units.ts';
import { Smp, US } from '../machine/smp.ts';
import { work } from './scripts.ts';

describe('kernel/wake-up', () => {
  const WAYS: Readonly<Record<string, (...args: Parameters<typeof hand_over>) => void>> = {
    'by a timer or the perf tool': (here, task) => try_to_wake_up(here, task, 'timer'),
    'by a thread of its CPU': (here, task, reason, to) => wake_waiter(here, task, reason, { from: 0, to }),
    'by a thread of another CPU': hand_over,
  };
  for (const [who, wake] of Object.entries(WAYS))
    it(`${who}: it goes on where it is, whatever CPU is idle`, () => {
      const smp = new Smp(2).start(Array.from({ length: 2 }, () => ({ cpu: 0, script: [work(50_000 * US)] })));
      smp.group.run(cycles(100 * US), () => false);
      const { host } = smp.cpus[0]!;
      const task = host.current;
      host.mail.take();
      task.cpus_allowed = undefined;
      task.state = 'sleeping';
      wake(host, task, 'futex_wake', 1);
      expect(smp.tasks).to.include(task);
      expect(task).to.include({ state: 'running', cpu: 0 });
      expect(host.mail.take()).to.deep.equal([]);
    });
});
