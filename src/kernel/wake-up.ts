/**
 * Waking a task: it goes onto the run queue of its CPU, and may preempt the running task. A task of another CPU is put
 * on that one's wake list; an IPI lets that CPU do the rest.
 *
 * A task that sleeps elsewhere is woken for a third CPU by the one that has it: whoever wakes it asks that one, which sends
 * it there at its next boundary.
 *
 * Source: kernel/sched/core.c (try_to_wake_up, ttwu_queue_remote, sched_ttwu_pending, ttwu_do_activate,
 * wake_up_new_task), kernel/sched/fair.c (attach_tasks), Linux 5.0.
 * Not modelled: that the waker itself takes the task from its old CPU, which would save a latency; a new task's CPU is
 * told by an IPI even if its own would not be needed.
 */
import type { Placement } from './futex.ts';
import { update_avg_idle } from './load-balance.ts';
import type { WakePost } from './mail.ts';
import { arrive, send_woken } from './migration.ts';
import type { PerCpu } from './per-cpu.ts';
import { packContexts, unpackContexts } from './perf-pack.ts';
import { select_task_rq } from './select-task-rq.ts';
import { FN } from './symbols.ts';
import type { PerfCpu } from './system.ts';
import type { Task } from './task.ts';
import { cycles, type Cycles } from '../units.ts';

/** What else the task's CPU is to learn. */
type News = Pick<WakePost, 'rb' | 'signal' | 'child' | 'made'>;

/** try_to_wake_up(). A task that is not sleeping only gets the reason. `news` is for a task of another CPU. */
export function try_to_wake_up(here: PerCpu, task: Task, reason: string, news: News = {}): void {
  const { cpu } = here;
  if (task.cpu !== here.number) {
    // ttwu_queue_remote(); only the task's own CPU knows whether it sleeps.
    cpu.spend(FN.try_to_wake_up);
    post(here, task, task.cpu, reason, news);
    return;
  }
  if (!endSleep(task, reason)) return;
  cpu.spend(FN.try_to_wake_up);
  if (here.system.cpus.size > 1) cpu.spend(FN.select_task_rq_fair);
  goTo(here, task, select_task_rq(here, task, 'wake'));
}

/** The same of a thread that waits for another one, by the one that acts; `placed`: where it is, and which CPU it goes to. */
export function wake_waiter(here: PerCpu, task: Task, reason: string, placed: Placement | undefined): void {
  const { cpu, mail, number } = here;
  const { from, to } = placed ?? { from: number, to: number };
  if (from === number && !(task.cpu === number && endSleep(task, reason))) return;
  cpu.spend(FN.try_to_wake_up);
  if (placed !== undefined) cpu.spend(FN.select_task_rq_fair);
  if (from === number) goTo(here, task, to);
  else if (to === from) post(here, task, to, reason, {});
  else {
    if (to !== number) cpu.spend(FN.native_smp_send_reschedule);
    mail.post({ kind: 'hand_over', to: from, sent: cpu.now(), pid: task.pid, reason, next: to });
  }
}

/** A CPU is asked to send a task of its own on; without an effect if it was woken meanwhile. */
export function hand_over(here: PerCpu, task: Task, reason: string, to: number): void {
  if (task.cpu !== here.number || !endSleep(task, reason)) return;
  if (ttwu_remote(here, task)) return;
  here.rq.makeRelative(task);
  send_woken(here, task, to, false);
}

/** A task that is about to sleep, but still has the CPU, goes on there. Its CPU may be a vCPU that has just lost its core. */
function ttwu_remote({ current }: PerCpu, task: Task): boolean {
  if (task !== current) return false;
  task.state = 'running';
  return true;
}

function goTo(here: PerCpu, task: Task, to: number): void {
  if (to === here.number) {
    ttwu_do_activate(here, task);
    return;
  }
  if (ttwu_remote(here, task)) return;
  here.cpu.spend(FN.native_smp_send_reschedule);
  here.rq.makeRelative(task);
  send_woken(here, task, to, true);
}

function post(here: PerCpu, task: Task, to: number, reason: string, news: News): void {
  here.cpu.spend(FN.native_smp_send_reschedule);
  here.mail.post({ kind: 'wake', to, sent: here.cpu.sendIpi(to), pid: task.pid, reason, ...news });
}

/** wake_up_new_task(): a task that the current one has made becomes runnable on the CPU that was chosen for it. */
export function wake_up_new_task(here: PerCpu, child: Task): void {
  if (child.cpu === here.number) {
    endIfKilled(here, child);
    child.last_queued = here.cpu.now();
    here.rq.enqueueNew(child, here.current);
  } else {
    here.rq.sendNew(child, here.current);
    const contexts = packContexts(here.system, child);
    post(here, child, child.cpu, 'new', { made: { vruntime: child.vruntime, contexts } });
  }
}

