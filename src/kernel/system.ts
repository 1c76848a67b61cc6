/**
 * What the CPUs of one boot have in common: configuration, sysctls, tasks with their pids, and the numbering of perf events.
 * Each CPU is a Kernel, made over the one System of its boot.
 *
 * Nothing in here has a clock, spends time or draws: what it takes to change something here is spent by the CPU that does.
 * Not modelled: thread groups (a task is a process), pid namespaces, the reuse of pids and event ids.
 */
import type { TaskBody } from '../arch/cpu.ts';
import type { KernelConfig } from './config.ts';
import type { PerfEventContext } from './perf-event.ts';
import { PerfSysctls } from './sysctl.ts';
import { newTask, type Task } from './task.ts';

/** The pid that the first task from outside gets. */
const FIRST_PID = 1000;

export class System {
  readonly config: KernelConfig;
  readonly sysctl: PerfSysctls;
  /** task->perf_event_ctxp[]: a task's contexts go where it goes. */
  readonly perf_event_ctxp = new WeakMap<Task, { hw?: PerfEventContext; sw?: PerfEventContext }>();
  /** perf_event_id: what the next event gets that is accepted. */
  nextEventId = 1;
  #nextPid = FIRST_PID;
  /** Everything that lives, by pid. */
  readonly #tasks = new Set<Task>();

  constructor(config: KernelConfig) {
    this.config = config;
    this.sysctl = new PerfSysctls(config);
  }

  /** copy_process(): a task with the next pid, which no CPU has on its run queue yet. */
  copy_process(parent: Task | undefined, comm: string, body: TaskBody): Task {
    const task = newTask(this.#nextPid++, parent, comm, body);
    this.#tasks.add(task);
    return task;
  }

  /** release_task(): it is no longer listed; who holds it may still read its exit code. */
  release_task(task: Task): void {
    this.#tasks.delete(task);
  }

  /** Everything that lives, by pid: what /proc lists. */
  get tasks(): readonly Task[] {
    return [...this.#tasks];
  }

  /** The living task of that parent, if it has one. */
  childOf(parent: Task): Task | undefined {
    for (const task of this.#tasks) if (task.parent === parent) return task;
    return undefined;
  }
}
