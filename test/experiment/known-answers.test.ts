/** Workloads with a known profile, under sampling mechanisms with a known effect on it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { specRequest } from '../../src/experiment/bench.ts';
import { sampleRun } from '../../src/experiment/sample.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { recordAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { compareProfiles, type ComparedProfiles, rowName } from '../../src/profile/compare.ts';

interface Sampled {
  readonly compared: ComparedProfiles;
  /** Share in the samples, and in truth, in percent. */
  readonly seen: (symbol: string) => number;
  readonly true: (symbol: string) => number;
  /** TVD of the samples from truth, in points. */
  readonly error: number;
  readonly samples: number;
}

async function sample(
  workload: string,
  {
    vpmu = 'host',
    event = 'cycles',
    period,
    sets = [],
  }: { vpmu?: string; event?: string; period?: number; sets?: string[] },
): Promise<Sampled> {
  const spec = specRequest(await setUpMachine({ vpmu, seed: 'known', sets }));
  const evlist = recordAttrs(parseEventList([event], 'record'), {
    all_user: true,
    ...(period === undefined ? {} : { period }),
  });
  const words = workload.split(' ');
  const { profiles, truth } = await sampleRun({ spec, words, evlist, by: 'symbol', run: 0, truth: true });
  const compared = compareProfiles([profiles, truth]);
  const share = (operand: number) => (symbol: string) =>
    100 * (compared.rows.find(({ name }) => name === symbol)?.shares[operand]?.share ?? 0);
  return {
    compared,
    seen: share(0),
    true: share(1),
    error: 100 * compared.pairs[0]!.comparison.tvd.value,
    samples: profiles[0]!.samples!,
  };
}

