/** The mediated vPMU: who may have it, what exits, what a world switch moves, and what the host loses. */
import { expect } from 'chai';
import { COLUMN, INSTRUCTIONS } from '../../src/arch/events.ts';
import { MSR, RDPMC_FIXED, globalBit } from '../../src/arch/msr.ts';
import { EVENTSEL, FIXED_CTRL } from '../../src/arch/perfevtsel.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { EOPNOTSUPP } from '../../src/kernel/errno.ts';
import { perf_event_create_kernel_counter } from '../../src/kernel/kernel-counter.ts';
import type { PerfEvent } from '../../src/kernel/perf-event.ts';
import { VcpuRefused, lackedBy, type PmuFilter } from '../../src/kvm/vpmu.ts';
import { DESIGNS } from '../../src/kvm/vpmu/index.ts';
import { mediated } from '../../src/kvm/vpmu/mediated.ts';
import { pmuFilter } from '../../src/machine/machine.ts';
import { pmuCaps, type MachinePreset } from '../../src/machine/keys.ts';
import { cascadelakeAp } from '../../src/machine/presets/cascadelake-ap.ts';
import { sapphireRapids } from '../../src/machine/presets/sapphire-rapids.ts';
import { MACHINES, SpecError, machineSpec } from '../../src/machine/spec.ts';
import { PERF_COUNT_HW, PERF_TYPE, type PerfEventAttr } from '../../src/uapi/perf-event.ts';
import { cycles } from '../../src/units.ts';
import { ContractKernel } from '../../src/experiment/contract/kernel.ts';
import { MS, coreSpec } from '../kernel/machine.ts';
import { BROADWELL_TIMING } from '../workload/compiled.ts';
import { Guest, HostOfOne, sampling, type HostOptions } from './guest.ts';

const USER = EVENTSEL.USR | EVENTSEL.ENABLE;
const EVTSEL0 = MSR.IA32_PERFEVTSEL0;
const LINUX_7 = { release: '7.0.0' };

/** Runs a check in ring 0 of a guest; `host` describes its host. */
function inGuest(
  machine: MachinePreset,
  check: (kernel: ContractKernel, host: HostOfOne) => void,
  { vpmu = 'mediated', ...options }: HostOptions & { readonly vpmu?: string } = {},
): void {
  const design = DESIGNS.find(({ name }) => name === vpmu)!;
  const host = new HostOfOne(design, { machine, ...options });
  const kernel = new ContractKernel(host.vcpu, { ...coreSpec(machine), timing: BROADWELL_TIMING }, (k) =>
    check(k, host),
  );
  const nothing = (): void => undefined;
  host.vcpu.boot(kernel, nothing, () => false);
  host.host.run(cycles(Infinity), () => kernel.done);
}

const SHORT: Readonly<Record<string, string>> = {
  PMC: 'CTR',
  FIXED_CTR: 'FIX',
  PERFEVTSEL: 'EVT',
  FIXED_CTR_CTRL: 'FCC',
  GLOBAL_CTRL: '38F',
  GLOBAL_STATUS: 'STA',
  GLOBAL_OVF_CTRL: 'OVF',
  GLOBAL_STATUS_SET: 'SET',
};

/** Registers that the core is asked for while `work` runs, in order. */
function touched({ core }: HostOfOne, work: () => void): string[] {
  core.log = [];
  work();
  const { log } = core;
  core.log = undefined;
  return log.map((access) => access.replace(/(?<=^[RW] )\w+/, (reg) => SHORT[reg] ?? reg));
}

const times = (n: number, ...words: string[]): string[] => Array.from({ length: n }, () => words).flat();
const exitsOf = ({ vcpu }: HostOfOne, work: () => void): number => {
  const before = vcpu.exits.total;
  work();
  return vcpu.exits.total - before;
};

const CYCLES_ATTR: PerfEventAttr = {
  type: PERF_TYPE.HARDWARE,
  config: PERF_COUNT_HW.CPU_CYCLES,
  sample_period: 0,
  sample_type: 0,
  read_format: 0,
};
const hostEvent = ({ host }: HostOfOne, attr: Partial<PerfEventAttr>): PerfEvent | number =>
  perf_event_create_kernel_counter(host, { ...CYCLES_ATTR, ...attr }, { task: undefined, cpu: 0 }, () => undefined);