/** A deadly signal for one thread. */
export function signal_wake_up(here: PerCpu, thread: Task, signal: number): void {
  if (thread.cpu === here.number) {
    thread.fatal_signal = signal;
    if (thread === here.current) here.rq.needResched = true;
  }
  try_to_wake_up(here, thread, 'signal', { signal });
}

/** A deadly signal for the threads of a process that belong to this CPU, and for those that are on their way to it. */
export function kill_here(here: PerCpu, tgid: number, signal: number, since: Cycles): void {
  here.killed.set(tgid, signal);
  here.system.sendSignal(tgid, since);
  for (const thread of threadsHere(here, tgid)) signal_wake_up(here, thread, signal);
}

/** Whether threads of the process belong to this CPU. */
export const hasThreads = (here: PerCpu, tgid: number): boolean => threadsHere(here, tgid).length > 0;

const threadsHere = ({ system, number }: PerCpu, tgid: number): Task[] =>
  system.tasks.filter((task) => task.tgid === tgid && task.cpu === number && task.state !== 'new');

/** sched_ttwu_pending(): activates the tasks that other CPUs have put on the wake list. */
export function sched_ttwu_pending(here: PerCpu & PerfCpu): void {
  here.cpu.spend(FN.sched_ttwu_pending);
  for (const sent of here.mail.wake_list.splice(0)) {
    if (sent.signal !== undefined) here.mail.signals--;
    if (sent.kind === 'kill') kill_here(here, sent.tgid, sent.signal, sent.since);
    else wake(here, sent);
  }
}

function wake(here: PerCpu & PerfCpu, { pid, reason, rb, signal, child, made, moved, selects }: WakePost): void {
  const { system } = here;
  if (rb !== undefined) system.buffers.get(rb)!.poll = true;
  const task = system.taskOf(pid);
  if (task === undefined) return;
  if (signal !== undefined) {
    task.fatal_signal = signal;
    if (task === here.current) here.rq.needResched = true;
  }
  if (child !== undefined) {
    for (const one of task.signal.forked) if (one.pid === child) one.signal.zombie = true;
    if (!task.signal.catchesSigchld) return;
    task.signal_pending = true;
  }
  if (moved !== undefined) {
    arrive(here, task, moved);
    endIfKilled(here, task);
    ttwu_do_activate(here, task, () => here.rq.enqueueSent(task, true));
  } else if (made !== undefined) {
    here.mail.arriving.delete(pid);
    task.vruntime = made.vruntime;
    unpackContexts(here, system, task, made.contexts);
    endIfKilled(here, task);
    ttwu_do_activate(here, task, () => here.rq.enqueueSent(task, false));
  } else if (endSleep(task, reason)) {
    if (selects !== true || system.cpus.size === 1) return ttwu_do_activate(here, task);
    here.cpu.spend(FN.select_task_rq_fair);
    goTo(here, task, select_task_rq(here, task, 'wake'));
  }
}

/** A thread that was made while its process was told to end. */
function endIfKilled({ killed }: PerCpu, task: Task): void {
  task.fatal_signal ||= killed.get(task.tgid) ?? 0;
}

/** Whether it slept until now. */
function endSleep(task: Task, reason: string): boolean {
  task.wake_reason = reason;
  if (task.state !== 'sleeping') return false;
  if (task.timer !== undefined) task.timer.cancelled = true;
  task.timer = undefined;
  return true;
}

/** Tasks that this CPU has asked for have come. */
export function attach_tasks(here: PerCpu): void {
  for (const task of here.mail.attached.splice(0)) {
    here.cpu.spend(FN.detach_task);
    here.cpu.spend(FN.attach_task);
    // sched_info_dequeued(): it has waited there, and on its way.
    task.run_delay = cycles(task.run_delay + here.cpu.now() - task.last_queued);
    endIfKilled(here, task);
    ttwu_do_activate(here, task, () => here.rq.enqueueSent(task, false));
  }
}

function ttwu_do_activate(here: PerCpu, task: Task, enqueue = (): void => here.rq.enqueue(task, true)): void {
  const { cpu, rq } = here;
  cpu.spend(FN.enqueue_task_fair);
  task.state = 'running';
  if (task === here.current) return;
  task.last_queued = cpu.now();
  enqueue();
  if (here.current === here.idle) {
    rq.needResched = true;
    update_avg_idle(here);
  } else {
    rq.account(here.current, cpu.now());
    rq.checkPreempt(here.current, task);
  }
}
