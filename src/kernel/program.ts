/**
 * A thread that runs a program: in ring 3 until it traps, is preempted or ends, and in ring 0 for its system calls and
 * faults. What concerns other threads is in thread-acts.ts.
 * Not modelled: signal handlers, files (reads are served from the page cache), memory contents.
 */
import type { Cpu, ExecutionCursor, Outlook, Trap } from '../arch/cpu.ts';
import type { Executable, LookAhead, ThreadStart } from '../arch/dso.ts';
import { PERF_COUNT_SW } from '../uapi/perf-event.ts';
import { cycles, type Cycles } from '../units.ts';
import { cpulist_parse } from './cpumask.ts';
import type { Sideband } from './sideband.ts';
import type { SoftwarePmu } from './sw-pmu.ts';
import { FN } from './symbols.ts';
import { PAGE_FAULT_PATH, SYSCALL_PATHS } from './syscalls.ts';
import type { MovableBody, ProgramState, MovedTask } from './moved-task.ts';
import type { Task } from './task.ts';
import { ThreadActs, type ExitBy, type ThreadHost } from './thread-acts.ts';

/** A shell reports death by a signal as this plus the signal's number. */
const SIGNAL_STATUS = 128;

/** What a program needs from its kernel. */
export interface ProgramHost extends ThreadHost {
  readonly swPmu: SoftwarePmu;
  readonly sideband: Sideband;
  needResched(): boolean;
  sleepFor(task: Task, ns: number): void;
  do_group_exit(task: Task, status: number, by: ExitBy): void;
  do_execve(executable: Executable): void;
  sched_setaffinity(cpus: readonly number[]): void;
}

/** A thread that is about to execute a program. */
export class ExecBody implements MovableBody {
  readonly #kernel: ProgramHost;
  readonly #executable: Executable;

  constructor(kernel: ProgramHost, executable: Executable) {
    this.#kernel = kernel;
    this.#executable = executable;
  }

  run(): void {
    if (!this.#kernel.needResched()) this.#kernel.do_execve(this.#executable);
  }

  outlook(from: Cycles): Outlook {
    return { act: from, leave: from, trap: from };
  }

  depart(): MovedTask['program'] {
    return { exec: this.#executable.program.path };
  }
}

export class ProgramBody implements MovableBody {
  readonly #kernel: ProgramHost;
  readonly #task: Task;
  readonly #cursor: ExecutionCursor;
  readonly #executable: Executable;
  readonly #thread: ThreadStart;
  readonly #acts: ThreadActs;
  /** Made when somebody asks: on one CPU, nobody does. */
  #scout: LookAhead | undefined;

  /** The task, which has a program, becomes the thread of it that it is; or goes on with it, `from` there. */
  constructor(kernel: ProgramHost, task: Task, from?: ProgramState) {
    const { executable, thread } = task.program!;
    this.#kernel = kernel;
    this.#task = task;
    const at = from?.cursor;
    this.#cursor = at === undefined || at instanceof ArrayBuffer ? executable.start(thread, at) : at;
    task.cursor = this.#cursor;
    this.#executable = executable;
    this.#thread = thread;
    this.#acts = new ThreadActs(kernel, task, from?.acts);
    const scout = from?.scout;
    this.#scout = scout === undefined || 'next' in scout ? scout : executable.scout!(thread, scout);
  }

  depart(apart: boolean): ProgramState {
    const [cursor, scout] = [this.#cursor, this.#scout];
    const { state: acts } = this.#acts;
    if (!apart) return { cursor, scout, acts };
    const state = { cursor: cursor.snapshot!(), scout: scout?.snapshot?.(), acts };
    this.#executable.left?.(cursor);
    return state;
  }

  run(cpu: Cpu, until: Cycles): void {
    const kernel = this.#kernel;
    const task = this.#task;
    const cursor = this.#cursor;
    while (task.state === 'running' && cpu.now() < until && !kernel.turns.waits) {
      if (task.fatal_signal !== 0) {
        kernel.do_group_exit(task, SIGNAL_STATUS + task.fatal_signal, 'none');
        return;
      }
      if (kernel.needResched()) return;
      if (this.#acts.pending) {
        this.#acts.resume();
        continue;
      }
      const reason = cpu.execute(cursor, until);
      if (reason === 'trap') this.#trap(cursor.trap as Trap);
      else if (reason === 'finished') this.#finished();
      else return;
    }
  }

  end(): void {
    this.#executable.ended?.(this.#cursor);
  }

  /** What its scout sees; without one, and where it waits for one after the other, its next instruction may be an act. */
  outlook(from: Cycles): Outlook {
    this.#scout ??= this.#executable.scout?.(this.#thread);
    if (this.#scout === undefined || this.#acts.pending || this.#acts.more)
      return { act: from, leave: from, trap: from };
    const done = this.#cursor.counts[0] ?? 0;
    let { at } = this.#scout.next;
    for (let last = -1; at <= done && at > last; { at } = this.#scout.next) {
      last = at;
      this.#scout.pass();
    }
    const act = cycles(from + Math.max(0, at - done));
    return { act, leave: act, trap: cycles(Math.min(act, from + this.#scout.trapAfter(cycles(done)) - done)) };
  }

  /** The first thread returns from main, which ends the process; any other one ends alone. */
  #finished(): void {
    const task = this.#task;
    if (task === task.group_leader) this.#kernel.do_group_exit(task, 0, 'none');
    else this.#kernel.do_exit(task, 0, 'none');
  }

  #trap(trap: Trap): void {
    const kernel = this.#kernel;
    const task = this.#task;
    const { cpu } = kernel;
    if (trap.kind === 'page_fault') {
      cpu.enter(FN.page_fault);
      cpu.spend(FN.page_fault);
      task.min_flt++;
      const regs = { cpl: 3, ip: this.#cursor.ip, kernelFrames: [] } as const;
      kernel.swPmu.count(PERF_COUNT_SW.PAGE_FAULTS, 1, regs);
      for (const fn of PAGE_FAULT_PATH) cpu.spend(FN[fn]);
      kernel.swPmu.count(PERF_COUNT_SW.PAGE_FAULTS_MIN, 1, regs);
      cpu.spend(FN.swapgs_restore_regs_and_return_to_usermode);
      cpu.leave();
      return;
    }
    if (trap.kind === 'sync') {
      this.#acts.begin(trap);
      return;
    }
    if (trap.name === 'exit_group') {
      kernel.do_group_exit(task, Number(trap.args['status'] ?? 0), 'syscall');
      return;
    }
    if (trap.name === 'sched_setaffinity') {
      kernel.sched_setaffinity(cpulist_parse(String(trap.args['cpus'])) ?? []);
      return;
    }
    kernel.syscall(() => {
      for (const fn of SYSCALL_PATHS[trap.name] ?? []) cpu.spend(FN[fn]);
      const { args } = trap;
      if (trap.name === 'mmap' && typeof args['dso'] === 'string') {
        const library = this.#executable.libraries.get(args['dso']);
        if (library !== undefined) kernel.sideband.mmap_region(task, library);
      } else if (trap.name === 'nanosleep' || trap.name === 'clock_nanosleep')
        kernel.sleepFor(task, Number(args['ns'] ?? 0));
    });
  }
}
