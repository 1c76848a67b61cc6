/**
 * A virtual CPU: a Cpu to the guest's kernel above it, a thread to the host's kernel below it.
 *
 * Guest code, ring 3 and ring 0, runs on the core itself. What the VMCS intercepts causes an exit: the host becomes the
 * core's software and does the work at its own cost, pending requests are served, and the guest is entered again with
 * pending interrupts injected. A host interrupt during guest code is an exit, too. When the host wants the core for
 * something else, the guest's kernel stops at its next step and the thread returns to the host's scheduler.
 *
 * It is always in one of four places, and moves only along these arrows:
 *
 *     halted <──> out <──> inner <──> guest
 *
 * `out`: the host or KVM has the core, or the thread waits for it. `inner`: KVM's inner run loop, in which a mediated
 * guest's registers are loaded. `guest`: the guest has the core. `halted`: the thread sleeps in kvm_vcpu_block(). KVM's
 * vcpu->mode is IN_GUEST_MODE in `inner` and `guest`.
 *
 * In order: its roles as a thread of the host, as the core's software and as the guest's Cpu; then entries and exits.
 *
 * Source: arch/x86/kvm/x86.c (vcpu_enter_guest, kvm_vcpu_block), arch/x86/kvm/vmx/vmx.c (vmx_handle_exit, vmx_vcpu_run,
 * atomic_switch_perf_msrs), virt/kvm/kvm_main.c (kvm_vcpu_kick), Linux 5.0.
 * Not modelled: nested guests, halt polling, preemption inside a guest kernel path, posted interrupts; that a vCPU which
 * spins gives its turn to one on another core.
 */
import type { Cpu, ExecutionCursor, Outlook, Regs, Software, StopReason, TaskBody, Vector } from '../arch/cpu.ts';
import type { PmuCaps } from '../arch/cpuid.ts';
import { GeneralProtection, MSR, PMC_IDX_FIXED, RDPMC_FIXED, decodePmuMsr } from '../arch/msr.ts';
import type { Core } from '../hw/core.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { GuestMail, GuestPost, Mail, Post } from '../kernel/mail.ts';
import { FN, KERNEL_SYMBOLS } from '../kernel/symbols.ts';
import type { Task } from '../kernel/task.ts';
import { leastCosts, type Turns } from '../kernel/turns.ts';
import type { Probe, Span } from '../sim/probe.ts';
import { address, cycles, type Cycles, type Nanos } from '../units.ts';
import { ExitStats, type ExitReason } from './exits.ts';
import { VirtualApic } from './lapic.ts';
import { PauseLoop } from './pause-loop.ts';
import type { KvmStep, Request } from './steps.ts';
import type { Vm } from './vm.ts';
import { KvmPmu, type KvmDraws, type Vpmu, type VpmuPort } from './vpmu.ts';

/** What boots on a vCPU: a kernel, or something simpler that has nothing to do with other vCPUs. */
export interface GuestSoftware extends Software {
  readonly turns?: Turns;
  readonly mail?: Mail;
  announce?(post: Post, at: Cycles): void;
  accept?(post: Post): Vector | undefined;
  /** Runs until a given time, or until `stop` holds at a point where it can give up the processor. */
  run(until: Cycles, stop: () => boolean): void;
}

/** Where a vCPU is; `resume`: where its guest continues, if an interrupt or the host took the core from it. */
type Place =
  | { readonly at: 'out' | 'guest'; readonly resume?: Regs | undefined }
  | { readonly at: 'inner' | 'halted'; readonly resume?: undefined };

const OUT: Place = { at: 'out' };
const INNER: Place = { at: 'inner' };
const GUEST: Place = { at: 'guest' };
const HALTED: Place = { at: 'halted' };

/** Which of the core's counters the guest samples with, only its design knows. */
const UNKNOWN = { counters: 0, byClock: false } as const;

export class Vcpu implements Cpu, Software, TaskBody, GuestMail {
  readonly vm: Vm;
  /** Its index in the VM. */
  readonly number: number;
  readonly caps: PmuCaps;
  readonly exits = new ExitStats();
  readonly pmu: KvmPmu;
  readonly lapic: VirtualApic;
  /** If set: told of exits, entries, requests, injected interrupts and operations on counters. */
  probe: Probe<KvmStep> | undefined;
  readonly #core: Core;
  readonly #host: Kernel;
  readonly #task: Task;
  readonly #vpmu: Vpmu;
  /** kvm_before_interrupt(), for an NMI. */
  #handlesNmi = false;
  /** The guest has PMU registers of its own (Vpmu.loadGuest), so interrupts are off in the inner run loop. */
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
  readonly #spin = new PauseLoop();

