/**
 * A guest's own counters and control registers on the hardware: loaded before it runs and put away afterwards, register
 * by register in KVM's order. Each access has its cost.
 *
 * Writing a counter costs more than reading it, so a counter that already holds its value is not written. Put away
 * registers are zeroed unless they are zero, so that nothing of the guest counts or can be read outside it.
 *
 * Source: arch/x86/kvm/pmu.c (kvm_pmu_load_guest_pmcs, kvm_pmu_put_guest_pmcs, kvm_mediated_pmu_refresh_event_filter),
 * arch/x86/kvm/vmx/pmu_intel.c (intel_mediated_pmu_load, intel_mediated_pmu_put), Linux 7.0.
 */
import type { Cpu } from '../../arch/cpu.ts';
import { MSR, PMC_IDX_FIXED, RDPMC_FIXED } from '../../arch/msr.ts';
import { EVENTSEL, eventCode, fixedCtrlField, withFixedCtrlField } from '../../arch/perfevtsel.ts';
import { hasBit, type KvmPmc, type KvmPmu, type PmuFilter, type VpmuPort } from '../vpmu.ts';

export class RegisterFile {
  readonly #port: Pick<VpmuPort, 'host'>;
  readonly #pmu: KvmPmu;
  readonly #filter: PmuFilter;
  /** eventsel_hw, fixed_ctr_ctrl_hw: what the guest wrote, without the enable bits of events that it may not count. */
  readonly #eventsel_hw: number[];
  #fixed_ctr_ctrl_hw = 0;

  constructor(port: Pick<VpmuPort, 'host' | 'pmu' | 'filter'>) {
    const { pmu, filter } = port;
    this.#port = port;
    this.#pmu = pmu;
    this.#filter = filter;
    this.#eventsel_hw = pmu.gp.map(() => 0);
  }

  /** Where the vCPU's thread is. */
  get cpu(): Cpu {
    return this.#port.host.cpu;
  }

  /** Recomputes the hardware's value of a counter's selector, or of its field of FIXED_CTR_CTRL. */
  refresh({ idx, eventsel }: KvmPmc): void {
    const { codes, fixed } = this.#filter;
    if (idx < PMC_IDX_FIXED) {
      this.#eventsel_hw[idx] = codes.has(eventCode(eventsel)) ? (eventsel & ~EVENTSEL.ENABLE) >>> 0 : eventsel;
      return;
    }
    const i = idx - PMC_IDX_FIXED;
    const field = fixed.has(i) ? 0 : fixedCtrlField(this.#pmu.fixed_ctr_ctrl, i);
    this.#fixed_ctr_ctrl_hw = withFixedCtrlField(this.#fixed_ctr_ctrl_hw, i, field);
  }

  /** Counters and selectors first, then status and fixed control. GLOBAL_CTRL is 0; VM-entry loads it. */
  load(): void {
    const { cpu } = this;
    const { gp, fixed, global_status } = this.#pmu;
    gp.forEach(({ counter }, i) => {
      if (counter !== cpu.rdpmc(i)) cpu.wrmsr(MSR.IA32_A_PMC0 + i, counter);
      cpu.wrmsr(MSR.IA32_PERFEVTSEL0 + i, this.#eventsel_hw[i]!);
    });
    fixed.forEach(({ counter }, i) => {
      if (counter !== cpu.rdpmc(RDPMC_FIXED + i)) cpu.wrmsr(MSR.IA32_FIXED_CTR0 + i, counter);
    });
    const host = cpu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS);
    const [stale, missing] = [this.#only(host, global_status), this.#only(global_status, host)];
    if (stale > 0) cpu.wrmsr(MSR.IA32_PERF_GLOBAL_OVF_CTRL, stale);
    if (missing > 0) cpu.wrmsr(MSR.IA32_PERF_GLOBAL_STATUS_SET, missing);
    cpu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, this.#fixed_ctr_ctrl_hw);
  }

  /** The reverse of load(). */
  put(): void {
    const { cpu } = this;
    const pmu = this.#pmu;
    pmu.global_status = cpu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS);
    if (pmu.global_status > 0) cpu.wrmsr(MSR.IA32_PERF_GLOBAL_OVF_CTRL, pmu.global_status);
    if (this.#fixed_ctr_ctrl_hw > 0) cpu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, 0);
    pmu.gp.forEach((pmc, i) => {
      pmc.counter = cpu.rdpmc(i);
      if (pmc.counter > 0) cpu.wrmsr(MSR.IA32_A_PMC0 + i, 0);
      if (this.#eventsel_hw[i]! > 0) cpu.wrmsr(MSR.IA32_PERFEVTSEL0 + i, 0);
    });
    pmu.fixed.forEach((pmc, i) => {
      pmc.counter = cpu.rdpmc(RDPMC_FIXED + i);
      if (pmc.counter > 0) cpu.wrmsr(MSR.IA32_FIXED_CTR0 + i, 0);
    });
  }

  /** Bits of a global register that are set in the first value only. */
  #only(these: number, those: number): number {
    let bits = 0;
    for (const { idx } of this.#pmu.all()) if (hasBit(these, idx) && !hasBit(those, idx)) bits += 2 ** idx;
    return bits;
  }
}
