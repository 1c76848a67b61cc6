/** What is said of several CPUs together and of each: the ledger, the operations, who ran where. */
import { expect } from 'chai';
import { benchDesign, benchRun, specRequest, type BenchRequest } from '../../src/experiment/bench.ts';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { sampleRun, type SampledRun } from '../../src/experiment/sample.ts';
import { setUpMachine, type MachineSpec } from '../../src/experiment/setup.ts';
import { groundTruth } from '../../src/experiment/truth.ts';
import { truthByCpu, type CpuTruth } from '../../src/experiment/truth-cpu.ts';
import { recordAttrs, statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { parseProfileKey, profileKey, totalWeight, type Profile } from '../../src/profile/profile.ts';
import { benchLines } from '../../src/report/bench/text.ts';
import type { LedgerSheet } from '../../src/results/ledger.ts';
import { loadWorkload } from '../../src/workload/registry.ts';

const several = (cores: number, ...sets: string[]): Promise<MachineSpec> =>
  setUpMachine({ vpmu: 'host', sets: [`host.cores=${cores}`, 'host.fresh=on', ...sets] });

async function request(spec: MachineSpec, ...words: string[]): Promise<BenchRequest> {
  const evlist = statAttrs(parseEventList(['cycles,branches'], 'stat'));
  return { spec: specRequest(spec), words, mode: 'stat', systemWide: false, evlist, run: 0 };
}

describe('several CPUs', () => {
  describe('the ledger', () => {
    it('is the sum of the cores, and each of them adds up to its own clock', async () => {
      const spec = await several(3);
      const { ledger } = await benchRun(await request(spec, 'lockbound', '3', '50'));
      const { cores, ...whole } = ledger;
      expect(cores!.map(({ core }) => core)).to.deep.equal([0, 1, 2]);
      const of = ({ rows }: LedgerSheet): number[] => rows.map(({ cycles }) => cycles);
      for (const sheet of [whole, ...cores!.map((one) => one.sheet)]) {
        expect(of(sheet).reduce((sum, n) => sum + n)).to.equal(sheet.total);
        expect(sheet.rows.reduce((sum, { ns }) => sum + ns, 0)).to.equal(sheet.ns);
      }
      const sums = of(whole).map((_, i) => cores!.reduce((sum, { sheet }) => sum + of(sheet)[i]!, 0));
      expect(sums).to.deep.equal(of(whole));
      // All but the first end at the same grid line.
      const [first, ...others] = cores!.map(({ sheet }) => sheet.total);
      expect(new Set(others).size).to.equal(1);
      expect(others[0]).to.be.within(first!, first! + (spec.values['machine.grid'] * spec.values['core.clock']) / 1e9);
    });

    for (const [vpmu, cores] of [
      ['v2', 4],
      ['legacy', 2],
    ] as const)
      it(`${vpmu}: has four vCPUs on ${cores} cores, with the work of each where it was done`, async () => {
        const spec = await setUpMachine({ vpmu, vcpus: 4, sets: [`host.cores=${cores}`] });
        const words = ['ftest-threads', '3', '0.02'] as const;
        const { ledger } = await benchRun(await request(spec, ...words));
        const workload = prepareWorkload(await loadWorkload(words[0], words.slice(1)), spec, {});
        const [truth] = groundTruth(spec, workload, parseEventList(['cycles'], 'stat'));
        const work = ({ rows }: LedgerSheet): number => rows.find(({ account }) => account === 'workload')!.cycles;
        expect(work(ledger)).to.equal(totalWeight(truth!));
        const each = ledger.cores!.map(({ sheet }) => work(sheet) / work(ledger));
        expect(each).to.have.length(cores);
        expect(each.reduce((sum, n) => sum + n)).to.be.closeTo(1, 1e-12);
        // The three are on vCPUs 1 to 3, and these on cores 1 to 3, or 1, 0 and 1.
        const expected = cores === 4 ? [0, 1 / 3, 1 / 3, 1 / 3] : [1 / 3, 2 / 3];
        each.forEach((n, core) => expect(n, `core ${core}`).to.be.closeTo(expected[core]!, 0.01));
        for (const { sheet } of ledger.cores!)
          expect(sheet.rows.reduce((sum, { cycles }) => sum + cycles, 0)).to.equal(sheet.total);
      });

    it("has all of the truth's cycles as user work, and perf on the CPU it is pinned to", async () => {
      const spec = await several(2);
      const { ledger } = await benchRun(await request(spec, 'pingpong', '20'));
      const workload = prepareWorkload(await loadWorkload('pingpong', ['20']), spec, {});
      const [truth] = groundTruth(spec, workload, parseEventList(['cycles'], 'stat'));
      const spent = (sheet: LedgerSheet, account: string): number =>
        sheet.rows.find((row) => row.account === account)!.cycles;
      expect(spent(ledger, 'workload')).to.equal(totalWeight(truth!));
      const [first, second] = ledger.cores!.map(({ sheet }) => sheet);
      expect(spent(second!, 'workload')).to.be.greaterThan(0);
      expect(spent(first!, 'programs')).to.be.greaterThan(0);
      expect(spent(second!, 'programs')).to.equal(0);
    });
  });

  it('the ledger says what threads of one core took longer for each other', async () => {
    const spec = await several(2, 'host.cpus=2');
    const { ledger } = await benchRun(await request(spec, 'lockbound', '2', '50'));
    const workload = prepareWorkload(await loadWorkload('lockbound', ['2', '50']), spec, {});
    const [truth] = groundTruth(spec, workload, parseEventList(['cycles'], 'stat'));
    const spent = (account: string): number => ledger.rows.find((row) => row.account === account)!.cycles;
    expect(spent('workload')).to.equal(totalWeight(truth!));
    expect(spent('sibling')).to.be.greaterThan(0);
    expect(ledger.rows.reduce((sum, { cycles }) => sum + cycles, 0)).to.equal(ledger.total);
    const { ledger: apart } = await benchRun(await request(await several(2), 'lockbound', '2', '50'));
    expect(apart.rows.map(({ account }) => account)).not.to.include('sibling');
  });

  describe('operations', () => {
    it('are timed on every CPU: pingpong across two switches as often on both', async () => {
      const spec = await several(2);
      const run = await benchRun(await request(spec, 'pingpong', '100'));
      const calls = (operations: typeof run.operations, name: string): number =>
        operations.find(({ operation }) => operation === name)!.calls;
      expect(run.cpus.map(({ cpu }) => cpu)).to.deep.equal([0, 1]);
      for (const { operation, calls: all } of run.operations)
        expect(run.cpus.reduce((sum, { operations }) => sum + calls(operations, operation), 0)).to.equal(all);
      for (const { operations } of run.cpus) {
        expect(calls(operations, 'context_switch, sched_in')).to.be.within(100, 105);
        expect(calls(operations, 'context_switch, sched_out')).to.be.within(98, 105);
      }
      const design = benchDesign(spec, [run], [run]);
      const report = { command: 'x', seeds: 1, designs: [design], liveLocked: [] };
      const text = [...benchLines(report, true)].join('\n');
      expect(text).to.match(/\ncontext_switch, sched_in\n {2}host +2\d\d .*\n {4}CPU 0 +10\d .*\n {4}CPU 1 +10\d /);
      expect(text).to.match(/\n# Where the time of each core went under host, ms\n\n +core 0 +core 1\nuser work /);
      expect([...benchLines(report)].join('\n')).not.to.match(/CPU|core 0/);
    });
  });

  describe('profiles', () => {
    const sampled = async (vpmu: string, vcpus: number, words: readonly string[]): Promise<SampledRun> => {
      const spec = specRequest(await setUpMachine({ vpmu, vcpus, seed: 'several', sets: [] }));
      const evlist = recordAttrs(parseEventList(['cycles'], 'record'), { all_user: true });
      return sampleRun({ spec, words, evlist, by: 'thread', run: 0, truth: true });
    };

    it("have each thread's share, and say on which CPU it was", async () => {
      const { profiles, truth } = await sampled('v2', 4, ['ftest-threads', '3', '0.2']);
      const share = ({ weights }: Profile, name: string): number =>
        weights.get(profileKey({ comm: 'ftest-threads', dso: '', symbol: name }))! / totalWeight({ weights });
      const { threads, cpus } = profiles[0]!.sampling!.lanes!;
      for (const clone of ['clone 1', 'clone 2', 'clone 3']) {
        expect(share(profiles[0]!, clone)).to.be.closeTo(share(truth[0]!, clone), 0.02);
        const on = cpus.filter(({ bins }) => bins.some((bin) => bin.threads.some(([i]) => threads[i] === clone)));
        expect(on).to.have.length(1);
        const samples = on[0]!.bins.reduce((sum, bin) => sum + bin.samples, 0);
        expect(samples).to.be.within(700, 1000);
      }
    });

    it('have bursts on each CPU by itself: those of one tick on several are not one', async () => {
      const { profiles } = await sampled('legacy', 4, ['ftest-threads', '3', '0.3']);
      const { clustering, lanes } = profiles[0]!.sampling!;
      expect(lanes!.cpus.filter(({ bins }) => bins.some(({ stopped }) => stopped > 0)).length).to.be.greaterThan(2);
      // A throttled CPU takes two or three samples a tick.
      expect(clustering.bursts).to.be.greaterThan(100);
      expect(clustering.size).to.be.within(1.5, 3.5);
    });
  });

  describe('truth by CPU', () => {
    const of = async (spec: MachineSpec, ...words: string[]): Promise<{ truth: CpuTruth; whole: number }> => {
      const [name = '', ...args] = words;
      const workload = prepareWorkload(await loadWorkload(name, args), spec, {});
      const evlist = parseEventList(['instructions'], 'stat');
      const [whole] = groundTruth(spec, workload, evlist);
      return { truth: await truthByCpu(spec, workload, evlist), whole: totalWeight(whole!) };
    };
    const byCpu = ({ profiles: [profile] }: CpuTruth): [string, number][] =>
      [...profile!.weights].map(([key, weight]) => [parseProfileKey(key).symbol, weight]);

    it('adds up to the truth, wherever threads ran', async () => {
      for (const words of [
        ['lockbound', '4', '30'],
        ['pingpong', '50'],
        ['server', '3', '20'],
      ]) {
        const { truth, whole } = await of(await several(3), ...words);
        expect(totalWeight(truth.profiles[0]!), words[0]).to.equal(whole);
        expect(byCpu(truth).filter(([, n]) => n > 0).length, words[0]).to.be.greaterThan(1);
      }
    });

    it('is all on the one CPU of a guest', async () => {
      const { truth, whole } = await of(await setUpMachine({ vpmu: 'v2', sets: [] }), 'pingpong', '50');
      expect(byCpu(truth)).to.deep.equal([['000', whole]]);
    });

    it('knows who had each CPU when: lanes are as long as the threads ran', async () => {
      const spec = await several(2);
      const { truth } = await of(spec, 'ftest-threads', '2', '0.05');
      const { threads, cpus, width } = truth.lanes!;
      expect(threads.toSorted()).to.deep.equal(['clone 1', 'clone 2', 'ftest-threads']);
      const busy = new Map<string, number>();
      for (const { bins } of cpus)
        for (const bin of bins) {
          expect(bin.threads.reduce((sum, [, ns]) => sum + ns, 0)).to.be.at.most(width + 1e-6);
          for (const [thread, ns] of bin.threads) busy.set(threads[thread]!, (busy.get(threads[thread]!) ?? 0) + ns);
        }
      for (const clone of ['clone 1', 'clone 2']) expect(busy.get(clone)! / 1e9).to.be.within(0.05, 0.06);
    });
  });
});
