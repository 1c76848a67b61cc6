/**
 * The perf tool as a task of the kernel. Its program is a generator that makes system calls, spends user time, and
 * yields where it may be preempted or sleeps.
 * Not modelled: page faults, threads.
 */
import type { Cpu, Outlook, TaskBody } from '../arch/cpu.ts';
import type { Executable } from '../arch/dso.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { PerfSyscalls } from '../kernel/perf-syscalls.ts';
import { RemoteSyscalls, type Steps } from '../kernel/remote.ts';
import type { Task } from '../kernel/task.ts';
import { cycles, type Cycles } from '../units.ts';
import { PERF_BINARY, perfFunction, type PerfFunction } from './perf-binary.ts';
import { StraightLine } from './straight-line.ts';

/** Why the child that waits to become the workload is woken. */
const RELEASED = 'POLLIN';
/** It execs as soon as it runs; until then it only waits. */
const AT_ONCE: Outlook = { act: cycles(0), leave: cycles(0), trap: cycles(0) };
const NOTHING_AHEAD: Outlook = { act: cycles(Infinity), leave: cycles(0), trap: cycles(0) };

/** Yields to give way or to sleep; returns the exit status. */
export type ToolProgram = Generator<void, number, void>;

/** The process that will be the workload. */
export interface ForkedWorkload {
  readonly child: Task;
  /** Lets it exec. */
  go(): void;
}

export class ToolTask implements TaskBody {
  readonly kernel: Kernel;
  readonly sys: PerfSyscalls;
  /** System calls about events that may be another CPU's. */
  readonly perf: RemoteSyscalls;
  readonly task: Task;
  /** Set when the program has returned. */
  status: number | undefined;
  readonly #program: ToolProgram;
  #until = 0 as Cycles;
  #code: StraightLine | undefined;

  constructor(kernel: Kernel, program: (tool: ToolTask) => ToolProgram) {
    this.kernel = kernel;
    this.sys = new PerfSyscalls(kernel);
    this.perf = new RemoteSyscalls(kernel, this.sys, () => this.#step());
    this.task = kernel.spawn('perf', this);
    this.task.mm.mmap = [PERF_BINARY];
    this.#program = program(this);
  }

  run(_cpu: Cpu, until: Cycles): void {
    this.#until = until;
    while (!this.kernel.mustYield && this.kernel.cpu.now() < until) {
      this.#step();
      if (this.status !== undefined) return;
    }
  }

  #step(): void {
    const step = this.#program.next();
    if (step.done !== true) return;
    this.status = step.value;
    this.kernel.do_exit(this.task, step.value, 'none');
  }

  /** It may do anything to other CPUs as soon as it is through with what it computes. */
  outlook(from: Cycles): Outlook {
    const act = cycles(from + (this.#code?.left ?? 0));
    return { act, leave: act, trap: act };
  }

  /** Spends user time in one of the tool's functions. */
  *user(fn: PerfFunction, ns: number): Generator<void, void, void> {
    const { kernel } = this;
    const code = new StraightLine(perfFunction(fn), kernel.cyclesOf(ns));
    this.task.cursor = this.#code = code;
    while (!code.finished) {
      kernel.cpu.execute(code, this.#until);
      if (!code.finished) yield;
    }
  }

  /** fork() of the workload: a child that waits for go(), then execs. */
  *forkWorkload(executable: Executable): Steps<ForkedWorkload> {
    const { kernel } = this;
    let released = false;
    const body: TaskBody = {
      run: (): void => {
        const { fatal_signal, wake_reason } = kernel.current;
        const killed = released && fatal_signal !== 0;
        if (killed || wake_reason === RELEASED) kernel.execve(executable);
        else kernel.sleep();
      },
      outlook: () => (released ? AT_ONCE : NOTHING_AHEAD),
    };
    const child = yield* this.perf.fork(body);
    child.comm = 'perf-exec';
    return {
      child,
      go: (): void => {
        released = true;
        kernel.syscall(() => kernel.wake(child, RELEASED));
      },
    };
  }

  cyclesOf(ns: number): Cycles {
    return cycles(this.kernel.cyclesOf(ns));
  }
}
