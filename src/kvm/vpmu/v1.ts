/**
 * The first version of the letter's series: KVM takes a counter from the host's perf while the guest has it enabled,
 * and applies the guest's accesses to the register of the same number. No host event stands for the guest.
 *
 * Every PMU register exits, and costs little. A selector or a field of FIXED_CTR_CTRL takes or returns its counter;
 * GLOBAL_CTRL is switched at VM-entry and VM-exit, where KVM reads the host's register each time. PMIs reach the host's
 * driver, which calls KVM back for the counters that it does not own. When the vCPU's thread loses the CPU, its
 * counters go back, and are taken again when it gets one.
 *
 * Its faults are kept: a selector is written to hardware whether or not the counter is the guest's, unchecked; a
 * returned counter keeps the guest's selector, so that it goes on counting under the host's GLOBAL_CTRL after the
 * thread has left the CPU; a count above 2^31 is cut to 32 bits when it comes back through the legacy alias. A host
 * event that already has the counter shares it.
 *
 * Source: "[PATCH v1 0/8] Intel Virtual PMU Optimization", 1 November 2018, Message-Id
 * 1541066648-40690-1-git-send-email-wei.w.wang@intel.com, all eight patches.
 * Not modelled: RDPMC of a counter that the guest does not have (the host follows a null pointer; here it faults);
 * the teardown of a guest.
 */
import { GeneralProtection, MSR, PMC_IDX_FIXED, RDPMC_FIXED, globalBit, type PmuRegister } from '../../arch/msr.ts';
import { EVENTSEL, fixedCtrlField, withFixedCtrlField } from '../../arch/perfevtsel.ts';
import { FN } from '../../kernel/symbols.ts';
import type { Deviation, KvmPmc, Vpmu, VpmuDesign, VpmuPort } from '../vpmu.ts';
import { versionTwoGuest } from './guest-caps.ts';
import { LVTPC_UNMASKED, emulatedRegisters } from './registers.ts';

class TakenVpmu implements Vpmu {
  readonly #port: VpmuPort;
  readonly #emulated: ReturnType<typeof emulatedRegisters>;
  /** assigned_pmc_bitmap, and restore_pmc_bitmap */
  readonly #assigned = new Set<number>();
  #restore: readonly number[] = [];

