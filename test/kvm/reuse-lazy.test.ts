/** Which host events reuse-lazy keeps, for how long, and what later versions of the host's Linux leave out. */
import { expect } from 'chai';
import type { Cpu } from '../../src/arch/cpu.ts';
import { MSR, globalBit } from '../../src/arch/msr.ts';
import { EVENTSEL } from '../../src/arch/perfevtsel.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import type { KvmPmc } from '../../src/kvm/vpmu.ts';
import { FN } from '../../src/kernel/symbols.ts';
import { reuseLazy } from '../../src/kvm/vpmu/reuse-lazy.ts';
import { reusing } from '../../src/kvm/vpmu/reused.ts';
import { ToolTask } from '../../src/tool/tool-task.ts';
import { MS } from '../kernel/machine.ts';
import { Guest } from './guest.ts';

const EVTSEL = MSR.IA32_PERFEVTSEL0;
const GLOBAL = MSR.IA32_PERF_GLOBAL_CTRL;
const ON = EVENTSEL.USR | EVENTSEL.ENABLE | 0xc4;
const OFF = EVENTSEL.USR | 0xc4;
/** Some time slices of two tasks, ns. */
const SLICES = 60 * MS;

interface Scene {
  readonly cpu: Cpu;
  readonly pmc: KvmPmc;
  readonly machine: Guest;
  /** Ring-3 time of the guest. */
  readonly user: (ns: number) => Generator<void, void, void>;
}

/** Runs a check in a task of a guest that shares the host's CPU with one that computes, or has it alone. */
function inGuest(
  check: (scene: Scene) => Iterable<void>,
  { release = '5.5', alone = false, design = reuseLazy } = {},
): void {
  let done = false;
  const machine: Guest = new Guest(
    design,
    function* (tool) {
      const [pmc] = machine.vcpu.pmu.gp;
      yield* check({ cpu: tool.kernel.cpu, pmc: pmc!, machine, user: (ns) => tool.user('main', ns) });
      done = true;
      return 0;
    },
    { release },
  );
  const { host } = machine;
  if (!alone) spinner(host);
  host.run(host.cyclesOf(1000 * MS), () => done);
  expect(done).to.equal(true);
}

const spinner = (host: Kernel): ToolTask =>
  new ToolTask(host, function* (tool) {
    for (;;) yield* tool.user('main', 1e12);
  });

