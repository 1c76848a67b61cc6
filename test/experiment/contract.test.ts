/**
 * One contract for every PMU that software can be given: the core's own, and a vCPU's under each registered design.
 * What the real design gets wrong is declared (VpmuDesign.deviates) and must fail its check; everything else passes.
 */
import { expect } from 'chai';
import { COLUMN } from '../../src/arch/events.ts';
import { MSR } from '../../src/arch/msr.ts';
import { EVENTSEL } from '../../src/arch/perfevtsel.ts';
import { CheckFailure } from '../../src/experiment/contract/check.ts';
import { CHECKS } from '../../src/experiment/contract/checks.ts';
import { checksOf, deviationsOf, runCheck } from '../../src/experiment/contract/contract.ts';
import { ContractKernel } from '../../src/experiment/contract/kernel.ts';
import { Core, type CoreSpec } from '../../src/hw/core.ts';
import { lackedBy } from '../../src/kvm/vpmu.ts';
import { DESIGNS } from '../../src/kvm/vpmu/index.ts';
import { MACHINES, machineSpec, type MachineSpec } from '../../src/machine/spec.ts';
import { stream } from '../../src/sim/rng.ts';
import { BROADWELL, CONFIG, coreSpec } from '../kernel/machine.ts';
import { ELSEWHERE, WITH_COUNTERS, setsFor } from '../kvm/guest.ts';
import { BROADWELL_TIMING } from '../workload/compiled.ts';

/** The processor itself. */
function coreHolds(name: string, spec: CoreSpec): void {
  describe(`${name} keeps the contract`, () => {
    for (const { name: check, since = 0, run } of CHECKS)
      if (since <= spec.caps.version)
        it(check, () => {
          const core = new Core(spec, stream('contract', 'skid'));
          const kernel = new ContractKernel(core, { ...spec, timing: BROADWELL_TIMING }, run);
          core.setSoftware(kernel);
          kernel.run();
        });
  });
}

function designHolds(spec: MachineSpec): void {
  const { 'kvm.hooks': hooks, 'kvm.pinned': pinned } = spec.values;
  const set = `${hooks ? ' with kvm.hooks=on' : ''}${pinned ? '' : ' with kvm.pinned=off'}`;
  const deviates = deviationsOf(spec);
  describe(`a vCPU under ${spec.vpmu}${set} on Linux ${spec.values['host.kernel']} on ${spec.preset.name} keeps the contract`, () => {
    for (const check of checksOf(spec)) {
      const deviation = deviates.find((d) => d.check === check.name);
      if (deviation === undefined) it(check.name, () => runCheck(spec, check));
      else
        it(`${check.name}: fails, because ${deviation.reason}`, () => {
          expect(() => runCheck(spec, check)).to.throw(CheckFailure);
        });
    }
  });
}

describe('contract: a PMU', () => {
  const { caps } = BROADWELL;
  for (const preset of MACHINES) coreHolds(`a core of ${preset.name}`, coreSpec(preset));
  coreHolds('a core of version 2', { ...BROADWELL, caps: { ...caps, version: 2, fullWidthWrite: false } });
  // 5.0, which most designs model, and each release from which one of the others has another rule.
  for (const release of ['5.0.0', '5.5', '5.6', '5.7', '5.8', '5.15', '6.2', '6.6'])
    for (const design of WITH_COUNTERS)
      if (lackedBy(design, caps, { release }) === undefined)
        designHolds(machineSpec('broadwell-ep', design.name, 'contract', [`host.kernel=${release}`]));
  // More counters than there are places for some events.
  for (const { name, linux } of WITH_COUNTERS) {
    const release = (linux?.to ?? [7, 0]).join('.');
    designHolds(machineSpec('icelake-sp', name, 'contract', [`host.kernel=${release}`]));
  }
  for (const { design, machine } of ELSEWHERE)
    designHolds(machineSpec(machine.name, design.name, 'contract', setsFor(design.name)));
  for (const { name, hooks, flexible } of WITH_COUNTERS) {
    if (hooks === true) designHolds(machineSpec('broadwell-ep', name, 'contract', ['kvm.hooks=on']));
    if (flexible === true) designHolds(machineSpec('broadwell-ep', name, 'contract', ['kvm.pinned=off']));
  }
  for (const { name } of DESIGNS.filter((d) => d.guestCaps(caps, CONFIG).nrGp === 0))
    designHolds(machineSpec('broadwell-ep', name, 'contract', []));

  it('v2: with more than four counters, one whose event gave way stands still until the guest touches it', () => {
    const spec = (gp: number): MachineSpec =>
      machineSpec('icelake-sp', 'v2', 'contract', [`pmu.gp=${gp}`, 'host.kernel=5.4']);
    const counted = (gp: number): readonly number[] => {
      const seen: number[] = [];
      runCheck(spec(gp), {
        run(kernel) {
          const { cpu } = kernel;
          const read = (): void => void seen.push(cpu.rdpmc(0));
          // Branches fit anywhere, loads counters 0 to 3.
          cpu.wrmsr(MSR.IA32_PERFEVTSEL0, EVENTSEL.USR | EVENTSEL.ENABLE | 0xc4);
          cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 3);
          const branches = kernel.user()[COLUMN.branches]!;
          read();
          cpu.wrmsr(MSR.IA32_PERFEVTSEL0 + 1, EVENTSEL.USR | EVENTSEL.ENABLE | 0x81d0);
          for (let i = 0; i < 2; i++) {
            kernel.user();
            read();
          }
          seen.forEach((count, i) => (seen[i] = count / branches));
        },
      });
      return seen;
    };
    expect(counted(4)).to.deep.equal([1, 2, 3]);
    expect(counted(5)).to.deep.equal([1, 1, 2]);
    const declared = (gp: number): boolean =>
      deviationsOf(spec(gp)).some(({ check }) => check === 'all counters at once');
    expect([4, 5, 8].map(declared)).to.deep.equal([false, true, true]);
  });

  it('deviations name checks, reasons and commits', () => {
    const names = new Set(CHECKS.map(({ name }) => name));
    for (const { deviates } of DESIGNS)
      for (const { check, reason, commit } of deviates) {
        expect(names.has(check), check).to.equal(true);
        expect(reason).to.not.equal('');
        expect(commit).to.match(/KVM: |series/);
      }
  });
});
