/**
 * struct task_struct: as much of it as scheduling, accounting and perf need.
 * Not modelled: threads that share a pid, signals other than SIGCHLD and deadly ones, credentials.
 */
import type { ExecutionCursor, TaskBody } from '../arch/cpu.ts';
import type { DsoImage } from '../arch/dso.ts';
import type { Alarm } from '../sim/event-queue.ts';
import type { Cycles } from '../units.ts';

type TaskState = 'running' | 'sleeping' | 'dead';

export interface Task {
  readonly pid: number;
  readonly parent: Task | undefined;
  comm: string;
  state: TaskState;
  /** What runs when the task has the CPU; replaced by exec. */
  body: TaskBody;
  /** Its user code, for call chains and faults; undefined: it runs none. */
  cursor: ExecutionCursor | undefined;
  /** Its mapped text, as /proc/PID/maps would show it. */
  mm: readonly DsoImage[];
  /** CPU time as CFS weighs it. */
  vruntime: Cycles;
  /** When it was last put on the CPU or accounted. */
  exec_start: Cycles;
  sum_exec_runtime: Cycles;
  /** Time in ring 3 and ring 0 on its behalf. */
  utime: Cycles;
  stime: Cycles;
  nvcsw: number;
  nivcsw: number;
  min_flt: number;
  exit_code: number;
  /** A SIGCHLD not yet noticed. */
  signal_pending: boolean;
  /** A signal that will end it; 0: none. */
  fatal_signal: number;
  /** Why the task was last woken, for the system call that slept. */
  wake_reason: string | undefined;
  /** struct preempt_notifier: told when the task gets the CPU and when it loses it. */
  preempt_notifier: { sched_in(): void; sched_out(): void } | undefined;
  /** The timer that ends its sleep. */
  timer: Alarm | undefined;
}

/** A task that is runnable but has not run yet. */
export function newTask(pid: number, parent: Task | undefined, comm: string, body: TaskBody): Task {
  return {
    pid,
    parent,
    comm,
    state: 'running',
    body,
    cursor: undefined,
    mm: [],
    vruntime: 0 as Cycles,
    exec_start: 0 as Cycles,
    sum_exec_runtime: 0 as Cycles,
    utime: 0 as Cycles,
    stime: 0 as Cycles,
    nvcsw: 0,
    nivcsw: 0,
    min_flt: 0,
    exit_code: 0,
    signal_pending: false,
    fatal_signal: 0,
    wake_reason: undefined,
    timer: undefined,
    preempt_notifier: undefined,
  };
}