describe('kvm/vpmu/mediated', () => {
  describe('needs', () => {
    it('PMU version 4, full-width writes and Linux 7.0', () => {
      const caps = pmuCaps(cascadelakeAp.values);
      expect(lackedBy(mediated, caps, LINUX_7)).to.equal(undefined);
      expect(lackedBy(mediated, { ...caps, version: 3 }, LINUX_7))
        .to.contain('version 4')
        .and.to.contain('0x391');
      expect(lackedBy(mediated, { ...caps, fullWidthWrite: false }, LINUX_7)).to.contain('full width');
      expect(lackedBy(mediated, caps, { release: '6.19.0' })).to.contain('Linux 7.0');
      expect(lackedBy(mediated, { ...caps, nrGp: 0 }, LINUX_7)).to.equal('a PMU');
    });

    it('broadwell-ep is refused in one sentence that says what is missing and who has it', () => {
      const refused = (machine: string, ...sets: string[]): string => {
        try {
          machineSpec(machine, 'mediated', 's', sets);
        } catch (error) {
          if (error instanceof SpecError) return error.message;
          throw error;
        }
        throw new Error(`${machine} was taken`);
      };
      expect(refused('broadwell-ep')).to.equal(
        '--vpmu mediated on broadwell-ep needs PMU version 4, for IA32_PERF_GLOBAL_STATUS_SET (0x391), and this ' +
          "core's is version 3; there is --machine cascadelake-ap, icelake-sp, sapphire-rapids",
      );
      expect(refused('icelake-sp', 'host.kernel=6.12')).to.match(/Linux 7\.0 or later on the host, and this is 6\.12 /);
    });

    it('a host without events that count in guests: EBUSY for the VM, then EOPNOTSUPP for them', async () => {
      const watched = (): HostOfOne => new HostOfOne(mediated, { machine: cascadelakeAp, watchdog: true });
      expect(watched).to.throw(VcpuRefused, 'EBUSY');
      const host = new HostOfOne(mediated, { machine: cascadelakeAp });
      expect(hostEvent(host, {})).to.equal(-EOPNOTSUPP);
      expect(hostEvent(host, { exclude_guest: true })).to.be.an('object');
      for (const set of ['host.watchdog=on', 'host.perf=stat']) {
        const asked = setUpMachine({ machine: 'cascadelake-ap', vpmu: 'mediated', sets: [set] });
        const error = await asked.catch((e: unknown) => e as Error);
        expect((error as Error).message, set)
          .to.contain('EBUSY')
          .and.to.contain(set);
      }
    });
  });

  describe('what the guest sees', () => {
    for (const machine of MACHINES.filter(({ values: v }) => v['pmu.version'] >= 4))
      it(`${machine.name}: version 2, the host's counters but at most three fixed ones, at full width`, () => {
        const caps = mediated.guestCaps(pmuCaps(machine.values), { ...LINUX_7 } as never);
        expect(caps).to.deep.equal({
          version: 2,
          nrGp: machine.values['pmu.gp'],
          nrFixed: 3,
          width: 48,
          fullWidthWrite: true,
        });
      });
  });

  describe('interception', () => {
    const accesses: Readonly<Record<string, (kernel: ContractKernel) => unknown>> = {
      'RDMSR IA32_PMC0': ({ cpu }) => cpu.rdmsr(MSR.IA32_PMC0),
      'WRMSR IA32_PMC0': ({ cpu }) => cpu.wrmsr(MSR.IA32_PMC0, 5),
      'WRMSR IA32_A_PMC0': ({ cpu }) => cpu.wrmsr(MSR.IA32_A_PMC0, 2 ** 40),
      'WRMSR IA32_FIXED_CTR2': ({ cpu }) => cpu.wrmsr(MSR.IA32_FIXED_CTR0 + 2, 2 ** 40),
      'WRMSR IA32_PERF_GLOBAL_CTRL': ({ cpu }) => cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 0),
      'RDMSR IA32_PERF_GLOBAL_STATUS': ({ cpu }) => cpu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS),
      'WRMSR IA32_PERF_GLOBAL_OVF_CTRL': ({ cpu }) => cpu.wrmsr(MSR.IA32_PERF_GLOBAL_OVF_CTRL, 0),
      RDPMC: ({ cpu }) => cpu.rdpmc(RDPMC_FIXED + 1),
      'WRMSR IA32_PERFEVTSEL0': ({ cpu }) => cpu.wrmsr(EVTSEL0, EVENTSEL.USR),
      'RDMSR IA32_PERFEVTSEL0': ({ cpu }) => cpu.rdmsr(EVTSEL0),
      'WRMSR IA32_FIXED_CTR_CTRL': ({ cpu }) => cpu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, FIXED_CTRL.USR),
      'RDMSR IA32_PERF_CAPABILITIES': ({ cpu }) => cpu.rdmsr(MSR.IA32_PERF_CAPABILITIES),
      'WRMSR LVTPC': ({ cpu }) => cpu.setLvtpc('NMI'),
    };
    /**
     * Registers reached without an exit by a guest with all of the host's counters, and by one with a fixed counter
     * fewer.
     */
    const direct = ['RDMSR IA32_PMC0', 'WRMSR IA32_PMC0', 'WRMSR IA32_A_PMC0', 'WRMSR IA32_FIXED_CTR2'];
    const global = Object.keys(accesses).filter((name) => name.includes('GLOBAL') || name === 'RDPMC');
    for (const [machine, reached] of [
      [cascadelakeAp, [...direct, ...global]],
      [sapphireRapids, direct],
    ] as const)
      it(`${machine.name}: no exit for ${reached.length} of ${Object.keys(accesses).length} accesses`, () => {
        inGuest(machine, (kernel, host) => {
          for (const [name, access] of Object.entries(accesses)) {
            const exits = exitsOf(host, () => access(kernel));
            expect(exits, name).to.equal((reached as readonly string[]).includes(name) ? 0 : 1);
          }
        });
      });
  });

  describe('the world switch', () => {
    const idlePut = ['R STA', ...times(7, 'RDPMC'), 'LVTPC NMI'];
    const idleLoad = [
      'W 38F=0',
      'LVTPC PERF_GUEST_MEDIATED_PMI',
      ...times(4, 'RDPMC', 'W EVT=0'),
      ...times(3, 'RDPMC'),
      'R STA',
      'W FCC=0',
    ];

    it('of a guest whose PMU is idle writes no counter', () => {
      inGuest(cascadelakeAp, ({ cpu }, host) => {
        expect(touched(host, () => cpu.rdmsr(EVTSEL0))).to.deep.equal([...idlePut, ...idleLoad]);
      });
    });

    it('of a busy one writes what is not zero, out and in, and the status with it', () => {
      inGuest(cascadelakeAp, (kernel, host) => {
        const { cpu } = kernel;
        cpu.wrmsr(MSR.IA32_A_PMC0, 2 ** 48 - 100);
        cpu.wrmsr(EVTSEL0, USER | 0xc4);
        cpu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, FIXED_CTRL.USR * 16);
        cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 1 + globalBit(33));
        kernel.user();
        cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 0);
        const moved = [
          'R STA, W OVF, W FCC=0',
          'RDPMC, W CTR=0, W EVT=0, RDPMC, RDPMC, RDPMC',
          'RDPMC, RDPMC, W FIX=0, RDPMC',
          'LVTPC NMI',
          'W 38F=0, LVTPC PERF_GUEST_MEDIATED_PMI',
          'RDPMC, W CTR, W EVT',
          ...times(3, 'RDPMC, W EVT=0'),
          'RDPMC, RDPMC, W FIX, RDPMC',
          'R STA, W SET, W FCC',
        ].join(', ');
        expect(touched(host, () => cpu.rdmsr(EVTSEL0)).join(', ')).to.equal(moved);
        expect(cpu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS), 'back in place').to.equal(1);
      });
    });

    it('leaves nothing of the guest in the registers while the host runs', () => {
      inGuest(cascadelakeAp, (kernel, { host, core }) => {
        const { cpu } = kernel;
        cpu.wrmsr(EVTSEL0, USER | 0xc4);
        cpu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, 0x333);
        cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 1 + 7 * 2 ** 32);
        kernel.user();
        let seen: number[] = [];
        host.hrtimer(cycles(core.now() + 1000), 'timer', () => {
          const { pmu } = core;
          const counters = [0, 1, 2, 3, RDPMC_FIXED, RDPMC_FIXED + 1, RDPMC_FIXED + 2].map((i) => pmu.rdpmc(i));
          const { IA32_PERF_GLOBAL_CTRL, IA32_PERF_GLOBAL_STATUS, IA32_FIXED_CTR_CTRL } = MSR;
          const controls = [EVTSEL0, IA32_PERF_GLOBAL_CTRL, IA32_PERF_GLOBAL_STATUS, IA32_FIXED_CTR_CTRL];
          seen = [...counters, ...controls.map((msr) => pmu.rdmsr(msr))];
        });
        const before = cpu.rdpmc(0);
        const { [COLUMN.branches]: branches } = kernel.user(1_000_000);
        expect(seen).to.deep.equal(times(11, '0').map(Number));
        expect(cpu.rdpmc(0) - before, 'and none of its counts is lost').to.equal(branches);
      });
    });

    it('is not made for an exit on the fast path, which there is unless instructions are counted', () => {
      inGuest(cascadelakeAp, ({ cpu }, host) => {
        const arm = (): string[] => touched(host, () => cpu.setTimer(cycles(host.core.now() + 1e9)));
        expect(arm()).to.deep.equal([]);
        cpu.wrmsr(EVTSEL0, USER | 0xc0);
        cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 1);
        expect(arm()).to.include('LVTPC NMI');
        cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 0);
        expect(arm(), 'not while GLOBAL_CTRL is clear').to.deep.equal([]);
        cpu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, FIXED_CTRL.USR);
        cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, globalBit(32));
        expect(arm(), 'on the fixed counter').to.include('LVTPC NMI');
      });
    });

    it('halts and wakes: a vCPU that sleeps has no registers', () => {
      const woke: number[] = [];
      const slept = new Guest(
        'mediated',
        function* ({ kernel }) {
          for (let i = 0; i < 3; i++) {
            const start = kernel.cpu.nanos();
            kernel.nanosleep(7.3 * MS);
            yield;
            woke.push(kernel.cpu.nanos() - start);
          }
          return 0;
        },
        { machine: sapphireRapids },
      );
      slept.pass(60 * MS);
      expect(woke).to.have.length(3);
      for (const ns of woke) expect(ns).to.be.within(7.3 * MS, 7.35 * MS);
    });
  });

  describe('a PMI', () => {
    for (const [machine, exits] of [
      [cascadelakeAp, 2],
      [sapphireRapids, 8],
    ] as const)
      it(`on ${machine.name}: an interrupt of its own, and ${exits - 1} more exits until it is acknowledged`, () => {
        const guest = new Guest('mediated', sampling(5_000_000), { machine });
        guest.pass(20 * MS);
        const { vcpu, host } = guest;
        const [before, ticks] = [vcpu.exits.total, guest.guest.served.length];
        guest.pass(100 * MS);
        const served = guest.guest.served.slice(ticks);
        const pmis = served.filter(({ vector }) => vector === 'NMI').length;
        expect(pmis).to.be.greaterThan(30);
        expect(host.nmis, 'the host has no NMI').to.equal(0);
        // The rest are ticks: the timer's interrupt, arming it again, and the frequency feedback.
        const others = served.filter(({ vector }) => vector === 'LOCAL_TIMER').length;
        expect(vcpu.exits.total - before - pmis * exits).to.be.within(others * 2, others * 4 + 30);
      });

    it('comes no later than the VM-exit that follows the overflow', () => {
      const guest = new Guest('mediated', sampling(1_000_003), { machine: cascadelakeAp });
      guest.pass(300 * MS);
      const pmis = guest.guest.served.filter(({ vector }) => vector === 'NMI').length;
      // Limited to 400 a tick, which is more than there are: none may be missing.
      const expected = (0.29 * 3.1e9) / 1_000_003;
      expect(pmis).to.be.within(expected * 0.97, expected * 1.05);
    });

    it('that meets a VM-entry interrupts what the guest goes on with, and not what entered it', () => {
      const guest = new Guest('mediated', sampling(100_003), { machine: cascadelakeAp });
      guest.pass(1000 * MS);
      const rings = guest.guest.served.filter(({ vector }) => vector === 'NMI').map(({ cpl }) => cpl);
      expect(rings).to.have.length.above(20_000);
      expect(rings).to.not.include(0);
    });

    it("an NMI that comes while the guest has the registers is nobody's PMI", () => {
      inGuest(cascadelakeAp, (kernel, on) => {
        const { core, host, vcpu } = on;
        hostEvent(on, { exclude_guest: true, sample_period: 1e9 });
        const average = host.running_sample_length;
        const log = touched(on, () => {
          core.lapic.accept('NMI');
          kernel.user(10);
        });
        expect(vcpu.exits.of('EXCEPTION_NMI').count).to.equal(1);
        expect(host.nmis).to.equal(1);
        expect(log[0], 'the driver touches nothing: the first access is of the world switch').to.equal('R STA');
        expect(log.filter((access) => access === 'R STA')).to.have.length(2);
        expect(host.running_sample_length).to.equal(average);
      });
    });
  });

  describe('the event filter', () => {
    const counted = (
      filter: PmuFilter,
      sel: number,
      ctrl: number,
      vpmu = 'mediated',
    ): [gp: number, fixed: number, readBack: number] => {
      let result: [number, number, number] = [NaN, NaN, NaN];
      const check = (kernel: ContractKernel): void => {
        const { cpu } = kernel;
        cpu.wrmsr(EVTSEL0, sel);
        cpu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, ctrl);
        cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 1 + globalBit(32));
        const retired = kernel.user();
        cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 0);
        result = [cpu.rdpmc(0), cpu.rdpmc(RDPMC_FIXED) / retired[INSTRUCTIONS]!, cpu.rdmsr(EVTSEL0)];
      };
      inGuest(cascadelakeAp, check, { filter, vpmu });
      return result;
    };
    const branches = USER | 0xc4;

    it('lets what it denies be programmed and read back, and count nothing', () => {
      expect(counted(pmuFilter('none'), branches, FIXED_CTRL.USR)).to.deep.equal([2495, 1, branches]);
      expect(counted(pmuFilter('r00c4'), branches, FIXED_CTRL.USR)).to.deep.equal([0, 1, branches]);
      expect(counted(pmuFilter('r00c5,fixed0'), branches, FIXED_CTRL.USR)).to.deep.equal([2495, 0, branches]);
      expect(counted(pmuFilter('fixed0,rc4'), branches, FIXED_CTRL.USR)).to.deep.equal([0, 0, branches]);
    });

    it('also as first posted, where the selector is cleared whole', () => {
      const rfc = (filter: PmuFilter): [number, number, number] =>
        counted(filter, branches, FIXED_CTRL.USR, 'passthrough-rfc');
      expect(rfc(pmuFilter('none'))).to.deep.equal([2495, 1, branches]);
      expect(rfc(pmuFilter('r00c4,fixed0'))).to.deep.equal([0, 0, branches]);
    });

    it('is a key of the spec, for the designs that have it', () => {
      const spec = (vpmu: string, words: string): string =>
        machineSpec('cascadelake-ap', vpmu, 's', [`guest.pmu_filter=${words}`]).values['guest.pmu_filter'];
      expect(spec('mediated', 'r412e,fixed2')).to.equal('r412e,fixed2');
      const rfc = (vpmu: string) => (): unknown =>
        machineSpec('cascadelake-ap', vpmu, 's', ['host.kernel=6.7', 'guest.pmu_filter=r412e']);
      expect(rfc('passthrough-rfc')).to.not.throw();
      expect(rfc('passthrough-all')).to.throw(SpecError, 'needs --vpmu mediated or passthrough-rfc');
      expect(() => spec('mediated', 'cycles')).to.throw(SpecError, 'words like r412e or fixed0');
      expect(() => spec('reuse-lazy', 'r412e')).to.throw(SpecError, 'needs --vpmu mediated');
      expect(spec('reuse-lazy', 'none')).to.equal('none');
    });
  });

  describe('the host', () => {
    it("counts its own part only, and its event's clock stands still while the guest runs", () => {
      const guest = new Guest('mediated', sampling(5_000_000), { machine: cascadelakeAp });
      // The host works in an interrupt, for which the guest exits.
      const onHost = (ms: number, work: () => void): void => {
        guest.host.hrtimer(guest.host.cyclesOf(ms * MS), 'timer', work);
        guest.pass(ms * MS + MS - guest.core.nanos());
      };
      const spent = (): number[] => [guest.core.nanos(), guest.core.spent.host.reduce((a, b) => a + b)];
      let event!: PerfEvent;
      let [wall, ofHost] = [0, 0];
      onHost(5, () => {
        event = hostEvent(guest, { exclude_guest: true }) as PerfEvent;
        [wall, ofHost] = spent() as [number, number];
      });
      onHost(105, () => {
        guest.host.perf.read(event);
        const [now, ofHostNow] = spent() as [number, number];
        [wall, ofHost] = [now - wall, ofHostNow - ofHost];
      });
      expect(event.count, 'cycles of the host with its counters open').to.be.within(0.2 * ofHost, ofHost);
      expect(event.total_time_enabled, 'of its time').to.be.below(0.1 * wall);
      expect(event.total_time_running).to.equal(event.total_time_enabled);
      expect(event.hw.idx, 'and it is back on its counter').to.be.at.least(0);
    });

    it('gives the guest its counts all the same', () => {
      inGuest(cascadelakeAp, (kernel, host) => {
        hostEvent(host, { exclude_guest: true });
        const { cpu } = kernel;
        cpu.wrmsr(EVTSEL0, USER | 0xc4);
        cpu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 1);
        const { [COLUMN.branches]: first } = kernel.user();
        cpu.setLvtpc('NMI');
        const { [COLUMN.branches]: second } = kernel.user(1_000_000);
        expect(cpu.rdpmc(0)).to.equal(first! + second!);
      });
    });
  });
});
