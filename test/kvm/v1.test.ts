/** What v1 takes from the host's perf and gives back, and the faults that it has. */
import { expect } from 'chai';
import { MSR, globalBit } from '../../src/arch/msr.ts';
import { EVENTSEL } from '../../src/arch/perfevtsel.ts';
import { KvmPmu, NO_FILTER, type VpmuPort } from '../../src/kvm/vpmu.ts';
import { v1 } from '../../src/kvm/vpmu/v1.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { PerfSyscalls } from '../../src/kernel/perf-syscalls.ts';
import type { PerfEvent } from '../../src/kernel/perf-event.ts';
import { ToolTask } from '../../src/tool/tool-task.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { cycles } from '../../src/units.ts';
import { CONFIG, MS } from '../kernel/machine.ts';
import { Guest, HostOfOne } from './guest.ts';

const EVTSEL = MSR.IA32_PERFEVTSEL0;
const ON = EVENTSEL.USR | EVENTSEL.ENABLE | 0xc4;

const spinner = (host: Kernel): ToolTask =>
  new ToolTask(host, function* (tool) {
    for (;;) yield* tool.user('main', 1e12);
  });

/** Runs a check in a task of a guest that shares the host's CPU with a task that computes. */
function inGuest(check: (machine: Guest, user: (ns: number) => Generator<void, void, void>) => Iterable<void>): void {
  let done = false;
  const machine: Guest = new Guest(v1, function* (tool) {
    yield* check(machine, (ns) => tool.user('main', ns));
    done = true;
    return 0;
  });
  const { host } = machine;
  spinner(host);
  host.run(host.cyclesOf(1000 * MS), () => done);
  expect(done).to.equal(true);
}

describe('kvm/vpmu/v1', () => {
  it('has a counter while it is enabled, and its own number for it when it is not', () => {
    inGuest(function* ({ vcpu, core, host }, user) {
      const taken = (): number => host.cpu_hw_events.intel_ctrl_guest_mask;
      vcpu.wrmsr(MSR.IA32_PMC0, 5);
      expect([taken(), core.rdmsr(EVTSEL)]).to.deep.equal([0, 0]);
      vcpu.wrmsr(EVTSEL, ON);
      expect([taken(), core.rdmsr(EVTSEL), core.rdpmc(0)]).to.deep.equal([1, ON, 5]);
      vcpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, globalBit(0));
      yield* user(10_000);
      const counted = vcpu.rdpmc(0);
      expect(counted).to.be.above(5);
      vcpu.wrmsr(EVTSEL, 0);
      expect([taken(), vcpu.pmu.gp[0]!.counter]).to.deep.equal([0, counted]);
    });
  });

  it('the host gives no event a counter that was taken, and the guest keeps its count', () => {
    inGuest(function* ({ vcpu, host }, user) {
      vcpu.wrmsr(EVTSEL, ON);
      vcpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, globalBit(0));
      const [branches] = parseEventList(['branches'], 'stat');
      const sys = new PerfSyscalls(host);
      let event: PerfEvent | number = -1;
      host.hrtimer(cycles(host.cpu.now() + host.cyclesOf(MS)), 'timer', () => {
        event = sys.perf_event_open(branches!.attr, { task: undefined, cpu: 0, group_leader: undefined });
      });
      yield* user(2 * MS);
      expect((event as unknown as PerfEvent).hw.idx).to.equal(1);
      expect(vcpu.rdpmc(0)).to.be.above(1000);
    });
  });

  describe('when the thread loses the CPU', () => {
    /** A PMU under v1 on a host, without a guest that runs. */
    const taken = () => {
      const { host, core } = new HostOfOne(v1);
      const pmu = new KvmPmu(v1.guestCaps(core.caps, CONFIG));
      const port = { pmu, host, request: () => undefined, filter: NO_FILTER } as unknown as VpmuPort;
      const vpmu = v1.attach(port);
      vpmu.vcpuLoad!();
      vpmu.wrmsr({ reg: 'PERFEVTSEL', idx: 0 }, ON);
      return { host, core, pmu, vpmu };
    };

    it('the counter goes back with the selector of the guest in it', () => {
      const { host, core, vpmu } = taken();
      vpmu.vcpuPut!();
      expect([host.cpu_hw_events.intel_ctrl_guest_mask, core.rdmsr(EVTSEL)]).to.deep.equal([0, ON]);
      vpmu.vcpuLoad!();
      expect(host.cpu_hw_events.intel_ctrl_guest_mask).to.equal(1);
    });

    it('a count above 2^31 does not survive the legacy alias', () => {
      const { core, pmu, vpmu } = taken();
      core.wrmsr(MSR.IA32_A_PMC0, 2 ** 31 + 5);
      vpmu.vcpuPut!();
      expect(pmu.gp[0]!.counter).to.equal(2 ** 31 + 5);
      vpmu.vcpuLoad!();
      expect(vpmu.rdpmc(0)).to.equal(2 ** 48 - 2 ** 31 + 5);
    });
  });
});
