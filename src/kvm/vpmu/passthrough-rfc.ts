/**
 * The RFC of January 2024 that became the mediated vPMU, as posted: the guest has GLOBAL_CTRL, GLOBAL_STATUS,
 * GLOBAL_OVF_CTRL and RDPMC without an exit whatever counters it has; selectors and FIXED_CTR_CTRL exit, so that the
 * event filter is honoured.
 *
 * The registers are switched where mediated switches them, around KVM's inner run loop, but more of them are written:
 * every counter at each load, also one that already holds its value, and a zero into each counter and selector that
 * the guest does not have, since it could open them through GLOBAL_CTRL. A denied event's selector is cleared whole. A
 * write of a selector takes effect by itself, without KVM_REQ_PMU. The fast path asks nothing of the counters.
 *
 * Source: "[RFC PATCH 00/41] KVM: x86/pmu: Introduce passthrough vPM", 26 January 2024, on Linux 6.7-rc1; patches 17, 23,
 * 26, 32 and 35 to 37.
 * Not modelled: host events that count in guests (the series puts them into ERROR at the first VM-entry; here they are
 * refused), counts of instructions that KVM emulates, nested guests.
 */
import type { PmuCaps } from '../../arch/cpuid.ts';
import { MSR, RDPMC_FIXED, type PmuRegister } from '../../arch/msr.ts';
import { eventCode, fixedCtrlField, withFixedCtrlField } from '../../arch/perfevtsel.ts';
import {
  hasBit,
  VcpuRefused,
  type Deviation,
  type KvmPmu,
  type PmuFilter,
  type VpmuDesign,
  type VpmuPort,
} from '../vpmu.ts';
import { versionTwoGuest } from './guest-caps.ts';
import { MediatedVpmu, needs } from './mediated.ts';
import { RegisterFile } from './register-file.ts';

/** intel_save_pmu_context() and intel_restore_pmu_context() of the series. */
export class RfcRegisterFile extends RegisterFile {
  readonly pmu: KvmPmu;
  readonly #filter: PmuFilter;

  constructor(port: Pick<VpmuPort, 'host' | 'pmu' | 'filter'>) {
    super(port);
    this.pmu = port.pmu;
    this.#filter = port.filter;
  }

  /** eventsel_hw */
  selector(i: number): number {
    const { eventsel } = this.pmu.gp[i]!;
    return this.#filter.codes.has(eventCode(eventsel)) ? 0 : eventsel;
  }

  /** fixed_ctr_ctrl_hw */
  fixedControl(): number {
    return this.pmu.fixed.reduce((ctrl, _, i) => {
      const field = this.#filter.fixed.has(i) ? 0 : fixedCtrlField(this.pmu.fixed_ctr_ctrl, i);
      return withFixedCtrlField(ctrl, i, field);
    }, 0);
  }

  override load(): void {
    const { cpu, pmu } = this;
    const host = cpu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS);
    const only = (these: number, those: number): number =>
      pmu.all().reduce((bits, { idx }) => bits + (hasBit(these, idx) && !hasBit(those, idx) ? 2 ** idx : 0), 0);
    const [stale, missing] = [only(host, pmu.global_status), only(pmu.global_status, host)];
    if (stale > 0) cpu.wrmsr(MSR.IA32_PERF_GLOBAL_OVF_CTRL, stale);
    if (missing > 0) cpu.wrmsr(MSR.IA32_PERF_GLOBAL_STATUS_SET, missing);
    for (let i = 0; i < cpu.caps.nrGp; i++) {
      const mine = i < pmu.gp.length;
      cpu.wrmsr(MSR.IA32_A_PMC0 + i, mine ? pmu.gp[i]!.counter : 0);
      cpu.wrmsr(MSR.IA32_PERFEVTSEL0 + i, mine ? this.selector(i) : 0);
    }
    cpu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, this.fixedControl());
    for (let i = 0; i < cpu.caps.nrFixed; i++) cpu.wrmsr(MSR.IA32_FIXED_CTR0 + i, pmu.fixed[i]?.counter ?? 0);
  }

  override put(): void {
    const { cpu, pmu } = this;
    pmu.global_status = cpu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS);
    if (pmu.global_status > 0) cpu.wrmsr(MSR.IA32_PERF_GLOBAL_OVF_CTRL, pmu.global_status);
    pmu.gp.forEach((pmc, i) => {
      pmc.counter = cpu.rdpmc(i);
      if (this.selector(i) > 0) cpu.wrmsr(MSR.IA32_PERFEVTSEL0 + i, 0);
      if (pmc.counter > 0) cpu.wrmsr(MSR.IA32_A_PMC0 + i, 0);
    });
    if (this.fixedControl() > 0) cpu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, 0);
    pmu.fixed.forEach((pmc, i) => {
      pmc.counter = cpu.rdpmc(RDPMC_FIXED + i);
      if (pmc.counter > 0) cpu.wrmsr(MSR.IA32_FIXED_CTR0 + i, 0);
    });
  }
}

export class RfcVpmu extends MediatedVpmu {
  constructor(port: VpmuPort, registers = new RfcRegisterFile(port)) {
    super(port, registers);
  }

  override passthrough(access: PmuRegister | 'RDPMC'): boolean {
    if (access === 'RDPMC') return true;
    if (access.reg === 'GLOBAL_CTRL' || access.reg === 'GLOBAL_STATUS' || access.reg === 'GLOBAL_OVF_CTRL') return true;
    return super.passthrough(access);
  }

  /** The next load takes what was written. */
  override reprogram(): void {}

  override fastPath(): boolean {
    return true;
  }
}

const MERGED = 'later versions of the series, as merged for Linux 7.0: mediated';
/** KVM shows guests three fixed counters at most. */
const hasMore = ({ nrFixed }: PmuCaps): boolean => nrFixed > 3;

/** A guest that has fewer counters than the host reaches all of them. */
export const RDPMC_REACHES_ALL: Deviation = {
  check: 'RDPMC',
  reason: "RDPMC reads the host's fourth fixed counter, which the guest does not have",
  commit: `${MERGED} (kvm_need_rdpmc_intercept)`,
  on: hasMore,
};

/** What all builds of the series have in common. */
export const RFC = {
  source: '"[RFC PATCH 00/41] KVM: x86/pmu: Introduce passthrough vPM", January 2024',
  linux: { from: [6, 7], to: [6, 7] },
  needs,
  guestCaps: (host) => ({ ...versionTwoGuest(host), fullWidthWrite: host.fullWidthWrite }),
  precreate({ global }) {
    if (global !== undefined && global.perf_create_mediated_pmu() !== 0)
      throw new VcpuRefused(
        'gperf does not model what the series does with host events that count in guests, too (host.watchdog=on is one)',
      );
  },
} as const satisfies Partial<VpmuDesign>;

export const passthroughRfc: VpmuDesign = {
  name: 'passthrough-rfc',
  about:
    "mediated as first posted: global registers and RDPMC are always the guest's, selectors and FIXED_CTR_CTRL exit",
  ...RFC,
  deviates: [
    RDPMC_REACHES_ALL,
    {
      check: 'reserved bits',
      reason: 'GLOBAL_CTRL takes bits of counters that the guest does not have',
      commit: `${MERGED} (kvm_need_perf_global_ctrl_intercept)`,
      on: hasMore,
    },
  ],
  filters: true,
  hue: 'orange',
  attach: (port) => new RfcVpmu(port),
};
