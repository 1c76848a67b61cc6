/** What KVM does to give a guest an NMI, and when the guest can take none. */
import { expect } from 'chai';
import { ROWS } from '../../src/hw/core.ts';
import { FN, KERNEL_SYMBOLS, type KernelFunction } from '../../src/kernel/symbols.ts';
import type { KvmStep } from '../../src/kvm/steps.ts';
import { Trace } from '../../src/sim/probe.ts';
import { broadwellEp } from '../../src/machine/presets/broadwell-ep.ts';
import { MS } from '../kernel/machine.ts';
import { Guest, sampling } from './guest.ts';

const PERIOD = 5_000_000;
const guest = (): Guest => new Guest('v2', sampling(PERIOD));
const passes = ({ core }: Guest, fn: KernelFunction): number => core.passes[FN[fn]]!;
const nmis = ({ guest: { served } }: Guest): number => served.filter(({ vector }) => vector === 'NMI').length;

/** Lets another NMI arrive while the guest's first NMI handler runs. */
function inTheHandler(of: Guest, another: () => void): void {
  const kernel = of.guest;
  const serve = kernel.interrupt.bind(kernel);
  let first = true;
  kernel.interrupt = (vector, regs) => {
    if (vector === 'NMI' && first) {
      first = false;
      another();
    }
    serve(vector, regs);
  };
}

describe('kvm: NMIs for a guest', () => {
  it('are injected with a VM-entry, one each, by functions of the host', () => {
    const one = guest();
    one.pass(100 * MS);
    expect(nmis(one)).to.be.greaterThan(25);
    for (const fn of ['inject_pending_event', 'vmx_inject_nmi'] as const)
      expect(passes(one, fn), fn).to.equal(nmis(one));
    expect(one.core.spent.guest[FN.vmx_inject_nmi]).to.equal(0);
    expect(one.core.spent.host[FN.vmx_inject_nmi]).to.be.greaterThan(0);
    expect(one.vcpu.exits.of('NMI_WINDOW').count).to.equal(0);
  });

  it('follow an exit that KVM handles like any other, as do interrupts of the host', () => {
    const one = guest();
    one.pass(100 * MS);
    const { exits } = one.vcpu;
    expect(passes(one, 'vmx_complete_atomic_exit')).to.equal(exits.of('EXCEPTION_NMI').count);
    expect(passes(one, 'vmx_handle_external_intr')).to.equal(exits.of('EXTERNAL_INTERRUPT').count);
    // The thread's own way out, with the host's tick, is no exit that is handled.
    expect(passes(one, 'vmx_handle_exit')).to.be.within(exits.total - 2, exits.total);
  });

  it('wait for the IRET of the handler that they hit, which then exits', () => {
    const one = guest();
    const trace = new Trace<KvmStep>(() => one.core.now());
    one.vcpu.probe = trace.probe('kvm');
    inTheHandler(one, () => one.vcpu.lapic.accept('NMI'));
    one.pass(40 * MS);
    expect(one.vcpu.exits.of('NMI_WINDOW').count).to.equal(1);
    expect(passes(one, 'handle_nmi_window')).to.equal(1);
    // Deferred once, and injected once all the same.
    expect(passes(one, 'vmx_inject_nmi')).to.equal(nmis(one));
    const told = trace.steps.map(({ step }) => (step.kind === 'exit' ? step.reason : step.kind));
    expect(told.slice(told.indexOf('NMI_WINDOW')).slice(0, 2)).to.deep.equal(['NMI_WINDOW', 'inject']);
  });

  it('cost the guest a residue besides: a wait of ring 0, in which nothing but clocks count', () => {
    const one = guest();
    one.pass(100 * MS);
    const stalled = one.core.spent.guest[KERNEL_SYMBOLS.length + ROWS.stall]!;
    expect(stalled / nmis(one) / one.clock).to.be.closeTo(broadwellEp.values['cost.pmi_residue'] * 1e-9, 1e-9);
    expect(one.core.spent.host[KERNEL_SYMBOLS.length + ROWS.stall]).to.equal(0);
  });
});
