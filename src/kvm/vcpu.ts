/**
 * A virtual CPU: a Cpu to the guest's kernel above it, a thread of the host's kernel below it.
 *
 * Guest code, ring 3 and ring 0, runs on the core itself. Whatever the VMCS intercepts is an exit: the core's software
 * becomes the host, the work is done and takes its time there, pending requests are served, and the guest is entered again
 * with what is to be injected. A host interrupt in the guest is an exit, too. When the host wants the core for something
 * else, the guest's kernel is left at its next step and the thread returns to the host's scheduler.
 *
 * Where it is, is one value, and it moves on these ways only:
 *
 *     halted <──> out <──> inner <──> guest
 *
 * `out`: the host or KVM has the core, or the thread waits for it. `inner`: KVM's inner run loop, where a guest that has
 * registers of its own has them. `guest`: the guest has the core. `halted`: the thread sleeps in kvm_vcpu_block(). KVM's
 * vcpu->mode is IN_GUEST_MODE in the two on the right.
 *
 * Source: arch/x86/kvm/x86.c (vcpu_enter_guest, kvm_vcpu_block), arch/x86/kvm/vmx/vmx.c (vmx_handle_exit, vmx_vcpu_run,
 * atomic_switch_perf_msrs), virt/kvm/kvm_main.c (kvm_vcpu_kick), Linux 5.0.
 * Not modelled: nested guests, halt polling, preemption inside a guest kernel path, kicks of a vCPU that has a core.
 *
 * Over 300 lines: the three roles (a thread, the core's software, the guest's Cpu) share what is pending and where it is.
 */
import type { Cpu, ExecutionCursor, Regs, Software, StopReason, TaskBody, Vector } from '../arch/cpu.ts';
import type { PmuCaps } from '../arch/cpuid.ts';
import { GeneralProtection, MSR, PMC_IDX_FIXED, RDPMC_FIXED, decodePmuMsr } from '../arch/msr.ts';
import type { Core } from '../hw/core.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { FN, KERNEL_SYMBOLS } from '../kernel/symbols.ts';
import type { Task } from '../kernel/task.ts';
import type { Probe, Span } from '../sim/probe.ts';
import { address, cycles, type Cycles, type Nanos } from '../units.ts';
import { ExitStats, type ExitReason } from './exits.ts';
import { VirtualApic } from './lapic.ts';
import type { KvmStep, Request } from './steps.ts';
import type { Vm } from './vm.ts';
import { KvmPmu, type KvmDraws, type Vpmu, type VpmuPort } from './vpmu.ts';

/** What boots on a vCPU: a kernel, or less. */
export interface GuestSoftware extends Software {
  /** Runs until a time, or until `stop` holds at a point where the processor can be given up. */
  run(until: Cycles, stop: () => boolean): void;
}

/** Where a vCPU is; `resume`: where its guest goes on, if an interrupt or the host ended its turn. */
type Place =
  | { readonly at: 'out' | 'guest'; readonly resume?: Regs | undefined }
  | { readonly at: 'inner' | 'halted'; readonly resume?: undefined };

const OUT: Place = { at: 'out' };
const INNER: Place = { at: 'inner' };
const GUEST: Place = { at: 'guest' };
const HALTED: Place = { at: 'halted' };

export class Vcpu implements Cpu, Software, TaskBody {
  readonly vm: Vm;
  /** Among its VM's. */
  readonly number: number;
  readonly caps: PmuCaps;
  readonly exits = new ExitStats();
  readonly pmu: KvmPmu;
  readonly lapic: VirtualApic;
  /** Hears of exits, entries, requests, injected interrupts and what the design does about a counter. */
  probe: Probe<KvmStep> | undefined;
  readonly #core: Core;
  readonly #host: Kernel;
  readonly #task: Task;
  readonly #vpmu: Vpmu;
  /** The guest has registers of its own (Vpmu.loadGuest): interrupts are off in the inner run loop. */
  readonly #hasRegisters: boolean;
  readonly #draws: KvmDraws;
  #guest!: GuestSoftware;
  #at: Place = OUT;
  #left: Span | undefined;
  #leftAt = 0 as Cycles;
  readonly #requests = new Set<Request>();
  #nmiBlocked = false;
  #irqOff = 0;
  #stop: () => boolean = () => false;
  #reset: (() => void) | undefined;
  #until = 0 as Cycles;

