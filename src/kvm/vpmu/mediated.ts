/**
 * The mediated vPMU of Linux 7.0: while a guest runs, the hardware counters are its own. They are loaded before and put
 * away after.
 *
 * The guest accesses counters without an exit; if it has as many as the host, also GLOBAL_CTRL, GLOBAL_STATUS,
 * GLOBAL_OVF_CTRL and RDPMC. Selectors and FIXED_CTR_CTRL always exit, for the event filter and for AnyThread.
 * Overflows raise an interrupt of their own (PERF_GUEST_MEDIATED_PMI_VECTOR), which exits and becomes KVM_REQ_PMI;
 * GLOBAL_STATUS is the hardware's. The price is the world switch: every exit that leaves KVM's inner run loop, whatever
 * its reason, saves all registers and loads them again.
 *
 * KVM of Linux 7.0 shows guests at most three fixed counters (a fourth was proposed in February 2026). On a core with
 * four (icelake-sp, sapphire-rapids) the guest has fewer than the host, so the global registers and RDPMC exit after
 * all.
 *
 * Source: "KVM: x86: Add support for mediated vPMUs" v6, December 2025, merged for Linux 7.0: arch/x86/kvm/pmu.c
 * (kvm_mediated_pmu_load, kvm_mediated_pmu_put, kvm_need_perf_global_ctrl_intercept, kvm_need_rdpmc_intercept),
 * arch/x86/kvm/vmx/vmx.c (vmx_recalc_pmu_msr_intercepts), arch/x86/kvm/vmx/pmu_intel.c
 * (intel_pmu_is_mediated_pmu_supported).
 * Not modelled: counts of instructions that KVM emulates, the cost of saving GLOBAL_CTRL by the VM-exit MSR store on
 * processors without a VMCS field for it, nested guests, AMD.
 */
import type { PmuCaps } from '../../arch/cpuid.ts';
import { MSR, PMC_IDX_FIXED, globalBit, type PmuRegister } from '../../arch/msr.ts';
import { EVENTSEL, eventCode, fixedCtrlField } from '../../arch/perfevtsel.ts';
import { FN } from '../../kernel/symbols.ts';
import { VcpuRefused, type KvmPmc, type Vpmu, type VpmuDesign, type VpmuPort } from '../vpmu.ts';
import { versionTwoGuest } from './guest-caps.ts';
import { RegisterFile } from './register-file.ts';
import { emulatedRegisters } from './registers.ts';

const INSTRUCTIONS_RETIRED = 0x00c0;

/** A guest with the hardware's counters while it runs: what is 7.0's, and what other such designs share. */
export class MediatedVpmu implements Vpmu {
  readonly #port: VpmuPort;
  readonly #registers: RegisterFile;
  readonly #emulated: ReturnType<typeof emulatedRegisters>;
  /** The guest has all of the hardware's counters, so it may access the global registers. */
  readonly #everyCounter: boolean;