describe('workloads with known answers', function () {
  it('latency-biased: a profile of instructions turns into one of time as the skid grows', async () => {
    const errors: number[] = [];
    for (const mean of [0, 5, 20, 200]) {
      const sets = ['skid.fixed=0', `skid.mean=${mean}`, 'skid.max=5000'];
      const run = await sample('latency-biased 0.5', { event: 'instructions', period: 100_003, sets });
      expect(run.true('fast')).to.equal(run.true('slow'));
      errors.push(run.error);
    }
    const [none, five, twenty, far] = errors as [number, number, number, number];
    // 3263 samples: chance makes half a point or so; fast has 10 of 102 cycles and 10 of 21 instructions.
    expect(none).to.be.below(1.5);
    expect(five).to.be.within(12, 22);
    expect(twenty).to.be.within(30, 38);
    expect(far).to.be.within(38, 43);
  });

  it('callchain: a skid moves labels along the chain, and what is alike stays alike', async () => {
    for (const sets of [['skid.mean=0'], ['skid.mean=40'], ['skid.fixed=60', 'skid.mean=0']]) {
      const run = await sample('callchain 0.5', { period: 20_011, sets });
      const { test, tvd } = run.compared.pairs[0]!.comparison;
      // Chance says "different" in one case of twenty, and less than this in one of a thousand.
      expect(test.p).to.be.above(0.001);
      expect(tvd.value).to.be.below(1.5 * tvd.floor.p95);
    }
  });

  it('twins: only a skid that depends on what runs tells them apart', async () => {
    const run = await sample('twins 1', { period: 20_011 });
    expect(run.true('foo')).to.equal(run.true('bar'));
    // Three in ten of foo's 16.0 % wait for its end, which is where bar begins; 4 standard errors of 140000 samples.
    expect(run.seen('foo')).to.be.closeTo(0.7 * 16.02, 0.35);
    expect(run.seen('bar')).to.be.closeTo(1.3 * 16.02, 0.45);
    expect(run.error).to.be.closeTo(4.8, 0.4);
    const { merge } = run.compared.pairs[0]!.comparison.verdict;
    expect(merge!.symbols.map(rowName)).to.have.members(['bar', 'foo']);
    expect(merge!.restores).to.equal(true);
  });

  it('aliasing: a period that is a multiple of the loop sees one place of it, one that is not sees all', async () => {
    const locked = await sample('aliasing 1', { event: 'instructions', period: 100_000 });
    expect(locked.samples).to.be.within(2795, 2805);
    expect(Math.max(...['a', 'b', 'c', 'd'].map(locked.seen))).to.be.above(90);
    expect(locked.error).to.be.above(55);
    expect(locked.compared.pairs[0]!.comparison.warnings).to.deep.include({
      kind: 'Resonance',
      which: 'a',
      period: 100_000,
      loop: 1000,
      places: 1,
    });
    const free = await sample('aliasing 1', { event: 'instructions', period: 100_033 });
    // What is left is skid: it moves samples of the quick instructions between calls.
    expect(free.error).to.be.below(1);
    expect(free.compared.pairs[0]!.comparison.warnings.map(({ kind }) => kind)).to.not.include('Resonance');
  });

  it('aliasing: a loop keeps step with a clock less what interrupts hold the program up, if it is long', async () => {
    const locked = await sample('aliasing 1', { period: 1_000_000, sets: ['core.refill=0', 'core.cold=off'] });
    expect(locked.error).to.be.above(55);
    expect(locked.compared.pairs[0]!.comparison.warnings.map(({ kind }) => kind)).to.include('Resonance');
    // Returns from ticks, 200 cycles each, amount to five laps a second.
    for (const period of [1_000_000, 1_000_200]) {
      const drifting = await sample('aliasing 1', { period });
      expect(drifting.error).to.be.below(5);
      expect(drifting.compared.pairs[0]!.comparison.warnings.map(({ kind }) => kind)).to.not.include('Resonance');
    }
    // In a loop a hundred times as long, that is a twentieth of a lap.
    const dir = mkdtempSync(join(tmpdir(), 'gperf-'));
    const file = join(dir, 'aliasing.yaml');
    const text = readFileSync('workloads/aliasing.yaml', 'utf8');
    const scaled = text.replace('hz / 10000', 'hz / 1000000').replaceAll('cycles: 10 ', 'cycles: 1000 ');
    writeFileSync(file, scaled.replace('cycles: 111 ', 'cycles: 11991 '));
    const long = await sample(file, { period: 1_000_200 }).finally(() => rmSync(dir, { recursive: true }));
    expect(long.error).to.be.above(30);
    expect(long.compared.pairs[0]!.comparison.warnings.map(({ kind }) => kind)).to.include('Resonance');
  });

  it('shadow: what a skid makes of a burst of events is known in closed form', async () => {
    const mean = 20;
    const sets = ['skid.fixed=0', `skid.mean=${mean}`, 'skid.max=5000'];
    const run = await sample('shadow 1', { event: 'LLC-load-misses', period: 101, sets });
    // An overflow is 6 cycles from the last instruction that is reported in its own function, and 8 more from each later one.
    const within = (functions: number): number => 1 - Math.exp(-(6 + 8 * functions) / mean);
    for (let i = 1; i <= 10; i++) {
      let share = 0;
      for (let from = 1; from <= i; from++) share += 10 * (within(i - from) - (i > from ? within(i - from - 1) : 0));
      const error = Math.sqrt((share * (100 - share)) / run.samples);
      expect(run.seen(`m${i}`), `m${i}`).to.be.closeTo(share, 4 * error);
      expect(run.true(`m${i}`)).to.be.closeTo(10, 0.001);
    }
    expect(run.true('quiet')).to.be.below(0.001);
  });

  it('tick-correlated: a throttled event sees where each wakeup returns to, an open one the truth', async () => {
    const host = await sample('tick-correlated 1', { vpmu: 'host' });
    expect(host.compared.pairs[0]!.comparison.verdict.kind).to.equal('indistinguishable');
    const legacy = await sample('tick-correlated 1', { vpmu: 'legacy' });
    expect(legacy.true('first')).to.be.closeTo(20, 0.1);
    expect(legacy.true('main')).to.be.below(0.01);
    expect(legacy.seen('main')).to.be.above(30);
    expect(legacy.seen('first')).to.be.below(15);
    const { verdict, a } = legacy.compared.pairs[0]!.comparison;
    expect(verdict.kind).to.equal('materially-different');
    // Both samples of a burst see the same function, so that together they are worth little more than one.
    expect(a.designEffect).to.be.within(1.5, 2.2);
  });

  it("ftest in the letter's guest: throttled pairs of samples see one place, and are worth half as many", async () => {
    const { compared, samples } = await sample('ftest', { vpmu: 'legacy' });
    const { a, verdict, warnings } = compared.pairs[0]!.comparison;
    expect(verdict.kind).to.equal('indistinguishable');
    expect(a.designEffect).to.be.within(1.95, 2.05);
    expect(a.effective).to.be.closeTo(samples / 2, samples / 50);
    expect(warnings.map(({ kind }) => kind)).to.include('Clustered');
  });
});