  /** A vCPU of a VM, and its thread on a CPU of the host. Throws VcpuRefused. */
  constructor(vm: Vm, core: Core, host: Kernel, draws: KvmDraws) {
    this.vm = vm;
    this.#core = core;
    this.#host = host;
    this.#draws = draws;
    this.caps = vm.caps;
    this.pmu = new KvmPmu(vm.caps);
    this.lapic = new VirtualApic(host, () => this.#kick());
    this.number = vm.createVcpu(host, this.lapic);
    this.#task = host.spawn(`CPU ${this.number}/KVM`, this);
    const port: VpmuPort = {
      pmu: this.pmu,
      host,
      task: this.#task,
      request: (request) => void this.#requests.add(request),
      lvtpcMasked: () => this.lapic.lvtpcMasked,
      filter: vm.filter,
      draws,
      probe: () => this.probe,
    };
    this.#vpmu = vm.design.attach(port);
    this.#hasRegisters = this.#vpmu.loadGuest !== undefined;
    this.#task.preempt_notifier = {
      sched_in: () => {
        core.spend(FN.vmx_vcpu_load);
        this.#vpmu.vcpuLoad?.();
      },
      sched_out: () => {
        core.spend(FN.vmx_vcpu_put);
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
    if (this.#at.at !== 'guest') {
      const { resume } = this.#at;
      this.#enter(resume);
      this.#reset?.();
      this.#reset = undefined;
      // What came meanwhile goes in with the entry: a guest that halted need not halt once more to see it.
      this.#inject(resume);
    }
    this.#guest.run(until, () => this.wanted);
    // A guest that halted is out already.
    if (this.#at.at === 'guest' && this.wanted) this.#leave();
  }

  // --- Software: the core's interrupts while the guest runs -----------------------------------------------------------

  interrupt(vector: Vector, regs: Regs): void {
    const nmi = vector === 'NMI';
    // One that waited for VM-entry interrupts what the guest goes on with.
    const where = this.#at.resume ?? regs;
    this.#vmExit(nmi ? 'EXCEPTION_NMI' : 'EXTERNAL_INTERRUPT');
    const at = KERNEL_SYMBOLS[FN.vmx_vcpu_run]!;
    const ip = address(at.address + (at.size >> 1));
    // An NMI is served right behind VM-exit, with the guest's registers still in place.
    if (!nmi) this.#putGuest();
    this.#host.interrupt(vector, { cpl: 0, ip, kernelFrames: [], guest: { cpl: where.cpl, ip: where.ip } });
    if (nmi) this.#putGuest();
    this.#core.openInterrupts();
    this.#enter(where);
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

  setLvtpc(vector: Vector, masked?: boolean): void {
    this.#exit('APIC_WRITE', () => this.lapic.setLvtpc(vector, masked));
  }

  setTimer(at: Cycles): void {
    this.#exit('MSR_WRITE', () => this.lapic.setTimer(this.#host, at), true);
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
    if (reason === 'resched' && !this.#guest.needResched())
      this.#move('guest', { at: 'guest', resume: { cpl: 3, ip: code.ip, kernelFrames: [] } });
    return reason;
  }

  get wanted(): boolean {
    return this.#host.mustYield || this.#stop();
  }

  /**
   * HLT exits; the thread sleeps until something is to be injected, and enters the guest again in its next run(). When the
   * caller's time is over is none of the guest's business.
   */
  halt(): void {
    const start = this.now();
    this.#handleExit('HLT');
    this.#core.spend(FN.kvm_vcpu_block);
    const blocks = !this.#pending;
    if (blocks) {
      this.#move('out', HALTED);
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
    this.#exit('APIC_WRITE', () => this.lapic.accept('IRQ_WORK'));
  }

  // --- entries and exits ----------------------------------------------------------------------------------------------

  get #pending(): boolean {
    return this.lapic.pending || this.#requests.size > 0;
  }

  /** Throws if it is elsewhere: the guest's kernel acts outside the guest, or a path through KVM is left out or taken twice. */
  #move(from: Place['at'], to: Place): void {
    const { at } = this.#at;
    if (at !== from) throw new Error(`vCPU ${this.number} cannot go from ${from} to ${to.at}: it is ${at}`);
    this.#at = to;
  }

  /** kvm_vcpu_wake_up(): a thread that sleeps for another reason (a grace period) sleeps on. */
  #kick(): void {
    if (this.#at.at !== 'halted') return;
    this.#move('halted', OUT);
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
        if (fast) this.#putGuest();
        this.#enter();
      }
      this.exits.add(reason, cycles(this.now() - start));
    }
    this.#inject(undefined);
    return result;
  }

  /** Out, and what KVM does about any exit; whether it is still in its inner run loop. */
  #handleExit(reason: ExitReason, canBeFast = false): boolean {
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

  /** The host wants the core: out of the guest and of KVM's inner run loop. */
  #leave(): void {
    const { resume } = this.#at;
    this.#vmExit('EXTERNAL_INTERRUPT');
    this.#putGuest(resume);
  }

  /** VM-exit: the host's GLOBAL_CTRL comes with the VMCS. */
  #vmExit(reason: ExitReason): void {
    const { pmu } = this.#core;
    this.#move('guest', INNER);
    this.exits.count(reason);
    this.#leftAt = this.now();
    this.#left = this.probe?.begin({ kind: 'exit', reason });
    this.#core.setSoftware(this.#host);
    if (this.#hasRegisters) {
      // A PMI of the guest's counters is not late for VM-exit: on Intel's processors none was ever seen behind it.
      this.#core.settlePmi();
      this.#core.irqDisable();
    }
    if (this.#vpmu.vmExit === undefined)
      pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, this.#host.pmu.intel_guest_get_msrs().host);
    else {
      this.#vpmu.vmExit(pmu.rdmsr(MSR.IA32_PERF_GLOBAL_CTRL));
      pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 0);
    }
    this.#core.spend(FN.vmx_vcpu_run);
  }

