/**
 * A virtual CPU: a Cpu to the guest's kernel above it, a thread of the host's kernel below it.
 *
 * Guest code, ring 3 and ring 0, runs on the core itself. Whatever the VMCS intercepts is an exit: the core's software
 * becomes the host, the work is done and takes its time there, pending requests are served, and the guest is entered again
 * with what is to be injected. A host interrupt in the guest is an exit, too. When the host wants the core for something
 * else, the guest's kernel is left at its next step and the thread returns to the host's scheduler.
 *
 * Source: arch/x86/kvm/x86.c (vcpu_enter_guest, kvm_vcpu_block), arch/x86/kvm/vmx/vmx.c (vmx_handle_exit, vmx_vcpu_run,
 * atomic_switch_perf_msrs), arch/x86/kvm/lapic.c, Linux 5.0.
 * Not modelled: nested guests, posted interrupts, the preemption timer (guest timers are host hrtimers), halt polling,
 * preemption inside a guest kernel path.
 *
 * Over 300 lines: the three roles (a thread, the core's software, the guest's Cpu) share what is pending and who has the core.
 */
import type { Cpu, ExecutionCursor, Regs, Software, StopReason, TaskBody, Vector } from '../arch/cpu.ts';
import type { PmuCaps } from '../arch/cpuid.ts';
import { GeneralProtection, MSR, PMC_IDX_FIXED, RDPMC_FIXED, decodePmuMsr } from '../arch/msr.ts';
import type { Core, Page } from '../hw/core.ts';
import { atLeast } from '../kernel/config.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { FN, KERNEL_SYMBOLS } from '../kernel/symbols.ts';
import type { Task } from '../kernel/task.ts';
import type { Alarm } from '../sim/event-queue.ts';
import type { Probe, Span } from '../sim/probe.ts';
import { address, cycles, type Cycles, type Nanos } from '../units.ts';
import { ExitStats, type ExitReason } from './exits.ts';
import type { KvmStep, Request } from './steps.ts';
import { KvmPmu, NO_FILTER, type KvmDraws, type PmuFilter, type Vpmu, type VpmuDesign, type VpmuPort } from './vpmu.ts';

export interface VcpuOptions {
  /** Where the time of its guest is booked. */
  readonly page?: Page;
  /** What the guest may not count, under a design that honours it. */
  readonly filter?: PmuFilter;
}

/** What boots on a vCPU: a kernel, or less. */
export interface GuestSoftware extends Software {
  /** Runs until a time, or until `stop` holds at a point where the processor can be given up. */
  run(until: Cycles, stop: () => boolean): void;
}

export class Vcpu implements Cpu, Software, TaskBody {
  readonly caps: PmuCaps;
  readonly exits = new ExitStats();
  readonly pmu: KvmPmu;
  /** Hears of exits, entries, requests, injected interrupts and what the design does about a counter. */
  probe: Probe<KvmStep> | undefined;
  readonly #core: Core;
  readonly #host: Kernel;
  readonly #task: Task;
  readonly #vpmu: Vpmu;
  readonly #design: VpmuDesign;
  readonly #draws: KvmDraws;
  readonly #page: Page;
  #guest!: GuestSoftware;
  #left: Span | undefined;
  #leftAt = 0 as Cycles;
  readonly #requests = new Set<Request>();
  #inGuest = false;
  /** The hardware's counters are the guest's (Vpmu.loadGuest). */
  #loaded = false;
  #lvtpc: Vector | undefined;
  #lvtpcMasked = false;
  readonly #masksLvtpc: boolean;
  #nmiPending = false;
  #nmiBlocked = false;
  #timerPending = false;
  #irqWorkPending = false;
  /** It sleeps in kvm_vcpu_block(). */
  #halted = false;
  #irqOff = 0;
  #timer: Alarm | undefined;
  #stop: () => boolean = () => false;
  #reset: (() => void) | undefined;
  #until = 0 as Cycles;
  /** Where in ring 3 the guest was when the host took the CPU from it. */
  #preempted: Regs | undefined;
  /** Where in ring 3 the guest goes on when entered: an interrupt that waited for VM-entry finds it there. */
  #resumeAt: Regs | undefined;

