/**
 * struct task_struct, with what the threads of a process share (struct signal_struct and mm_struct): as much of them as
 * scheduling, accounting and perf need. As in the kernel, `pid` is a thread's own number and `tgid` its process's.
 *
 * Not modelled: signals other than SIGCHLD and deadly ones, credentials, children that are handed over to init.
 */
import type { ExecutionCursor, TaskBody } from '../arch/cpu.ts';
import type { DsoImage, Executable, ThreadStart } from '../arch/dso.ts';
import { FRACTION } from '../sim/doubles.ts';
import type { Alarm } from '../sim/event-queue.ts';
import { cycles, type Cycles } from '../units.ts';
import type { ObjectAct, SyncObjects } from './sync-objects.ts';

/**
 * new: made, and on its way to the CPU that was chosen for it, nothing wakes it before (TASK_NEW). migrating: runnable,
 * and on its way to another CPU (TASK_WAKING, TASK_ON_RQ_MIGRATING).
 */
type TaskState = 'new' | 'running' | 'migrating' | 'sleeping' | 'dead';

/** `cpu` of a task that is on its way to another CPU. */
export const IN_FLIGHT = -1;

/** struct mm_struct: threads have one together, a fork copies it, exec makes a new one. */
interface MmStruct {
  /** Its mapped text, as /proc/PID/maps would show it. */
  mmap: readonly DsoImage[];
}

/** Processor time of threads. */
export interface CpuTime {
  sum_exec_runtime: Cycles;
  /** In ring 3 and ring 0, by ticks. */
  utime: Cycles;
  stime: Cycles;
}

/** struct signal_struct: what the threads of a process share. */
interface SignalStruct {
  /** thread_head: those that live, in the order in which they were made. */
  readonly threads: Set<Task>;
  /** Those of them that have not begun to end. */
  readonly live: Set<Task>;
  /** The process is ending, with this status, and all its threads with it (SIGNAL_GROUP_EXIT, group_exit_code). */
  group_exit: number | undefined;
  /** When a deadly signal was sent to the process, the first if there were several; Infinity: none was. */
  shared_pending: Cycles;
  /** All its threads have ended, and the CPU of its parent has learnt of it. */
  zombie: boolean;
  /** Processes that its threads have forked and not yet waited for, by their first threads. */
  readonly forked: Set<Task>;
  /** SIGCHLD has a handler, so it ends a sleep. exec takes handlers away. */
  catchesSigchld: boolean;
  /** Of its threads that have ended, the first one apart; of its children that were waited for. */
  readonly ended: CpuTime;
  readonly children: CpuTime;
  /** Of the first one, if it ended on one of several CPUs. */
  leader: CpuTime | undefined;
}

