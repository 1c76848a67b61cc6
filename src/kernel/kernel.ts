/**
 * Linux, as little of it as perf needs: one CPU's tasks, interrupts and clock, with perf's core on top of a Cpu.
 *
 * It is written once and booted twice: on hw/Core it is the bare machine's (or the host's) kernel, on a vCPU the guest's. It
 * is passive: run() lets tasks run until a time, interrupt() is called by the CPU.
 *
 * Source: Linux 5.0, the functions named in symbols.ts.
 * Not modelled: other CPUs' tasks (they exist to be counted), preemption inside the kernel, waits inside it that end in another
 * order than last come, first served; signals but SIGCHLD, memory.
 *
 * Over 300 lines because scheduling, interrupts and system calls lead into each other at every turn; what hangs on them (the
 * run queue, timers, perf's core, side-band, programs) has files of its own.
 */
import type { Cpu, Regs, Software, TaskBody, Vector } from '../arch/cpu.ts';
import type { Executable } from '../arch/dso.ts';
import type { Alarm, Order } from '../sim/event-queue.ts';
import type { Probe } from '../sim/probe.ts';
import { PERF_COUNT_SW } from '../uapi/perf-event.ts';
import { cycles, toCycles, toNanos, type Cycles, type Hertz, type Nanos } from '../units.ts';
import type { KernelConfig } from './config.ts';
import type { HostGlobal } from './host-global.ts';
import { Hrtimers, TickSched } from './hrtimer.ts';
import { PerfContexts } from './perf-context.ts';
import { is_sampling_event, type Overflow, type PerfEvent } from './perf-event.ts';
import { PerfOutput } from './perf-output.ts';
import { SampleRate } from './sampling.ts';
import { ProgramBody } from './program.ts';
import { RunQueue } from './sched.ts';
import type { KernelServices } from './services.ts';
import { SWITCHED, Sideband } from './sideband.ts';
import type { KernelStep } from './steps.ts';
import { SoftwarePmu } from './sw-pmu.ts';
import { FN, KERNEL_SYMBOLS, type KernelFunction } from './symbols.ts';
import { newTask, type Task } from './task.ts';
import { X86Pmu } from './x86-pmu.ts';

const NSEC_PER_SEC = 1e9;
/** What a task that has exited runs. */
const GONE: TaskBody = { run: () => undefined };

export class Kernel implements Software, KernelServices {
  readonly cpu: Cpu;
  readonly config: KernelConfig;
  readonly tick: Cycles;
  current: Task;
  readonly log: { readonly time: Nanos; readonly text: string }[] = [];
  readonly pmu: X86Pmu;
  readonly swPmu: SoftwarePmu;
  readonly rate: SampleRate;
  readonly perf: PerfContexts;
  readonly output: PerfOutput;
  readonly sideband: Sideband;
  /** What the host's CPUs and guests share; a guest's kernel, which has no debug store, has none. */
  readonly global: HostGlobal | undefined;
  probe: Probe<KernelStep> | undefined;
  /** Id of the next perf event (perf_event_id). */
  nextEventId = 1;
  /** Who a PMI of a guest's own counters is for (perf_guest_info_callbacks.handle_mediated_pmi). */
  handle_mediated_pmi: (() => void) | undefined;
  /** LVTPC raises PERF_GUEST_MEDIATED_PMI: an NMI now is nobody's PMI. */
  #guest_lvtpc_loaded = false;
  /** PMIs served, and context switches made. */
  nmis = 0;
  switches = 0;

  readonly #hz: Hertz;
  readonly #rq: RunQueue;
  readonly #timers: Hrtimers;
  readonly #tickSched: TickSched;
  readonly #idle: Task;
  /** Everything that lives, by pid. */
  readonly #tasks = new Set<Task>();
  /** Tasks inside block(), the innermost last. */
  readonly #blocked: Task[] = [];
  #irqRegs: Regs | undefined;
  #pickedAt = 0 as Cycles;
  #nextPid: number;

