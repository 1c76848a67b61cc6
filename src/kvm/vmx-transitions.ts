/**
 * VM-entries and VM-exits of a vCPU, and what KVM does around each.
 *
 * A vCPU is always in one of four places, and moves only along these arrows:
 *
 *     halted <──> out <──> inner <──> guest
 *
 * `out`: the host or KVM has the core, or the thread waits for it. `inner`: KVM's inner run loop, in which a mediated
 * guest's registers are loaded. `guest`: the guest has the core. `halted`: the thread sleeps in kvm_vcpu_block(). KVM's
 * vcpu->mode is IN_GUEST_MODE in `inner` and `guest`.
 *
 * Source: arch/x86/kvm/x86.c (vcpu_enter_guest, kvm_vcpu_block), arch/x86/kvm/vmx/vmx.c (vmx_handle_exit, vmx_vcpu_run,
 * atomic_switch_perf_msrs), Linux 5.0.
 * Not modelled: nested guests, halt polling.
 */
import type { Regs, Software } from '../arch/cpu.ts';
import { MSR } from '../arch/msr.ts';
import type { Core } from '../hw/core.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { FN } from '../kernel/symbols.ts';
import type { Probe, Span } from '../sim/probe.ts';
import { cycles, type Cycles } from '../units.ts';
import { exitParts, type ExitParts, type Parts } from './exit-parts.ts';
import { ExitStats, type ExitReason } from './exits.ts';
import type { VirtualApic } from './lapic.ts';
import type { KvmStep, Request } from './steps.ts';
import type { VcpuPlace } from './vcpu-place.ts';
import type { Vm } from './vm.ts';
import type { KvmDraws, Vpmu } from './vpmu.ts';

/** Where a vCPU is; `resume`: where its guest continues, if an interrupt or the host took the core from it. */
type Place =
  | { readonly at: 'out' | 'guest'; readonly resume?: Regs | undefined }
  | { readonly at: 'inner' | 'halted'; readonly resume?: undefined };

const OUT: Place = { at: 'out' };
const INNER: Place = { at: 'inner' };
const GUEST: Place = { at: 'guest' };
const HALTED: Place = { at: 'halted' };

/** The vCPU that enters and leaves. */
export interface Entrant {
  readonly vm: Vm;
  readonly number: number;
  readonly place: VcpuPlace;
  readonly lapic: VirtualApic;
  readonly vpmu: Vpmu;
  readonly draws: KvmDraws;
  /** Counters of the guest's passes through ring-0 functions; undefined: the core's. */
  readonly passes: Int32Array | undefined;
  /** The core's software while the guest has it. */
  readonly software: Software;
  readonly probe: () => Probe<KvmStep> | undefined;
  /** The guest is in its NMI handler: no NMI can be injected before its IRET. */
  readonly nmiBlocked: () => boolean;
}

export class VmxTransitions {
  readonly exits = new ExitStats();
  readonly #of: Entrant;
  #core: Core;
  #host: Kernel;
  readonly #vpmu: Vpmu;
  /** The guest has PMU registers of its own (Vpmu.loadGuest), so interrupts are off in the inner run loop. */
  readonly #hasRegisters: boolean;
  readonly #parts: ExitParts;
  readonly #requests = new Set<Request>();
  /** vcpu->arch.l1tf_flush_l1d */
  #flushL1d = true;
  #at: Place = OUT;
  #left: Span | undefined;
  #leftAt = 0 as Cycles;
  /** NMI-window exiting: the guest exits as soon as it can take an NMI. */
  #nmiWindow = false;

