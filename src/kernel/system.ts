/**
 * What the CPUs of one boot share: configuration, sysctls, tasks with their pids, and ids of perf events. Each CPU is a
 * Kernel over this System.
 *
 * Nothing here has a clock, spends time or draws random numbers: the CPU that makes a change spends the time for it.
 * Not modelled: thread groups (a task is a process), pid namespaces, the reuse of pids and event ids.
 */
import type { TaskBody } from '../arch/cpu.ts';
import type { KernelConfig } from './config.ts';
import type { PerfEventContext } from './perf-event.ts';
import { PerfSysctls } from './sysctl.ts';
import { newTask, type Task } from './task.ts';

/** Pid of the first task. */
const FIRST_PID = 1000;

export class System {
  readonly config: KernelConfig;
  readonly sysctl: PerfSysctls;
  /** task->perf_event_ctxp[] */
  readonly perf_event_ctxp = new WeakMap<Task, { hw?: PerfEventContext; sw?: PerfEventContext }>();
  /** perf_event_id: the id of the next accepted event. */
  nextEventId = 1;
  #nextPid = FIRST_PID;
  /** Living tasks, by pid. */
  readonly #tasks = new Set<Task>();

  constructor(config: KernelConfig) {
    this.config = config;
    this.sysctl = new PerfSysctls(config);
  }

  /** copy_process(): a task with the next pid, not yet on any run queue. */
  copy_process(parent: Task | undefined, comm: string, body: TaskBody): Task {
    const task = newTask(this.#nextPid++, parent, comm, body);
    this.#tasks.add(task);
    return task;
  }

  /** release_task(): no longer listed; whoever holds the task may still read its exit code. */
  release_task(task: Task): void {
    this.#tasks.delete(task);
  }

  /** Living tasks by pid, as /proc lists them. */
  get tasks(): readonly Task[] {
    return [...this.#tasks];
  }

  /** The parent's first living child, if any. */
  childOf(parent: Task): Task | undefined {
    for (const task of this.#tasks) if (task.parent === parent) return task;
    return undefined;
  }
}
