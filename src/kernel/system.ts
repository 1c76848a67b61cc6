/**
 * What the CPUs of one boot share: configuration, tasks with their pids, and the perf events that user space has opened.
 * Each CPU is a Kernel over this System. It changes by acts (acts.ts), once CPUs run.
 *
 * Nothing here has a clock, spends time or draws random numbers: the CPU that makes a change spends the time for it.
 * Not modelled: pid namespaces, the reuse of pids and event ids.
 */
import type { TaskBody } from '../arch/cpu.ts';
import type { Executable } from '../arch/dso.ts';
import type { KernelConfig } from './config.ts';
import type { PerfCpuContext, PerfEvent, PerfEventContext, Pmu } from './perf-event.ts';
import type { RingBuffer } from './ring-buffer.ts';
import { newTask, type Task } from './task.ts';
import { cycles, type Cycles } from '../units.ts';

/** Pid of the first task. */
const FIRST_PID = 1000;

/** What an event that is confined to a CPU needs of it. Only that CPU changes it, but for what is said to it. */
export interface PerfCpu {
  readonly cpuctx: Readonly<Record<'hw' | 'sw', PerfCpuContext>>;
  readonly pmu: Pmu & { activeEvents: number };
  readonly swPmu: Pmu;
  /** Buffers into which it writes, and from which a task reads that is woken when they fill up. */
  readonly shared_buffers: Set<RingBuffer>;
}

export class System {
  readonly config: KernelConfig;
  /** CPUs of guests that run on it affect each other: it may not run ahead of other cores. */
  readonly carriesGuests: boolean;
  /** task->perf_event_ctxp[] */
  readonly perf_event_ctxp = new WeakMap<Task, { hw?: PerfEventContext; sw?: PerfEventContext }>();
  /** The CPUs that have a Kernel, by their numbers. */
  readonly cpus = new Map<number, PerfCpu>();
  /** cpu_smt_mask(): of a CPU that is simulated, the other hardware thread of its core, if that is, too. */
  readonly siblings = new Map<number, number>();
  /** What can be executed, by path: whoever simulates some of the CPUs knows all of it. */
  readonly executables = new Map<string, Executable>();
  /** Events that user space has opened and buffers that it has mapped; a buffer has the id of an event. */
  readonly events = new Map<number, PerfEvent>();
  readonly buffers = new Map<number, RingBuffer>();
  /**
   * rq->nr_running of each CPU at the last grid line, changed by every act since: only acts may look at it. And whether
   * any had more than one task at that line (root_domain.overload).
   */
  readonly nr_running = new Map<number, number>();
  overload = false;
  /** Which thread of Node simulates each CPU. */
  readonly parties = new Map<number, number>();
  #nextPid = FIRST_PID;
  /** Living tasks, by pid. */
  readonly #tasks = new Map<number, Task>();

  constructor(config: KernelConfig, carriesGuests = false) {
    this.config = config;
    this.carriesGuests = carriesGuests;
  }

  /**
   * copy_process(): a task with the next pid, not yet on any run queue. It is a process whose parent is `current`, or
   * with `thread` (CLONE_THREAD and what goes with it) one more thread of current's process.
   */
  copy_process(current: Task | undefined, comm: string, body: TaskBody, thread = false): Task {
    const task = newTask(this.#nextPid++, current, comm, body, thread ? current?.group_leader : undefined);
    this.#tasks.set(task.pid, task);
    return task;
  }

  /** release_task(): no longer listed; whoever holds the task may still read its exit code. */
  release_task(task: Task): void {
    this.#tasks.delete(task.pid);
  }

  /** A deadly signal was sent to a process: at once, acts take it to end (deadlock.ts), though its CPUs learn of it later. */
  sendSignal(tgid: number, at: Cycles): void {
    const signal = this.taskOf(tgid)?.signal;
    if (signal !== undefined) signal.shared_pending = cycles(Math.min(signal.shared_pending, at));
  }

  /** Whether two of the CPUs are simulated by one thread of Node. */
  isNear(a: number, b: number): boolean {
    return this.parties.get(a) === this.parties.get(b);
  }

  /** active_events of the CPU with that number, or with -1 of all. */
  countActive(cpu: number, by: number): void {
    for (const [number, { pmu }] of this.cpus) if (cpu === -1 || cpu === number) pmu.activeEvents += by;
  }

  /** Living tasks by pid, as /proc lists them. */
  get tasks(): readonly Task[] {
    return [...this.#tasks.values()];
  }

  /** The same, to be walked through at once. */
  eachTask(): Iterable<Task> {
    return this.#tasks.values();
  }

  /** find_task_by_vpid(): a living one. */
  taskOf(pid: number): Task | undefined {
    return this.#tasks.get(pid);
  }

  /** Living tasks that come from another one's forks: its children with all their threads, and theirs in turn. */
  descendants(of: Task): Task[] {
    const comesFrom = ({ parent }: Task): boolean =>
      parent !== undefined && (parent.group_leader === of.group_leader || comesFrom(parent));
    return this.tasks.filter(comesFrom);
  }
}
