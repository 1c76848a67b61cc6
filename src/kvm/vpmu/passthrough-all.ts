/**
 * The build of the RFC of January 2024 in which nothing exits: "all passthrough" in the cover letter's table, made to
 * show what the interception of selectors costs. No event filter.
 *
 * Since KVM sees no write of a selector or of FIXED_CTR_CTRL, it reads them from the hardware at each switch.
 * Source: the cover letter of "[RFC PATCH 00/41] KVM: x86/pmu: Introduce passthrough vPM", 26 January 2024: the series
 * up to patch 32, without patches 33 to 37.
 * Not modelled: as passthrough-rfc.ts.
 */
import { MSR, type PmuRegister } from '../../arch/msr.ts';
import type { VpmuDesign, VpmuPort } from '../vpmu.ts';
import { RDPMC_REACHES_ALL, RFC, RfcRegisterFile, RfcVpmu } from './passthrough-rfc.ts';

class AllRegisters extends RfcRegisterFile {
  override selector(i: number): number {
    return this.pmu.gp[i]!.eventsel;
  }

  override fixedControl(): number {
    return this.pmu.fixed_ctr_ctrl;
  }

  override put(): void {
    const { cpu, pmu } = this;
    pmu.gp.forEach((pmc, i) => {
      pmc.eventsel = cpu.rdmsr(MSR.IA32_PERFEVTSEL0 + i);
    });
    pmu.fixed_ctr_ctrl = cpu.rdmsr(MSR.IA32_FIXED_CTR_CTRL);
    super.put();
  }
}

class AllVpmu extends RfcVpmu {
  readonly #port: VpmuPort;

  constructor(port: VpmuPort) {
    super(port, new AllRegisters(port));
    this.#port = port;
  }

  override passthrough(access: PmuRegister | 'RDPMC'): boolean {
    if (access === 'RDPMC') return true;
    if (access.reg === 'PERFEVTSEL') return access.idx < this.#port.pmu.gp.length;
    return access.reg === 'FIXED_CTR_CTRL' || super.passthrough(access);
  }
}

export const passthroughAll: VpmuDesign = {
  name: 'passthrough-all',
  about: "the same with selectors and FIXED_CTR_CTRL the guest's, too: no access exits, no event filter",
  ...RFC,
  deviates: [
    RDPMC_REACHES_ALL,
    {
      check: 'reserved bits',
      reason: "the guest's selectors reach the processor, which knows AnyThread",
      commit: 'patches 33 and 34 of the series: passthrough-rfc',
    },
  ],
  attach: (port) => new AllVpmu(port),
};
