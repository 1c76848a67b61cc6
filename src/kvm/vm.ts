/**
 * A virtual machine (struct kvm): what its vCPUs share. The design of the vPMU, its capabilities and filter, the page
 * that the guest's time is booked on, and the local APICs.
 *
 * Source: virt/kvm/kvm_main.c (kvm_vm_ioctl_create_vcpu), arch/x86/kvm/x86.c (kvm_arch_vcpu_precreate),
 * arch/x86/kvm/lapic.c (kvm_recalculate_apic_map).
 * Not modelled: memory, devices, the end of a VM.
 */
import type { PmuCaps } from '../arch/cpuid.ts';
import type { LedgerPage } from '../hw/core.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Task } from '../kernel/task.ts';
import type { VirtualApic } from './lapic.ts';
import { NO_FILTER, type PmuFilter, type VpmuDesign } from './vpmu.ts';

export interface VmOptions {
  /** Page that its guest's time is booked on. */
  readonly page?: LedgerPage;
  /** KVM_SET_PMU_EVENT_FILTER: events that the guest may not count, under a design that honours it. */
  readonly filter?: PmuFilter;
  /** What the design's port says, under a design that honours it. */
  readonly flexible?: boolean;
  readonly hooks?: boolean;
}

export class Vm {
  readonly design: VpmuDesign;
  /** CPUID.0AH and PERF_CAPABILITIES of every vCPU. */
  readonly caps: PmuCaps;
  readonly filter: PmuFilter;
  readonly flexible: boolean;
  readonly hooks: boolean;
  readonly page: LedgerPage;
  /** Its vCPUs' local APICs, by number (kvm_apic_map). */
  readonly apics: VirtualApic[] = [];
  /** Their threads, likewise; and where these are, which several CPUs of the host may ask at any time between windows. */
  readonly threads: Task[] = [];
  readonly places: { readonly cpu: number }[] = [];
  readonly #hosts = new Set<Kernel>();

  /** KVM_CREATE_VM on a host. */
  constructor(
    host: Kernel,
    design: VpmuDesign,
    { page = 'guest', filter = NO_FILTER, flexible = false, hooks = false }: VmOptions = {},
  ) {
    this.design = design;
    this.caps = design.guestCaps(host.cpu.caps, host.config);
    this.filter = filter;
    this.flexible = flexible;
    this.hooks = hooks;
    this.page = page;
  }

  /** KVM_CREATE_VCPU, with a thread that may run on these CPUs of the host: the vCPU's number. Throws VcpuRefused. */
  createVcpu(hosts: readonly Kernel[], apic: VirtualApic): number {
    for (const host of hosts) {
      if (!this.#hosts.has(host)) this.design.precreate?.(host);
      this.#hosts.add(host);
    }
    return this.apics.push(apic) - 1;
  }
}
