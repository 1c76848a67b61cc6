/** When the letter's proposal gives a counter back: point (4) of its brief description. */
import { expect } from 'chai';
import { MSR } from '../../src/arch/msr.ts';
import { EVENTSEL } from '../../src/arch/perfevtsel.ts';
import { FN } from '../../src/kernel/symbols.ts';
import { v2 } from '../../src/kvm/vpmu/v2.ts';
import { ToolTask } from '../../src/tool/tool-task.ts';
import { MS } from '../kernel/machine.ts';
import { Guest } from './guest.ts';

const ON = EVENTSEL.USR | EVENTSEL.ENABLE | 0xc4;
const OFF = EVENTSEL.USR | 0xc4;

describe('kvm/vpmu/v2', () => {
  it('gives back the event of a counter after one slice without use, and the next use makes it again', () => {
    let done = false;
    const machine: Guest = new Guest(v2, function* (tool) {
      const { cpu } = tool.kernel;
      const [pmc] = machine.vcpu.pmu.gp;
      const loads = (): number => machine.core.passes[FN.vmx_vcpu_load]!;
      /** Runs until the vCPU's thread has got the CPU so many times again. */
      function* slices(n: number): Generator<void, void, void> {
        const until = loads() + n;
        while (loads() < until) yield* tool.user('main', 50_000);
      }
      cpu.wrmsr(MSR.IA32_PERFEVTSEL0, ON);
      cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 1);
      yield* slices(3);
      expect(pmc!.perf_event, 'a counter that counts is in use').to.not.equal(undefined);
      cpu.wrmsr(MSR.IA32_PERFEVTSEL0, OFF);
      const counted = cpu.rdpmc(0);
      yield* slices(1);
      expect(pmc!.perf_event, 'it was used in the slice before').to.not.equal(undefined);
      yield* slices(1);
      expect(pmc!.perf_event, 'it was not').to.equal(undefined);
      expect(machine.global.paid).to.include({ reserve: 1, release: 1 });
      expect(cpu.rdpmc(0), 'its count is kept').to.equal(counted);
      cpu.wrmsr(MSR.IA32_PERFEVTSEL0, ON);
      expect(machine.global.paid).to.include({ reserve: 2, release: 1 });
      yield* slices(1);
      expect(cpu.rdpmc(0), 'and it counts on').to.be.above(counted);
      done = true;
      return 0;
    });
    const { host } = machine;
    const beside = new ToolTask(host, function* (tool) {
      for (;;) yield* tool.user('main', 1e12);
    });
    expect(beside.task.state).to.equal('running');
    host.run(host.cyclesOf(1000 * MS), () => done);
    expect(done).to.equal(true);
  });
});
