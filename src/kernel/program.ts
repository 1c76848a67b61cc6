/**
 * A thread that runs a program: in ring 3 until it traps, is preempted or ends, and in ring 0 for its system calls and
 * faults.
 * Not modelled: signal handlers, files (reads are served from the page cache), memory contents.
 */
import type { Cpu, ExecutionCursor, TaskBody, Trap } from '../arch/cpu.ts';
import type { Executable } from '../arch/dso.ts';
import { PERF_COUNT_SW } from '../uapi/perf-event.ts';
import type { Cycles } from '../units.ts';
import type { Sideband } from './sideband.ts';
import type { SoftwarePmu } from './sw-pmu.ts';
import { FN } from './symbols.ts';
import { PAGE_FAULT_PATH, SYSCALL_PATHS } from './syscalls.ts';
import type { Task } from './task.ts';

/** A shell reports death by a signal as this plus the signal's number. */
const SIGNAL_STATUS = 128;

/** What a program needs from its kernel. */
export interface ProgramHost {
  readonly cpu: Cpu;
  readonly swPmu: SoftwarePmu;
  readonly sideband: Sideband;
  needResched(): boolean;
  syscall<T>(work: () => T): T;
  sleepFor(task: Task, ns: number): void;
  do_exit(task: Task, status: number): void;
}

export class ProgramBody implements TaskBody {
  readonly #kernel: ProgramHost;
  readonly #task: Task;
  readonly #cursor: ExecutionCursor;
  readonly #executable: Executable;

  constructor(kernel: ProgramHost, task: Task, cursor: ExecutionCursor, executable: Executable) {
    this.#kernel = kernel;
    this.#task = task;
    this.#cursor = cursor;
    this.#executable = executable;
  }

  run(cpu: Cpu, until: Cycles): void {
    const kernel = this.#kernel;
    const task = this.#task;
    const cursor = this.#cursor;
    while (task.state === 'running' && cpu.now() < until) {
      if (task.fatal_signal !== 0) {
        kernel.do_exit(task, SIGNAL_STATUS + task.fatal_signal);
        return;
      }
      if (kernel.needResched()) return;
      const reason = cpu.execute(cursor, until);
      if (reason === 'trap') this.#trap(cursor.trap as Trap);
      else if (reason === 'finished') kernel.do_exit(task, 0);
      else return;
    }
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
    if (trap.kind === 'sync') throw new Error(`a program with threads is not simulated yet: ${trap.op}`);
    kernel.syscall(() => {
      for (const fn of SYSCALL_PATHS[trap.name] ?? []) cpu.spend(FN[fn]);
      const { args } = trap;
      if (trap.name === 'mmap' && typeof args['dso'] === 'string') {
        const library = this.#executable.libraries.get(args['dso']);
        if (library !== undefined) kernel.sideband.mmap_region(task, library);
      } else if (trap.name === 'nanosleep' || trap.name === 'clock_nanosleep')
        kernel.sleepFor(task, Number(args['ns'] ?? 0));
      else if (trap.name === 'exit_group' || trap.name === 'exit') kernel.do_exit(task, Number(args['status'] ?? 0));
    });
  }
}
