/**
 * Load balancing: a CPU that has nothing left to do, or whose turn it is at a grid line, asks the busiest one for tasks,
 * and that one sends some that wait. What it knows of others is as of the last grid line.
 *
 * An idle CPU has no tick, and so no turn: at a grid line, the first CPU at which a task waits kicks the first idle one.
 *
 * Source: kernel/sched/fair.c (load_balance, newidle_balance, rebalance_domains, detach_tasks, nohz_balancer_kick,
 * kick_ilb, find_new_ilb), Linux 5.0.
 * Not modelled: scheduling domains, loads other than the number of tasks, tasks that are spared because their cache is
 * hot, active balancing, that a CPU takes from one which has a single task more (so of three tasks on two CPUs one may keep
 * its own), that it takes without being let: one that is in ring 0 for long, as while a static key is switched on, answers
 * late, the time that a busy CPU takes to find that it has no less to do than others; that a kicked CPU
 * looks for the other idle ones, too: they are kicked at the grid lines after it.
 */
import { cycles } from '../units.ts';
import type { PullPost } from './mail.ts';
import { canMove, send_asked } from './migration.ts';
import { MAX_AVG_IDLE, type PerCpu } from './per-cpu.ts';
import { FN } from './symbols.ts';
import type { System } from './system.ts';

/** A busy CPU looks for tasks at every eighth tick. */
const TICKS = 8;
/** sysctl_sched_migration_cost, ns: a CPU that is idle for less does not ask. */
const MIGRATION_COST = 500_000;

/** find_busiest_queue(): the CPU with most tasks, if taking one from it would help. */
function find_busiest_queue(here: PerCpu): number | undefined {
  let [busiest, most] = [undefined as number | undefined, here.nr_running + 1];
  for (const [cpu, running] of here.others_running)
    if (cpu !== here.number && running > most) [busiest, most] = [cpu, running];
  return busiest;
}

/**
 * A grid line: all learn how many tasks are runnable on each CPU. Whether there is anything to balance, or was until now.
 */
export function set_nr_running(system: System, running: readonly number[]): boolean {
  if (system.cpus.size === 1) return false;
  for (const [cpu, n] of running.entries()) system.nr_running.set(cpu, n);
  const before = system.overload;
  system.overload = running.some((n) => n > 1);
  return before || system.overload;
}

/** The same for one CPU, and whether it is to look for tasks (trigger_load_balance). */
export function at_grid_line(here: PerCpu, running: readonly number[]): void {
  const { cpu, idle, current, next_balance, number, system, tick } = here;
  if (system.cpus.size === 1) return;
  for (const [other, n] of running.entries()) here.others_running.set(other, n);
  if (current === idle) return;
  if (running.findIndex((n) => n > 1) === number) here.kicks = find_new_ilb(running);
  if (find_busiest_queue(here) === undefined || cpu.now() < next_balance) return;
  here.next_balance = cycles(cpu.now() + TICKS * tick);
  here.rebalances = true;
}

/** The CPU that is to look for tasks: the first of those that have none. */
function find_new_ilb(running: readonly number[]): number | undefined {
  const cpu = running.indexOf(0);
  return cpu < 0 ? undefined : cpu;
}

/** nohz_balancer_kick() and rebalance_domains(), if they are pending. */
export function run_rebalance_domains(here: PerCpu): void {
  const { cpu, kicks, mail, rebalances } = here;
  here.kicks = undefined;
  here.rebalances = false;
  if (kicks !== undefined) {
    cpu.spend(FN.native_smp_send_reschedule);
    mail.post({ kind: 'kick', to: kicks, sent: cpu.sendIpi(kicks) });
  }
  if (rebalances) load_balance(here);
}

/** A kick has come: the CPU looks for tasks, if it still has none. */
export function got_nohz_idle_kick(here: PerCpu): void {
  here.rebalances ||= here.nr_running === 0;
}

/** newidle_balance(): the CPU becomes idle. */
export function newidle_balance(here: PerCpu): void {
  here.idle_stamp = here.cpu.now();
  if (here.system.overload && here.avg_idle >= MIGRATION_COST) load_balance(here);
}

/** ttwu_do_wakeup(): the CPU is idle no longer. */
export function update_avg_idle(here: PerCpu): void {
  if (here.idle_stamp === 0) return;
  const idle = here.nanosOf(cycles(here.cpu.now() - here.idle_stamp));
  here.avg_idle = Math.min(MAX_AVG_IDLE, here.avg_idle + (idle - here.avg_idle) / 8);
  here.idle_stamp = cycles(0);
}

function load_balance(here: PerCpu): void {
  const { cpu, mail, nr_running, number, others_running } = here;
  cpu.spend(FN.load_balance);
  const busiest = find_busiest_queue(here);
  if (busiest === undefined) return;
  others_running.set(busiest, others_running.get(busiest)! - 1);
  mail.post({ kind: 'pull', to: busiest, sent: cpu.now(), from: number, nr_running });
}

/** detach_tasks(): half of what this CPU has more, those first that would run next. The other one pays for it. */
export function detach_tasks(here: PerCpu, { from, nr_running }: PullPost): void {
  let surplus = Math.floor((here.nr_running - nr_running) / 2);
  for (const task of here.rq.queued) {
    if (surplus <= 0) return;
    if (!canMove(task, from)) continue;
    here.rq.detach(task);
    send_asked(here, task, from);
    surplus--;
  }
}
