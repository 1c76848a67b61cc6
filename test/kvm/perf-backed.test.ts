/** What KVM of 5.0 does around host events: the period of a counter at 0, and a PMI that comes after the VM-exit. */
import { expect } from 'chai';
import { MSR, globalBit } from '../../src/arch/msr.ts';
import { EVENTSEL } from '../../src/arch/perfevtsel.ts';
import { KvmPmu, NO_FILTER, type VpmuPort } from '../../src/kvm/vpmu.ts';
import { versionTwoGuest } from '../../src/kvm/vpmu/guest-caps.ts';
import { kvm_perf_overflow, pmc_reprogram_counter } from '../../src/kvm/vpmu/perf-backed.ts';
import { cycles } from '../../src/units.ts';
import { Bench, MS } from '../kernel/machine.ts';
import { Guest } from './guest.ts';

const ON = EVENTSEL.USR | EVENTSEL.ENABLE | EVENTSEL.INT | 0xc4;

/** A vCPU's PMU on a host, whose requests are noted. */
function ported(release: string, inGuest = true) {
  const bench = new Bench({ release });
  const { kernel: host, core } = bench;
  const pmu = new KvmPmu(versionTwoGuest(core.caps));
  const asked: string[] = [];
  const port = {
    pmu,
    host,
    task: bench.spinner(),
    filter: NO_FILTER,
    draws: {
      exit_tail: () => 0,
      pmi_residue: 0,
      perf_event_create_kernel_counter: () => 0,
      perf_event_release_kernel: () => 0,
    },
    request: (what: string) => asked.push(what),
    isInGuest: () => inGuest,
    queuePmi: () => asked.push('irq_work'),
    probe: () => undefined,
  } as unknown as VpmuPort;
  return { port, pmu, asked, host };
}

describe('kvm/vpmu/perf-backed', () => {
  it('a counter of 0 makes an event that does not sample, before 5.7', () => {
    const period = (release: string, counter: number): bigint | number => {
      const { port, pmu } = ported(release);
      const pmc = pmu.gp[0]!;
      pmc.eventsel = ON;
      pmc.counter = counter;
      pmc_reprogram_counter(port, pmc);
      return pmc.perf_event!.attr.sample_period;
    };
    expect([period('5.0.0', 0), period('5.6', 0), period('5.7', 0)]).to.deep.equal([0, 0, 2 ** 48]);
    expect([period('5.0.0', 2 ** 48 - 5), period('5.7', 2 ** 48 - 5)]).to.deep.equal([5, 5]);
  });

  it('an overflow is a request while the NMI ended the guest, and irq_work after another exit', () => {
    for (const [inGuest, expected] of [
      [true, ['PMU', 'PMI']],
      [false, ['PMU', 'irq_work']],
    ] as const) {
      const { port, pmu, asked } = ported('5.0.0', inGuest);
      pmu.gp[0]!.eventsel = ON;
      kvm_perf_overflow(port, pmu.gp[0]!);
      expect(asked).to.deep.equal(expected);
      expect(pmu.global_status).to.equal(globalBit(0));
      // Until it is handled, a second one is dropped.
      kvm_perf_overflow(port, pmu.gp[0]!);
      expect(asked).to.deep.equal(expected);
    }
  });

  it("without the guest's interrupt bit there is neither", () => {
    const { port, pmu, asked } = ported('5.0.0', false);
    pmu.gp[0]!.eventsel = ON - EVENTSEL.INT;
    kvm_perf_overflow(port, pmu.gp[0]!);
    expect(asked).to.deep.equal(['PMU']);
  });

  it('irq_work is done in an interrupt of the host, once', () => {
    const { host } = ported('5.0.0');
    let done = 0;
    host.irq_work.push(() => done++);
    host.cpu.raiseIrqWork();
    host.run(cycles(host.cpu.now() + host.cyclesOf(MS)));
    host.cpu.raiseIrqWork();
    host.run(cycles(host.cpu.now() + host.cyclesOf(MS)));
    expect(done).to.equal(1);
  });

  it("an entry writes GLOBAL_CTRL into the VMCS while the host's and the guest's differ (atomic_switch_perf_msrs)", () => {
    const exitTime = (design: string, counts: boolean): number => {
      let took = NaN;
      const machine: Guest = new Guest(design, function* (tool) {
        const { vcpu, core } = machine;
        vcpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 1);
        if (counts) vcpu.wrmsr(MSR.IA32_PERFEVTSEL0, ON);
        yield* tool.user('main', 1000);
        const start = core.now();
        vcpu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS);
        took = core.now() - start;
        return 0;
      });
      machine.pass(100 * MS);
      return Math.round(took / 2.8);
    };
    // The letter's 1,100 ns are those of a guest that counts; 22 of them for lines that are missed, which are not here.
    for (const design of ['legacy', 'v2']) {
      expect(exitTime(design, true), design).to.equal(1078);
      expect(exitTime(design, false), design).to.equal(1038);
    }
  });
});
