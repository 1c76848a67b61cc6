/**
 * The end of threads and processes, by themselves or by a signal: events leave, others learn of it, the parent is told.
 * What all CPUs share changes in two acts (acts.ts): when a thread begins to end, and when nothing of it is left but its
 * status.
 *
 * Source: kernel/exit.c (do_exit, do_group_exit), kernel/fork.c (mm_release), kernel/signal.c (zap_other_threads,
 * do_notify_parent), Linux 5.0.
 * Not modelled: signals other than SIGCHLD and deadly ones, children that are handed over to init, core dumps.
 */
import { cycles, type Cycles } from '../units.ts';
import type { ActOutcome } from './acts.ts';
import type { PerCpu } from './per-cpu.ts';
import type { PerfContexts } from './perf-context.ts';
import type { PerfOutput } from './perf-output.ts';
import type { Sideband } from './sideband.ts';
import { FN } from './symbols.ts';
import { GONE, type CpuTime, type Task } from './task.ts';
import type { ExitBy } from './thread-acts.ts';
import type { Turns } from './turns.ts';
import { kill_here, signal_wake_up, try_to_wake_up, wake_waiter } from './wake-up.ts';

/** The CPU on which a thread ends. */
interface ExitHost extends PerCpu {
  readonly turns: Turns;
  readonly perf: PerfContexts;
  readonly output: PerfOutput;
  readonly sideband: Sideband;
  enterSyscall(): void;
  leaveSyscall(): void;
}

const SIGKILL = 9;

/** A deadly signal to a process: its threads end when they next return to ring 3. Other CPUs are told. */
export function kill(here: PerCpu, { tgid }: Task, signal: number): void {
  const since = here.cpu.now();
  kill_here(here, tgid, signal, since);
  tellOthers(here, tgid, signal, since);
}

/**
 * The sender wakes threads and kicks their CPUs (signal_wake_up), each CPU once. Others learn of it too, without an interrupt,
 * because one of the threads may be on its way to them.
 */
function tellOthers(here: PerCpu, tgid: number, signal: number, since: Cycles): void {
  const { cpu, mail, number, system } = here;
  const threads = system.tasks.filter((task) => task.tgid === tgid);
  const kicked = new Set(threads.map(({ acted_on }) => acted_on));
  for (const to of system.cpus.keys()) {
    if (to === number) continue;
    const kicks = kicked.has(to);
    if (kicks) cpu.spend(FN.native_smp_send_reschedule);
    mail.post({ kind: 'kill', to, sent: kicks ? cpu.sendIpi(to) : cpu.now(), tgid, signal, since });
  }
}

/**
 * do_exit(): the current thread ends; the last one of a process unmaps the image and tells the parent. do_group_exit(),
 * with `group`: so do all other threads of its process (zap_other_threads), unless they have been told already. Throws
 * ProgramError.
 */
export function do_exit(here: ExitHost, task: Task, status: number, by: ExitBy, group: boolean): void {
  here.turns.act({ op: 'exit', tid: task.pid, group_exit: group ? status : undefined }, (begun) => {
    if (by === 'syscall') here.enterSyscall();
    zap_other_threads(here, task, begun.kills!);
    end(here, task, group ? begun.status! : status, begun, () => {
      if (by === 'syscall') here.leaveSyscall();
    });
  });
}

/** All other threads of the process, wherever they are. */
function zap_other_threads(here: PerCpu, { tgid }: Task, kills: readonly number[]): void {
  const { system } = here;
  for (const tid of kills) {
    const thread = system.taskOf(tid)!;
    if (thread.cpu === here.number) signal_wake_up(here, thread, SIGKILL);
  }
  if (kills.length === 0 || system.cpus.size === 1) return;
  here.killed.set(tgid, SIGKILL);
  tellOthers(here, tgid, SIGKILL, here.cpu.now());
}

function end(here: ExitHost, task: Task, status: number, begun: ActOutcome, then: () => void): void {
  const { cpu } = here;
  cpu.enter(FN.do_exit);
  cpu.spend(FN.do_exit);
  if (begun.alone === true) cpu.spend(FN.unmap_page_range);
  else mm_release(here, task, begun);
  const counts = here.perf.exit_task(
    task,
    () => here.sideband.perf_event_task(task, begun.ppid!),
    (event) => here.output.read(event, task),
  );
  task.state = 'dead';
  task.stack = [];
  // Whoever reaps it needs only the exit code.
  task.cursor = undefined;
  task.body.end?.();
  task.body = GONE;
  here.turns.act({ op: 'exit_notify', tid: task.pid, status, time: timeOf(here, task), counts }, (ended) => {
    do_notify_parent(here, task, ended);
    cpu.leave();
    then();
  });
}

/** How long a thread has run; of a process's first one, on a CPU of its own, that is known when it has left the CPU. */
function timeOf({ cpu, rq, system }: PerCpu, task: Task): CpuTime | undefined {
  const now = cpu.now();
  const { exec_start, group_leader } = task;
  if (task !== group_leader) rq.account(task, now);
  else if (system.cpus.size === 1) return undefined;
  const { sum_exec_runtime, utime, stime } = task;
  const since = task === group_leader ? now - exec_start : 0;
  return { sum_exec_runtime: cycles(sum_exec_runtime + since), utime, stime };
}

/** mm_release() of a thread whose process goes on: whoever joins it learns of its end. */
function mm_release(here: ExitHost, { program }: Task, { wakes, placed }: ActOutcome): void {
  if (program === undefined) return;
  const { cpu, system } = here;
  cpu.enter(FN.do_futex);
  cpu.spend(FN.do_futex);
  cpu.enter(FN.futex_wake);
  cpu.spend(FN.futex_wake);
  for (const [i, tid] of wakes.entries()) wake_waiter(here, system.taskOf(tid)!, 'futex_wake', placed?.[i]);
  cpu.leave();
  cpu.leave();
}

/** do_notify_parent(): SIGCHLD, and whoever waits for a child. */
function do_notify_parent(here: ExitHost, child: Task, { parent: pid, wakes, placed }: ActOutcome): void {
  const { system } = here;
  const parent = pid === undefined ? undefined : system.taskOf(pid);
  // A signal that is ignored wakes nobody.
  if (parent !== undefined && (system.cpus.size === 1 || parent.signal.catchesSigchld)) {
    if (parent.cpu !== here.number) try_to_wake_up(here, parent, 'SIGCHLD', { child: child.tgid });
    else {
      child.signal.zombie = true;
      if (parent.signal.catchesSigchld) {
        parent.signal_pending = true;
        try_to_wake_up(here, parent, 'SIGCHLD');
      }
    }
  }
  for (const [i, tid] of wakes.entries()) wake_waiter(here, system.taskOf(tid)!, 'SIGCHLD', placed?.[i]);
}