  /** Out of the inner run loop: the guest's registers are put away, and interrupts, off since VM-exit, are taken. */
  #putGuest(resume?: Regs): void {
    this.#move('inner', resume === undefined ? OUT : { at: 'out', resume });
    if (!this.#hasRegisters) return;
    this.#vpmu.putGuest?.();
    this.#core.irqEnable();
  }

  /** vcpu_enter_guest(): requests first, then the guest's registers, if it has its own, and VM-entry. */
  #enter(resume?: Regs): void {
    this.#serveRequests();
    this.#core.spend(FN.vcpu_enter_guest);
    if (this.#hasRegisters) {
      this.#core.irqDisable();
      // What an interrupt asked for in between.
      while (this.#requests.size > 0) {
        this.#core.irqEnable();
        this.#serveRequests();
        this.#core.irqDisable();
      }
    }
    this.#move('out', INNER);
    this.#vpmu.loadGuest?.();
    this.#vmEnter(resume);
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
        this.lapic.deliverPmi();
      }
    }
  }

  /** VM-entry: the guest's GLOBAL_CTRL comes with the VMCS; what waits for interrupts to open is the next exit. */
  #vmEnter(resume?: Regs): void {
    const ctrl = this.#vpmu.vmEnter === undefined ? this.#host.pmu.intel_guest_get_msrs().guest : this.#vpmu.vmEnter();
    this.#core.pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, ctrl);
    this.#core.setSoftware(this, this.vm.page);
    this.#move('inner', this.#hasRegisters && resume !== undefined ? { at: 'guest', resume } : GUEST);
    this.exits.outside = cycles(this.exits.outside + this.now() - this.#leftAt);
    this.#left?.end();
    this.#left = undefined;
    if (!this.#hasRegisters) return;
    this.#core.irqEnable();
    this.#move('guest', GUEST);
  }

  /** Delivers to the guest what is pending and open; `regs` says where the guest is, if an interrupt told. */
  #inject(regs: Regs | undefined): void {
    for (;;) {
      const vector = this.lapic.take(this.#nmiBlocked, this.#irqOff > 0);
      if (vector === undefined) return;
      const nmi = vector === 'NMI';
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
}
