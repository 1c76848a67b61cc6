/**
 * MSR numbers of the architectural PMU, their decoding, and the fault for a bad access.
 *
 * SDM volume 4 "Architectural MSRs". Where the kernel's name (arch/x86/include/asm/msr-index.h) differs, it is noted.
 * Not modelled: PEBS, DS, LBR and debug-control MSRs.
 */
export const MSR = {
  /** MSR_ARCH_PERFMON_PERFCTR0: legacy alias, a write sign-extends bit 31. */
  IA32_PMC0: 0xc1,
  /** MSR_IA32_PMC0: full-width alias, present with IA32_PERF_CAPABILITIES[13]. */
  IA32_A_PMC0: 0x4c1,
  /** MSR_ARCH_PERFMON_EVENTSEL0 */
  IA32_PERFEVTSEL0: 0x186,
  /** MSR_ARCH_PERFMON_FIXED_CTR0 */
  IA32_FIXED_CTR0: 0x309,
  IA32_PERF_CAPABILITIES: 0x345,
  /** MSR_ARCH_PERFMON_FIXED_CTR_CTRL */
  IA32_FIXED_CTR_CTRL: 0x38d,
  /** MSR_CORE_PERF_GLOBAL_STATUS */
  IA32_PERF_GLOBAL_STATUS: 0x38e,
  /** MSR_CORE_PERF_GLOBAL_CTRL */
  IA32_PERF_GLOBAL_CTRL: 0x38f,
  /** MSR_CORE_PERF_GLOBAL_OVF_CTRL; from version 4 the SDM calls it IA32_PERF_GLOBAL_STATUS_RESET. */
  IA32_PERF_GLOBAL_OVF_CTRL: 0x390,
  /** From version 4: sets bits of GLOBAL_STATUS, so that a hypervisor can load a guest's. */
  IA32_PERF_GLOBAL_STATUS_SET: 0x391,
  /** From version 4: which counters are programmed. */
  IA32_PERF_GLOBAL_INUSE: 0x392,
  MSR_OFFCORE_RSP_0: 0x1a6,
  MSR_OFFCORE_RSP_1: 0x1a7,
} as const;

/** Index of the first fixed counter where all counters are numbered together (INTEL_PMC_IDX_FIXED). */
export const PMC_IDX_FIXED = 32;
/** RDPMC: ECX bit that selects the fixed counters (INTEL_PMC_FIXED_RDPMC_BASE). */
export const RDPMC_FIXED = 2 ** 30;
const GLOBAL_BITS: readonly number[] = Array.from({ length: 64 }, (_, idx) => 2 ** idx);
/** Bit i of the global registers; fixed counters start at 2^32, out of reach of JavaScript's bit operators. */
export const globalBit = (idx: number): number => GLOBAL_BITS[idx] as number;

/** #GP(0): the MSR does not exist, or the value has reserved bits set. */
export class GeneralProtection extends Error {
  readonly msr: number;
  constructor(msr: number, why: string) {
    super(`#GP: MSR 0x${msr.toString(16)}: ${why}`);
    this.name = 'GeneralProtection';
    this.msr = msr;
  }
}

/** A PMU MSR, decoded for both hardware and vPMU designs. */
export type PmuRegister =
  | { readonly reg: 'PMC'; readonly idx: number; readonly fullWidth: boolean }
  | { readonly reg: 'PERFEVTSEL' | 'FIXED_CTR'; readonly idx: number }
  | { readonly reg: 'OFFCORE_RSP'; readonly idx: 0 | 1 }
  | {
      readonly reg:
        | 'FIXED_CTR_CTRL'
        | 'GLOBAL_STATUS'
        | 'GLOBAL_CTRL'
        | 'GLOBAL_OVF_CTRL'
        | 'GLOBAL_STATUS_SET'
        | 'GLOBAL_INUSE'
        | 'PERF_CAPABILITIES';
    };

/** Decodes a PMU MSR; undefined for any other MSR. The caller must check whether the register exists on its PMU. */
export function decodePmuMsr(msr: number): PmuRegister | undefined {
  return DECODED[msr];
}

/** The most counters that any PMU here has. */
const MAX_GP = 8;
const MAX_FIXED = 4;
/** By number; an array, since every access of a register looks here. */
const DECODED: (PmuRegister | undefined)[] = Array.from({ length: MSR.IA32_A_PMC0 + MAX_GP }, () => undefined);
DECODED[MSR.IA32_FIXED_CTR_CTRL] = { reg: 'FIXED_CTR_CTRL' };
DECODED[MSR.IA32_PERF_GLOBAL_STATUS] = { reg: 'GLOBAL_STATUS' };
DECODED[MSR.IA32_PERF_GLOBAL_CTRL] = { reg: 'GLOBAL_CTRL' };
DECODED[MSR.IA32_PERF_GLOBAL_OVF_CTRL] = { reg: 'GLOBAL_OVF_CTRL' };
DECODED[MSR.IA32_PERF_GLOBAL_STATUS_SET] = { reg: 'GLOBAL_STATUS_SET' };
DECODED[MSR.IA32_PERF_GLOBAL_INUSE] = { reg: 'GLOBAL_INUSE' };
DECODED[MSR.IA32_PERF_CAPABILITIES] = { reg: 'PERF_CAPABILITIES' };
DECODED[MSR.MSR_OFFCORE_RSP_0] = { reg: 'OFFCORE_RSP', idx: 0 };
DECODED[MSR.MSR_OFFCORE_RSP_1] = { reg: 'OFFCORE_RSP', idx: 1 };
for (let idx = 0; idx < MAX_GP; idx++) {
  DECODED[MSR.IA32_PMC0 + idx] = { reg: 'PMC', idx, fullWidth: false };
  DECODED[MSR.IA32_A_PMC0 + idx] = { reg: 'PMC', idx, fullWidth: true };
  DECODED[MSR.IA32_PERFEVTSEL0 + idx] = { reg: 'PERFEVTSEL', idx };
}
for (let idx = 0; idx < MAX_FIXED; idx++) DECODED[MSR.IA32_FIXED_CTR0 + idx] = { reg: 'FIXED_CTR', idx };
