/**
 * Waking a task: it goes onto the run queue of its CPU, and may preempt the running task. A task of another CPU is put
 * on that one's wake list; an IPI lets that CPU do the rest.
 * Source: kernel/sched/core.c (try_to_wake_up, ttwu_queue_remote, sched_ttwu_pending, ttwu_do_activate), Linux 5.0.
 * Not modelled: the choice of another CPU (select_task_rq_fair).
 */
import type { PerCpu } from './per-cpu.ts';
import { FN } from './symbols.ts';
import type { RingBuffer } from './ring-buffer.ts';
import type { Task } from './task.ts';

/** try_to_wake_up(). A task that is not sleeping only gets the reason. `rb`: the buffer that it is to look into. */
export function try_to_wake_up(here: PerCpu, task: Task, reason: string, rb?: RingBuffer): void {
  const { cpu } = here;
  if (task.cpu !== here.number) {
    // ttwu_queue_remote(); only the task's own CPU knows whether it sleeps.
    cpu.spend(FN.try_to_wake_up);
    cpu.spend(FN.native_smp_send_reschedule);
    here.mail.post({ kind: 'wake', to: task.cpu, sent: cpu.now(), pid: task.pid, reason, rb });
    return;
  }
  if (!endSleep(task, reason)) return;
  cpu.spend(FN.try_to_wake_up);
  ttwu_do_activate(here, task);
}

/** sched_ttwu_pending(): activates the tasks that other CPUs have put on the wake list. */
export function sched_ttwu_pending(here: PerCpu): void {
  here.cpu.spend(FN.sched_ttwu_pending);
  for (const { pid, reason, rb } of here.mail.wake_list.splice(0)) {
    if (rb !== undefined) rb.poll = true;
    const task = here.system.taskOf(pid);
    if (task !== undefined && endSleep(task, reason)) ttwu_do_activate(here, task);
  }
}

/** Whether it slept until now. */
function endSleep(task: Task, reason: string): boolean {
  task.wake_reason = reason;
  if (task.state !== 'sleeping') return false;
  if (task.timer !== undefined) task.timer.cancelled = true;
  task.timer = undefined;
  return true;
}

function ttwu_do_activate(here: PerCpu, task: Task): void {
  const { cpu, rq } = here;
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
