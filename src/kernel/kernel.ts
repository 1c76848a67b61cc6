/**
 * As much of Linux as perf needs: one CPU with its tasks, interrupts and clock, and perf's core on top. Several Kernels
 * sharing one System are the CPUs of one boot.
 *
 * The same code boots twice: on hw/Core as the kernel of the bare machine or the host, on a vCPU as the guest's. It is
 * passive: run() lets tasks run until a given time, and the processor calls interrupt().
 *
 * This file: who runs next, and system calls; how tasks begin and end is in process.ts and exit.ts. Elsewhere: per-CPU
 * variables (per-cpu.ts), what all CPUs share (system.ts), waiting for other CPUs (turns.ts), interrupts and the tick
 * (interrupts.ts), waking (wake-up.ts), which CPU a task is on (select-task-rq.ts, load-balance.ts, migration.ts),
 * scheduling of events (perf-context.ts), sampling rates (sampling.ts), records (perf-output.ts, sideband.ts), the two
 * PMUs (x86-pmu.ts, sw-pmu.ts), programs (program.ts), perf's system calls (perf-syscalls.ts).
 *
 * Source: Linux 5.0, the functions named in symbols.ts.
 * Not modelled: CPUs without a Kernel (they only add to the number of CPUs), preemption inside the kernel, waits inside it
 * that end in any order but last in, first out, signals other than SIGCHLD and deadly ones, memory.
 */
import type { Cpu, Regs, Software, TaskBody, Vector } from '../arch/cpu.ts';
import type { Executable, ThreadStart } from '../arch/dso.ts';
import { PERF_COUNT_SW } from '../uapi/perf-event.ts';
import { address, cycles, type Cycles } from '../units.ts';
import type { CpuConfig } from './config.ts';
import { do_exit, kill } from './exit.ts';
import { accept_post, announce_post } from './delivery.ts';
import type { Placement } from './futex.ts';
import type { HostGlobal } from './host-global.ts';
import { TickSched } from './hrtimer.ts';
import type { CpuCall, PerfAnswer, Post } from './mail.ts';
import { Interrupts } from './interrupts.ts';
import { newidle_balance, run_rebalance_domains } from './load-balance.ts';
import { migration_cpu_stop } from './migration.ts';
import { PerCpu } from './per-cpu.ts';
import { PerfContexts } from './perf-context.ts';
import { PerfOutput } from './perf-output.ts';
import { SampleRate } from './sampling.ts';
import { do_execve, sched_setaffinity, sys_clone, sys_execve, sys_fork } from './process.ts';
import { SWITCHED, Sideband } from './sideband.ts';
import { SoftwarePmu } from './sw-pmu.ts';
import { perform } from './perf-install.ts';
import { FN, KERNEL_SYMBOLS } from './symbols.ts';
import type { System } from './system.ts';
import type { Task } from './task.ts';
import type { ExitBy } from './thread-acts.ts';
import { Turns } from './turns.ts';
import { attach_tasks, kill_here, try_to_wake_up, wake_waiter } from './wake-up.ts';
import { X86Pmu } from './x86-pmu.ts';

export class Kernel extends PerCpu implements Software {
  readonly pmu: X86Pmu;
  readonly swPmu: SoftwarePmu;
  readonly rate: SampleRate;
  readonly perf: PerfContexts;
  readonly output: PerfOutput;
  readonly sideband: Sideband;
  /** What the host's CPUs and guests share; undefined for a guest's kernel, which has no debug store. */
  readonly global: HostGlobal | undefined;
  /** What the CPU waits for before it goes on: its turn, or another CPU. */
  readonly turns: Turns;
  readonly #interrupts: Interrupts;
  readonly #tickSched: TickSched;
  /** Tasks inside block(), the innermost last. */
  readonly #blocked: Task[] = [];

  constructor(system: System, cpu: Cpu, config: CpuConfig, global?: HostGlobal) {
    super(system, cpu, config);
    this.global = global;
    this.turns = new Turns(this);
    this.output = new PerfOutput(this);
    this.rate = new SampleRate(this, this.output);
    this.pmu = new X86Pmu(this, this.rate);
    this.swPmu = new SoftwarePmu(this, this.rate);
    this.perf = new PerfContexts(this, this.rate, { hw: this.pmu, sw: this.swPmu });
    this.sideband = new Sideband(cpu, this.output, this.perf);
    this.#interrupts = new Interrupts(this, this.pmu, this.rate, this.perf, (call) => this.#serveCall(call));
    const grid = { tick: this.tick, phase: config.tick_phase };
    this.#tickSched = new TickSched(cpu, this.timers, grid, this.#interrupts);
    system.cpus.set(this.number, this);
  }

