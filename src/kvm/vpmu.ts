/**
 * A virtual PMU: what every design keeps of the guest's registers (struct kvm_pmu, struct kvm_pmc), what a design sees of
 * its vCPU, and the hooks a vCPU calls, in the order it meets them.
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
import type { Probe } from '../sim/probe.ts';
import type { Cycles } from '../units.ts';
import type { KvmStep, Request } from './steps.ts';

/** struct kvm_pmc: one virtual counter. */
export interface KvmPmc {
  /** Global index: fixed counters start at PMC_IDX_FIXED. */
  readonly idx: number;
  /** The guest-visible count, less what `perf_event` counted since it was made. */
  counter: number;
  /** IA32_PERFEVTSELx of a general-purpose counter. */
  eventsel: number;
  perf_event: PerfEvent | undefined;
  /** What `perf_event` was made for, a selector or a field of FIXED_CTR_CTRL; 0: there is none. Kept by designs that reuse it. */
  current_config: number;
  /** `perf_event` is disabled, and its count taken into `counter`. */
  is_paused: boolean;
}

/** struct kvm_pmu */
export class KvmPmu {
  readonly caps: PmuCaps;
  readonly gp: readonly KvmPmc[];
  readonly fixed: readonly KvmPmc[];
  readonly modulus: number;
  fixed_ctr_ctrl = 0;
  global_ctrl = 0;
  global_status = 0;
  global_ovf_ctrl = 0;
  /** Counters that overflowed and wait for KVM_REQ_PMU, by index. */
  readonly reprogram_pmi = new Set<number>();
  /** Counters that the guest wrote since the vCPU's thread last got the CPU, by index. */
  readonly pmc_in_use = new Set<number>();
  /** Counters without use are to be looked for at the next KVM_REQ_PMU. */
  need_cleanup = false;

  constructor(caps: PmuCaps) {
    this.caps = caps;
    const pmc = (idx: number): KvmPmc => ({
      idx,
      counter: 0,
      eventsel: 0,
      perf_event: undefined,
      current_config: 0,
      is_paused: false,
    });
    this.gp = Array.from({ length: caps.nrGp }, (_, i) => pmc(i));
    this.fixed = Array.from({ length: caps.nrFixed }, (_, i) => pmc(PMC_IDX_FIXED + i));
    this.modulus = 2 ** caps.width;
  }

  pmc(idx: number): KvmPmc | undefined {
    return idx >= PMC_IDX_FIXED ? this.fixed[idx - PMC_IDX_FIXED] : this.gp[idx];
  }

  /** Every counter in ascending order of index: the order in which global control is walked. */
  *all(): Iterable<KvmPmc> {
    yield* this.gp;
    yield* this.fixed;
  }

  globallyEnabled({ idx }: KvmPmc): boolean {
    return hasBit(this.global_ctrl, idx);
  }

  setStatus(idx: number): void {
    if (!hasBit(this.global_status, idx)) this.global_status += globalBit(idx);
  }

