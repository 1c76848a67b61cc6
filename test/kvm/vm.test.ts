/** A VM: what its vCPUs share, what each has of its own, and that a vCPU is in one place only. */
import { expect } from 'chai';
import { MSR } from '../../src/arch/msr.ts';
import { Vm } from '../../src/kvm/vm.ts';
import { VcpuRefused, type VpmuDesign } from '../../src/kvm/vpmu.ts';
import { legacy } from '../../src/kvm/vpmu/legacy.ts';
import { mediated } from '../../src/kvm/vpmu/mediated.ts';
import { cascadelakeAp } from '../../src/machine/presets/cascadelake-ap.ts';
import { ToolTask } from '../../src/tool/tool-task.ts';
import { MS } from '../kernel/machine.ts';
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
