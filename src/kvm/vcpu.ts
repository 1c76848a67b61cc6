/**
 * A virtual CPU: a Cpu to the guest's kernel above it, a thread to the host's kernel below it.
 *
 * Guest code, ring 3 and ring 0, runs on the core itself. What the VMCS intercepts causes an exit: the host becomes the
 * core's software and does the work at its own cost, pending requests are served, and the guest is entered again with
 * pending interrupts injected. A host interrupt during guest code is an exit, too. When the host wants the core for
 * something else, the guest's kernel stops at its next step and the thread returns to the host's scheduler.
 *
 * In order: its roles as a thread of the host, as the core's software and as the guest's Cpu. How it enters the guest and
 * leaves it is in vmx-transitions.ts, what other vCPUs send it in vcpu-mail.ts.
 *
 * Source: arch/x86/kvm/x86.c (kvm_arch_vcpu_ioctl_run, inject_pending_event), virt/kvm/kvm_main.c (kvm_vcpu_kick,
 * kvm_vcpu_on_spin), Linux 5.0.
 * Not modelled: preemption inside a guest kernel path; that a vCPU which spins gives its turn to one on another core.
 */
import type { Cpu, ExecutionCursor, Outlook, Regs, Software, StopReason, Vector } from '../arch/cpu.ts';
import type { PmuCaps } from '../arch/cpuid.ts';
import { GeneralProtection, PMC_IDX_FIXED, RDPMC_FIXED, decodePmuMsr } from '../arch/msr.ts';
import type { Core } from '../hw/core.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { MovableBody, MovedTask } from '../kernel/moved-task.ts';
import { FN, KERNEL_SYMBOLS } from '../kernel/symbols.ts';
import type { Task } from '../kernel/task.ts';
import { leastCosts } from '../kernel/watermark.ts';
import type { Probe } from '../sim/probe.ts';
import { address, cycles, type Cycles, type Nanos } from '../units.ts';
import type { ExitReason, ExitStats } from './exits.ts';
import type { GuestSoftware } from './guest-software.ts';
import { VirtualApic } from './lapic.ts';
import { PauseLoop } from './pause-loop.ts';
import type { KvmStep } from './steps.ts';
import { VcpuMail, type GuestCpu } from './vcpu-mail.ts';
import { VcpuPlace, type OnCore } from './vcpu-place.ts';
import type { Vm } from './vm.ts';
import { KvmPmu, type KvmDraws, type Vpmu, type VpmuPort } from './vpmu.ts';
import { VmxTransitions } from './vmx-transitions.ts';

/** Which of the core's counters the guest samples with, only its design knows. */
const UNKNOWN = { counters: 0, byClock: false } as const;

export class Vcpu implements Cpu, Software, MovableBody {
  readonly vm: Vm;
  /** Its index in the VM. */
  readonly number: number;
  readonly caps: PmuCaps;
  readonly pmu: KvmPmu;
  readonly lapic: VirtualApic;
  /** If set: told of exits, entries, requests, injected interrupts and operations on counters. */
  probe: Probe<KvmStep> | undefined;
  /** The CPU of the host that has its thread, and the kernel there. */
  #core: Core;
  #host: Kernel;
  readonly #place: VcpuPlace;
  readonly #task: Task;
  readonly #vpmu: Vpmu;
  readonly #vmx: VmxTransitions;
  readonly #residue: Cycles;
  readonly #mail: VcpuMail;
  /** Ring-0 frames of its guest while another thread has the CPU; and how many were there before, while it has it. */
  #frames: readonly number[] = [];
  #depth = 0;
  /** kvm_before_interrupt(), for an NMI. */
  #handlesNmi = false;
  #guest!: GuestSoftware;
  #nmiBlocked = false;
  #irqOff = 0;
  #stop: () => boolean = () => false;
  #reset: (() => void) | undefined;
  #until = 0 as Cycles;
  readonly #spin = new PauseLoop();

