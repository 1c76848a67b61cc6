/**
 * The parts of a VM-exit on one machine under one Linux (kvm/exit-parts.ts), with what each takes.
 * Not modelled: the tail of exits (cost.exit_tail), which is not a part of each.
 */
import { FN, KERNEL_SYMBOLS } from '../kernel/symbols.ts';
import { exitParts, type Parts } from '../kvm/exit-parts.ts';
import { ring0Table } from '../machine/ring0.ts';
import type { MachineSpec } from '../machine/spec.ts';
import type { ExitPart, ExitPartsReport } from '../results/exit-parts.ts';
import { cellOf } from '../sim/spread.ts';

const ABOUT: Readonly<Record<number, string>> = {
  [FN.vmx_vmenter]: 'VM-exit and VM-entry in hardware (cost.vmexit)',
  [FN.vmx_vmexit]: 'return stack filled',
  [FN.__vmx_vcpu_run]: 'general-purpose registers saved and loaded',
  [FN.vmx_spec_ctrl_restore_host]: "the guest's SPEC_CTRL read",
  [FN.vmx_vcpu_run]: 'the rest: a residue',
  [FN.__x86_indirect_thunk_rax]: 'retpolines',
  [FN.vmx_handle_exit]: 'dispatch by exit reason',
  [FN.kvm_set_msr_common]: 'dispatch by register',
  [FN.vcpu_enter_guest]: "KVM's run loop",
  [FN.atomic_switch_perf_msrs]: "GLOBAL_CTRL compared, where perf has the guest's registers",
  [FN.mds_clear_cpu_buffers]: 'VERW against MDS',
  [FN.vmx_l1d_flush]: 'L1D flushed against L1TF',
};
/** What KVM does itself before each entry. */
const RUN_LOOP: Parts = [
  [FN.vcpu_enter_guest, 1],
  [FN.atomic_switch_perf_msrs, 1],
];

export function exitPartsOf(spec: MachineSpec): ExitPartsReport {
  const { preset, values } = spec;
  const release = values['host.kernel'];
  const parts = exitParts({ release, bugs: preset.bugs });
  const table = ring0Table(spec);
  const ns = (cycles: number): number => (cycles * 1e9) / values['core.clock'];
  const row = ([fn, times]: Parts[number]): ExitPart => {
    const { cost, spread } = table[fn]!;
    const least = spread?.least ?? cost;
    const p99 = least + (cost - least) * (spread?.quantiles[cellOf(Math.floor(0.99 * 2 ** 32))] ?? 1);
    const all = (cycles: number): number => ns(times * cycles);
    return {
      fn: KERNEL_SYMBOLS[fn]!.name,
      times,
      least: all(least),
      mean: all(cost),
      p99: all(p99),
      about: ABOUT[fn]!,
    };
  };
  const groups = [
    { when: 'at each exit', parts: parts.exit.map(row) },
    { when: 'at each that is handled outside the inner run loop', parts: parts.dispatch.map(row) },
    { when: 'for an intercepted register access', parts: parts.access.map(row) },
    { when: 'at each entry', parts: [...RUN_LOOP, ...parts.entry].map(row) },
  ];
  const access = groups.flatMap((group) => group.parts).reduce((sum, { mean }) => sum + mean, 0);
  const flush = { when: 'at the first entry after an interrupt of the host', parts: [row([FN.vmx_l1d_flush, 1])] };
  return { machine: preset.name, release, groups: parts.flushesL1d ? [...groups, flush] : groups, access };
}
