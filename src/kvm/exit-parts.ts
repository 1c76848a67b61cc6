/**
 * What one VM-exit and the next VM-entry consist of besides the work that the exit is for: the transition itself, the
 * guest's registers, KVM's dispatch, and what the host's Linux does against speculation on this processor.
 *
 *                                     from Linux                     on
 *     vmx_vmenter                                                    all: VMRESUME to VM-exit, in hardware
 *     __vmx_vcpu_run                                                 all: general-purpose registers, CR2
 *     vmx_vmexit                      4.15; 6.0 with enhanced IBRS   all: return stack filled (32 calls; one with IBRS)
 *     vmx_spec_ctrl_restore_host      4.17                           enhanced IBRS: the guest's SPEC_CTRL is read
 *     __x86_indirect_thunk_rax        4.15 to 5.11                   no enhanced IBRS: indirect calls are retpolines
 *     vmx_l1d_flush                   4.19                           L1TF, if the host has served an interrupt since
 *     mds_clear_cpu_buffers           6.9, late in VM-entry          MDS; before, flushing the L1D stands for it
 *     vmx_vcpu_run                                                   all: the rest
 *
 * Guests are taken to have written SPEC_CTRL where their Linux does: with enhanced IBRS. No exit that gperf models
 * returns to user space.
 *
 * Source: arch/x86/kvm/vmx/vmx.c (vmx_vcpu_run, vmx_l1d_flush), vmenter.S, arch/x86/include/asm/nospec-branch.h,
 * arch/x86/kernel/cpu/bugs.c, Linux 5.0 to 7.0; Documentation/admin-guide/hw-vuln; static calls instead of retpolines:
 * commits b3646477d458 and 9af5471bdbb2.
 * Not modelled: stable trees that took a mitigation earlier or later, boot parameters (mitigations=off), misses that a
 * flushed L1D costs the guest, IBPB when a vCPU's thread changes CPU, single-thread mitigations of TAA and MMIO.
 */
import { atLeast, type KernelConfig } from '../kernel/config.ts';
import { FN } from '../kernel/symbols.ts';

/** Functions, with how often each is passed. */
export type Parts = readonly (readonly [fn: number, times: number])[];

export interface ExitParts {
  /** At each exit, in order. */
  readonly exit: Parts;
  /** At each entry, in order; besides, after an interrupt of the host: vmx_l1d_flush, if `flushesL1d`. */
  readonly entry: Parts;
  readonly flushesL1d: boolean;
  /** For an exit that is handled outside the inner run loop (vmx_handle_exit). */
  readonly dispatch: Parts;
  /** For an intercepted access among these. */
  readonly access: Parts;
}

/** Indirect calls that a pass of the run loop makes (kvm_x86_ops: prepare_guest_switch, run, handle_external_intr). */
const CALLS_OF_LOOP = 3;
/** Those to an exit's handler: handle_exit, and the table by exit reason. */
const CALLS_OF_DISPATCH = 2;
/** And those of an access: set_msr, kvm_pmu_ops (is_valid_msr, set_msr), skip_emulated_instruction. */
const CALLS_OF_ACCESS = 4;

/** The parts on this processor under this host's Linux. */
export function exitParts(host: Pick<KernelConfig, 'release' | 'bugs'>): ExitParts {
  const { enhancedIbrs, l1tf, mds } = host.bugs;
  const part = (fn: number, times: number): Parts => (times > 0 ? [[fn, times]] : []);
  const retpolines = (calls: number): Parts =>
    part(FN.__x86_indirect_thunk_rax, enhancedIbrs || atLeast(host, 5, 12) ? 0 : calls);
  return {
    exit: [
      [FN.vmx_vmenter, 1],
      ...part(FN.vmx_vmexit, !enhancedIbrs || atLeast(host, 6, 0) ? 1 : 0),
      [FN.__vmx_vcpu_run, 1],
      ...part(FN.vmx_spec_ctrl_restore_host, enhancedIbrs ? 1 : 0),
      [FN.vmx_vcpu_run, 1],
      ...retpolines(CALLS_OF_LOOP),
    ],
    entry: part(FN.mds_clear_cpu_buffers, mds && atLeast(host, 6, 9) ? 1 : 0),
    flushesL1d: l1tf,
    dispatch: [[FN.vmx_handle_exit, 1], ...retpolines(CALLS_OF_DISPATCH)],
    access: [[FN.kvm_set_msr_common, 1], ...retpolines(CALLS_OF_ACCESS)],
  };
}