  /**
   * Adds a vCPU to a VM, with its thread on a CPU of the host; if there are several `cpus`, by number, the thread may move
   * among them. `passes`: the counters that its kernel's passes through ring-0 functions are drawn by, absent: the core's.
   * Throws VcpuRefused.
   */
  constructor(
    vm: Vm,
    core: Core,
    host: Kernel,
    draws: KvmDraws,
    passes?: Int32Array,
    cpus: readonly OnCore[] = [{ core, host }],
  ) {
    this.vm = vm;
    this.#core = core;
    this.#host = host;
    const place = new VcpuPlace({ core, host }, cpus);
    this.#place = place;
    this.caps = vm.caps;
    this.pmu = new KvmPmu(vm.caps);
    this.lapic = new VirtualApic(host, () => this.#kick());
    this.number = vm.createVcpu(
      cpus.map((one) => one.host),
      this.lapic,
    );
    this.#task = host.spawn(`CPU ${this.number}/KVM`, this);
    if (cpus.length > 1) this.#task.cpus_allowed = undefined;
    vm.threads.push(this.#task);
    const probe = (): Probe<KvmStep> | undefined => this.probe;
    const port: VpmuPort = {
      pmu: this.pmu,
      get host() {
        return place.host;
      },
      task: this.#task,
      request: (request) => this.#vmx.request(request),
      isInGuest: () => this.#handlesNmi,
      queuePmi: () => {
        this.#host.irq_work.push(() => {
          this.#core.spend(FN.kvm_pmu_deliver_pmi);
          this.lapic.deliverPmi();
          this.#kick();
        });
        this.#core.raiseIrqWork();
      },
      lvtpcMasked: () => this.lapic.lvtpcMasked,
      filter: vm.filter,
      flexible: vm.flexible,
      hooks: vm.hooks,
      draws,
      probe,
    };
    const vpmu = vm.design.attach(port);
    this.#vpmu = vpmu;
    const { number, lapic } = this;
    const nmiBlocked = (): boolean => this.#nmiBlocked;
    this.#vmx = new VmxTransitions({
      vm,
      number,
      place,
      lapic,
      vpmu,
      draws,
      passes,
      software: this,
      probe,
      nmiBlocked,
    });
    this.#residue = draws.pmi_residue;
    this.#mail = new VcpuMail({ vm, place, task: this.#task, lapic, vmx: this.#vmx, guest: () => this.#guest });
    vm.places.push(this.#mail);
    this.#task.preempt_notifier = {
      sched_in: () =>
        place.vmx_vcpu_load((moved) => {
          this.#vmx.schedIn();
          this.#spin.sched_in();
          this.#vpmu.vcpuLoad?.();
          if (!moved) return;
          this.#vmx.request('TLB_FLUSH');
          this.#vmx.request('MIGRATE_TIMER');
        }),
      sched_out: () => {
        this.#core.spend(FN.vmx_vcpu_put);
        this.#vpmu.vcpuPut?.();
      },
    };
  }

  /** Sets the guest's software, what it does at its first entry, and when the machine may stop running it. */
  boot(guest: GuestSoftware, reset: () => void, stop: () => boolean): void {
    this.#guest = guest;
    this.#reset = reset;
    this.#stop = stop;
  }

  get exits(): ExitStats {
    return this.#vmx.exits;
  }

  // --- a thread of the host ------------------------------------------------------------------------------------------

  /**
   * KVM_RUN until the host wants the core, the guest halts or `until` has passed. The last causes no exit: the next
   * call continues in the guest.
   */
  run(_cpu: Cpu, until: Cycles): void {
    this.#until = until;
    if (!this.#vmx.inGuest) {
      this.#depth = this.#core.pushFrames(this.#frames);
      const { resume } = this.#vmx;
      this.#vmx.enter(resume);
      this.#reset?.();
      this.#reset = undefined;
      // What came meanwhile is injected with the entry, so that a halted guest need not halt again to see it.
      this.#inject(resume);
    }
    this.#guest.run(until, () => this.wanted);
    // A halted guest has left already. One that stands still in front of an act goes on right after it.
    if (this.#vmx.inGuest && !this.waits && this.wanted) this.#vmx.leave();
    if (!this.#vmx.inGuest) this.#frames = this.#core.cutFrames(this.#depth);
  }

  /** The host's scheduler sends the thread to another CPU. */
  depart(apart: boolean): MovedTask['program'] {
    if (apart) throw new Error('a vCPU cannot leave its thread of Node');
    this.#place.moving = true;
    this.#mail.depart();
    this.lapic.stopTimer();
    return { kept: this };
  }

  headFor(cpu: number): void {
    this.#mail.cpu = cpu;
  }

  arrive(cpu: number): void {
    const place = this.#place;
    place.moveTo(cpu);
    ({ core: this.#core, host: this.#host } = place);
    this.#vmx.move();
    this.#core.disarm();
    this.#mail.arrive();
    // It may be back where its timer still is.
    if (!place.isElsewhere) this.lapic.restartTimer(place.host);
  }

  /** As the host's CPUs see the kernel on it. */
  asSeenBy(kernel: Kernel): GuestCpu {
    const place = this.#place;
    return {
      kernel,
      thread: this.#task,
      mail: this.#mail,
      get moves() {
        return place.moves;
      },
    };
  }

  get waits(): boolean {
    return this.#guest.turns?.waits === true;
  }

  outlook(from: Cycles): Outlook {
    const { turns } = this.#guest;
    if (turns === undefined) return { act: cycles(Infinity), leave: from, trap: from };
    // To get the CPU takes an IPI to the former one.
    if (this.#place.isElsewhere) return { act: from, leave: from, trap: from };
    const core = this.#core;
    const { inGuest, pending } = this.#vmx;
    const arrival = pending ? from : core.lapic.ipiAt;
    // Whatever interrupts the host may change what its counters do.
    const pmi = pending || !inGuest ? from : cycles(Math.min(core.pmiFrom, core.lapic.timerAt, core.lapic.ipiAt));
    const costs = leastCosts((fn) => core.costOf(fn));
    const act = turns.promise({ from, arrival, pmi, sampling: UNKNOWN, ...costs });
    return { act, leave: turns.leaves(from), trap: from };
  }

  // --- Software: the core's interrupts while the guest runs ----------------------------------------------------------

  interrupt(vector: Vector, regs: Regs): void {
    const nmi = vector === 'NMI';
    // An interrupt that waited for VM-entry hits the guest where it resumes.
    const where = this.#vmx.resume ?? regs;
    this.#vmx.vmExit(nmi ? 'EXCEPTION_NMI' : 'EXTERNAL_INTERRUPT');
    const at = KERNEL_SYMBOLS[FN.vmx_vcpu_run]!;
    const ip = address(at.address + (at.size >> 1));
    // An NMI is served right after VM-exit, with the guest's registers still in place.
    if (!nmi) this.#vmx.putGuest();
    this.#handlesNmi = nmi;
    this.#core.spend(nmi ? FN.vmx_complete_atomic_exit : FN.vmx_handle_external_intr);
    this.#host.interrupt(vector, { cpl: 0, ip, kernelFrames: [], guest: { cpl: where.cpl, ip: where.ip } });
    this.#handlesNmi = false;
    if (nmi) this.#vmx.putGuest();
    this.#core.openInterrupts();
    this.#vmx.dispatch();
    this.#vmx.enter(where);
    this.#inject(where);
  }

  needResched(): boolean {
    return this.#guest.needResched() || this.wanted;
  }

  // --- Cpu: what the guest's kernel sees -----------------------------------------------------------------------------

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
    if (reason === 'resched' && !this.#guest.needResched()) this.#vmx.stopAt({ cpl: 3, ip: code.ip, kernelFrames: [] });
    return reason;
  }

  /** record_steal_time(), as of the last time that its thread got the core. */
  get steal(): Cycles {
    return this.#task.run_delay;
  }

  get wanted(): boolean {
    return this.#host.mustYield || this.#stop();
  }

  /**
   * HLT exits; the thread sleeps until there is something to inject, and enters the guest again in its next run(). The
   * time given by the guest's kernel is ignored: it would end no HLT.
   */
  halt(): void {
    if (!this.#vmx.halt()) this.#inject(undefined);
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

  /** The sender does not look where the other vCPU is, and kicks it in any case. */
  sendIpi(): Cycles {
    const deliver = (): Cycles => {
      this.#core.spend(FN.kvm_irq_delivery_to_apic);
      this.#core.spend(FN.kvm_vcpu_kick);
      this.#core.spend(FN.native_smp_send_reschedule);
      return this.now();
    };
    return this.#exit('MSR_WRITE', deliver, true);
  }

  /** Threads that wait for the core go first, if the loop exits. */
  pause(fn: number): void {
    this.#core.noticeIpis();
    const start = this.now();
    this.spend(fn);
    if (this.#spin.round(start, this.now())) this.#exit('PAUSE_INSTRUCTION', () => this.#kvm_vcpu_on_spin());
  }

  #kvm_vcpu_on_spin(): void {
    this.#core.spend(FN.kvm_vcpu_on_spin);
    const other = this.vm.threads.find((task) => task !== this.#task && this.#host.isWaiting(task));
    if (other !== undefined) this.#host.yield_to(other);
  }

  /** kvm_vcpu_wake_up(): a thread that sleeps for another reason (a grace period) keeps sleeping. */
  #kick(): void {
    if (this.#vmx.wake()) this.#host.wake(this.#task, 'kick');
  }

  #exit<T>(reason: ExitReason, work: () => T, canBeFast = false): T {
    const result = this.#vmx.exit(reason, work, canBeFast);
    this.#inject(undefined);
    return result;
  }

  /** The MSR bitmap: whether the guest can access the register without an exit. */
  #reaches(msr: number): boolean {
    if (this.#vpmu.passthrough === undefined) return false;
    const register = decodePmuMsr(msr);
    return register !== undefined && this.#vpmu.passthrough(register);
  }

  /** Delivers pending, unblocked interrupts to the guest; `regs`: where the guest is; undefined: in ring 0. */
  #inject(regs: Regs | undefined): void {
    for (;;) {
      const vector = this.lapic.take(this.#nmiBlocked, this.#irqOff > 0);
      if (vector === undefined) return;
      const nmi = vector === 'NMI';
      const [irqOff, nmiBlocked] = [this.#irqOff, this.#nmiBlocked];
      this.#irqOff++;
      this.#nmiBlocked = nmi || nmiBlocked;
      this.probe?.instant({ kind: 'inject', vector });
      if (nmi && this.#residue > 0) {
        const residue = this.probe?.begin({ kind: 'residue' });
        this.#core.stall(FN.nmi, this.#residue);
        residue?.end();
      }
      this.#core.asRing0(() => this.#guest.interrupt(vector, regs ?? this.#core.ring0Regs()));
      this.#irqOff = irqOff;
      this.#nmiBlocked = nmiBlocked;
      if (nmi) this.#vmx.openNmiWindow();
    }
  }
}