  clearStatus(bits: number): void {
    for (const { idx } of this.all()) {
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
  /** What an exit takes beyond the usual, nearly always nothing: host interrupts, cold lines. */
  exit_tail(): Cycles;
  /** Making an event of the host's and ending it, what the functions they call take apart. */
  perf_event_create_kernel_counter(): Cycles;
  perf_event_release_kernel(): Cycles;
}

/** What a design sees of its vCPU. */
export interface VpmuPort {
  readonly pmu: KvmPmu;
  /** The host's kernel, and the vCPU's thread in it. */
  readonly host: Kernel;
  readonly task: Task;
  /** kvm_make_request() */
  request(request: Request): void;
  /** Whether the guest's LVTPC masks PMIs (kvm_lapic_get_reg). */
  lvtpcMasked(): boolean;
  /** What the VM's guest may not count. */
  readonly filter: PmuFilter;
  readonly draws: KvmDraws;
  /** Hears what is done about a counter, if somebody watches. */
  probe(): Probe<KvmStep> | undefined;
}

/** What a guest may not count: selectors (event select and unit mask), and fixed counters by number. */
export interface PmuFilter {
  readonly codes: ReadonlySet<number>;
  readonly fixed: ReadonlySet<number>;
}
export const NO_FILTER: PmuFilter = { codes: new Set(), fixed: new Set() };

/** The state of one vCPU's PMU under one design. Hooks in the order a vCPU meets them. */
export interface Vpmu {
  /** Throws GeneralProtection for what the guest may not touch. */
  rdmsr(register: PmuRegister): number;
  wrmsr(register: PmuRegister, value: number): void;
  rdpmc(idx: number): number;
  /** KVM_REQ_PMU, before VM-entry. */
  handleEvent(): void;
  /** The vCPU's thread gets, and loses, the CPU. */
  vcpuLoad?(): void;
  vcpuPut?(): void;
  /** The MSR bitmap and RDPMC exiting: what the guest reaches without an exit. */
  passthrough?(access: PmuRegister | 'RDPMC'): boolean;
  /**
   * The registers are handed to the guest, and taken back: around KVM's inner run loop, which an exit that is served on the
   * fast path does not leave. Interrupts are off. Absent: the guest has no registers of its own.
   */
  loadGuest?(): void;
  putGuest?(): void;
  /** GLOBAL_CTRL that VM-entry loads with the VMCS; absent: what perf says (intel_guest_get_msrs). */
  vmEnter?(): number;
  /** VM-exit saved the guest's GLOBAL_CTRL in the VMCS and loaded 0. */
  vmExit?(globalCtrl: number): void;
  /** Whether an exit may be served on the fast path now (kvm_pmu_is_fastpath_emulation_allowed); absent: there is none. */
  fastPath?(): boolean;
}

/** Something the real design gets wrong, that a contract test asserts to fail. */
export interface Deviation {
  readonly check: string;
  readonly reason: string;
  /** The commit that mended it. */
  readonly commit: string;
  /** The first Linux on the host under which this design has it right; absent: none, as its code is of one version. */
  readonly mended?: LinuxVersion;
  /** The host's cores on which it shows; absent: all. */
  on?(host: PmuCaps): boolean;
}

/** Linux versions, from and including. */
export type LinuxVersion = readonly [major: number, minor: number];

/** What may help a run that PMIs keep from getting on: another design, or a spec key that is not so yet. */
export type Remedy = ({ readonly vpmu: string } | { readonly set: `${string}=${string}` }) & {
  /** What it changes. */
  readonly because: string;
};

/** Colours of Okabe and Ito's that a design can have on pages. */
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
  /** What it needs and this processor lacks, e.g. "a PMU of version 4"; undefined: nothing. */
  needs?(caps: PmuCaps): string | undefined;
  /** The first Linux of a host that it can stand on; absent: all can carry it. */
  readonly since?: LinuxVersion;
  /** Its colour wherever pages draw it; absent: one that is free. */
  readonly hue?: DesignHue;
  /** What helps when PMIs under it take all the time there is. */
  readonly remedies?: readonly Remedy[];
  /** It honours PmuFilter. */
  readonly filters?: boolean;
  /** CPUID.0AH and PERF_CAPABILITIES as the guest sees them under that host's Linux. */
  guestCaps(host: PmuCaps, kernel: KernelConfig): PmuCaps;
  /** What a VM's PMU takes of the host, once: before its first vCPU (kvm_arch_vcpu_precreate). Throws VcpuRefused. */
  precreate?(host: Kernel): void;
  /** The PMU of one vCPU. Throws VcpuRefused. */
  attach(port: VpmuPort): Vpmu;
}

/** What a design needs and does not have on a processor with a host of that Linux. */
export function lackedBy(design: VpmuDesign, caps: PmuCaps, host: Pick<KernelConfig, 'release'>): string | undefined {
  const lacks = design.needs?.(caps);
  if (lacks !== undefined || design.since === undefined || atLeast(host, ...design.since)) return lacks;
  const since = design.since.join('.');
  return `Linux ${since} on the host, and this is ${host.release} (--set host.kernel=${since})`;
}