  /** Brings the CPU up: PMU reset, LVTPC open, tick running. */
  boot(): void {
    if (this.cpu.caps.nrGp > 0) this.pmu.init_hw_perf_events();
    this.#tickSched.start();
  }

  // --- running -----------------------------------------------------------------------------------------------------

  /** Lets tasks run until a time, or until `stop` holds at a scheduling point. */
  run(until: Cycles, stop: () => boolean = () => false): void {
    const { turns } = this;
    while (this.cpu.now() < until && !turns.waits && !stop()) {
      if (turns.spins) {
        if (turns.spin()) continue;
        return;
      }
      if (turns.goOn()) continue;
      if (this.#balances) this.#softirq();
      if (this.rq.needResched || this.current.state !== 'running' || this.current === this.idle) {
        this.#schedule();
        // block() waits for its task to get the CPU back, and goes on itself.
        if (stop()) return;
      }
      if (this.current === this.idle) this.#doIdle(until);
      else this.current.body.run(this.cpu, until);
    }
  }

  /** Whether something comes before the return to ring 3: another task's turn, or a signal (exit_to_usermode_loop). */
  needResched(): boolean {
    return this.rq.needResched || this.current.fatal_signal !== 0 || this.#balances;
  }

  /** Whether the running task must give way at its next preemption point. */
  get mustYield(): boolean {
    const { cpu, current, rq, turns } = this;
    return rq.needResched || current.state !== 'running' || turns.holdsUp || this.#balances || cpu.wanted === true;
  }

  /** Whether a task is runnable here, and not on the CPU. */
  isWaiting(task: Task): boolean {
    return this.rq.has(task);
  }

  /** yield_to(): the current task gives way to one that waits here, unless that would be unfair. */
  yield_to(task: Task): void {
    this.rq.next = task;
    this.rq.needResched = true;
  }

  /** True when nothing can ever run again: no task runnable, no timer armed. */
  get dead(): boolean {
    return this.current === this.idle && this.rq.waiting === 0 && this.timers.next === Infinity;
  }

  /** There are tasks to be moved between CPUs (run_rebalance_domains). */
  get #balances(): boolean {
    return this.rebalances || this.kicks !== undefined || this.mail.attached.length > 0;
  }