  /** Adds a vCPU to a VM, with its thread on a CPU of the host. Throws VcpuRefused. */
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
    vm.threads.push(this.#task);
    host.mail.vcpus.set(this.#task.pid, this);
    const port: VpmuPort = {
      pmu: this.pmu,
      host,
      task: this.#task,
      request: (request) => void this.#requests.add(request),
      isInGuest: () => this.#handlesNmi,
      queuePmi: () => {
        host.irq_work.push(() => {
          core.spend(FN.kvm_pmu_deliver_pmi);
          this.lapic.deliverPmi();
          this.#kick();
        });
        core.raiseIrqWork();
      },
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
        this.#spin.sched_in();
        this.#vpmu.vcpuLoad?.();
      },
      sched_out: () => {
        core.spend(FN.vmx_vcpu_put);
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

  // --- a thread of the host ------------------------------------------------------------------------------------------

  /**
   * KVM_RUN until the host wants the core, the guest halts or `until` has passed. The last causes no exit: the next
   * call continues in the guest.
   */
  run(_cpu: Cpu, until: Cycles): void {
    this.#until = until;
    if (this.#at.at !== 'guest') {
      const { resume } = this.#at;
      this.#enter(resume);
      this.#reset?.();
      this.#reset = undefined;
      // What came meanwhile is injected with the entry, so that a halted guest need not halt again to see it.
      this.#inject(resume);
    }
    this.#guest.run(until, () => this.wanted);
    // A halted guest has left already. One that stands still in front of an act goes on right after it.
    if (this.#at.at === 'guest' && !this.waits && this.wanted) this.#leave();
  }

  get waits(): boolean {
    return this.#guest.turns?.waits === true;
  }

  outlook(from: Cycles): Outlook {
    const { turns } = this.#guest;
    if (turns === undefined) return { act: cycles(Infinity), leave: from, trap: from };
    const core = this.#core;
    const interrupted = this.lapic.pending || this.#requests.size > 0;
    const arrival = interrupted ? from : core.lapic.ipiAt;
    // Whatever interrupts the host may change what its counters do.
    const pmi =
      interrupted || this.#at.at !== 'guest'
        ? from
        : cycles(Math.min(core.pmiFrom, core.lapic.timerAt, core.lapic.ipiAt));
    const costs = leastCosts((fn) => core.costOf(fn));
    const act = turns.promise({ from, arrival, pmi, sampling: UNKNOWN, ...costs });
    return { act, leave: turns.leaves(from), trap: from };
  }

  // --- GuestMail: what other vCPUs of its guest send -----------------------------------------------------------------

  take(): readonly GuestPost[] {
    const posts = this.#guest.mail?.take() ?? [];
    return posts.map((post) => {
      const { cpu, pid } = this.vm.threads[post.to]!;
      return { kind: 'guest', to: cpu, sent: post.sent, pid, post };
    });
  }

  announce(post: Post, at: Cycles): void {
    this.#guest.announce?.(post, at);
  }

  /** kvm_vcpu_kick(), from the receiving side: what was sent depends on where the vCPU is. */
  accept(post: Post): Vector | undefined {
    const vector = this.#guest.accept!(post);
    if (vector === undefined) return undefined;
    this.lapic.accept(vector);
    if (this.#at.at === 'halted') {
      this.#move('halted', OUT);
      const { cpu: to, pid } = this.#task;
      return this.#host.accept({ kind: 'wake', to, sent: post.sent, pid, reason: 'kick' });
    }
    return this.#at.at === 'guest' ? 'RESCHEDULE' : undefined;
  }

  // --- Software: the core's interrupts while the guest runs
  // -----------------------------------------------------------

  interrupt(vector: Vector, regs: Regs): void {
    const nmi = vector === 'NMI';
    // An interrupt that waited for VM-entry hits the guest where it resumes.
    const where = this.#at.resume ?? regs;
    this.#vmExit(nmi ? 'EXCEPTION_NMI' : 'EXTERNAL_INTERRUPT');
    const at = KERNEL_SYMBOLS[FN.vmx_vcpu_run]!;
    const ip = address(at.address + (at.size >> 1));
    // An NMI is served right after VM-exit, with the guest's registers still in place.
    if (!nmi) this.#putGuest();
    this.#handlesNmi = nmi;
    this.#host.interrupt(vector, { cpl: 0, ip, kernelFrames: [], guest: { cpl: where.cpl, ip: where.ip } });
    this.#handlesNmi = false;
    if (nmi) this.#putGuest();
    this.#core.openInterrupts();
    this.#enter(where);
    this.#inject(where);
  }

  needResched(): boolean {
    return this.#guest.needResched() || this.wanted;
  }

  // --- Cpu: what the guest's kernel sees
  // ------------------------------------------------------------------------------

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

  // --- entries and exits
  // ----------------------------------------------------------------------------------------------

  get #pending(): boolean {
    return this.lapic.pending || this.#requests.size > 0;
  }

  /**
   * Throws if it is not at `from`: then the guest's kernel acts outside the guest, or a path was skipped or taken
   * twice.
   */
  #move(from: Place['at'], to: Place): void {
    const { at } = this.#at;
    if (at !== from) throw new Error(`vCPU ${this.number} cannot go from ${from} to ${to.at}: it is ${at}`);
    this.#at = to;
  }

  /** kvm_vcpu_wake_up(): a thread that sleeps for another reason (a grace period) keeps sleeping. */
  #kick(): void {
    if (this.#at.at !== 'halted') return;
    this.#move('halted', OUT);
    this.#host.wake(this.#task, 'kick');
  }

  /**
   * An intercepted instruction: exit, the host's work, entry. `canBeFast`: KVM can serve it within its inner run loop,
   * if the design allows that.
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

  /** VM-exit, and what KVM does at every exit; true if it is still in its inner run loop. */
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

  /** The MSR bitmap: whether the guest can access the register without an exit. */
  #reaches(msr: number): boolean {
    if (this.#vpmu.passthrough === undefined) return false;
    const register = decodePmuMsr(msr);
    return register !== undefined && this.#vpmu.passthrough(register);
  }

  /** The host wants the core: leaves the guest and KVM's inner run loop. */
  #leave(): void {
    const { resume } = this.#at;
    this.#vmExit('EXTERNAL_INTERRUPT');
    this.#putGuest(resume);
  }

  /** VM-exit; it loads the host's GLOBAL_CTRL from the VMCS. */
  #vmExit(reason: ExitReason): void {
    const { pmu } = this.#core;
    this.#move('guest', INNER);
    this.exits.count(reason);
    this.#leftAt = this.now();
    this.#left = this.probe?.begin({ kind: 'exit', reason });
    this.#core.setSoftware(this.#host);
    if (this.#hasRegisters) {
      // A PMI of the guest's counters comes before VM-exit: on Intel's processors none was ever seen after it.
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

  /** Leaves the inner run loop: puts the guest's registers away and takes interrupts, which were off since VM-exit. */
  #putGuest(resume?: Regs): void {
    this.#move('inner', resume === undefined ? OUT : { at: 'out', resume });
    if (!this.#hasRegisters) return;
    this.#vpmu.putGuest?.();
    this.#core.irqEnable();
  }

  /** vcpu_enter_guest(): serves requests, loads the guest's registers if it has its own, enters the guest. */
  #enter(resume?: Regs): void {
    this.#serveRequests();
    this.#core.spend(FN.vcpu_enter_guest);
    if (this.#hasRegisters) {
      this.#core.irqDisable();
      // Requests made by an interrupt meanwhile.
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

  /**
   * atomic_switch_perf_msrs(): the guest's GLOBAL_CTRL. It and the host's are written into the VMCS only while they
   * differ; a guest with registers of its own needs none of that.
   */
  #switchPerfMsrs(): number {
    const [core, vpmu] = [this.#core, this.#vpmu];
    if (this.#hasRegisters) return vpmu.vmEnter!();
    const { host, guest, differ } = this.#host.pmu.intel_guest_get_msrs();
    const own = vpmu.vmEnter?.();
    core.spend(FN.atomic_switch_perf_msrs);
    if (own === undefined ? differ : own !== host) core.spend(FN.vmcs_write64, 2);
    return own ?? guest;
  }

  /** VM-entry; it loads the guest's GLOBAL_CTRL from the VMCS. An interrupt that waited for this is the next exit. */
  #vmEnter(resume?: Regs): void {
    this.#core.pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, this.#switchPerfMsrs());
    this.#core.setSoftware(this, this.vm.page);
    this.#move('inner', this.#hasRegisters && resume !== undefined ? { at: 'guest', resume } : GUEST);
    this.exits.outside = cycles(this.exits.outside + this.now() - this.#leftAt);
    this.#left?.end();
    this.#left = undefined;
    if (!this.#hasRegisters) return;
    this.#core.irqEnable();
    this.#move('guest', GUEST);
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
      const injection = this.probe?.begin({ kind: 'inject', vector });
      if (nmi) this.#core.spend(FN.vmx_inject_nmi);
      injection?.end();
      this.#core.asRing0(() => this.#guest.interrupt(vector, regs ?? this.#core.ring0Regs()));
      this.#irqOff = irqOff;
      this.#nmiBlocked = nmiBlocked;
    }
  }
}