describe('kvm/vpmu/reuse-lazy', () => {
  it('gives back the event of a counter that is off and was not written for a slice', () => {
    inGuest(function* ({ cpu, pmc, machine, user }) {
      cpu.wrmsr(EVTSEL, ON);
      cpu.wrmsr(GLOBAL, 1);
      yield* user(10_000);
      const counted = cpu.rdpmc(0);
      cpu.wrmsr(EVTSEL, OFF);
      expect(pmc.perf_event, 'only paused').to.not.equal(undefined);
      yield* user(SLICES);
      expect(pmc.perf_event).to.equal(undefined);
      expect(machine.global.paid.release).to.equal(1);
      expect(cpu.rdpmc(0), 'its count is kept').to.equal(counted);
      cpu.wrmsr(EVTSEL, ON);
      yield* user(10_000);
      expect(cpu.rdpmc(0), 'and it counts on').to.equal(2 * counted);
    });
  });

  it('keeps it for good if it is told never to release', () => {
    const design = { ...reuseLazy, ...reusing({ release: 'never' }) };
    inGuest(
      function* ({ cpu, pmc, machine, user }) {
        cpu.wrmsr(EVTSEL, ON);
        cpu.wrmsr(GLOBAL, 1);
        yield* user(10_000);
        cpu.wrmsr(EVTSEL, OFF);
        const { perf_event } = pmc;
        yield* user(SLICES);
        expect(pmc.perf_event).to.equal(perf_event).and.not.to.equal(undefined);
        expect(machine.global.paid.release).to.equal(0);
      },
      { design },
    );
  });

  it('keeps it while the guest writes; reads do not count', () => {
    for (const [use, kept] of [
      [(cpu: Cpu): unknown => cpu.wrmsr(MSR.IA32_PMC0, 7), true],
      [(cpu: Cpu): unknown => cpu.wrmsr(EVTSEL, OFF), true],
      [(cpu: Cpu): unknown => cpu.rdpmc(0), false],
      [(cpu: Cpu): unknown => cpu.rdmsr(EVTSEL), false],
    ] as const)
      inGuest(function* ({ cpu, pmc, user }) {
        cpu.wrmsr(EVTSEL, ON);
        cpu.wrmsr(GLOBAL, 1);
        cpu.wrmsr(EVTSEL, OFF);
        // A fraction of a slice each.
        for (let i = 0; i < 200; i++) {
          use(cpu);
          yield* user(SLICES / 200);
        }
        expect(pmc.perf_event !== undefined, String(use)).to.equal(kept);
      });
  });

  it('keeps the event of a counter that its own selector enables, though GLOBAL_CTRL stops it', () => {
    inGuest(function* ({ cpu, pmc, user }) {
      cpu.wrmsr(EVTSEL, ON);
      cpu.wrmsr(GLOBAL, 1);
      cpu.wrmsr(GLOBAL, 0);
      yield* user(SLICES);
      expect(pmc.perf_event).to.not.equal(undefined);
    });
  });

  it('looks when the thread gets the CPU, so a vCPU that has it alone keeps everything', () => {
    inGuest(
      function* ({ cpu, pmc, user }) {
        cpu.wrmsr(EVTSEL, ON);
        cpu.wrmsr(GLOBAL, 1);
        cpu.wrmsr(EVTSEL, OFF);
        yield* user(SLICES);
        expect(pmc.perf_event).to.not.equal(undefined);
      },
      { alone: true },
    );
  });

  it('makes another event for another selector, and resumes the one it has for the same', () => {
    inGuest(({ cpu, pmc }) => {
      cpu.wrmsr(MSR.IA32_PMC0, 1);
      cpu.wrmsr(GLOBAL, 1);
      cpu.wrmsr(EVTSEL, ON);
      const { perf_event: first } = pmc;
      cpu.wrmsr(EVTSEL, OFF);
      cpu.wrmsr(EVTSEL, ON);
      expect(pmc.perf_event).to.equal(first);
      cpu.wrmsr(EVTSEL, ON | EVENTSEL.INT);
      expect(pmc.perf_event).to.not.equal(first).and.to.not.equal(undefined);
      return [];
    });
  });

  for (const [release, kept] of [
    ['5.5', false],
    ['5.7', true],
  ] as const)
    it(`Linux ${release}: a counter that stands at 0 ${kept ? 'keeps its event' : 'takes a new event, as perf refuses a period of 0'}`, () => {
      inGuest(
        ({ cpu, pmc }) => {
          cpu.wrmsr(EVTSEL, ON);
          cpu.wrmsr(GLOBAL, 1);
          const { perf_event: first } = pmc;
          cpu.wrmsr(GLOBAL, 0);
          expect(cpu.rdpmc(0)).to.equal(0);
          cpu.wrmsr(GLOBAL, 1);
          expect(pmc.perf_event === first).to.equal(kept);
          return [];
        },
        { release },
      );
    });

  for (const [release, atOnce] of [
    ['6.1', true],
    ['6.2', false],
  ] as const)
    it(`Linux ${release}: changes are made ${atOnce ? 'as they are written' : 'once, before the guest is entered'}`, () => {
      inGuest(
        ({ cpu, machine: { core, vcpu } }) => {
          const everything = globalBit(4) - 1;
          for (let i = 0; i < 4; i++) cpu.wrmsr(EVTSEL + i, ON);
          const before = core.passes[FN.kvm_pmu_handle_event]!;
          cpu.wrmsr(GLOBAL, everything);
          expect(core.passes[FN.kvm_pmu_handle_event]! - before).to.equal(atOnce ? 0 : 1);
          for (const { perf_event } of vcpu.pmu.gp) expect(perf_event).to.not.equal(undefined);
          expect(vcpu.pmu.reprogram_pmi.size).to.equal(0);
          return [];
        },
        { release },
      );
    });

  it('shows the guest full-width writes from Linux 5.8', () => {
    for (const [release, wide] of [
      ['5.7', false],
      ['5.8', true],
    ] as const)
      inGuest(
        ({ cpu }) => {
          expect(cpu.caps.fullWidthWrite).to.equal(wide);
          return [];
        },
        { release },
      );
  });
});