  #softirq(): void {
    const { cpu } = this;
    cpu.irqDisable();
    run_rebalance_domains(this);
    attach_tasks(this);
    cpu.irqEnable();
  }

  /** __schedule() */
  #schedule(): void {
    const { cpu } = this;
    const prev = this.current;
    this.rq.needResched = false;
    const waiting = this.rq.waiting > 0;
    if (prev === this.idle && !waiting) return;
    cpu.irqDisable();
    this.#onStack(prev);
    cpu.spend(FN.__schedule);
    // The run queue's clock is read once, here: the next task pays for the switch.
    const clock = cpu.now();
    const preempted = prev.state === 'running';
    const leaves = preempted && prev.migrate_to !== undefined;
    if (prev !== this.idle) {
      this.rq.account(prev, clock);
      if (preempted && !leaves) {
        prev.last_queued = clock;
        this.rq.enqueue(prev, false);
      } else cpu.spend(FN.dequeue_task_fair);
    }
    cpu.spend(FN.pick_next_task_fair);
    const next = this.rq.pick(this.#canGoOn) ?? this.idle;
    if (next === this.idle && this.system.cpus.size > 1) newidle_balance(this);
    next.exec_start = clock;
    this.pickedAt = clock;
    if (next !== prev) {
      if (preempted) prev.nivcsw++;
      else prev.nvcsw++;
      // sched_info_arrive()
      if (next !== this.idle) next.run_delay = cycles(next.run_delay + clock - next.last_queued);
      this.#context_switch(prev, next);
      if (leaves) migration_cpu_stop(this, prev);
    }
    this.#offStack(next);
    cpu.irqEnable();
  }

  /** __schedule() on a task's kernel stack, and back from it. */
  #onStack({ stack }: Task): void {
    for (const fn of stack) this.cpu.enter(fn);
    this.cpu.enter(FN.__schedule);
  }
  #offStack({ stack }: Task): void {
    for (let i = 0; i <= stack.length; i++) this.cpu.leave();
  }

  #context_switch(prev: Task, next: Task): void {
    const { cpu } = this;
    this.switches++;
    this.swPmu.count(PERF_COUNT_SW.CONTEXT_SWITCHES, 1, switchRegs(prev));
    if (prev !== this.idle)
      this.sideband.perf_event_switch(prev, next, prev.state === 'running' ? SWITCHED.preempted : SWITCHED.out);
    this.perf.task_sched_out(prev, next);
    prev.preempt_notifier?.sched_out();
    cpu.spend(FN.switch_mm_irqs_off);
    cpu.spend(FN.__switch_to);
    if (prev === this.idle) this.#tickSched.start();
    this.current = next;
    if (prev.stack.length + next.stack.length > 0) {
      this.#offStack(prev);
      this.#onStack(next);
    }
    this.perf.task_sched_in(next);
    if (next.sched_migrated) {
      next.sched_migrated = false;
      this.swPmu.count(PERF_COUNT_SW.CPU_MIGRATIONS, 1, switchRegs(next));
    }
    if (next !== this.idle) this.sideband.perf_event_switch(next, prev, SWITCHED.in);
    next.preempt_notifier?.sched_in();
    this.probe?.instant({ kind: 'switch', prev, next });
    cpu.spend(FN.finish_task_switch);
  }

  /** do_idle(): the tick is stopped while there is nothing to account (NO_HZ_IDLE). */
  #doIdle(until: Cycles): void {
    this.#tickSched.stop();
    // An interrupt meanwhile may have woken a task: do_idle() asks need_resched() before it halts.
    if (!this.rq.needResched) this.cpu.halt(until);
  }

  // --- interrupts --------------------------------------------------------------------------------------------------

  interrupt(vector: Vector, regs: Regs): void {
    if (vector !== 'NMI') this.kvm_cpu_l1tf_flush_l1d = true;
    this.#interrupts.serve(vector, regs);
  }

  /** What another CPU has asked this one to do. */
  #serveCall(call: CpuCall): PerfAnswer | undefined {
    if (call.func !== '__loaded_vmcs_clear') return perform(this, call);
    this.cpu.spend(FN.__loaded_vmcs_clear);
    return undefined;
  }

  /** perf_load_guest_lvtpc(): from here PMIs go to the guest, masked if its own LVTPC is. */
  perf_load_guest_lvtpc(masked: boolean): void {
    this.cpu.spend(FN.perf_load_guest_lvtpc);
    this.cpu.setLvtpc('PERF_GUEST_MEDIATED_PMI', masked);
    this.guest_lvtpc_loaded = true;
  }

  /** perf_put_guest_lvtpc() */
  perf_put_guest_lvtpc(): void {
    this.cpu.spend(FN.perf_put_guest_lvtpc);
    this.guest_lvtpc_loaded = false;
    this.cpu.setLvtpc('NMI');
  }

  // --- tasks -------------------------------------------------------------------------------------------------------

  /** A new runnable task that is a child of init and stays on this CPU: the perf tool, a vCPU thread. */
  spawn(comm: string, body: TaskBody): Task {
    const task = this.system.copy_process(undefined, comm, body);
    task.cpu = task.acted_on = this.number;
    task.cpus_allowed = new Set([this.number]);
    task.last_queued = this.cpu.now();
    this.rq.enqueue(task, false);
    return task;
  }

  /** fork() by the perf tool; the child is runnable with the parent's name, and owes nothing for being new. */
  fork(body: TaskBody, then: (child: Task) => void): void {
    sys_fork(this, body, then);
  }

  /** clone(2) by the current task: see process.ts. */
  clone(thread: boolean, start: ThreadStart, cpu: number | undefined, then: (pid: number) => void): void {
    sys_clone(this, thread, start, cpu, then);
  }

  /** What other CPUs have sent, before it arrives at `at`. */
  announce(post: Post, at: Cycles): void {
    announce_post(this, post, at);
  }

  /** The CPU notices a post. Returns the interrupt that has come with it. */
  accept(post: Post): Vector | undefined {
    return accept_post(this, post);
  }

  /**
   * The current task waits for `span` inside a system call (a grace period, a mutex). Others run meanwhile, or the CPU
   * idles. If several tasks wait like this, the last one to begin goes on first. One of several CPUs is kept busy, in `fn`.
   */
  block(span: Cycles, fn = FN.synchronize_rcu): void {
    const task = this.current;
    // Other CPUs must be able to go on meanwhile.
    if (this.system.cpus.size > 1 || this.system.carriesGuests) return this.cpu.spendFor(fn, span);
    this.#blocked.push(task);
    this.sleep();
    task.timer = this.hrtimer(cycles(this.cpu.now() + span), 'timer', () => this.wake(task, 'timeout'));
    this.run(cycles(Infinity), () => this.current === task && task.state === 'running');
    this.#blocked.pop();
  }

  /** Only the innermost block() may return. */
  readonly #canGoOn = (task: Task): boolean => {
    const at = this.#blocked.indexOf(task);
    return at < 0 || at === this.#blocked.length - 1;
  };

  /** Puts the current task to sleep. */
  sleep(): void {
    this.current.wake_reason = undefined;
    this.current.state = 'sleeping';
  }

  wake(task: Task, reason: string): void {
    try_to_wake_up(this, task, reason);
  }

  /** The same of one that waits for another thread; `placed`: where it is, and goes. */
  wake_waiter(task: Task, reason: string, placed: Placement | undefined): void {
    wake_waiter(this, task, reason, placed);
  }

  /** A system call of the current task: entry and exit around `work`. */
  syscall<T>(work: () => T): T {
    this.enterSyscall();
    const result = work();
    this.leaveSyscall();
    return result;
  }

  /** The parts of syscall(), for one in which the CPU waits for others. */
  enterSyscall(): void {
    const { cpu } = this;
    cpu.enter(FN.entry_SYSCALL_64);
    cpu.spend(FN.entry_SYSCALL_64);
    cpu.enter(FN.do_syscall_64);
    cpu.spend(FN.do_syscall_64);
  }
  leaveSyscall(): void {
    this.cpu.leave();
    this.cpu.leave();
  }

  /** execve() by the current task, maybe on another CPU. */
  execve(executable: Executable): void {
    sys_execve(this, executable);
  }

  /** The same on the CPU that was chosen. */
  do_execve(executable: Executable): void {
    do_execve(this, executable);
  }

  /** sched_setaffinity() of the current task, which goes on where it may. */
  sched_setaffinity(cpus: readonly number[]): void {
    sched_setaffinity(this, cpus);
  }

  /** nanosleep() of the current task: it sleeps until the timer or a signal wakes it. */
  nanosleep(ns: number): void {
    this.syscall(() => {
      this.cpu.spend(FN.do_nanosleep);
      this.sleepFor(this.current, ns);
    });
  }

  /** Puts the current task to sleep for `ns`, from inside a system call. */
  sleepFor(task: Task, ns: number): void {
    this.sleep();
    const when = cycles(this.cpu.now() + this.cyclesOf(ns));
    task.timer = this.hrtimer(when, 'timer', () => this.wake(task, 'timeout'));
  }

  /** A deadly signal from outside (^C at the terminal is SIGINT): the process ends when its threads next return to ring 3. */
  kill(task: Task, signal: number): void {
    kill(this, task, signal);
  }

  /** The same while no CPU runs, for the threads of this one. */
  kill_here(task: Task, signal: number, since = this.cpu.now()): void {
    kill_here(this, task.tgid, signal, since);
  }

  /** The process ends, and all its threads with it: by exit_group(2), or by a signal. */
  do_group_exit(task: Task, status: number, by: ExitBy): void {
    do_exit(this, task, status, by, true);
  }

  /** exit(2): a thread ends, and its process if it is the last one. */
  do_exit(task: Task, status: number, by: ExitBy): void {
    do_exit(this, task, status, by, false);
  }
}

/** perf_fetch_caller_regs() in a switch from `prev`: in __schedule, below it the call in which the task sleeps. */
function switchRegs({ stack }: Task): Regs {
  const [ip, ...kernelFrames] = [...stack, FN.__schedule].toReversed().map((fn) => KERNEL_SYMBOLS[fn]!);
  return {
    cpl: 0,
    ip: ip!.address,
    kernelFrames: kernelFrames.map(({ address: start, size }) => address(start + (size >> 1))),
  };
}