  constructor(cpu: Cpu, clock: Hertz, config: KernelConfig, global?: HostGlobal) {
    this.global = global;
    this.cpu = cpu;
    this.config = config;
    this.#hz = clock;
    this.tick = this.cyclesOf(NSEC_PER_SEC / config.hz);
    this.#timers = new Hrtimers(cpu);
    this.#tickSched = new TickSched(cpu, this.#timers, { tick: this.tick, phase: config.tick_phase }, () =>
      this.#update_process_times(),
    );
    this.#rq = new RunQueue((ns) => this.cyclesOf(ns));
    this.#nextPid = 1000;
    this.#idle = newTask(0, undefined, 'swapper', { run: () => undefined });
    this.current = this.#idle;
    this.output = new PerfOutput(this, (event) => this.#perf_event_wakeup(event));
    this.rate = new SampleRate(
      cpu,
      config,
      (text) => this.printk(text),
      (event, enable) => this.output.throttle(event, enable),
    );
    const overflow: Overflow = (event, regs, period, throttle) =>
      this.#perf_event_overflow(event, regs, period, throttle);
    this.pmu = new X86Pmu(cpu, config, overflow);
    this.swPmu = new SoftwarePmu(this, overflow, () => this.#irqRegs);
    this.perf = new PerfContexts(this, this.rate, { hw: this.pmu, sw: this.swPmu });
    this.sideband = new Sideband(cpu, this.output, (task) => this.perf.contextsOf(task));
  }

  /** Brings the CPU up: PMU reset, LVTPC open, tick running. */
  boot(): void {
    if (this.cpu.caps.nrGp > 0) this.pmu.init_hw_perf_events();
    this.#tickSched.start();
  }

  cyclesOf(ns: number): Cycles {
    return toCycles(ns, this.#hz);
  }

  nanosOf(span: Cycles): Nanos {
    return toNanos(span, this.#hz);
  }

  printk(text: string): void {
    this.log.push({ time: this.cpu.nanos(), text });
  }

  // --- running -----------------------------------------------------------------------------------------------------

  /** Lets tasks run until a time, or until `stop` holds at a scheduling point. */
  run(until: Cycles, stop: () => boolean = () => false): void {
    while (this.cpu.now() < until && !stop()) {
      if (this.#rq.needResched || this.current.state !== 'running' || this.current === this.#idle) {
        this.#schedule();
        // Whoever waits for a task to be on the CPU again (block) goes on itself.
        if (stop()) return;
      }
      if (this.current === this.#idle) this.#doIdle(until);
      else this.current.body.run(this.cpu, until);
    }
  }

  /** Whether ring 3 must not be returned to: another task's turn, or a signal to deal with (exit_to_usermode_loop). */
  needResched(): boolean {
    return this.#rq.needResched || this.current.fatal_signal !== 0;
  }

  /** Whether the running task must give way at its next preemption point. */
  get mustYield(): boolean {
    return this.#rq.needResched || this.current.state !== 'running' || this.cpu.wanted === true;
  }

  /** True when nothing can ever run again: no task runnable, no timer armed. */
  get dead(): boolean {
    return this.current === this.#idle && this.#rq.waiting === 0 && this.#timers.next === Infinity;
  }

  /** __schedule() */
  #schedule(): void {
    const { cpu } = this;
    const prev = this.current;
    this.#rq.needResched = false;
    const waiting = this.#rq.waiting > 0;
    if (prev === this.#idle && !waiting) return;
    cpu.irqDisable();
    cpu.enter(FN.__schedule);
    cpu.spend(FN.__schedule);
    // The run queue's clock is read once: from here on the next task pays, for the switch, too.
    const clock = cpu.now();
    const preempted = prev.state === 'running';
    if (prev !== this.#idle) {
      this.#rq.account(prev, clock);
      if (preempted) this.#rq.enqueue(prev, false);
      else cpu.spend(FN.dequeue_task_fair);
    }
    cpu.spend(FN.pick_next_task_fair);
    const next = this.#rq.pick(this.#canGoOn) ?? this.#idle;
    next.exec_start = clock;
    this.#pickedAt = clock;
    if (next !== prev) {
      if (preempted) prev.nivcsw++;
      else prev.nvcsw++;
      this.#context_switch(prev, next);
    }
    cpu.leave();
    cpu.irqEnable();
  }

  #context_switch(prev: Task, next: Task): void {
    const { cpu } = this;
    this.switches++;
    this.swPmu.count(PERF_COUNT_SW.CONTEXT_SWITCHES, 1, this.#kernelRegs('__schedule'));
    if (prev !== this.#idle)
      this.sideband.perf_event_switch(prev, next, prev.state === 'running' ? SWITCHED.preempted : SWITCHED.out);
    this.perf.task_sched_out(prev);
    prev.preempt_notifier?.sched_out();
    cpu.spend(FN.switch_mm_irqs_off);
    cpu.spend(FN.__switch_to);
    if (prev === this.#idle) this.#tickSched.start();
    this.current = next;
    this.perf.task_sched_in(next);
    if (next !== this.#idle) this.sideband.perf_event_switch(next, prev, SWITCHED.in);
    next.preempt_notifier?.sched_in();
    cpu.spend(FN.finish_task_switch);
  }

  /** do_idle(): the tick is stopped while there is nothing to account (NO_HZ_IDLE). */
  #doIdle(until: Cycles): void {
    this.#tickSched.stop();
    this.cpu.halt(until);
  }

  // --- interrupts --------------------------------------------------------------------------------------------------

  interrupt(vector: Vector, regs: Regs): void {
    switch (vector) {
      case 'NMI':
        this.#nmi(regs);
        return;
      case 'LOCAL_TIMER':
        this.#timerInterrupt(regs);
        return;
      case 'IRQ_WORK':
        this.#irqWork();
        return;
      case 'PERF_GUEST_MEDIATED_PMI':
        this.#mediatedPmi();
    }
  }

  /** sysvec_perf_guest_mediated_pmi_handler() */
  #mediatedPmi(): void {
    const { cpu } = this;
    cpu.enter(FN.asm_sysvec_perf_guest_mediated_pmi_handler);
    cpu.spend(FN.asm_sysvec_perf_guest_mediated_pmi_handler);
    cpu.enter(FN.sysvec_perf_guest_mediated_pmi_handler);
    cpu.spend(FN.sysvec_perf_guest_mediated_pmi_handler);
    cpu.spend(FN.irq_enter);
    this.handle_mediated_pmi?.();
    cpu.spend(FN.irq_exit);
    cpu.leave();
    cpu.leave();
  }

  /** perf_load_guest_lvtpc(): PMIs are the guest's from here, and as masked as its own LVTPC is. */
  perf_load_guest_lvtpc(masked: boolean): void {
    this.cpu.spend(FN.perf_load_guest_lvtpc);
    this.cpu.setLvtpc('PERF_GUEST_MEDIATED_PMI', masked);
    this.#guest_lvtpc_loaded = true;
  }

  /** perf_put_guest_lvtpc() */
  perf_put_guest_lvtpc(): void {
    this.cpu.spend(FN.perf_put_guest_lvtpc);
    this.#guest_lvtpc_loaded = false;
    this.cpu.setLvtpc('NMI');
  }

  /** do_nmi() down to perf_event_nmi_handler(), which times the driver with sched_clock(). */
  #nmi(regs: Regs): void {
    const { cpu } = this;
    this.nmis++;
    cpu.enter(FN.nmi);
    cpu.spend(FN.nmi);
    cpu.enter(FN.do_nmi);
    cpu.spend(FN.do_nmi);
    cpu.enter(FN.default_do_nmi);
    cpu.spend(FN.default_do_nmi);
    cpu.enter(FN.nmi_handle);
    cpu.spend(FN.nmi_handle);
    cpu.enter(FN.perf_event_nmi_handler);
    cpu.spend(FN.perf_event_nmi_handler);
    if (!this.#guest_lvtpc_loaded) {
      const start = cpu.nanos();
      if (this.pmu.activeEvents > 0) this.pmu.intel_pmu_handle_irq(regs);
      this.rate.sample_event_took((cpu.nanos() - start) as Nanos);
    }
    for (let i = 0; i < 5; i++) cpu.leave();
  }

  /** smp_apic_timer_interrupt(): everything due on the hrtimer queue, the tick among it. */
  #timerInterrupt(regs: Regs): void {
    const { cpu } = this;
    const outer = this.#irqRegs;
    this.#irqRegs = regs;
    cpu.enter(FN.apic_timer_interrupt);
    cpu.spend(FN.apic_timer_interrupt);
    cpu.enter(FN.smp_apic_timer_interrupt);
    cpu.spend(FN.smp_apic_timer_interrupt);
    cpu.spend(FN.irq_enter);
    this.#timers.interrupt();
    cpu.spend(FN.irq_exit);
    cpu.leave();
    cpu.leave();
    this.#irqRegs = outer;
  }

  #irqWork(): void {
    const { cpu } = this;
    cpu.enter(FN.irq_work_interrupt);
    cpu.spend(FN.irq_work_interrupt);
    cpu.enter(FN.smp_irq_work_interrupt);
    cpu.spend(FN.smp_irq_work_interrupt);
    cpu.spend(FN.irq_work_run);
    this.output.runPendingWakeups();
    cpu.leave();
    cpu.leave();
  }

  // --- time --------------------------------------------------------------------------------------------------------

  hrtimer(when: Cycles, order: Order, fire: (when: Cycles) => void): Alarm {
    return this.#timers.start(when, order, fire);
  }

  /** Charges the tick to whom it found, in the ring that it interrupted. */
  #update_process_times(): void {
    const { cpu } = this;
    const user = this.#irqRegs?.cpl === 3;
    cpu.enter(FN.update_process_times);
    cpu.spend(FN.update_process_times);
    cpu.spend(FN.account_process_tick);
    const task = this.current;
    if (user) task.utime = cycles(task.utime + this.tick);
    else task.stime = cycles(task.stime + this.tick);
    cpu.spend(FN.rcu_check_callbacks);
    cpu.enter(FN.scheduler_tick);
    cpu.spend(FN.scheduler_tick);
    cpu.spend(FN.task_tick_fair);
    if (task !== this.#idle) {
      this.#rq.account(task, cpu.now());
      this.#rq.tick(task, cycles(cpu.now() - this.#pickedAt));
    }
    this.perf.task_tick();
    cpu.spend(FN.trigger_load_balance);
    cpu.leave();
    cpu.leave();
  }

  // --- perf --------------------------------------------------------------------------------------------------------

  /** __perf_event_overflow(): accounts, then hands the sample on; true if the event is throttled. */
  #perf_event_overflow(event: PerfEvent, regs: Regs, period: number, throttle: boolean): boolean {
    if (!is_sampling_event(event)) return false;
    this.cpu.enter(FN.__perf_event_overflow);
    this.cpu.spend(FN.__perf_event_overflow);
    const stop = this.rate.account_interrupt(event, throttle);
    event.overflow_handler(event, regs, period);
    this.cpu.leave();
    return stop;
  }

