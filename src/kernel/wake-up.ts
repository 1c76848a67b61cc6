/**
 * Waking a task: it goes onto the run queue, and may preempt the running task.
 * Source: kernel/sched/core.c (try_to_wake_up), Linux 5.0.
 * Not modelled: a task that belongs to another CPU.
 */
import type { PerCpu } from './per-cpu.ts';
import { FN } from './symbols.ts';
import type { Task } from './task.ts';

/** try_to_wake_up(). A task that is not sleeping only gets the reason. */
export function try_to_wake_up(here: PerCpu, task: Task, reason: string): void {
  task.wake_reason = reason;
  if (task.state !== 'sleeping') return;
  if (task.timer !== undefined) task.timer.cancelled = true;
  task.timer = undefined;
  const { cpu, rq } = here;
  cpu.spend(FN.try_to_wake_up);
  cpu.spend(FN.enqueue_task_fair);
  task.state = 'running';
  if (task === here.current) return;
  rq.enqueue(task, true);
  if (here.current === here.idle) rq.needResched = true;
  else {
    rq.account(here.current, cpu.now());
    rq.checkPreempt(here.current, task);
  }
}
