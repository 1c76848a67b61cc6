/**
 * New threads and processes, new programs, and on which CPUs a task may run. How it ends is in exit.ts.
 *
 * Source: kernel/fork.c (_do_fork, copy_process), fs/exec.c (do_execveat_common), kernel/sched/core.c (sched_exec,
 * sched_setaffinity), Linux 5.0.
 * Not modelled: a child of the perf tool begins on the tool's CPU, and may leave it when it executes a program.
 */
import type { TaskBody } from '../arch/cpu.ts';
import type { Executable, ThreadStart } from '../arch/dso.ts';
import type { PerCpu } from './per-cpu.ts';
import type { PerfContexts } from './perf-context.ts';
import { perf_event_init_task } from './perf-init-task.ts';
import { ExecBody, ProgramBody, type ProgramHost } from './program.ts';
import { select_task_rq } from './select-task-rq.ts';
import { FN } from './symbols.ts';
import type { PerfCpu } from './system.ts';
import type { Task } from './task.ts';
import { wake_up_new_task } from './wake-up.ts';

/** The CPU on which this happens. */
type Parent = PerCpu & PerfCpu & ProgramHost & { readonly perf: PerfContexts };

/** fork() by the perf tool; the child is runnable with the parent's name, and owes nothing for being new. */
export function sys_fork(here: Parent, body: TaskBody, then: (child: Task) => void): void {
  const { current } = here;
  here.turns.act({ op: 'clone', tid: current.pid, thread: false }, ({ pid }) => {
    const child = here.system.taskOf(pid!)!;
    here.syscall(() => do_fork(here, child, body));
    child.vruntime = current.vruntime;
    then(child);
  });
}

/**
 * clone(2) by the current task, with CLONE_THREAD and what goes with it if `thread`. The child runs the same program
 * from `start`, on the CPU that is chosen for it, or always on `cpu`; `then` is called with its pid.
 */
export function sys_clone(
  here: Parent,
  thread: boolean,
  start: ThreadStart,
  cpu: number | undefined,
  then: (pid: number) => void,
): void {
  here.turns.act({ op: 'clone', tid: here.current.pid, thread, start, cpu }, ({ pid }) => {
    here.syscall(() => do_fork(here, here.system.taskOf(pid!)!));
    then(pid!);
  });
}

/** _do_fork(): the rest of it, once the child has a pid; without a body, it goes on with the program. */
function do_fork(here: Parent, child: Task, body?: TaskBody): void {
  const { cpu, current } = here;
  const thread = child.tgid === current.tgid;
  cpu.enter(FN._do_fork);
  cpu.spend(FN._do_fork);
  cpu.enter(FN.copy_process);
  cpu.spend(FN.copy_process);
  perf_event_init_task(here, here.perf, child);
  if (!thread) cpu.spend(FN.copy_page_range);
  if (child.cpu === here.number) child.body = body ?? new ProgramBody(here, child);
  here.sideband.perf_event_fork(child, current);
  cpu.leave();
  wake_up_new_task(here, child);
  cpu.leave();
}

/** execve() by the current task, maybe on another CPU (sched_exec). */
export function sys_execve(here: Parent, executable: Executable): void {
  const { current, system } = here;
  system.executables.set(executable.program.path, executable);
  current.body = new ExecBody(here, executable);
  const to = select_task_rq(here, current, 'balance');
  if (to === here.number) do_execve(here, executable);
  else leaveFor(here, to);
}

function leaveFor(here: Parent, to: number): void {
  here.current.migrate_to = to;
  here.rq.needResched = true;
}

/** sched_setaffinity() of the current task, which goes on where it may. */
export function sched_setaffinity(here: Parent, cpus: readonly number[]): void {
  const { current, number } = here;
  here.turns.act({ op: 'sched_setaffinity', tid: current.pid, cpus }, () =>
    here.syscall(() => {
      here.cpu.spend(FN.sched_setaffinity);
      if (current.cpus_allowed?.has(number) === false) leaveFor(here, select_task_rq(here, current, 'balance'));
    }),
  );
}

/** execve() on the CPU that was chosen: new image and name, side-band records, the start of events with enable_on_exec. */
export function do_execve(here: Parent, executable: Executable): void {
  const { path } = executable.program;
  here.turns.act({ op: 'exec', tid: here.current.pid, path }, () => load(here, executable));
}

function load(here: Parent, executable: Executable): void {
  const task = here.current;
  const { cpu } = here;
  here.syscall(() => {
    cpu.enter(FN.do_execveat_common);
    cpu.spend(FN.do_execveat_common);
    cpu.enter(FN.load_elf_binary);
    cpu.spend(FN.load_elf_binary);
    here.perf.enable_on_exec(task);
    here.sideband.perf_event_comm(task, true);
    here.sideband.mmap_region(task, executable.program);
    if (executable.interpreter !== undefined) here.sideband.mmap_region(task, executable.interpreter);
    cpu.leave();
    cpu.leave();
  });
  task.body = new ProgramBody(here, task);
}