export interface Task extends CpuTime {
  /** Of the thread: what gettid() returns. */
  readonly pid: number;
  /** Of the process: what getpid() returns. */
  readonly tgid: number;
  /** real_parent: the thread that forked the process; undefined: init. */
  readonly parent: Task | undefined;
  /** The process's first thread. */
  readonly group_leader: Task;
  readonly signal: SignalStruct;
  /** Number of the CPU whose run queue it belongs to. That one alone sends it away, and only the next one takes it. */
  cpu: number;
  /** The CPU on which it acted last, as all know. There it is while it waits for another thread. */
  acted_on: number;
  /** CPUs that it may run on; undefined: all. */
  cpus_allowed: ReadonlySet<number> | undefined;
  /** The running task must go there (migration_cpu_stop). */
  migrate_to: number | undefined;
  /** se.nr_migrations; and whether perf is yet to count the last one. */
  nr_migrations: number;
  sched_migrated: boolean;
  comm: string;
  state: TaskState;
  /** What runs when the task has the CPU; replaced by exec. */
  body: TaskBody;
  /** Its user code, for call chains and faults; undefined: it runs none. */
  cursor: ExecutionCursor | undefined;
  mm: MmStruct;
  /** Its program, which thread of it it is, and the objects by which that program's threads wait for each other. */
  program: { readonly executable: Executable; readonly thread: ThreadStart; readonly objects: SyncObjects } | undefined;
  /** What it waits for, if another thread of its program must end that wait. */
  blocked_on: ObjectAct | { readonly op: 'wait' } | undefined;
  /** The frames of the system call in which it sleeps, outermost first; of most calls they are not kept. */
  stack: readonly number[];
  /** CPU time as CFS weighs it. */
  vruntime: Cycles;
  /** When it was last put on the CPU or accounted. */
  exec_start: Cycles;
  /** sched_info: how long it has waited on a run queue, and when it was last put there. */
  run_delay: Cycles;
  last_queued: Cycles;
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

/** What a task runs before it has anything to run, and after it has ended. */
export const GONE: TaskBody = { run: () => undefined };

const noTime = (): CpuTime => ({ sum_exec_runtime: 0 as Cycles, utime: 0 as Cycles, stime: 0 as Cycles });

/**
 * A task that is runnable but has not run yet: a process of its own whose parent is `parent`, or, with `leader`, one
 * more thread of that process.
 */
export function newTask(pid: number, parent: Task | undefined, comm: string, body: TaskBody, leader?: Task): Task {
  const task: Mutable<Task> = {
    sum_exec_runtime: cycles(FRACTION),
    utime: cycles(FRACTION),
    stime: cycles(FRACTION),
    pid,
    tgid: leader?.tgid ?? pid,
    parent: leader === undefined ? parent : leader.parent,
    group_leader: leader!,
    signal: leader?.signal ?? {
      threads: new Set(),
      live: new Set(),
      group_exit: undefined,
      shared_pending: cycles(Infinity),
      zombie: false,
      forked: new Set(),
      catchesSigchld: parent?.signal.catchesSigchld ?? true,
      ended: noTime(),
      children: noTime(),
      leader: undefined,
    },
    cpu: parent?.cpu ?? 0,
    acted_on: parent?.cpu ?? 0,
    cpus_allowed: undefined,
    migrate_to: undefined,
    nr_migrations: 0,
    sched_migrated: false,
    comm,
    state: 'running',
    body,
    cursor: undefined,
    mm: leader?.mm ?? { mmap: parent?.mm.mmap ?? [] },
    program: undefined,
    blocked_on: undefined,
    stack: [],
    vruntime: cycles(FRACTION),
    exec_start: cycles(FRACTION),
    run_delay: cycles(FRACTION),
    last_queued: cycles(FRACTION),
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
  task.group_leader ??= task;
  task.signal.threads.add(task);
  task.signal.live.add(task);
  if (leader === undefined) parent?.signal.forked.add(task);
  // Doubles from the start, as asDoubles() makes them, but not by changing the shape of every task again.
  const doubles = ['sum_exec_runtime', 'utime', 'stime', 'vruntime', 'exec_start', 'run_delay', 'last_queued'] as const;
  for (const field of doubles) task[field] = cycles(0);
  return task;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Whether all threads of a process have ended, so that its parent can reap it (wait_task_zombie). */
export const hasEnded = ({ signal }: Task): boolean => signal.threads.size === 0;

/** hasEnded(), as far as the CPU of the parent knows: only in an act is what other CPUs have done known at once. */
export const isZombie = ({ signal }: Task): boolean => signal.zombie;

/** What wait4() tells of a process that has ended. */
export const exitStatus = ({ signal, group_leader }: Task): number => signal.group_exit ?? group_leader.exit_code;

/** wait_task_zombie(): a child that has ended is gone for good, and its times are its parent's. */
export function wait_task_zombie({ signal }: Task, child: Task): number {
  signal.forked.delete(child);
  addTime(signal.children, thread_group_cputime(child));
  return exitStatus(child);
}

/** getppid() of its process: 1, init's, once the parent has ended. */
export const ppidOf = ({ parent }: Task): number => (parent === undefined || hasEnded(parent) ? 1 : parent.tgid);

/** thread_group_cputime(): of all threads of a process, and of its children that were waited for (RUSAGE_BOTH). */
export function thread_group_cputime({ signal, group_leader }: Task): CpuTime {
  const total = noTime();
  const parts = new Set([signal.ended, signal.children, signal.leader ?? group_leader, ...signal.threads]);
  for (const part of parts) addTime(total, part);
  return total;
}

/** Adds `part` to `total`. */
export function addTime(total: CpuTime, part: CpuTime): void {
  for (const key of ['sum_exec_runtime', 'utime', 'stime'] as const) total[key] = cycles(total[key] + part[key]);
}
