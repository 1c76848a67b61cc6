/** The local APIC: what all share, and where KVM's differs from a core's. */
import { expect } from 'chai';
import { CoreApic } from '../../src/hw/lapic.ts';
import { VirtualApic } from '../../src/kvm/lapic.ts';
import { Core } from '../../src/hw/core.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { System } from '../../src/kernel/system.ts';
import { stream } from '../../src/sim/rng.ts';
import { cycles, hertz } from '../../src/units.ts';
import { BROADWELL, CONFIG, CPU0 } from '../kernel/machine.ts';

interface Virtual {
  readonly apic: VirtualApic;
  readonly host: Kernel;
  kicks: number;
}

/** KVM's on a host of that Linux, and how often it kicked. */
function virtual(release: string): Virtual {
  const core = new Core(BROADWELL, stream('test', 'skid'));
  const clock = hertz(BROADWELL.clocks.coreHz);
  const host = new Kernel(new System({ ...CONFIG, release }), core, { ...CPU0, clock });
  core.setSoftware(host);
  const made: Virtual = { apic: new VirtualApic(host, () => void made.kicks++), host, kicks: 0 };
  return made;
}

describe('kvm/lapic', () => {
  const kinds = { 'of a core': () => new CoreApic(), "of KVM's": () => virtual('6.6').apic };
  for (const [kind, make] of Object.entries(kinds))
    describe(kind, () => {
      it('comes out of reset with LVTPC masked and nothing pending', () => {
        const apic = make();
        expect(apic.lvtpcMasked).to.equal(true);
        expect(apic.acceptPmi(true)).to.equal(false);
        expect(apic.pending).to.equal(false);
        expect(apic.take(false, false)).to.equal(undefined);
      });

      it('delivers an NMI first, and each interrupt once', () => {
        const apic = make();
        for (const vector of ['IRQ_WORK', 'LOCAL_TIMER', 'IRQ_WORK', 'NMI', 'PERF_GUEST_MEDIATED_PMI'] as const)
          apic.accept(vector);
        const taken = Array.from({ length: 5 }, () => apic.take(false, false));
        expect(taken).to.deep.equal(['NMI', 'PERF_GUEST_MEDIATED_PMI', 'LOCAL_TIMER', 'IRQ_WORK', undefined]);
        expect(apic.pending).to.equal(false);
      });

      it('keeps what the processor cannot take', () => {
        const apic = make();
        apic.accept('NMI');
        apic.accept('LOCAL_TIMER');
        expect(apic.take(true, true)).to.equal(undefined);
        expect(apic.take(true, false)).to.equal('LOCAL_TIMER');
        expect(apic.pending).to.equal(true);
        expect(apic.take(false, true), 'an NMI does not mind').to.equal('NMI');
      });

      it('delivers a PMI by the vector of LVTPC', () => {
        const apic = make();
        apic.setLvtpc('PERF_GUEST_MEDIATED_PMI');
        expect(apic.acceptPmi(true)).to.equal(true);
        expect(apic.lvtpcMasked).to.equal(true);
        expect(apic.take(false, false)).to.equal('PERF_GUEST_MEDIATED_PMI');
        apic.setLvtpc('NMI', true);
        expect(apic.acceptPmi(true), 'masked by its writer').to.equal(false);
      });
    });

  it('a PMI that meets the mask bit: a core holds it, KVM loses it', () => {
    const core = new CoreApic();
    core.pmiAt = cycles(7);
    core.latch(cycles(7));
    expect([core.pmiHeld, core.pending]).to.deep.equal([true, false]);
    const { apic } = virtual('6.6');
    apic.deliverPmi();
    apic.setLvtpc('NMI');
    expect(apic.pending).to.equal(false);
  });

  it('KVM sets the mask bit from Linux 6.6 on', () => {
    for (const [release, masked] of [
      ['6.5', false],
      ['6.6', true],
    ] as const) {
      const { apic } = virtual(release);
      apic.setLvtpc('NMI');
      apic.deliverPmi();
      expect(apic.nmiPending).to.equal(true);
      expect(apic.lvtpcMasked, release).to.equal(masked);
    }
  });

  it("KVM's timer is one hrtimer of the host, and kicks the vCPU; a PMI is the vCPU's own doing", () => {
    const made = virtual('5.0');
    const { apic, host } = made;
    const fired: number[] = [];
    const passing = (to: number): void => {
      host.run(cycles(to));
      if (apic.take(false, false) === 'LOCAL_TIMER') fired.push(to);
    };
    const at = host.cpu.now() + 1e6;
    apic.setTimer(host, cycles(at + 1e6));
    apic.setTimer(host, cycles(at + 3e6));
    for (let i = 0; i < 5; i++) passing(at + 1e6 * i + 5e5);
    expect(fired, 'the later one only').to.deep.equal([at + 3.5e6]);
    apic.setTimer(host, cycles(at + 6e6));
    apic.setTimer(host, cycles(Infinity));
    passing(at + 8e6);
    expect([fired.length, made.kicks]).to.deep.equal([1, 1]);
    apic.setLvtpc('NMI');
    apic.deliverPmi();
    expect(made.kicks).to.equal(1);
  });
});