  constructor(of: Entrant) {
    this.#of = of;
    ({ core: this.#core, host: this.#host } = of.place);
    this.#vpmu = of.vpmu;
    this.#hasRegisters = of.vpmu.loadGuest !== undefined;
    this.#parts = exitParts(of.place.host.config);
  }

  /** The thread is on another CPU. */
  move(): void {
    ({ core: this.#core, host: this.#host } = this.#of.place);
  }

  get inGuest(): boolean {
    return this.#at.at === 'guest';
  }

  /** Where the guest continues, if an interrupt or the host took the core from it. */
  get resume(): Regs | undefined {
    return this.#at.resume;
  }

  /** Something is to be done before the guest goes on: an interrupt to inject, or a request. */
  get pending(): boolean {
    return this.#of.lapic.pending || this.#requests.size > 0;
  }

  /** kvm_make_request() */
  request(request: Request): void {
    this.#requests.add(request);
  }

  /** IRET of the guest's NMI handler while another NMI waits: an exit, with whose entry that one is injected. */
  openNmiWindow(): void {
    if (this.#nmiWindow) this.exit('NMI_WINDOW', () => this.#core.spend(FN.handle_nmi_window), false);
  }

  /** kvm_arch_sched_in(): another task may have left its data in the L1D. */
  schedIn(): void {
    this.#flushL1d = true;
  }

  /** The guest stops for the host, still on the core; it will go on there. */
  stopAt(resume: Regs): void {
    this.#move('guest', { at: 'guest', resume });
  }

  /** Ends kvm_vcpu_block(), if the vCPU is in it; waking its thread is up to the caller. */
  wake(): boolean {
    if (this.#at.at !== 'halted') return false;
    this.#move('halted', OUT);
    return true;
  }

  /**
   * Throws if it is not at `from`: then the guest's kernel acts outside the guest, or a path was skipped or taken
   * twice.
   */
  #move(from: Place['at'], to: Place): void {
    const { at } = this.#at;
    if (at !== from) throw new Error(`vCPU ${this.#of.number} cannot go from ${from} to ${to.at}: it is ${at}`);
    this.#at = to;
  }

  /**
   * An intercepted instruction: exit, the host's work, entry. `canBeFast`: KVM can serve it within its inner run loop,
   * if the design allows that.
   */
  exit<T>(reason: ExitReason, work: () => T, canBeFast: boolean): T {
    const start = this.#core.now();
    const fast = this.#handleExit(reason, canBeFast);
    try {
      return work();
    } finally {
      if (fast && this.#requests.size === 0) this.#vmEnter();
      else {
        if (fast) this.putGuest();
        this.enter();
      }
      this.exits.add(reason, cycles(this.#core.now() - start));
    }
  }

  /** HLT: whether the thread has gone to sleep (kvm_vcpu_block); else the guest goes on. */
  halt(): boolean {
    const start = this.#core.now();
    this.#handleExit('HLT', false);
    this.#core.spend(FN.kvm_vcpu_block);
    const blocks = !this.pending;
    if (blocks) {
      this.#move('out', HALTED);
      this.#host.sleep();
    } else this.enter();
    this.exits.add('HLT', cycles(this.#core.now() - start));
    return blocks;
  }

  #spend(parts: Parts): void {
    for (const [fn, times] of parts) this.#core.spend(fn, times);
  }

  /** vmx_handle_exit(), as far as the handler of the exit's reason. */
  dispatch(): void {
    this.#spend(this.#parts.dispatch);
  }

  /** VM-exit, and what KVM does at every exit; true if it is still in its inner run loop. */
  #handleExit(reason: ExitReason, canBeFast: boolean): boolean {
    this.vmExit(reason);
    const fast = canBeFast && this.#vpmu.fastPath?.() === true;
    if (fast) this.#core.spend(FN.vmx_exit_handlers_fastpath);
    else {
      this.putGuest();
      this.dispatch();
      this.#spend(this.#parts.access);
    }
    const tail = this.#of.draws.exit_tail();
    if (tail > 0) this.#core.spendFor(FN.vcpu_enter_guest, tail);
    return fast;
  }

  /** The host wants the core: leaves the guest and KVM's inner run loop. */
  leave(): void {
    const { resume } = this.#at;
    this.vmExit('EXTERNAL_INTERRUPT');
    this.putGuest(resume);
  }

  /** VM-exit; it loads the host's GLOBAL_CTRL from the VMCS. */
  vmExit(reason: ExitReason): void {
    const { pmu } = this.#core;
    this.#move('guest', INNER);
    this.exits.count(reason);
    this.#leftAt = this.#core.now();
    this.#left = this.#of.probe()?.begin({ kind: 'exit', reason });
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
    this.#spend(this.#parts.exit);
  }

  /** Leaves the inner run loop: puts the guest's registers away and takes interrupts, which were off since VM-exit. */
  putGuest(resume?: Regs): void {
    this.#move('inner', resume === undefined ? OUT : { at: 'out', resume });
    if (!this.#hasRegisters) return;
    this.#vpmu.putGuest?.();
    this.#core.irqEnable();
  }

  /** vcpu_enter_guest(): serves requests, loads the guest's registers if it has its own, enters the guest. */
  enter(resume?: Regs): void {
    this.#serveRequests();
    this.#injectNmi();
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
        this.#of.probe()?.instant({ kind: 'request', request: 'PMU' });
        this.#core.spend(FN.kvm_pmu_handle_event);
        this.#vpmu.handleEvent();
      }
      if (this.#requests.delete('PMI')) {
        this.#of.probe()?.instant({ kind: 'request', request: 'PMI' });
        this.#core.spend(FN.kvm_pmu_deliver_pmi);
        this.#of.lapic.deliverPmi();
      }
      if (this.#requests.delete('MIGRATE_TIMER')) {
        this.#of.probe()?.instant({ kind: 'request', request: 'MIGRATE_TIMER' });
        this.#core.spend(FN.__kvm_migrate_apic_timer);
        this.#of.lapic.restartTimer(this.#host);
      }
      if (this.#requests.delete('TLB_FLUSH')) {
        this.#of.probe()?.instant({ kind: 'request', request: 'TLB_FLUSH' });
        this.#core.spend(FN.kvm_vcpu_flush_tlb);
      }
    }
  }

  /**
   * inject_pending_event() for an NMI; while the guest is in its NMI handler, enable_nmi_window() instead. The processor
   * delivers it with VM-entry.
   */
  #injectNmi(): void {
    const { lapic, nmiBlocked } = this.#of;
    if (!lapic.nmiPending) return;
    this.#core.spend(FN.inject_pending_event);
    const blocked = nmiBlocked();
    if (!blocked) this.#core.spend(FN.vmx_inject_nmi);
    else if (!this.#nmiWindow) this.#core.spend(FN.vmcs_write64);
    this.#nmiWindow = blocked;
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
    const globalCtrl = this.#switchPerfMsrs();
    if (this.#parts.flushesL1d && (this.#flushL1d || this.#host.kvm_cpu_l1tf_flush_l1d)) {
      this.#flushL1d = this.#host.kvm_cpu_l1tf_flush_l1d = false;
      this.#core.spend(FN.vmx_l1d_flush);
      this.#core.flushL1d();
    }
    this.#spend(this.#parts.entry);
    this.#core.pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, globalCtrl);
    this.#core.setSoftware(this.#of.software, this.#of.vm.page, this.#of.passes);
    this.#move('inner', this.#hasRegisters && resume !== undefined ? { at: 'guest', resume } : GUEST);
    this.exits.outside = cycles(this.exits.outside + this.#core.now() - this.#leftAt);
    this.#left?.end();
    this.#left = undefined;
    if (!this.#hasRegisters) return;
    this.#core.irqEnable();
    this.#move('guest', GUEST);
  }
}
