/** Core clocks by how many cores are busy: what they count, how long work takes, and that nobody else's doing shows. */
import { expect } from 'chai';
import fc from 'fast-check';
import { MSR } from '../../src/arch/msr.ts';
import { EVENTSEL } from '../../src/arch/perfevtsel.ts';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { countWorkload } from '../../src/experiment/stat.ts';
import { groundTruth } from '../../src/experiment/truth.ts';
import { Core } from '../../src/hw/core.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { System } from '../../src/kernel/system.ts';
import { broadwellEp } from '../../src/machine/presets/broadwell-ep.ts';
import { MACHINES } from '../../src/machine/spec.ts';
import { Turbo, eventClocks, turboClock } from '../../src/machine/turbo.ts';
import { statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { totalWeight } from '../../src/profile/profile.ts';
import { stream } from '../../src/sim/rng.ts';
import { perfFunction } from '../../src/tool/perf-binary.ts';
import { StraightLine } from '../../src/tool/straight-line.ts';
import { cycles, hertz } from '../../src/units.ts';
import { placeFor } from '../../src/machine/views.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { BROADWELL, CONFIG, CPU0 } from '../kernel/machine.ts';
import { repeat, syscall, work } from '../kernel/scripts.ts';
import { Smp, US } from './smp.ts';

const VALUES = { ...broadwellEp.values, 'core.turbo': true };
const GRID = 4000;
const MS = 1000 * US;

/** The clocks of so many cores that have been in HLT for these parts of the time between two grid lines. */
function clocksOf(idle: readonly number[], set: Partial<typeof VALUES> = {}): number[] {
  const turbo = new Turbo(broadwellEp, { ...VALUES, 'host.cores': idle.length, ...set }, GRID);
  turbo.clocks(idle.map(() => 12_345));
  return turbo.clocks(idle.map((share) => 12_345 + share * GRID)).map((hz) => hz / 1e9);
}

/** Counts of a workload's run, with what it took, s. */
async function counted(vcpus: number, words: readonly [string, ...string[]], events: string, turbo = 'on') {
  const spec = await setUpMachine({ vpmu: 'host', vcpus, sets: [`core.turbo=${turbo}`] });
  const workload = prepareWorkload(await loadWorkload(words[0], words.slice(1)), spec, {});
  const evlist = statAttrs(parseEventList([events], 'stat'));
  const { runs } = await countWorkload({ spec, workload, evlist, repeat: 1 });
  return { spec, workload, counts: runs[0]!.counts.map(({ val }) => val), elapsed: runs[0]!.elapsed / 1e9 };
}

describe('machine/turbo', () => {
  it('each machine has falling clocks from its published highest down to core.clock, for all its cores', () => {
    for (const { name, turbo, values, identity } of MACHINES) {
      const hz = turbo.limits.map(([, limit]) => limit);
      expect(hz, name).to.deep.equal(hz.toSorted((a, b) => b - a));
      expect(hz.at(-1), name).to.equal(values['core.clock']);
      expect(turbo.limits.at(-1)![0], name).to.equal(identity.coresPerSocket);
      const cores = turbo.limits.map(([n]) => n);
      expect(cores, name).to.deep.equal([...new Set(cores)].toSorted((a, b) => a - b));
    }
    const clock = (busy: number): number => turboClock(broadwellEp, VALUES, busy) / 1e9;
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 22].map(clock)).to.deep.equal([
      3.6, 3.6, 3.6, 3.4, 3.3, 3.2, 3.1, 3.0, 2.9, 2.8, 2.8,
    ]);
    expect(turboClock(broadwellEp, { ...VALUES, 'core.turbo': false }, 1)).to.equal(2.8e9);
    expect(turboClock(broadwellEp, { ...VALUES, 'core.clock': 1.4e9 }, 3)).to.equal(1.7e9);
  });

  it('cores are as busy as they have been out of HLT since the last grid line', () => {
    expect(clocksOf([0, 1, 1])).to.deep.equal([3.6, 3.6, 3.6]);
    expect(clocksOf([0, 0, 0])).to.deep.equal([3.4, 3.4, 3.4]);
    // Two that are out of HLT in turns are one.
    expect(clocksOf([0.5, 0.5, 0, 0])).to.deep.equal([3.4, 3.4, 3.4, 3.4]);
    // A path that crosses the line can make it more than all of the time.
    expect(clocksOf([-0.5, 1, 1])).to.deep.equal([3.6, 3.6, 3.6]);
  });

  it('hardware threads of one core are one, and sockets are apart', () => {
    // CPU k is on a core with CPU k + 6, three cores in a socket.
    const twelve = clocksOf(
      Array.from({ length: 12 }, () => 0),
      { 'host.cpus': 12, 'host.threads_per_core': 2 },
    );
    expect(new Set(twelve)).to.deep.equal(new Set([3.4]));
    // Four cores on two sockets; six on two.
    expect(clocksOf([0, 0, 0, 0], { 'host.cpus': 4, 'host.threads_per_core': 1 })).to.deep.equal([3.6, 3.6, 3.6, 3.6]);
    const six = clocksOf([0, 0, 0, 0, 1, 1], { 'host.cpus': 6, 'host.threads_per_core': 1 });
    expect(six).to.deep.equal([3.4, 3.4, 3.4, 3.6, 3.6, 3.6]);
  });

  describe('a core', () => {
    const clocks = eventClocks(broadwellEp, VALUES);
    const boot = (): Core => {
      const core = new Core({ ...BROADWELL, clocks }, stream('test', 'skid'));
      core.setSoftware(new Kernel(new System(CONFIG), core, CPU0));
      core.pmu.wrmsr(MSR.IA32_PERFEVTSEL0, EVENTSEL.USR | EVENTSEL.ENABLE | 0x3c);
      core.pmu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, 0x200);
      core.pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 1 + 4 * 2 ** 32);
      return core;
    };
    const code = (): StraightLine => new StraightLine(perfFunction('main'), cycles(1e9));

    it('counts its own cycles, and TSC cycles as time passes; at a lower clock work takes longer', () => {
      const core = boot();
      const line = code();
      core.execute(line, cycles(28_000));
      expect([core.pmu.rdpmc(0), core.pmu.rdpmc(0x4000_0002)]).to.deep.equal([36_000, 22_000]);
      expect(line.counts[0]).to.equal(28_000);
      core.runsAt(hertz(1.8e9));
      core.execute(line, cycles(84_000));
      // Half the clock: half the work, and half the cycles in a time.
      expect(line.counts[0]).to.equal(56_000);
      expect([core.pmu.rdpmc(0), core.pmu.rdpmc(0x4000_0002)]).to.deep.equal([72_000, 66_000]);
    });

    it('counts the same in any number of pieces', () => {
      const piece = fc.record({ ns: fc.integer({ min: 1, max: 1e6 }), busy: fc.integer({ min: 1, max: 22 }) });
      fc.assert(
        fc.property(fc.array(piece, { maxLength: 8 }), fc.integer({ min: 2, max: 50 }), (pieces, cuts) => {
          const results = [1, cuts].map((parts) => {
            const [core, line] = [boot(), code()];
            for (const { ns, busy } of pieces) {
              core.runsAt(turboClock(broadwellEp, VALUES, busy));
              const start = core.now();
              for (let i = 1; i <= parts; i++) core.execute(line, cycles(start + Math.round((ns * 2.8 * i) / parts)));
            }
            return [core.now(), core.pmu.rdpmc(0), core.pmu.rdpmc(0x4000_0002), line.counts[0]];
          });
          expect(results[1]).to.deep.equal(results[0]);
        }),
        { numRuns: 50 },
      );
    });
  });

  it('four cores are the same in windows of any length, by any number of threads', () => {
    const thread = (n: number) => repeat(n, work(3 * MS), syscall('nanosleep', { ns: 500_000 }));
    const placed = [6, 4, 2, 1].map((n, cpu) => ({ cpu, script: thread(n) }));
    const until = cycles(40 * MS);
    const run = (longest: number): unknown => {
      const smp = new Smp(4, longest, undefined, 1, true).start(placed);
      smp.group.run(until);
      return smp.seen;
    };
    const whole = run(Infinity);
    for (const longest of [20 * US, 250 * US]) expect(run(longest)).to.deep.equal(whole);
    const place = placeFor(2, 4, 0);
    const parties = [0, 1].map((party) => new Smp(4, Infinity, { place, party, patience: 0 }, 1, true).start(placed));
    const running = new Set(parties);
    while (running.size > 0) for (const smp of running) if (smp.group.run(until)) running.delete(smp);
    for (const [party, smp] of parties.entries()) {
      const one = new Smp(4, Infinity, undefined, 1, true).start(placed);
      one.group.run(until);
      const own = (cpu: number): boolean => cpu % 2 === party;
      expect(smp.seenOf(own)).to.deep.equal(one.seenOf(own));
    }
  });

  describe('a run', () => {
    const threads = (n: number): [string, string, string] => ['ftest-threads', String(n), '0.1'];
    const EVENTS = 'cycles:u,instructions:u,ref-cycles:u';

    it('has the clock of as many busy cores, the same cycles for its work, and takes as much longer', async () => {
      const alone = await counted(8, threads(1), EVENTS);
      for (const [n, clock] of [
        [2, 3.6],
        [4, 3.3],
        [8, 2.9],
      ] as const) {
        const { counts, elapsed } = await counted(8, threads(n), EVENTS);
        const [all = 0, instructions = 0, ref = 0] = counts;
        expect((all / ref) * 2.2, String(n)).to.be.closeTo(clock, 0.03);
        expect(all / instructions).to.be.closeTo(alone.counts[0]! / alone.counts[1]!, 1e-3);
        // The first interval is as if one core had been busy.
        expect(elapsed / alone.elapsed).to.be.closeTo(3.6 / clock, 0.015);
      }
    });

    it('on one CPU takes as long without turbo, for fewer cycles, and the truth has as many', async () => {
      const on = await counted(1, ['noploop', '0.05'], EVENTS);
      const off = await counted(1, ['noploop', '0.05'], EVENTS, 'off');
      expect(on.elapsed).to.equal(off.elapsed);
      expect(on.counts.slice(1)).to.deep.equal(off.counts.slice(1));
      expect(on.counts[0]! / off.counts[0]!).to.be.closeTo(3.6 / 2.8, 1e-6);
      const truth = ({ spec, workload }: typeof on): number =>
        totalWeight(groundTruth(spec, workload, parseEventList(['cycles:u'], 'stat'))[0]!);
      expect(truth(on) / truth(off)).to.be.closeTo(3.6 / 2.8, 1e-9);
      expect(on.counts[0]! / truth(on)).to.be.closeTo(1, 1e-3);
    });
  });
});
