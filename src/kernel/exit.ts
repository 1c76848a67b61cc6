/**
 * The end of threads and processes, by themselves or by a signal: events leave, others learn of it, the parent is told.
 *
 * Source: kernel/exit.c (do_exit, do_group_exit), kernel/fork.c (mm_release), kernel/signal.c (zap_other_threads,
 * do_notify_parent), Linux 5.0.
 * Not modelled: signals other than SIGCHLD and deadly ones, children that are handed over to init, core dumps.
 */
import { deadlock, goesOn } from './deadlock.ts';
import type { PerCpu } from './per-cpu.ts';
import type { PerfContexts } from './perf-context.ts';
import type { PerfOutput } from './perf-output.ts';
import type { Sideband } from './sideband.ts';
import { FN } from './symbols.ts';
import { GONE, addTime, hasEnded, type Task } from './task.ts';
import { try_to_wake_up } from './wake-up.ts';

/** The CPU on which a thread ends. */
interface ExitHost extends PerCpu {
  readonly perf: PerfContexts;
  readonly output: PerfOutput;
  readonly sideband: Sideband;
}

const SIGKILL = 9;

/** A deadly signal to a process: its threads end when they next return to ring 3. `onlyHere`: those of this CPU. */
export function kill(here: ExitHost, task: Task, signal: number, onlyHere = false): void {
  for (const thread of task.signal.threads)
    if (!onlyHere || thread.cpu === here.number) signal_wake_up(here, thread, signal);
}

function signal_wake_up(here: ExitHost, thread: Task, signal: number): void {
  if (thread.cpu === here.number) {
    thread.fatal_signal = signal;
    if (thread === here.current) here.rq.needResched = true;
  }
  try_to_wake_up(here, thread, 'signal', { signal });
}

/** do_group_exit(): the process ends, and all its threads with it (zap_other_threads). */
export function do_group_exit(here: ExitHost, task: Task, status: number): void {
  const { signal } = task;
  if (signal.group_exit === undefined) {
    signal.group_exit = status;
    for (const thread of signal.threads) if (thread !== task) signal_wake_up(here, thread, SIGKILL);
  }
  do_exit(here, task, signal.group_exit);
}

/** do_exit(): a thread ends. The last one of a process unmaps the image and tells the parent. Throws ProgramError. */
export function do_exit(here: ExitHost, task: Task, status: number): void {
  const { cpu, system } = here;
  const { signal } = task;
  cpu.enter(FN.do_exit);
  cpu.spend(FN.do_exit);
  if (signal.threads.size > 1) mm_release(here, task);
  else cpu.spend(FN.unmap_page_range);
  here.perf.exit_task(
    task,
    () => here.sideband.perf_event_task(task),
    (event) => here.output.read(event, task),
  );
  task.exit_code = status;
  task.state = 'dead';
  task.stack = [];
  // Whoever reaps it needs only the exit code.
  task.cursor = undefined;
  task.body.end?.();
  task.body = GONE;
  if (task.blocked_on !== undefined) task.program?.objects.leave(task.pid);
  if (task !== task.group_leader) {
    here.rq.account(task, cpu.now());
    addTime(signal.ended, task);
  }
  signal.threads.delete(task);
  system.release_task(task);
  if (hasEnded(task)) do_notify_parent(here, task);
  if (task.program !== undefined) deadlock(system, task.program.objects);
  cpu.leave();
}

/** mm_release() of a thread whose process goes on: whoever joins it learns of its end. */
function mm_release(here: ExitHost, { pid, program }: Task): void {
  if (program === undefined) return;
  const { cpu, system } = here;
  cpu.enter(FN.do_futex);
  cpu.spend(FN.do_futex);
  cpu.enter(FN.futex_wake);
  cpu.spend(FN.futex_wake);
  const { wakes } = program.objects.apply(pid, { op: 'clear_child_tid' }, false, String);
  goesOn(system, wakes);
  for (const tid of wakes) try_to_wake_up(here, system.taskOf(tid)!, 'futex_wake');
  cpu.leave();
  cpu.leave();
}

/** do_notify_parent(): SIGCHLD, and whoever waits for a child. */
function do_notify_parent(here: ExitHost, child: Task): void {
  const { parent } = child;
  if (parent === undefined || hasEnded(parent)) return;
  if (parent.cpu !== here.number) try_to_wake_up(here, parent, 'SIGCHLD', { child });
  else {
    child.signal.zombie = true;
    if (parent.signal.catchesSigchld) {
      parent.signal_pending = true;
      try_to_wake_up(here, parent, 'SIGCHLD');
    }
  }
  for (const thread of parent.signal.threads) {
    if (thread.blocked_on?.op !== 'wait') continue;
    thread.blocked_on = undefined;
    try_to_wake_up(here, thread, 'SIGCHLD');
  }
}