  constructor(port: VpmuPort) {
    this.#port = port;
    this.#emulated = emulatedRegisters(port.pmu, {
      read: (pmc) => this.#read(pmc),
      write: () => undefined,
      reprogram: () => undefined,
    });
  }

  rdmsr(register: PmuRegister): number {
    return this.#emulated.rdmsr(register);
  }

  rdpmc(idx: number): number {
    const { pmu, host } = this.#port;
    if (pmu.pmc(idx) === undefined || !this.#assigned.has(idx)) return this.#emulated.rdpmc(idx);
    return host.cpu.rdpmc(idx >= PMC_IDX_FIXED ? RDPMC_FIXED + idx - PMC_IDX_FIXED : idx);
  }

  wrmsr(register: PmuRegister, value: number): void {
    const { pmu } = this.#port;
    switch (register.reg) {
      case 'PERFEVTSEL': {
        const pmc = pmu.gp[register.idx];
        if (pmc !== undefined) return this.#setSelector(pmc, value);
        break;
      }
      case 'FIXED_CTR_CTRL':
        return this.#setFixedControl(value);
      case 'PMC': {
        const pmc = register.fullWidth ? undefined : pmu.gp[register.idx];
        if (pmc !== undefined) return this.#setCounter(pmc, value);
        break;
      }
      case 'FIXED_CTR': {
        const pmc = pmu.fixed[register.idx];
        if (pmc !== undefined) return this.#setCounter(pmc, value);
        break;
      }
      case 'GLOBAL_CTRL':
      case 'GLOBAL_STATUS':
      case 'GLOBAL_OVF_CTRL':
      case 'GLOBAL_STATUS_SET':
      case 'GLOBAL_INUSE':
      case 'OFFCORE_RSP':
      case 'PERF_CAPABILITIES':
        break;
    }
    this.#emulated.wrmsr(register, value);
  }

  handleEvent(): void {}

  vcpuLoad(): void {
    const port = this.#port;
    for (const idx of this.#restore) this.#get(port.pmu.pmc(idx)!);
    this.#restore = [];
    port.host.pmu.x86_perf_register_pmi_callback((status) => {
      for (const { idx } of port.pmu.all()) if (Math.floor(status / globalBit(idx)) % 2 === 1) port.pmu.setStatus(idx);
      port.request('PMI');
    });
  }

  vcpuPut(): void {
    this.#restore = [...this.#assigned].toSorted((a, b) => a - b);
    for (const idx of this.#restore) this.#put(this.#port.pmu.pmc(idx)!);
    this.#port.host.pmu.x86_perf_register_pmi_callback(undefined);
  }

  /** intel_pmu_get_switch_msrs() */
  vmEnter(): number {
    const { pmu, host } = this.#port;
    host.cpu.rdmsr(MSR.IA32_PERF_GLOBAL_CTRL);
    return pmu.all().reduce((ctrl, pmc) => {
      const on = pmu.globallyEnabled(pmc) && this.#assigned.has(pmc.idx);
      return on ? ctrl + globalBit(pmc.idx) : ctrl;
    }, 0);
  }

  #read(pmc: KvmPmc): number {
    return this.#assigned.has(pmc.idx) ? this.#port.host.cpu.rdmsr(this.#msrOf(pmc)) : pmc.counter;
  }

  #msrOf({ idx }: KvmPmc): number {
    return idx >= PMC_IDX_FIXED ? MSR.IA32_FIXED_CTR0 + idx - PMC_IDX_FIXED : MSR.IA32_PMC0 + idx;
  }

  #setCounter(pmc: KvmPmc, value: number): void {
    pmc.counter = value;
    if (this.#assigned.has(pmc.idx)) this.#wrmsrl(this.#msrOf(pmc), value);
  }

  #setSelector(pmc: KvmPmc, value: number): void {
    if (pmc.eventsel === value) return;
    pmc.eventsel = value;
    const on = Math.floor(value / EVENTSEL.ENABLE) % 2 === 1;
    if (on) this.#get(pmc);
    this.#wrmsrl(MSR.IA32_PERFEVTSEL0 + pmc.idx, value);
    if (!on) this.#put(pmc);
  }

  #setFixedControl(value: number): void {
    const { pmu } = this.#port;
    if (pmu.fixed_ctr_ctrl === value) return;
    if (value > 0xbbb || (value & 0x444) !== 0) throw new GeneralProtection(MSR.IA32_FIXED_CTR_CTRL, 'reserved bits');
    for (const [i, pmc] of pmu.fixed.entries()) {
      const field = fixedCtrlField(value, i);
      if (fixedCtrlField(pmu.fixed_ctr_ctrl, i) === field) continue;
      if (field !== 0) this.#get(pmc);
      this.#setField(i, field);
      if (field === 0) this.#put(pmc);
    }
    pmu.fixed_ctr_ctrl = value;
  }

  /** intel_pmu_update_fixed_ctrl_msr() */
  #setField(i: number, field: number): void {
    const { cpu } = this.#port.host;
    const ctrl = withFixedCtrlField(cpu.rdmsr(MSR.IA32_FIXED_CTR_CTRL), i, field);
    cpu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, ctrl);
    this.#port.host.pmu.fixedCtrlWritten(ctrl);
  }

  /** intel_pmu_get_pmc(): takes the counter and loads it. */
  #get(pmc: KvmPmc): void {
    if (this.#assigned.has(pmc.idx)) return;
    const { host, pmu } = this.#port;
    this.#assigned.add(pmc.idx);
    host.pmu.x86_perf_mask_perf_counters([...this.#assigned]);
    host.cpu.spend(FN.intel_pmu_save_vpmc);
    this.#wrmsrl(this.#msrOf(pmc), pmc.counter);
    if (pmc.idx < PMC_IDX_FIXED) this.#wrmsrl(MSR.IA32_PERFEVTSEL0 + pmc.idx, pmc.eventsel);
    else this.#setField(pmc.idx - PMC_IDX_FIXED, fixedCtrlField(pmu.fixed_ctr_ctrl, pmc.idx - PMC_IDX_FIXED));
  }

  /** intel_pmu_put_pmc(): saves the counter and returns it. */
  #put(pmc: KvmPmc): void {
    if (!this.#assigned.has(pmc.idx)) return;
    const { host } = this.#port;
    host.cpu.spend(FN.intel_pmu_save_vpmc);
    pmc.counter = host.cpu.rdmsr(this.#msrOf(pmc));
    this.#assigned.delete(pmc.idx);
    host.pmu.x86_perf_mask_perf_counters([...this.#assigned]);
  }

  /** wrmsrl(): a value that the register refuses leaves a warning in the host's log, and nothing else. */
  #wrmsrl(msr: number, value: number): void {
    try {
      this.#port.host.cpu.wrmsr(msr, value);
    } catch (error) {
      if (!(error instanceof GeneralProtection)) throw error;
    }
  }
}

const NEXT = 'none: the next version of the series, v2, has host events again';
const UNHEARD = 'KVM hears of overflows by PMIs only, and GLOBAL_STATUS is its own';
const FAULTS: readonly Deviation[] = [
  { check: 'overflow without an interrupt', reason: UNHEARD, commit: NEXT },
  { check: 'interrupt bit changes', reason: UNHEARD, commit: NEXT },
  { check: 'OVF_CTRL clears what is written', reason: UNHEARD, commit: NEXT },
  { check: 'reserved bits', reason: 'selectors are written unchecked', commit: NEXT },
  {
    check: 'legacy alias sign-extends',
    reason: 'a counter that KVM has not taken yet holds the 32 bits that were written',
    commit: NEXT,
  },
];

export const v1: VpmuDesign = {
  name: 'v1',
  about: 'the first version of the letter: counters taken from the host, registers written as the guest writes them',
  source: '"[PATCH v1 0/8] Intel Virtual PMU Optimization", November 2018',
  // Posted on 4.19; what it patches is the same from 5.0 to 5.4.
  linux: { from: [5, 0], to: [5, 4] },
  deviates: [LVTPC_UNMASKED, ...FAULTS],
  guestCaps: versionTwoGuest,
  attach: (port) => new TakenVpmu(port),
};