  /** Throws VcpuRefused. */
  constructor(core: Core, host: Kernel, design: VpmuDesign, draws: KvmDraws, options: VcpuOptions = {}) {
    this.#core = core;
    this.#host = host;
    this.#design = design;
    this.#draws = draws;
    this.#page = options.page ?? 'guest';
    this.caps = design.guestCaps(core.caps, host.config);
    this.pmu = new KvmPmu(this.caps);
    this.#masksLvtpc = atLeast(host.config, 6, 6);
    this.#task = host.spawn('CPU 0/KVM', this);
    const port: VpmuPort = {
      pmu: this.pmu,
      host,
      task: this.#task,
      request: (request) => void this.#requests.add(request),
      lvtpcMasked: () => this.#lvtpc === undefined || this.#lvtpcMasked,
      filter: options.filter ?? NO_FILTER,
      draws,
      probe: () => this.probe,
    };
    this.#vpmu = design.attach(port);
    this.#task.preempt_notifier = {
      sched_in: () => {
        host.cpu.spend(FN.vmx_vcpu_load);
        this.#vpmu.vcpuLoad?.();
      },
      sched_out: () => {
        host.cpu.spend(FN.vmx_vcpu_put);
        this.#vpmu.vcpuPut?.();
      },
    };
  }

  /** What runs in the guest, what it does first, and when the machine may stop running it. */
  boot(guest: GuestSoftware, reset: () => void, stop: () => boolean): void {
    this.#guest = guest;
    this.#reset = reset;
    this.#stop = stop;
  }

  // --- a thread of the host ------------------------------------------------------------------------------------------

  /**
   * KVM_RUN until the host wants the core or the guest halts. That the caller's time is over is no exit: the next call goes on
   * where this one stopped.
   */
  run(_cpu: Cpu, until: Cycles): void {
    this.#until = until;
    if (!this.#inGuest) {
      this.#enterAt(this.#preempted);
      this.#reset?.();
      this.#reset = undefined;
      // What came meanwhile goes in with the entry: a guest that halted need not halt once more to see it.
      const preempted = this.#preempted;
      this.#preempted = undefined;
      this.#inject(preempted);
    }
    this.#guest.run(until, () => this.wanted);
    // A guest that halted is out already.
    if (this.#inGuest && this.wanted) this.#leave('EXTERNAL_INTERRUPT');
  }

  // --- Software: the core's interrupts while the guest runs -----------------------------------------------------------

  interrupt(vector: Vector, regs: Regs): void {
    const nmi = vector === 'NMI';
    this.#vmExit(nmi ? 'EXCEPTION_NMI' : 'EXTERNAL_INTERRUPT');
    const at = KERNEL_SYMBOLS[FN.vmx_vcpu_run]!;
    const ip = address(at.address + (at.size >> 1));
    const where = this.#resumeAt ?? regs;
    // An NMI is served right behind VM-exit, with the guest's registers still in place.
    if (!nmi) this.#putGuest();
    this.#host.interrupt(vector, { cpl: 0, ip, kernelFrames: [], guest: { cpl: where.cpl, ip: where.ip } });
    if (nmi) this.#putGuest();
    this.#core.openInterrupts();
    this.#enterAt(where);
    this.#inject(where);
  }

  needResched(): boolean {
    return this.#guest.needResched() || this.wanted;
  }

  // --- Cpu: what the guest's kernel sees ------------------------------------------------------------------------------

  now(): Cycles {
    return this.#core.now();
  }

  nanos(): Nanos {
    return this.#core.nanos();
  }

  rdmsr(msr: number): number {
    if (this.#reaches(msr)) {
      const value = this.#core.rdmsr(msr);
      this.#inject(undefined);
      return value;
    }
    return this.#exit('MSR_READ', () => {
      const register = decodePmuMsr(msr);
      if (register === undefined) throw new GeneralProtection(msr, 'no such register');
      return this.#vpmu.rdmsr(register);
    });
  }

  wrmsr(msr: number, value: number): void {
    if (this.#reaches(msr)) {
      this.#core.wrmsr(msr, value);
      this.#inject(undefined);
      return;
    }
    this.#exit('MSR_WRITE', () => {
      const register = decodePmuMsr(msr);
      if (register === undefined) throw new GeneralProtection(msr, 'no such register');
      this.#vpmu.wrmsr(register, value);
    });
  }

  rdpmc(ecx: number): number {
    if (this.#vpmu.passthrough?.('RDPMC') === true) {
      const value = this.#core.rdpmc(ecx);
      this.#inject(undefined);
      return value;
    }
    return this.#exit('RDPMC', () => {
      const fixed = ecx >= RDPMC_FIXED;
      if (!fixed && ecx >= PMC_IDX_FIXED) throw new GeneralProtection(ecx, 'RDPMC of no counter');
      return this.#vpmu.rdpmc(fixed ? ecx - RDPMC_FIXED + PMC_IDX_FIXED : ecx);
    });
  }

  /** Writing the entry chooses the vector and clears the mask bit. */
  setLvtpc(vector: Vector): void {
    this.#exit('APIC_WRITE', () => {
      this.#lvtpc = vector;
      this.#lvtpcMasked = false;
    });
  }

  setTimer(at: Cycles): void {
    const arm = (): void => {
      if (this.#timer !== undefined) this.#timer.cancelled = true;
      this.#timer = undefined;
      if (at === Infinity) return;
      this.#timer = this.#host.hrtimer(at, 'timer', () => {
        this.#timer = undefined;
        this.#timerPending = true;
        this.#kick();
      });
    };
    this.#exit('MSR_WRITE', arm, true);
  }

  spend(fn: number, times?: number): void {
    this.#core.spend(fn, times);
    this.#inject(undefined);
  }

  spendFor(fn: number, cost: Cycles): void {
    this.#core.spendFor(fn, cost);
  }

  enter(fn: number): void {
    this.#core.enter(fn);
  }

  leave(): void {
    this.#core.leave();
  }

  execute(code: ExecutionCursor, until: Cycles): StopReason {
    this.#inject({ cpl: 3, ip: code.ip, kernelFrames: [] });
    const reason = this.#core.execute(code, cycles(Math.min(until, this.#until)));
    if (reason === 'resched' && !this.#guest.needResched()) this.#preempted = { cpl: 3, ip: code.ip, kernelFrames: [] };
    return reason;
  }

  get wanted(): boolean {
    return this.#host.mustYield || this.#stop();
  }

  /** HLT exits; the thread sleeps until something is to be injected, and enters the guest again in its next run(). */
  halt(until: Cycles): void {
    const start = this.now();
    this.#handleExit('HLT');
    this.#host.cpu.spend(FN.kvm_vcpu_block);
    const blocks = !this.#pending && this.now() < until;
    if (blocks) {
      this.#halted = true;
      this.#host.sleep();
    } else this.#enter();
    this.exits.add('HLT', cycles(this.now() - start));
    if (!blocks) this.#inject(undefined);
  }

  irqDisable(): void {
    this.#irqOff++;
  }

  irqEnable(): void {
    this.#irqOff--;
    this.#inject(undefined);
  }

  raiseIrqWork(): void {
    this.#exit('APIC_WRITE', () => {
      this.#irqWorkPending = true;
    });
  }

  // --- entries and exits ----------------------------------------------------------------------------------------------

  get #pending(): boolean {
    return this.#nmiPending || this.#timerPending || this.#irqWorkPending || this.#requests.size > 0;
  }

  /** kvm_vcpu_wake_up(): a thread that sleeps for another reason (a grace period) sleeps on. */
  #kick(): void {
    if (!this.#halted) return;
    this.#halted = false;
    this.#host.wake(this.#task, 'kick');
  }

  /**
   * An intercepted instruction: out, the host's work, in again. `canBeFast`: KVM can serve it without leaving its inner run
   * loop, if the design lets it.
   */
  #exit<T>(reason: ExitReason, work: () => T, canBeFast = false): T {
    const start = this.now();
    const fast = this.#handleExit(reason, canBeFast);
    let result: T;
    try {
      result = work();
    } finally {
      if (fast && this.#requests.size === 0) this.#vmEnter();
      else {
        this.#putGuest();
        this.#enter();
      }
      this.exits.add(reason, cycles(this.now() - start));
    }
    this.#inject(undefined);
    return result;
  }

  /** Out, and what KVM does about any exit; whether it is still in its inner run loop. */
  #handleExit(reason: ExitReason, canBeFast = false): boolean {
    if (!this.#inGuest) throw new Error(`${reason}: the guest's kernel acts outside the guest`);
    this.#vmExit(reason);
    const fast = canBeFast && this.#vpmu.fastPath?.() === true;
    if (fast) this.#core.spend(FN.vmx_exit_handlers_fastpath);
    else {
      this.#putGuest();
      this.#core.spend(FN.vmx_handle_exit);
      this.#core.spend(FN.kvm_set_msr_common);
    }
    const tail = this.#draws.exit_tail();
    if (tail > 0) this.#core.spendFor(FN.vcpu_enter_guest, tail);
    return fast;
  }

  /** The MSR bitmap: whether an access of the guest needs no exit. */
  #reaches(msr: number): boolean {
    if (this.#vpmu.passthrough === undefined) return false;
    const register = decodePmuMsr(msr);
    return register !== undefined && this.#vpmu.passthrough(register);
  }

  /** Out of the guest and of KVM's inner run loop. */
  #leave(reason: ExitReason): void {
    this.#vmExit(reason);
    this.#putGuest();
  }

  /** VM-exit: the host's GLOBAL_CTRL comes with the VMCS. */
  #vmExit(reason: ExitReason): void {
    const { pmu } = this.#core;
    this.exits.count(reason);
    this.#leftAt = this.now();
    this.#left = this.probe?.begin({ kind: 'exit', reason });
    this.#inGuest = false;
    this.#core.setSoftware(this.#host);
    if (this.#vpmu.vmExit === undefined)
      pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, this.#host.pmu.intel_guest_get_msrs().host);
    else {
      // A PMI of the guest's counters is not late for VM-exit: on Intel's processors none was ever seen behind it.
      this.#core.settlePmi();
      this.#core.irqDisable();
      this.#vpmu.vmExit(pmu.rdmsr(MSR.IA32_PERF_GLOBAL_CTRL));
      pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 0);
    }
    this.#core.spend(FN.vmx_vcpu_run);
  }

  /** The guest's registers are put away, and interrupts, off since VM-exit, are taken. */
  #putGuest(): void {
    if (!this.#loaded) return;
    this.#loaded = false;
    this.#vpmu.putGuest?.();
    this.#core.irqEnable();
  }

  /** vcpu_enter_guest(): requests first, then the guest's registers, if it has its own, and VM-entry. */
  #enter(): void {
    this.#serveRequests();
    this.#core.spend(FN.vcpu_enter_guest);
    if (this.#vpmu.loadGuest !== undefined) {
      this.#core.irqDisable();
      // What an interrupt asked for in between.
      while (this.#requests.size > 0) {
        this.#core.irqEnable();
        this.#serveRequests();
        this.#core.irqDisable();
      }
      this.#loaded = true;
      this.#vpmu.loadGuest();
    }
    this.#vmEnter();
  }

  #enterAt(where: Regs | undefined): void {
    const outer = this.#resumeAt;
    this.#resumeAt = where;
    this.#enter();
    this.#resumeAt = outer;
  }

  #serveRequests(): void {
    while (this.#requests.size > 0) {
      if (this.#requests.delete('PMU')) {
        this.probe?.instant({ kind: 'request', request: 'PMU' });
        this.#core.spend(FN.kvm_pmu_handle_event);
        this.#vpmu.handleEvent();
      }
      if (this.#requests.delete('PMI')) {
        this.probe?.instant({ kind: 'request', request: 'PMI' });
        this.#core.spend(FN.kvm_pmu_deliver_pmi);
        this.#deliverPmi();
      }
    }
  }

  /** VM-entry: the guest's GLOBAL_CTRL comes with the VMCS; what waits for interrupts to open is the next exit. */
  #vmEnter(): void {
    const ctrl = this.#vpmu.vmEnter === undefined ? this.#host.pmu.intel_guest_get_msrs().guest : this.#vpmu.vmEnter();
    this.#core.pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, ctrl);
    this.#core.setSoftware(this, this.#page);
    this.#inGuest = true;
    this.exits.outside = cycles(this.exits.outside + this.now() - this.#leftAt);
    this.#left?.end();
    this.#left = undefined;
    if (this.#loaded) this.#core.irqEnable();
  }

  /** kvm_apic_local_deliver(LVTPC). Delivery sets the mask bit from Linux 6.6; what meets it set is lost. */
  #deliverPmi(): void {
    if (this.#lvtpc !== 'NMI' || this.#lvtpcMasked) return;
    this.#nmiPending = true;
    this.#lvtpcMasked = this.#masksLvtpc;
  }

  /** Delivers to the guest what is pending and open; `regs` says where the guest is, if an interrupt told. */
  #inject(regs: Regs | undefined): void {
    for (;;) {
      const nmi = this.#nmiPending && !this.#nmiBlocked;
      if (nmi) this.#nmiPending = false;
      else if (this.#irqOff > 0) return;
      const vector = nmi ? 'NMI' : this.#takeIrq();
      if (vector === undefined) return;
      const [irqOff, nmiBlocked] = [this.#irqOff, this.#nmiBlocked];
      this.#irqOff++;
      this.#nmiBlocked = nmi || nmiBlocked;
      const injection = this.probe?.begin({ kind: 'inject', vector });
      if (nmi) this.#core.spend(FN.vmx_inject_nmi);
      injection?.end();
      this.#core.asRing0(() => this.#guest.interrupt(vector, regs ?? this.#core.ring0Regs()));
      this.#irqOff = irqOff;
      this.#nmiBlocked = nmiBlocked;
    }
  }

  #takeIrq(): Vector | undefined {
    if (this.#timerPending) {
      this.#timerPending = false;
      return 'LOCAL_TIMER';
    }
    if (!this.#irqWorkPending) return undefined;
    this.#irqWorkPending = false;
    return 'IRQ_WORK';
  }

  get design(): VpmuDesign {
    return this.#design;
  }
}
