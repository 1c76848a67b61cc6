/**
 * Which CPU a task goes to when it is made, woken or executes a program: where fewest others run, or one that is idle. Of
 * several, one whose core does nothing else.
 *
 * How busy the CPUs are is known in two ways. An act (acts.ts) knows their numbers of runnable tasks as of the last grid
 * line and what all acts since have changed. What is no act - a timer, the perf tool - knows its own CPU, and the others
 * as of the grid line, with what it has sent them since.
 *
 * Source: kernel/sched/fair.c (select_task_rq_fair, find_idlest_cpu, wake_affine_idle, select_idle_sibling,
 * select_idle_core), Linux 5.0.
 * Not modelled: scheduling domains and groups, loads other than the number of tasks, synchronous wake-ups, the CPU that
 * was used before the previous one.
 */
import type { Placement } from './futex.ts';
import { canMove } from './migration.ts';
import type { PerCpu } from './per-cpu.ts';
import type { System } from './system.ts';
import type { Task } from './task.ts';

/** How many tasks are runnable on a CPU, as far as is known. */
type Running = (cpu: number) => number;

/** What the choice depends on: how many CPUs there are, which share a core, where the task may run, how busy they are. */
interface Choice {
  readonly system: Pick<System, 'cpus' | 'siblings'>;
  readonly mayRun: (cpu: number) => boolean;
  readonly running: Running;
}

/** How many tasks run on the other hardware thread of the core. */
const beside = ({ system, running }: Choice, cpu: number): number => {
  const sibling = system.siblings.get(cpu);
  return sibling === undefined ? 0 : Math.max(0, running(sibling));
};

/** find_idlest_cpu(): another CPU only if it has fewer tasks, or as many and its core fewer; of several, the first after this one. */
function find_idlest_cpu(from: number, choice: Choice): number {
  const { system, mayRun, running } = choice;
  const count = system.cpus.size;
  let best = -1;
  let [least, leastBeside] = [Infinity, Infinity];
  for (let i = 0; i < count; i++) {
    const cpu = (from + i) % count;
    if (!mayRun(cpu)) continue;
    const [here, there] = [running(cpu), beside(choice, cpu)];
    if (here < least || (here === least && there < leastBeside)) [best, least, leastBeside] = [cpu, here, there];
  }
  return best;
}

/**
 * select_idle_sibling(): the previous CPU if it is idle, else the waker's, else the first after them whose core is
 * (select_idle_core), else the first that is, else the previous.
 */
function select_idle_sibling(prev: number, waker: number, choice: Choice): number {
  const { system, mayRun, running } = choice;
  const count = system.cpus.size;
  if (running(prev) <= 0) return prev;
  const idle = (cpu: number): boolean => mayRun(cpu) && running(cpu) <= 0;
  if (idle(waker)) return waker;
  const others = Array.from({ length: count - 1 }, (_, i) => (prev + i + 1) % count).filter(idle);
  return others.find((cpu) => beside(choice, cpu) === 0) ?? others[0] ?? prev;
}

/** In an act of a thread that runs on CPU number `acting`. */
const inActs =
  ({ nr_running }: System, acting: number): Running =>
  (cpu) =>
    Math.max(nr_running.get(cpu) ?? 0, cpu === acting ? 1 : 0);

/** `spared`: a task of this CPU that does not count. */
const asSeenBy =
  (here: PerCpu, spared: Task): Running =>
  (cpu) =>
    cpu === here.number
      ? here.nr_running - (here.current === spared && spared.state === 'running' ? 1 : 0)
      : (here.others_running.get(cpu) ?? 0);

/** An act has changed how many tasks are runnable on a CPU. */
export function add_nr_running({ nr_running }: System, cpu: number, by: number): void {
  nr_running.set(cpu, Math.max(0, (nr_running.get(cpu) ?? 0) + by));
}

/** SD_BALANCE_FORK, in an act of a thread on CPU number `from`. */
export function select_fork(system: System, from: number, { cpus_allowed }: Task): number {
  const mayRun = (cpu: number): boolean => cpus_allowed?.has(cpu) !== false;
  const to = find_idlest_cpu(from, { system, mayRun, running: inActs(system, from) });
  add_nr_running(system, to, 1);
  return to;
}

/** SD_BALANCE_WAKE, in an act of a thread on CPU number `waker`. The task waits for another thread. */
export function select_wake(system: System, waker: number, { acted_on: from, cpus_allowed }: Task): Placement {
  const mayRun = (cpu: number): boolean => cpus_allowed?.has(cpu) !== false;
  const to = select_idle_sibling(from, waker, { system, mayRun, running: inActs(system, waker) });
  add_nr_running(system, to, 1);
  return { from, to };
}

/**
 * The same outside of an act, for a task of this CPU: one that executes a program or must leave (`balance`), or is woken.
 */
export function select_task_rq(here: PerCpu, task: Task, why: 'balance' | 'wake'): number {
  const { number, others_running, system } = here;
  if (system.cpus.size === 1) return number;
  const mayRun = (cpu: number): boolean =>
    cpu === number ? task.cpus_allowed?.has(cpu) !== false : canMove(task, cpu);
  const running = asSeenBy(here, task);
  const choice = { system, mayRun, running };
  const to = why === 'wake' ? select_idle_sibling(number, number, choice) : find_idlest_cpu(number, choice);
  if (to !== number) others_running.set(to, running(to) + 1);
  return to;
}
