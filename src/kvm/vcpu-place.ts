/**
 * Which CPU of the host has a vCPU's thread, and what KVM does when that is another one than before: the CPU on which the
 * VMCS is active must clear it first, which takes an IPI and an answer; at the next entry the translations of the guest's
 * addresses are flushed, and the timer of the local APIC moves.
 *
 * The host's scheduler moves threads like those of programs (kernel/migration.ts); a vCPU's goes as it is.
 *
 * Source: virt/kvm/kvm_main.c (kvm_sched_in), arch/x86/kvm/x86.c (kvm_arch_vcpu_load), arch/x86/kvm/vmx/vmx.c
 * (vmx_vcpu_load, loaded_vmcs_clear), arch/x86/kvm/lapic.c (__kvm_migrate_apic_timer), Linux 5.0.
 * Not modelled: cold caches and TLBs after a move; a timer that expires between the thread's departure and its next entry
 * interrupts no CPU: it is found expired.
 */
import type { Core } from '../hw/core.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { FN } from '../kernel/symbols.ts';

/** A CPU of the host. */
export interface OnCore {
  readonly core: Core;
  readonly host: Kernel;
}

/** Fields of the VMCS that describe the host and differ between CPUs: bases of TSS and GDT, IA32_SYSENTER_ESP. */
const HOST_FIELDS = 3;

export class VcpuPlace {
  /** The CPU that has the thread, or had it last. */
  core: Core;
  host: Kernel;
  /** The thread is on its way to another CPU. */
  moving = false;
  /** How often it has got another CPU than before; undefined: it is pinned to one. */
  moves: number | undefined;
  readonly #cpus: readonly OnCore[];
  /** loaded_vmcs->cpu, vcpu->cpu; undefined: it has not run yet. */
  #loadedOn: Kernel | undefined;

  /** All CPUs among which the thread may move, by number. */
  constructor(now: OnCore, cpus: readonly OnCore[]) {
    this.core = now.core;
    this.host = now.host;
    this.#cpus = cpus;
    if (cpus.length > 1) this.moves = 0;
  }

  moveTo(cpu: number): void {
    ({ core: this.core, host: this.host } = this.#cpus[cpu]!);
    this.moving = false;
  }

  /** The VMCS is active on another CPU, or would be if the thread ran now. */
  get isElsewhere(): boolean {
    return this.moving || (this.#loadedOn !== undefined && this.#loadedOn !== this.host);
  }

  /** vmx_vcpu_load(): the thread has got the CPU; `loaded` is called when the VMCS is active there. */
  vmx_vcpu_load(loaded: (moved: boolean) => void): void {
    const { core, host } = this;
    core.spend(FN.vmx_vcpu_load);
    const moved = this.isElsewhere;
    const before = this.#loadedOn;
    if (!moved || before === undefined) {
      this.#loadedOn = host;
      loaded(false);
      return;
    }
    this.moves = (this.moves ?? 0) + 1;
    host.turns.smp_call_function_single(
      before.number,
      { func: '__loaded_vmcs_clear' },
      () => {
        this.#loadedOn = host;
        core.spend(FN.vmcs_write64, HOST_FIELDS);
        loaded(true);
      },
      'open',
    );
  }
}