  #perf_event_wakeup(event: PerfEvent): void {
    const { rb } = event;
    if (rb === undefined) return;
    rb.poll = true;
    if (rb.waiter !== undefined) this.wake(rb.waiter, 'POLLIN');
  }

  // --- tasks -------------------------------------------------------------------------------------------------------

  /** Everything that lives, by pid: what /proc lists. */
  get tasks(): readonly Task[] {
    return [...this.#tasks];
  }

  /** The living task of that parent, if it has one. */
  childOf(parent: Task): Task | undefined {
    for (const task of this.#tasks) if (task.parent === parent) return task;
    return undefined;
  }

  /** A runnable task from outside (init's child): the perf tool, a vCPU thread. */
  spawn(comm: string, body: TaskBody): Task {
    const task = newTask(this.#nextPid++, undefined, comm, body);
    this.#tasks.add(task);
    this.#rq.enqueue(task, false);
    return task;
  }

  /** _do_fork() by the current task; the child is runnable with the parent's name. */
  fork(body: TaskBody): Task {
    const { cpu } = this;
    this.syscall(() => {
      for (const fn of ['_do_fork', 'copy_process', 'copy_page_range'] as const) cpu.spend(FN[fn]);
    });
    const child = newTask(this.#nextPid++, this.current, this.current.comm, body);
    this.#tasks.add(child);
    child.vruntime = this.current.vruntime;
    child.mm = this.current.mm;
    this.#rq.enqueue(child, false);
    return child;
  }

  /**
   * The current task waits so long inside a system call (a grace period, a mutex): others run, or the CPU idles, and then
   * the call goes on. Of several tasks that wait so, the last is the first to go on.
   */
  block(span: Cycles): void {
    const task = this.current;
    this.#blocked.push(task);
    this.sleep();
    task.timer = this.hrtimer(cycles(this.cpu.now() + span), 'timer', () => this.wake(task, 'timeout'));
    this.run(cycles(Infinity), () => this.current === task && task.state === 'running');
    this.#blocked.pop();
  }

  /** Not the middle of a wait that another one lies on top of. */
  readonly #canGoOn = (task: Task): boolean => {
    const at = this.#blocked.indexOf(task);
    return at < 0 || at === this.#blocked.length - 1;
  };

  /** Puts the current task to sleep; whoever wakes it says why. */
  sleep(): void {
    this.current.wake_reason = undefined;
    this.current.state = 'sleeping';
  }

  wake(task: Task, reason: string): void {
    task.wake_reason = reason;
    if (task.state !== 'sleeping') return;
    if (task.timer !== undefined) task.timer.cancelled = true;
    task.timer = undefined;
    const { cpu } = this;
    cpu.spend(FN.try_to_wake_up);
    cpu.spend(FN.enqueue_task_fair);
    task.state = 'running';
    if (task === this.current) return;
    this.#rq.enqueue(task, true);
    if (this.current === this.#idle) this.#rq.needResched = true;
    else {
      this.#rq.account(this.current, cpu.now());
      this.#rq.checkPreempt(this.current, task);
    }
  }

  /** A system call of the current task: entry and exit around what it does. */
  syscall<T>(work: () => T): T {
    const { cpu } = this;
    cpu.enter(FN.entry_SYSCALL_64);
    cpu.spend(FN.entry_SYSCALL_64);
    cpu.enter(FN.do_syscall_64);
    cpu.spend(FN.do_syscall_64);
    const result = work();
    cpu.leave();
    cpu.leave();
    return result;
  }

  /** execve() by the current task: new image, new name, side-band, and events that waited for it. */
  execve(executable: Executable): void {
    const task = this.current;
    const { cpu } = this;
    this.syscall(() => {
      cpu.enter(FN.do_execveat_common);
      cpu.spend(FN.do_execveat_common);
      cpu.enter(FN.load_elf_binary);
      cpu.spend(FN.load_elf_binary);
      task.comm = executable.comm.slice(0, 15);
      task.mm = [];
      this.perf.enable_on_exec(task);
      this.sideband.perf_event_comm(task, true);
      this.sideband.mmap_region(task, executable.program);
      if (executable.interpreter !== undefined) this.sideband.mmap_region(task, executable.interpreter);
      cpu.leave();
      cpu.leave();
    });
    const cursor = executable.start();
    task.cursor = cursor;
    task.body = new ProgramBody(this, task, cursor, executable);
  }

  /** nanosleep() of the current task: it sleeps until the timer or a signal wakes it. */
  nanosleep(ns: number): void {
    this.syscall(() => {
      this.cpu.spend(FN.do_nanosleep);
      this.sleepFor(this.current, ns);
    });
  }

  /** Puts a task to sleep for so long, from inside a system call. */
  sleepFor(task: Task, ns: number): void {
    this.sleep();
    const when = cycles(this.cpu.now() + this.cyclesOf(ns));
    task.timer = this.hrtimer(when, 'timer', () => this.wake(task, 'timeout'));
  }

  /** A signal from outside that ends the task as soon as it returns to ring 3 (^C at the terminal is SIGINT). */
  kill(task: Task, signal: number): void {
    task.fatal_signal = signal;
    if (task === this.current) this.#rq.needResched = true;
    this.wake(task, 'signal');
  }

  /** do_exit(): the image goes, perf hears of it, the parent gets its SIGCHLD. */
  do_exit(task: Task, status: number): void {
    const { cpu } = this;
    cpu.enter(FN.do_exit);
    cpu.spend(FN.do_exit);
    cpu.spend(FN.unmap_page_range);
    this.perf.exit_task(task, () => this.sideband.perf_event_task(task));
    task.exit_code = status;
    task.state = 'dead';
    // Nothing of its image is kept: whoever reaps it reads its exit code.
    task.cursor = undefined;
    task.body = GONE;
    this.#tasks.delete(task);
    if (task.parent !== undefined) {
      task.parent.signal_pending = true;
      this.wake(task.parent, 'SIGCHLD');
    }
    cpu.leave();
  }

  #kernelRegs(fn: KernelFunction): Regs {
    return { cpl: 0, ip: KERNEL_SYMBOLS[FN[fn]]!.address, kernelFrames: [] };
  }
}
