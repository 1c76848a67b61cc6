/** A VM: what its vCPUs share, what each has of its own, and that a vCPU is in one place only. */
import { expect } from 'chai';
import { MSR } from '../../src/arch/msr.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { FN } from '../../src/kernel/symbols.ts';
import { System } from '../../src/kernel/system.ts';
import { Vm } from '../../src/kvm/vm.ts';
import { VcpuRefused, type VpmuDesign } from '../../src/kvm/vpmu.ts';
import { legacy } from '../../src/kvm/vpmu/legacy.ts';
import { mediated } from '../../src/kvm/vpmu/mediated.ts';
import { cascadelakeAp } from '../../src/machine/presets/cascadelake-ap.ts';
import { ToolTask, type ToolProgram } from '../../src/tool/tool-task.ts';
import { cycles } from '../../src/units.ts';
import { CPU0, MS } from '../kernel/machine.ts';
import { Guest, HostOfOne, WITH_COUNTERS, sampling, type HostOptions, type Served } from './guest.ts';

const PERIOD = 5_000_000;

describe('kvm/vm', () => {
  it('numbers its vCPUs, each a thread of the host', () => {
    const on = new HostOfOne(legacy);
    const { vm } = on.vcpu;
    const second = on.addVcpu();
    const other = on.addVcpu(new Vm(on.host, legacy));
    expect([on.vcpu, second, other].map(({ number }) => number)).to.deep.equal([0, 1, 0]);
    expect(on.host.system.tasks.map(({ comm }) => comm)).to.deep.equal(['CPU 0/KVM', 'CPU 1/KVM', 'CPU 0/KVM']);
    expect(vm.apics).to.deep.equal([on.vcpu.lapic, second.lapic]);
    expect(second.caps).to.equal(vm.caps);
    expect(second.pmu).to.not.equal(on.vcpu.pmu);
  });

  const cases: readonly (readonly [VpmuDesign, HostOptions])[] = [
    ...WITH_COUNTERS.map((design) => [design, {}] as const),
    [mediated, { machine: cascadelakeAp }],
  ];
  for (const [design, options] of cases)
    it(`${design.name}: two vCPUs of one VM run on one core as those of two VMs do`, () => {
      const served = (vmOfSecond: (on: Guest) => Vm): readonly (readonly Served[])[] => {
        const on = new Guest(design, sampling(PERIOD), options);
        const second = on.boot(on.addVcpu(vmOfSecond(on)));
        const task = new ToolTask(second, sampling(PERIOD));
        on.pass(100 * MS);
        expect(task.kernel.nmis).to.be.greaterThan(10);
        return [on.guest.served, second.served];
      };
      const one = served(({ vcpu }) => vcpu.vm);
      expect(one).to.deep.equal(served(({ host }) => new Vm(host, design)));
      expect(one[0]!.length).to.be.greaterThan(10);
    });

  it('mediated: it is one VM to perf, whatever its vCPUs; before the first it is none', () => {
    const on = new HostOfOne(mediated, { machine: cascadelakeAp });
    const { global, host } = on;
    let answer = 0;
    let vms = 0;
    global.perf_create_mediated_pmu = () => {
      if (answer === 0) vms++;
      return answer;
    };
    on.addVcpu();
    expect(vms).to.equal(0);
    const vm = new Vm(host, mediated);
    expect(vms).to.equal(0);
    answer = -16;
    expect(() => on.addVcpu(vm)).to.throw(VcpuRefused);
    expect(vm.apics).to.have.length(0);
    answer = 0;
    for (let i = 0; i < 3; i++) on.addVcpu(vm);
    expect([vms, vm.apics.length]).to.deep.equal([1, 3]);
  });
});

