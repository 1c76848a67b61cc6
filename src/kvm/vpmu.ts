/**
 * The contract of a virtual PMU: the guest's registers as every design keeps them (struct kvm_pmu, struct kvm_pmc),
 * what a design sees of its vCPU, the hooks that a vCPU calls, and what a design says about itself.
 *
 * Source: arch/x86/kvm/pmu.h and pmu.c, arch/x86/kvm/vmx/pmu_intel.c.
 * Not modelled: AMD, migration of the state.
 */
import type { PmuCaps } from '../arch/cpuid.ts';
import { PMC_IDX_FIXED, globalBit, type PmuRegister } from '../arch/msr.ts';
import { atLeast, type KernelConfig } from '../kernel/config.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { PerfEvent } from '../kernel/perf-event.ts';
import type { Task } from '../kernel/task.ts';
import { asDoubles } from '../sim/doubles.ts';
import type { Probe } from '../sim/probe.ts';
import type { Cycles } from '../units.ts';
import type { KvmStep, Request } from './steps.ts';

/** struct kvm_pmc: one virtual counter. */
export interface KvmPmc {
  /** Global index: fixed counters start at PMC_IDX_FIXED. */
  readonly idx: number;
  /** The guest-visible count, less the count of `perf_event`. */
  counter: number;
  /** IA32_PERFEVTSELx of a general-purpose counter. */
  eventsel: number;
  perf_event: PerfEvent | undefined;
  /**
   * The selector or FIXED_CTR_CTRL field that `perf_event` was made for; 0: no event. Only for designs that reuse
   * events.
   */
  current_config: number;
  /** `perf_event` is disabled, and its count has been added to `counter`. */
  is_paused: boolean;
}

/** struct kvm_pmu */
export class KvmPmu {
  readonly caps: PmuCaps;
  readonly gp: readonly KvmPmc[];
  readonly fixed: readonly KvmPmc[];
  readonly #all: readonly KvmPmc[];
  readonly modulus: number;
  fixed_ctr_ctrl = 0;
  global_ctrl = 0;
  global_status = 0;
  global_ovf_ctrl = 0;
  /** Indices of counters that wait for KVM_REQ_PMU. */
  readonly reprogram_pmi = new Set<number>();
  /** Indices of counters that the guest has written since the vCPU's thread last got the CPU. */
  readonly pmc_in_use = new Set<number>();
  /** The next KVM_REQ_PMU releases events of unused counters. */
  need_cleanup = false;

  constructor(caps: PmuCaps) {
    this.caps = caps;
    const pmc = (idx: number): KvmPmc =>
      asDoubles(
        { idx, counter: 0, eventsel: 0, perf_event: undefined, current_config: 0, is_paused: false },
        'counter',
        'eventsel',
      );
    this.gp = Array.from({ length: caps.nrGp }, (_, i) => pmc(i));
    this.fixed = Array.from({ length: caps.nrFixed }, (_, i) => pmc(PMC_IDX_FIXED + i));
    this.#all = [...this.gp, ...this.fixed];
    this.modulus = 2 ** caps.width;
    asDoubles(this, 'global_ctrl', 'global_status', 'global_ovf_ctrl');
  }

  pmc(idx: number): KvmPmc | undefined {
    return idx >= PMC_IDX_FIXED ? this.fixed[idx - PMC_IDX_FIXED] : this.gp[idx];
  }

  /** All counters in ascending order of index, as KVM walks them. */
  all(): readonly KvmPmc[] {
    return this.#all;
  }

  globallyEnabled({ idx }: KvmPmc): boolean {
    return hasBit(this.global_ctrl, idx);
  }

  setStatus(idx: number): void {
    if (!hasBit(this.global_status, idx)) this.global_status += globalBit(idx);
  }

  clearStatus(bits: number): void {
    for (const { idx } of this.#all) {
      if (hasBit(bits, idx) && hasBit(this.global_status, idx)) this.global_status -= globalBit(idx);
    }
  }
}

const U32 = 2 ** 32;
/** Bit test beyond 32 bits. */
export const hasBit = (word: number, idx: number): boolean =>
  ((idx < PMC_IDX_FIXED ? word >>> idx : Math.floor(word / U32) >>> (idx - PMC_IDX_FIXED)) & 1) === 1;

/** Times drawn anew for each call. */
export interface KvmDraws {
  /** Extra time of an exit, nearly always 0: host interrupts, cold cache lines. */
  exit_tail(): Cycles;
  /** What an NMI costs a guest besides all that is modelled. */
  readonly pmi_residue: Cycles;
  /** Making and ending a host event, without the functions that these call. */
  perf_event_create_kernel_counter(): Cycles;
  perf_event_release_kernel(): Cycles;
}

/** What a design sees of its vCPU. */
export interface VpmuPort {
  readonly pmu: KvmPmu;
  /** The host's CPU that has the vCPU's thread now: with host.sched=floating another one at another time. And the thread. */
  readonly host: Kernel;
  readonly task: Task;
  /** kvm_make_request() */
  request(request: Request): void;
  /** kvm_is_in_guest(): the host handles an NMI that ended the guest's turn, and not one that came after a VM-exit. */
  isInGuest(): boolean;
  /** Queues kvm_pmi_trigger_fn(): the PMI reaches the guest's APIC in an interrupt of its own, and wakes the vCPU. */
  queuePmi(): void;
  /** Whether the guest's LVTPC masks PMIs (kvm_lapic_get_reg). */
  lvtpcMasked(): boolean;
  /** Events that the VM's guest may not count. */
  readonly filter: PmuFilter;
  /** The host's events for the guest are flexible where another counter could do (kvm.pinned=off). */
  readonly flexible: boolean;
  /** The host's perf is told what KVM does to the counters that it drives (kvm.hooks=on). */
  readonly hooks: boolean;
  readonly draws: KvmDraws;
  /** The vCPU's probe, if it has one. */
  probe(): Probe<KvmStep> | undefined;
}

