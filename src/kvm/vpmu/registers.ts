/**
 * The guest's PMU registers as KVM emulates them: reads, reserved bits, and the order in which writes touch counters.
 * How a counter is read, written and reprogrammed is up to the design.
 * Source: arch/x86/kvm/vmx/pmu_intel.c (intel_pmu_get_msr, intel_pmu_set_msr), arch/x86/kvm/pmu.c
 * (global_ctrl_changed), Linux 5.0; the full-width alias and PERF_CAPABILITIES, Linux 5.8.
 */
import { GeneralProtection, MSR, PMC_IDX_FIXED, type PmuRegister } from '../../arch/msr.ts';
import { fixedCtrlField } from '../../arch/perfevtsel.ts';
import { hasBit, type Deviation, type KvmPmc, type KvmPmu, type Vpmu } from '../vpmu.ts';

const U32 = 2 ** 32;
/** ANY is reserved; so is everything above CMASK. */
const EVENTSEL_RESERVED = 1 << 21;
/** Bits of FIXED_CTR_CTRL that a version 2 guest may set, a nibble each: OS, USR, PMI. */
const FIXED_NIBBLE = 0xb;

/** PMU_CAP_FW_WRITES */
const PERF_CAP_FW_WRITES = 2 ** 13;

// What KVM gets wrong around these registers, in several designs, with the commit that fixed it.

export const FIXED_SIGN_EXTENDED: Deviation = {
  check: 'full-width write of a fixed counter',
  reason: 'KVM sign-extends the low 32 bits, as it does for the legacy alias',
  commit: '2924b52117b2 ("KVM: x86/pmu: do not mask the value that is written to fixed PMUs")',
};
export const LVTPC_UNMASKED: Deviation = {
  check: 'LVTPC is masked on delivery',
  reason: 'the virtual local APIC leaves the entry unmasked, so that a PMI can follow one that is being handled',
  commit: 'a16eb25b09c0 ("KVM: x86: Mask LVTPC when handling a PMI")',
  mended: [6, 6],
};
export const COUNT_LEFT_OVER: Deviation = {
  check: 'running-counter write counts on from there',
  reason: 'what the host event has counted by then is counted twice',
  commit: '4400cf546b4b ("KVM: x86: Fix perfctr WRMSR for running counters")',
};
export const PERIOD_STAYS: Deviation = {
  check: 'running-counter write',
  reason: 'the period of the host event does not follow a write to a running counter',
  commit: '168d918f2643 ("KVM: x86: Adjust counter sample period after a wrmsr")',
};

export const ZERO_NEVER_SAMPLES: Deviation = {
  check: 'running-counter write',
  reason: 'an event made while the counter holds 0 has a period of 0: it never samples, and it is kept',
  commit: '168d918f2643 ("KVM: x86: Adjust counter sample period after a wrmsr")',
};

/** How a design gives the registers their effect. */
export interface CounterOps {
  read(pmc: KvmPmc): number;
  /** The guest writes the counter; through the legacy alias `value` is already sign-extended. */
  write(pmc: KvmPmc, value: number): void;
  /**
   * A selector, a field of FIXED_CTR_CTRL or a bit of GLOBAL_CTRL of this counter changed; the new value is in place.
   */
  reprogram(pmc: KvmPmc): void;
  /** kvm_pmu_mark_pmc_in_use(): called first when the guest writes the counter, its selector or its field. */
  used?(pmc: KvmPmc): void;
}

/** The counter's value after a 32-bit write: bit 31 is extended to the counter's width. */
export function signExtended({ modulus }: KvmPmu, value: number): number {
  const low = value % U32;
  return low < U32 / 2 ? low : low + modulus - U32;
}

