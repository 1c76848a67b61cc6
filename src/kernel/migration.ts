/**
 * Tasks that move from one CPU of a boot to another. A task belongs to the CPU on which it is queued, runs or sleeps; only
 * that one sends it away, and then it is nobody's until the other has noticed it.
 *
 * A task goes as a record (moved-task.ts).
 *
 * Source: kernel/sched/core.c (set_task_cpu, __migrate_task, move_queued_task, migration_cpu_stop), Linux 5.0.
 * Not modelled: the stopper's own thread; tasks in a wait of the kernel's own, which stay where they are.
 */
import type { TaskBody } from '../arch/cpu.ts';
import type { PerCpu } from './per-cpu.ts';
import { countKept, packContexts, unpackContexts } from './perf-pack.ts';
import { FN } from './symbols.ts';
import type { PerfCpu } from './system.ts';
import { MOVED, type MovableBody, type MovedTask } from './moved-task.ts';
import { IN_FLIGHT, type Task } from './task.ts';

const isMovable = (body: TaskBody): body is MovableBody => 'depart' in body;

/** Whether a task may run on a CPU, and can get there. */
export const canMove = ({ body, cpus_allowed }: Task, to: number): boolean =>
  isMovable(body) && cpus_allowed?.has(to) !== false;

/** set_task_cpu(): the task leaves this CPU, where it neither runs nor waits any more. Its vruntime is relative. */
function set_task_cpu(here: PerCpu, task: Task, to: number): MovedTask {
  const { system } = here;
  const body = task.body as MovableBody;
  task.cpu = IN_FLIGHT;
  task.state = 'migrating';
  task.nr_migrations++;
  task.sched_migrated = true;
  const program = body.depart(!system.isNear(here.number, to));
  if ('kept' in program) countKept(system, task, here.number, -1);
  return {
    task: Object.fromEntries(MOVED.map((key) => [key, task[key]])) as unknown as MovedTask['task'],
    contexts: 'kept' in program ? undefined : packContexts(system, task),
    program,
  };
}

/** A task that another CPU has sent is here. */
export function arrive(here: PerCpu & PerfCpu, task: Task, record: MovedTask): void {
  here.mail.coming.delete(task);
  here.mail.arriving.delete(task.pid);
  Object.assign(task, record.task);
  if (record.contexts === undefined) countKept(here.system, task, here.number, 1);
  else unpackContexts(here, here.system, task, record.contexts);
  task.cpu = here.number;
  if ('kept' in record.program) record.program.kept.arrive?.(here.number);
}

/** migration_cpu_stop(): the task that had the CPU until now goes where it must. */
export function migration_cpu_stop(here: PerCpu, task: Task): void {
  const to = task.migrate_to!;
  task.migrate_to = undefined;
  here.cpu.spend(FN.migration_cpu_stop);
  here.rq.makeRelative(task);
  send_woken(here, task, to, true);
}

/** To a CPU that is told by an IPI: this one's, or that of whoever has asked this one to. */
export function send_woken(here: PerCpu, task: Task, to: number, ipi: boolean): void {
  const moved = set_task_cpu(here, task, to);
  const sent = ipi ? here.cpu.sendIpi(to) : here.cpu.now();
  here.mail.post({ kind: 'wake', to, sent, pid: task.pid, reason: task.wake_reason ?? '', moved });
}

/** To one that has asked for it, and looks for it itself. */
export function send_asked(here: PerCpu, task: Task, to: number): void {
  const moved = set_task_cpu(here, task, to);
  here.mail.post({ kind: 'attach', to, sent: here.cpu.now(), pid: task.pid, moved });
}
