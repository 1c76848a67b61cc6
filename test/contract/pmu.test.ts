/**
 * One contract for every PMU that software can be given: the core's own, and a vCPU's under each registered design. What the
 * real design gets wrong is declared (VpmuDesign.deviates) and must fail its check; everything else passes.
 */
import { AssertionError, expect } from 'chai';
import { GeneralProtection, MSR, RDPMC_FIXED, decodePmuMsr } from '../../src/arch/msr.ts';
import { atLeast } from '../../src/kernel/config.ts';
import { DESIGNS } from '../../src/kvm/vpmu/index.ts';
import type { Deviation } from '../../src/kvm/vpmu.ts';
import { MACHINES } from '../../src/machine/spec.ts';
import { BROADWELL, CONFIG, coreSpec } from '../kernel/machine.ts';
import { ELSEWHERE, WITH_COUNTERS } from '../kvm/guest.ts';
import { CHECKS } from './checks.ts';
import { bareCore, vcpuUnder, type ContractDriver } from './driver.ts';

function holds(driver: ContractDriver, deviates: readonly Deviation[]): void {
  describe(`${driver.name} keeps the contract`, () => {
    for (const { name, since = 0, run } of CHECKS) {
      if (since > driver.version) continue;
      const deviation = deviates.find(({ check }) => check === name);
      if (deviation === undefined) it(name, () => driver.run(run));
      else
        it(`${name}: fails, because ${deviation.reason}`, () => {
          expect(() => driver.run(run)).to.throw(AssertionError);
        });
    }
  });
}

describe('contract: a PMU', () => {
  const { caps } = BROADWELL;
  for (const preset of MACHINES) holds(bareCore(`a core of ${preset.name}`, coreSpec(preset)), []);
  holds(bareCore('a core of version 2', { ...BROADWELL, caps: { ...caps, version: 2, fullWidthWrite: false } }), []);
  // The one that the designs of 5.0 model, and each that one of the others has another rule from.
  for (const release of ['5.0.0', '5.6', '5.7', '5.8', '5.15', '6.2', '6.6'])
    for (const design of WITH_COUNTERS) {
      const stillWrong = ({ mended }: Deviation): boolean =>
        mended === undefined || !atLeast({ ...CONFIG, release }, ...mended);
      holds(vcpuUnder(design, release), design.deviates.filter(stillWrong));
    }
  for (const { design, machine } of ELSEWHERE)
    holds(vcpuUnder(design, machine.values['host.kernel'], machine), design.deviates);

  it('deviations name checks, reasons and commits', () => {
    const names = new Set(CHECKS.map(({ name }) => name));
    for (const { deviates } of DESIGNS)
      for (const { check, reason, commit } of deviates) {
        expect(names.has(check), check).to.equal(true);
        expect(reason).to.not.equal('');
        expect(commit).to.match(/KVM: /);
      }
  });

  for (const design of DESIGNS.filter((d) => d.guestCaps(caps, CONFIG).nrGp === 0))
    it(`${design.name}: every register and every counter faults`, () => {
      vcpuUnder(design, CONFIG.release).run(({ cpu }) => {
        expect(cpu.caps).to.include({ version: 0, nrGp: 0, nrFixed: 0 });
        let tried = 0;
        for (let msr = MSR.IA32_PMC0; msr <= MSR.IA32_A_PMC0 + 8; msr++) {
          if (decodePmuMsr(msr) === undefined) continue;
          tried++;
          expect(() => cpu.rdmsr(msr), `RDMSR 0x${msr.toString(16)}`).to.throw(GeneralProtection);
          expect(() => cpu.wrmsr(msr, 0), `WRMSR 0x${msr.toString(16)}`).to.throw(GeneralProtection);
        }
        expect(tried).to.be.above(30);
        for (const ecx of [0, 3, RDPMC_FIXED, RDPMC_FIXED + 2])
          expect(() => cpu.rdpmc(ecx)).to.throw(GeneralProtection);
      });
    });
});
