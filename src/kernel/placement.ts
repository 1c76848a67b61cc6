/**
 * Which CPU a new task goes to. A CPU knows its own run queue; of the others, how many tasks were runnable there at the
 * last grid line (machine/group.ts), and what it has sent them since.
 *
 * Source: kernel/sched/fair.c (select_task_rq_fair with SD_BALANCE_FORK, find_idlest_cpu), Linux 5.0.
 * Not modelled: scheduling domains and groups, loads other than the number of tasks, affinity, the choice when a task
 * is woken or executes a program, load balancing.
 */
import type { PerCpu } from './per-cpu.ts';

/** The CPU with the fewest runnable tasks; of several, the first after this one. It is taken to have one more then. */
export function find_idlest_cpu(here: PerCpu): number {
  const { number, others_running, system } = here;
  const count = system.cpus.size;
  let [best, least] = [number, here.nr_running];
  for (let i = count - 1; i > 0; i--) {
    const other = (number + i) % count;
    const running = others_running.get(other) ?? 0;
    if (running <= least) [best, least] = [other, running];
  }
  if (best !== number) others_running.set(best, least + 1);
  return best;
}
