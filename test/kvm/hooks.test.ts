/** Hooks of v2: what the host's event counts while a guest samples, writes its counter and switches tasks. */
import { expect } from 'chai';
import { MSR, globalBit } from '../../src/arch/msr.ts';
import { EVENTSEL } from '../../src/arch/perfevtsel.ts';
import { perf_event_read_local } from '../../src/kernel/kernel-counter.ts';
import type { PerfEvent } from '../../src/kernel/perf-event.ts';
import { SpecError, machineSpec } from '../../src/machine/spec.ts';
import { MS } from '../kernel/machine.ts';
import { Guest, openOnSelf } from './guest.ts';

const BRANCHES = EVENTSEL.USR | EVENTSEL.ENABLE | EVENTSEL.INT | 0xc4;

/** The host's event for a guest's counter, as of now. */
function hostCount({ vcpu, host, core }: Guest, idx: number): number {
  return perf_event_read_local(host, vcpu.pmu.pmc(idx)!.perf_event!, (ecx) => core.pmu.rdpmc(ecx)).val;
}

describe('kvm/vpmu/v2: hooks', () => {
  it('count whole periods of an event that the guest samples, PMI by PMI', () => {
    for (const hooks of [true, false]) {
      let event: PerfEvent | undefined;
      const seen: [guest: number, host: number][] = [];
      const machine: Guest = new Guest(
        'v2',
        function* (tool) {
          event = openOnSelf(tool, 'branches:u', { sample_period: 100_003 });
          for (;;) {
            yield* tool.user('main', 3 * MS);
            const { idx } = event.hw;
            const host = hostCount(machine, idx);
            seen.push([tool.sys.read(event).val, host]);
          }
        },
        { hooks },
      );
      machine.pass(100 * MS);
      expect(seen.length).to.be.above(10);
      const same = seen.filter(([guest, host]) => guest === host);
      expect(same.length, String(hooks)).to.equal(hooks ? seen.length : 0);
      expect(seen.at(-1)![0]).to.be.above(50 * 100_003);
    }
  });

  it('leave out the jump when the guest writes a running counter', () => {
    const seen: number[] = [];
    const machine: Guest = new Guest(
      'v2',
      function* (tool) {
        const { vcpu } = machine;
        vcpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, globalBit(0));
        vcpu.wrmsr(MSR.IA32_PERFEVTSEL0, BRANCHES);
        yield* tool.user('main', MS);
        seen.push(hostCount(machine, 0));
        vcpu.wrmsr(MSR.IA32_PMC0, 1_000_000_000);
        yield* tool.user('main', MS);
        seen.push(hostCount(machine, 0), vcpu.rdpmc(0) - 1_000_000_000);
        for (;;) yield* tool.user('main', 1e12);
      },
      { hooks: true },
    );
    machine.pass(100 * MS);
    expect(seen).to.deep.equal([700_000, 1_400_000, 700_000]);
  });

  it('are for designs that drive counters, flexible events for one that makes them anew', () => {
    const set = (vpmu: string, words: string) => (): unknown => machineSpec('broadwell-ep', vpmu, 's', [words]);
    expect(set('v2', 'kvm.hooks=on')).to.not.throw();
    expect(set('legacy', 'kvm.hooks=on')).to.throw(
      SpecError,
      'kvm.hooks=on needs --vpmu v2: legacy drives no counters',
    );
    expect(set('legacy', 'kvm.pinned=off')).to.not.throw();
    for (const vpmu of ['v2', 'v1', 'none', 'host'])
      expect(set(vpmu, 'kvm.pinned=off'), vpmu).to.throw(SpecError, 'kvm.pinned=off needs --vpmu legacy');
  });
});