/** Events that a guest may not count: codes (event select and unit mask), and fixed counters by number. */
export interface PmuFilter {
  readonly codes: ReadonlySet<number>;
  readonly fixed: ReadonlySet<number>;
}
export const NO_FILTER: PmuFilter = { codes: new Set(), fixed: new Set() };

/** One vCPU's PMU under one design. */
export interface Vpmu {
  /** Register accesses of the guest. They throw GeneralProtection for what it may not touch. */
  rdmsr(register: PmuRegister): number;
  wrmsr(register: PmuRegister, value: number): void;
  rdpmc(idx: number): number;
  /** KVM_REQ_PMU, before VM-entry. */
  handleEvent(): void;
  /** The vCPU's thread gets or loses the CPU. */
  vcpuLoad?(): void;
  vcpuPut?(): void;
  /** The MSR bitmap and RDPMC exiting: whether the guest has this access without an exit. */
  passthrough?(access: PmuRegister | 'RDPMC'): boolean;
  /**
   * The guest's registers are loaded and put away: around KVM's inner run loop, which an exit served on the fast path
   * does not leave. Interrupts are off. Absent: the guest has no registers of its own.
   */
  loadGuest?(): void;
  putGuest?(): void;
  /** The GLOBAL_CTRL that VM-entry loads; absent: perf's (intel_guest_get_msrs). */
  vmEnter?(): number;
  /** VM-exit has saved the guest's GLOBAL_CTRL, and loads 0. */
  vmExit?(globalCtrl: number): void;
  /** kvm_pmu_is_fastpath_emulation_allowed(): whether an exit may take the fast path now; absent: never. */
  fastPath?(): boolean;
}

/** Something that the real design gets wrong; a contract test asserts that it does. */
export interface Deviation {
  readonly check: string;
  readonly reason: string;
  /** The commit that fixed it. */
  readonly commit: string;
  /** The first host Linux on which this design gets it right; absent: none, since it models one version only. */
  readonly mended?: LinuxVersion;
  /** Whether it shows on such a core; absent: on all. */
  on?(host: PmuCaps): boolean;
}

/** This version of Linux or later. */
export type LinuxVersion = readonly [major: number, minor: number];

/** What may help a run that makes no progress under its PMIs: another design, or another value of a spec key. */
export type Remedy = ({ readonly vpmu: string } | { readonly set: `${string}=${string}` }) & {
  /** Why it helps. */
  readonly because: string;
};

/** Colours of the Okabe-Ito palette that a design can have on pages. */
export type DesignHue = 'blue' | 'vermilion' | 'green' | 'purple' | 'orange' | 'sky';

/** KVM_CREATE_VCPU fails; `message` says why. */
export class VcpuRefused extends Error {
  override readonly name = 'VcpuRefused';
}

export interface VpmuDesign {
  readonly name: string;
  readonly about: string;
  /** Series or commit it models. */
  readonly source: string;
  readonly deviates: readonly Deviation[];
  /** What it needs but this processor lacks, e.g. "a PMU of version 4"; undefined: nothing. */
  needs?(caps: PmuCaps): string | undefined;
  /** The host's Linux versions that have it, or that its patches were made for; absent: any. */
  readonly linux?: { readonly from: LinuxVersion; readonly to?: LinuxVersion };
  /** Its colour on pages; absent: any free one. */
  readonly hue?: DesignHue;
  /** What may help when PMIs under it take all the time. */
  readonly remedies?: readonly Remedy[];
  /** It honours PmuFilter. */
  readonly filters?: boolean;
  /** It honours VpmuPort.flexible. */
  readonly flexible?: boolean;
  /** It honours VpmuPort.hooks. */
  readonly hooks?: boolean;
  /** CPUID.0AH and PERF_CAPABILITIES as the guest sees them under that host's Linux. */
  guestCaps(host: PmuCaps, kernel: KernelConfig): PmuCaps;
  /** Called before a VM's first vCPU on each CPU of the host (kvm_arch_vcpu_precreate). Throws VcpuRefused. */
  precreate?(host: Kernel): void;
  /** The PMU of one vCPU. Throws VcpuRefused. */
  attach(port: VpmuPort): Vpmu;
}

/** Linux versions as words: "5.0 to 5.4", "7.0 or later". */
export function linuxRange({ from, to }: NonNullable<VpmuDesign['linux']>): string {
  const [first, last] = [from.join('.'), to?.join('.')];
  return first === last ? first : `${first} ${last === undefined ? 'or later' : `to ${last}`}`;
}

/** What a design needs but this processor or the host's Linux lacks; undefined: nothing. */
export function lackedBy(design: VpmuDesign, caps: PmuCaps, host: Pick<KernelConfig, 'release'>): string | undefined {
  const lacks = design.needs?.(caps);
  if (lacks !== undefined || design.linux === undefined) return lacks;
  const { from, to } = design.linux;
  const old = !atLeast(host, ...from);
  if (!old && (to === undefined || !atLeast(host, to[0], to[1] + 1))) return undefined;
  const nearest = (old || to === undefined ? from : to).join('.');
  return `Linux ${linuxRange(design.linux)} on the host, and this is ${host.release} (--set host.kernel=${nearest})`;
}