describe('kvm: interrupts from one vCPU to another', () => {
  /** Two vCPUs of one guest on one core; posts from the first to the second arrive 3,000 cycles after they were sent. */
  const pair = () => {
    const on = new HostOfOne(legacy);
    const second = on.addVcpu();
    const system = new System(on.guestConfig);
    const kernels = [on.vcpu, second].map((vcpu, number) => {
      const kernel = new Kernel(system, vcpu, { ...CPU0, clock: on.clock, number });
      vcpu.boot(
        kernel,
        () => kernel.boot(),
        () => false,
      );
      return kernel;
    });
    const mails = [on.vcpu, second].map((vcpu, i) => vcpu.asSeenBy(kernels[i]!));
    const deliver = (): void => {
      for (const { mail } of mails)
        for (const { post, sent } of mail.take()) mails[post.to]!.mail.deliver(post, cycles(sent + 3000), 0);
    };
    return { on, core: on.core, first: on.vcpu, second, kernels, deliver };
  };
  /** Computes, sends the other CPU an empty wake-up, and sleeps so many ns, for ever. */
  const sender = (deliver: () => void, sleep: number) =>
    function* (tool: ToolTask): ToolProgram {
      const { cpu, mail } = tool.kernel;
      for (;;) {
        yield* tool.user('main', 1e5);
        mail.post({ kind: 'wake', to: 1, sent: cpu.sendIpi(1), pid: 1, reason: 'test' });
        deliver();
        if (sleep > 0) tool.kernel.nanosleep(sleep);
        yield;
      }
    };

  it('wake a halted vCPU; the ICR write exits', () => {
    const { on, first, second, kernels, core, deliver } = pair();
    const tool = new ToolTask(kernels[0]!, sender(deliver, 3e6));
    on.host.run(cycles(60 * MS * 2.8));
    const sent = core.passes[FN.kvm_irq_delivery_to_apic]!;
    expect(sent).to.be.greaterThan(15);
    expect(tool.task.nvcsw).to.equal(sent);
    expect(first.exits.of('MSR_WRITE').count).to.be.at.least(sent);
    expect(second.exits.of('HLT').count).to.be.within(sent, sent + 1);
    // The host's scheduler_ipi() wakes the thread, and the guest takes the interrupt, too.
    expect(core.passes[FN.scheduler_ipi]).to.equal(2 * sent);
  });

  it('wait for a vCPU that waits for the core, and are one when it gets it', () => {
    const { on, kernels, core, deliver } = pair();
    const tools = [new ToolTask(kernels[0]!, sender(deliver, 0)), new ToolTask(kernels[1]!, sampling(PERIOD))];
    on.host.run(cycles(100 * MS * 2.8));
    const sent = core.passes[FN.kvm_irq_delivery_to_apic]!;
    expect(sent).to.be.greaterThan(300);
    expect(tools.map(({ status }) => status)).to.deep.equal([undefined, undefined]);
    expect(core.passes[FN.scheduler_ipi]).to.be.within(3, on.host.switches);
    expect(on.host.switches).to.be.lessThan(40);
  });

  it('steal: what another vCPU had of the core, a guest that computes does not count as its own', () => {
    const { on, second, kernels } = pair();
    const [, computes] = kernels.map((kernel) => new ToolTask(kernel, sampling(PERIOD)));
    on.host.run(cycles(400 * MS * 2.8));
    const { utime, stime, sum_exec_runtime } = computes!.task;
    const share = (span: number): number => span / on.core.now();
    expect(share(second.steal)).to.be.within(0.4, 0.6);
    expect(share(utime + stime)).to.be.within(0.4, 0.6);
    // The run queue's clock does not know of it.
    expect(share(sum_exec_runtime)).to.be.greaterThan(0.9);
  });
});

describe('kvm/vcpu: where it is', () => {
  it('nothing acts for a guest that does not run', () => {
    const { vcpu } = new HostOfOne(legacy);
    const complaint = 'vCPU 0 cannot go from guest to inner: it is out';
    expect(() => vcpu.wrmsr(MSR.IA32_PMC0, 0)).to.throw(complaint);
    expect(() => vcpu.interrupt('NMI', { cpl: 3, ip: 0n as never, kernelFrames: [] })).to.throw(complaint);
  });

  it('a guest that halted is not there', () => {
    const on = new Guest('legacy', function* ({ kernel }) {
      kernel.nanosleep(1000 * MS);
      yield;
      return 0;
    });
    on.pass(100 * MS);
    expect(() => on.vcpu.wrmsr(MSR.IA32_PMC0, 0)).to.throw('it is halted');
  });
});
