/**
 * One CPU's run queue under CFS: the task with the least virtual run time runs. A tick preempts a task that has used
 * its share while others wait; a woken task preempts at once if it is far enough behind.
 *
 * Source: kernel/sched/fair.c, Linux 5.0 (check_preempt_tick, wakeup_preempt_entity, place_entity, set_next_buddy).
 * Not modelled: the debit of the program that perf itself starts, nice levels (all weights are equal), other scheduling
 * classes, groups.
 */
import { FRACTION } from '../sim/doubles.ts';
import { cycles, toCycles, type Cycles, type Hertz } from '../units.ts';
import type { Task } from './task.ts';

/** sysctl_sched_latency, _min_granularity and _wakeup_granularity, ns, as scaled for eight or more CPUs. */
const LATENCY = 24_000_000;
const MIN_GRANULARITY = 3_000_000;
const WAKEUP_GRANULARITY = 4_000_000;

export class RunQueue {
  readonly #queue: Task[] = [];
  readonly #latency: Cycles;
  readonly #minGranularity: Cycles;
  readonly #wakeupGranularity: Cycles;
  #minVruntime = 0 as Cycles;
  /** TIF_NEED_RESCHED of the CPU. */
  needResched = false;

  constructor(clock: Hertz) {
    this.#latency = toCycles(LATENCY, clock);
    this.#minGranularity = toCycles(MIN_GRANULARITY, clock);
    this.#wakeupGranularity = toCycles(WAKEUP_GRANULARITY, clock);
    this.#minVruntime = FRACTION as Cycles;
    this.#minVruntime = 0 as Cycles;
  }

  /** cfs_rq->next: the task to run next, unless it is too far ahead of the others. */
  next: Task | undefined;

  has(task: Task): boolean {
    return this.#queue.includes(task);
  }

  /** Runnable tasks that are not on the CPU. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** enqueue_task_fair(): a woken sleeper gets at most half a latency of credit over the others. */
  enqueue(task: Task, wakeup: boolean): void {
    if (wakeup) task.vruntime = Math.max(task.vruntime, this.#minVruntime - this.#latency / 2) as Cycles;
    this.#queue.push(task);
  }

  /**
   * task_fork_fair() and wake_up_new_task(): a new task begins a slice behind the one that made it, since the present
   * period is promised to others (START_DEBIT).
   */
  enqueueNew(task: Task, current: Task): void {
    this.#startDebit(task, current);
    this.#queue.push(task);
  }

  /** task_fork_fair() of a task for another CPU. */
  sendNew(task: Task, current: Task): void {
    this.#startDebit(task, current);
    this.makeRelative(task);
  }

  /** A task leaves for another CPU: until it is there, its vruntime is relative (migrate_task_rq_fair). */
  makeRelative(task: Task): void {
    task.vruntime = cycles(task.vruntime - this.#minVruntime);
  }

  /** detach_task(): takes a queued task off the queue, for another CPU. */
  detach(task: Task): void {
    this.#queue.splice(this.#queue.indexOf(task), 1);
    this.makeRelative(task);
  }

  /** Those that wait, the leftmost first. */
  get queued(): readonly Task[] {
    return this.#queue.toSorted((a, b) => a.vruntime - b.vruntime);
  }

  #startDebit(task: Task, current: Task): void {
    const slice = Math.max(this.#latency / (this.#queue.length + 2), this.#minGranularity);
    task.vruntime = Math.max(current.vruntime, this.#minVruntime + slice) as Cycles;
  }

  /** enqueue_task_fair() of a task that another CPU has sent. */
  enqueueSent(task: Task, wakeup: boolean): void {
    task.vruntime = cycles(task.vruntime + this.#minVruntime);
    this.enqueue(task, wakeup);
  }

  /** pick_next_task_fair(): takes the leftmost eligible task off the queue. */
  pick(eligible: (task: Task) => boolean): Task | undefined {
    let best: Task | undefined;
    for (const task of this.#queue)
      if ((best === undefined || task.vruntime < best.vruntime) && eligible(task)) best = task;
    if (best === undefined) return undefined;
    const { next } = this;
    this.next = undefined;
    if (next !== undefined && this.has(next) && eligible(next)) {
      if (next.vruntime - best.vruntime <= this.#wakeupGranularity) best = next;
    }
    this.#queue.splice(this.#queue.indexOf(best), 1);
    this.#minVruntime = Math.max(this.#minVruntime, best.vruntime) as Cycles;
    return best;
  }

  /** update_curr(): books the CPU time that the running task has used. */
  account(task: Task, now: Cycles): void {
    const delta = now - task.exec_start;
    task.exec_start = now;
    task.sum_exec_runtime = cycles(task.sum_exec_runtime + delta);
    task.vruntime = cycles(task.vruntime + delta);
    // update_min_vruntime(): keeps up with the running task, because sleepers are placed relative to it when they wake.
    let least = task.vruntime;
    for (const other of this.#queue) if (other.vruntime < least) least = other.vruntime;
    if (least > this.#minVruntime) this.#minVruntime = least;
  }

  /** check_preempt_tick(): has the running task used its share while another waits? */
  tick(current: Task, ranFor: Cycles): void {
    if (this.#queue.length === 0) return;
    const slice = Math.max(this.#latency / (this.#queue.length + 1), this.#minGranularity);
    if (ranFor > slice) this.needResched = true;
    else if (ranFor >= this.#minGranularity && this.#queue.some((t) => current.vruntime - t.vruntime > slice))
      this.needResched = true;
  }

  /** check_preempt_wakeup(): a woken task that is far enough behind takes the CPU. */
  checkPreempt(current: Task, woken: Task): void {
    if (current.vruntime - woken.vruntime > this.#wakeupGranularity) this.needResched = true;
  }
}