  constructor(port: VpmuPort, registers = new RegisterFile(port)) {
    const { pmu, host } = port;
    this.#port = port;
    this.#registers = registers;
    const { nrGp, nrFixed } = host.cpu.caps;
    this.#everyCounter = pmu.gp.length === nrGp && pmu.fixed.length === nrFixed;
    this.#emulated = emulatedRegisters(pmu, {
      read: (pmc) => pmc.counter,
      write: (pmc, value) => {
        pmc.counter = value;
      },
      reprogram: (pmc) => this.reprogram(pmc),
    });
    // After reset every general-purpose counter is enabled here (SDM volume 3A "Processor State After Reset").
    pmu.global_ctrl = globalBit(pmu.gp.length) - 1;
  }

  /** kvm_handle_guest_mediated_pmi(): the PMI is for the running vCPU. */
  readonly #handlePmi = (): void => {
    const port = this.#port;
    port.host.cpu.spend(FN.kvm_handle_guest_mediated_pmi);
    port.request('PMI');
    port.probe()?.instant({ kind: 'mediated_pmi' });
  };

  /** kvm_pmu_request_counter_reprogram(): the guest has written a selector or a field of a control register. */
  reprogram(pmc: KvmPmc): void {
    this.#port.pmu.reprogram_pmi.add(pmc.idx);
    this.#port.request('PMU');
  }

  rdmsr(register: PmuRegister): number {
    return this.#emulated.rdmsr(register);
  }

  wrmsr(register: PmuRegister, value: number): void {
    this.#emulated.wrmsr(register, value);
  }

  rdpmc(idx: number): number {
    return this.#emulated.rdpmc(idx);
  }

  handleEvent(): void {
    const { pmu } = this.#port;
    for (const idx of pmu.reprogram_pmi) this.#registers.refresh(pmu.pmc(idx)!);
    pmu.reprogram_pmi.clear();
  }

  passthrough(access: PmuRegister | 'RDPMC'): boolean {
    const { pmu } = this.#port;
    if (access === 'RDPMC') return this.#everyCounter;
    switch (access.reg) {
      case 'PMC':
        return access.idx < pmu.gp.length && (!access.fullWidth || pmu.caps.fullWidthWrite);
      case 'FIXED_CTR':
        return access.idx < pmu.fixed.length;
      case 'GLOBAL_CTRL':
      case 'GLOBAL_STATUS':
      case 'GLOBAL_OVF_CTRL':
        return this.#everyCounter;
      case 'PERFEVTSEL':
      case 'FIXED_CTR_CTRL':
      case 'GLOBAL_STATUS_SET':
      case 'GLOBAL_INUSE':
      case 'OFFCORE_RSP':
      case 'PERF_CAPABILITIES':
        return false;
    }
  }

  loadGuest(): void {
    const port = this.#port;
    const { host } = port;
    const step = port.probe()?.begin({ kind: 'load' });
    host.handle_mediated_pmi = this.#handlePmi;
    host.perf.load_guest_context();
    host.cpu.spend(FN.kvm_mediated_pmu_load);
    host.cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 0);
    host.perf_load_guest_lvtpc(port.lvtpcMasked());
    this.#registers.load();
    step?.end();
  }

  putGuest(): void {
    const port = this.#port;
    const { host } = port;
    const step = port.probe()?.begin({ kind: 'put' });
    host.cpu.spend(FN.kvm_mediated_pmu_put);
    this.#registers.put();
    host.perf_put_guest_lvtpc();
    host.perf.put_guest_context();
    step?.end();
  }

  vmEnter(): number {
    return this.#port.pmu.global_ctrl;
  }

  vmExit(globalCtrl: number): void {
    this.#port.pmu.global_ctrl = globalCtrl;
  }

  /** Not while a counter counts instructions: it would miss the one that the fast path emulates. */
  fastPath(): boolean {
    const { pmu } = this.#port;
    return ![...pmu.all()].some((pmc) => pmu.globallyEnabled(pmc) && this.#countsInstructions(pmc));
  }

  #countsInstructions({ idx, eventsel }: KvmPmc): boolean {
    if (idx >= PMC_IDX_FIXED) return idx === PMC_IDX_FIXED && fixedCtrlField(this.#port.pmu.fixed_ctr_ctrl, 0) % 4 > 0;
    return (eventsel & EVENTSEL.ENABLE) !== 0 && eventCode(eventsel) === INSTRUCTIONS_RETIRED;
  }
}

/** Of the processor, by all such designs. */
export function needs({ version, nrGp, fullWidthWrite }: PmuCaps): string | undefined {
  if (nrGp === 0) return 'a PMU';
  if (version < 4)
    return `PMU version 4, for IA32_PERF_GLOBAL_STATUS_SET (0x391), and this core's is version ${version}`;
  if (!fullWidthWrite) return 'counters that can be written at full width (pmu.full_width_write=on)';
  return undefined;
}

export const mediated: VpmuDesign = {
  name: 'mediated',
  about: "the hardware's counters are the guest's while it runs, and are switched with it",
  source: 'Linux 7.0, "KVM: x86: Add support for mediated vPMUs"',
  deviates: [],
  filters: true,
  needs,
  linux: { from: [7, 0] },
  hue: 'orange',
  guestCaps: (host) => ({ ...versionTwoGuest(host), fullWidthWrite: host.fullWidthWrite }),
  precreate({ global }) {
    if (global !== undefined && global.perf_create_mediated_pmu() !== 0)
      throw new VcpuRefused(
        'perf_create_mediated_pmu() fails with EBUSY: the host has events that count in guests, too (its NMI watchdog, ' +
          'host.watchdog=on, is one; another is perf stat -a without exclude_guest, host.perf=stat)',
      );
  },
  attach: (port) => new MediatedVpmu(port),
};