/** rdmsr, wrmsr and rdpmc of a perf-backed design. */
export function emulatedRegisters(pmu: KvmPmu, ops: CounterOps): Pick<Vpmu, 'rdmsr' | 'wrmsr' | 'rdpmc'> {
  const counter = (register: PmuRegister): KvmPmc => {
    const pmc =
      register.reg === 'PMC' && (!register.fullWidth || pmu.caps.fullWidthWrite)
        ? pmu.gp[register.idx]
        : register.reg === 'FIXED_CTR'
          ? pmu.fixed[register.idx]
          : register.reg === 'PERFEVTSEL'
            ? pmu.gp[register.idx]
            : undefined;
    if (pmc === undefined) throw new GeneralProtection(0, 'no such counter in the guest');
    return pmc;
  };
  const globalMask = 2 ** pmu.gp.length - 1 + (2 ** pmu.fixed.length - 1) * U32;
  const checkGlobal = (msr: number, value: number): void => {
    const [low, high] = [value % U32, Math.floor(value / U32)];
    if (low >= 2 ** pmu.gp.length || high >= 2 ** pmu.fixed.length || value > globalMask)
      throw new GeneralProtection(msr, 'reserved bits');
  };
  return {
    rdpmc(idx) {
      const pmc = pmu.pmc(idx);
      if (pmc === undefined) throw new GeneralProtection(idx, 'RDPMC of a counter the guest does not have');
      return ops.read(pmc);
    },
    rdmsr(register) {
      switch (register.reg) {
        case 'PMC':
        case 'FIXED_CTR':
          return ops.read(counter(register));
        case 'PERFEVTSEL':
          return counter(register).eventsel;
        case 'FIXED_CTR_CTRL':
          return pmu.fixed_ctr_ctrl;
        case 'GLOBAL_CTRL':
          return pmu.global_ctrl;
        case 'GLOBAL_STATUS':
          return pmu.global_status;
        case 'GLOBAL_OVF_CTRL':
          return pmu.global_ovf_ctrl;
        case 'PERF_CAPABILITIES':
          if (pmu.caps.fullWidthWrite) return PERF_CAP_FW_WRITES;
          throw new GeneralProtection(MSR.IA32_PERF_CAPABILITIES, 'CPUID shows the guest no PDCM');
        case 'GLOBAL_STATUS_SET':
        case 'GLOBAL_INUSE':
        case 'OFFCORE_RSP':
          throw new GeneralProtection(0, `${register.reg} is not there in the guest`);
      }
    },
    wrmsr(register, value) {
      switch (register.reg) {
        case 'PMC':
        case 'FIXED_CTR': {
          const pmc = counter(register);
          const gp = register.reg === 'PMC';
          ops.used?.(pmc);
          if (gp && register.fullWidth && value >= pmu.modulus)
            throw new GeneralProtection(MSR.IA32_A_PMC0 + register.idx, 'value wider than the counter');
          ops.write(pmc, gp && !register.fullWidth ? signExtended(pmu, value) : value);
          return;
        }
        case 'PERFEVTSEL': {
          const pmc = counter(register);
          ops.used?.(pmc);
          if (pmc.eventsel === value) return;
          if ((value & EVENTSEL_RESERVED) !== 0 || value >= U32)
            throw new GeneralProtection(MSR.IA32_PERFEVTSEL0 + register.idx, 'reserved bits');
          pmc.eventsel = value;
          ops.reprogram(pmc);
          return;
        }
        case 'FIXED_CTR_CTRL': {
          const before = pmu.fixed_ctr_ctrl;
          if (before === value) return;
          const allowed = pmu.fixed.reduce((mask, _, i) => mask + FIXED_NIBBLE * 16 ** i, 0);
          if (value > allowed || (value & ~allowed) !== 0)
            throw new GeneralProtection(MSR.IA32_FIXED_CTR_CTRL, 'reserved bits');
          pmu.fixed_ctr_ctrl = value;
          for (const pmc of pmu.fixed) {
            const i = pmc.idx - PMC_IDX_FIXED;
            if (fixedCtrlField(before, i) === fixedCtrlField(value, i)) continue;
            ops.used?.(pmc);
            ops.reprogram(pmc);
          }
          return;
        }
        case 'GLOBAL_CTRL': {
          const before = pmu.global_ctrl;
          if (before === value) return;
          checkGlobal(MSR.IA32_PERF_GLOBAL_CTRL, value);
          pmu.global_ctrl = value;
          for (const pmc of pmu.all()) if (hasBit(before, pmc.idx) !== hasBit(value, pmc.idx)) ops.reprogram(pmc);
          return;
        }
        case 'GLOBAL_OVF_CTRL':
          checkGlobal(MSR.IA32_PERF_GLOBAL_OVF_CTRL, value);
          pmu.clearStatus(value);
          pmu.global_ovf_ctrl = value;
          return;
        case 'GLOBAL_STATUS':
        case 'GLOBAL_STATUS_SET':
        case 'GLOBAL_INUSE':
        case 'OFFCORE_RSP':
        case 'PERF_CAPABILITIES':
          throw new GeneralProtection(0, `${register.reg} cannot be written by the guest`);
      }
    },
  };
}
