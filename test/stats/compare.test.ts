import { expect } from 'chai';
import fc from 'fast-check';
import { compareShares } from '../../src/stats/compare.ts';
import { resonance } from '../../src/stats/distrust.ts';
import type { Circumstances, ExactShares, SampledShares } from '../../src/stats/shares.ts';
import { verdictKind } from '../../src/stats/verdict.ts';
import { REMEDY, reason, type Warning, type WarningKind } from '../../src/stats/warnings.ts';
import { random } from './draw.ts';
import { near, rfcCounts, sharesOf, weightsOf } from './golden.ts';

const total = (counts: readonly number[]): number => counts.reduce((sum, x) => sum + x, 0);
const side = (counts: readonly number[], circumstances?: Circumstances): SampledShares => ({
  weights: weightsOf(counts),
  samples: total(counts),
  circumstances,
});
const HOST = rfcCounts('host');
const truth: ExactShares = { exact: true, weights: weightsOf(HOST) };
const kinds = (warnings: readonly Warning[]): WarningKind[] => warnings.map(({ kind }) => kind);

describe('stats: compareShares', () => {
  const counts = fc
    .integer({ min: 1, max: 10 })
    .chain((k) => {
      const list = fc.array(fc.integer({ min: 0, max: 2000 }), { minLength: k, maxLength: k });
      return fc.tuple(list, list);
    })
    .filter((lists) => lists.every((list) => list.some((x) => x > 0)));

  it('is the same from either side, but for signs', () => {
    fc.assert(
      fc.property(counts, ([a, b]) => {
        const [one, other] = [compareShares(side(a), side(b)), compareShares(side(b), side(a))];
        expect(other.tvd.value).to.be.closeTo(one.tvd.value, 1e-12);
        expect(other.tvd.floor.p95).to.be.closeTo(one.tvd.floor.p95, 1e-9);
        expect(other.verdict.kind).to.equal(one.verdict.kind);
        expect(other.ranks.tau).to.be.closeTo(one.ranks.tau, 1e-12);
        one.symbols.forEach((row, i) => {
          const mirrored = other.symbols[i]!;
          expect(mirrored.symbol).to.equal(row.symbol);
          expect(mirrored.delta + row.delta).to.be.closeTo(0, 1e-12);
          expect(mirrored.a).to.deep.equal(row.b);
          expect(mirrored.z + row.z).to.be.closeTo(0, 1e-6);
        });
        expect(total(one.symbols.map((row) => row.a.share))).to.be.closeTo(1, 1e-12);
      }),
      { seed: 1, numRuns: 40 },
    );
  });

  it('does not depend on names or the unit of weight', () => {
    fc.assert(
      fc.property(counts, fc.double({ min: 1e-3, max: 1e9, noNaN: true }), ([a, b], unit) => {
        const renamed = (list: readonly number[]): Map<string, number> =>
          new Map(list.map((x, i) => [`f${100 - i}`, x * unit] as const).toReversed());
        const one = compareShares(side(a), side(b));
        const other = compareShares(
          { weights: renamed(a), samples: total(a) },
          { weights: renamed(b), samples: total(b) },
        );
        expect(other.tvd.value).to.be.closeTo(one.tvd.value, 1e-12);
        expect(other.test.p).to.be.closeTo(one.test.p, 1e-9);
        expect(other.jensenShannon.divergence).to.be.closeTo(one.jensenShannon.divergence, 1e-9);
        const [shift, again] = [one.verdict.minimumDetectableShift, other.verdict.minimumDetectableShift];
        if (shift < Infinity) near(again, shift, 1e-9);
        else expect(again).to.equal(Infinity);
      }),
      { seed: 2, numRuns: 40 },
    );
  });

  it('more samples of the same shares: lower floor, smaller detectable shift, smaller p', () => {
    const [a, b] = [rfcCounts('v2'), HOST];
    let last = compareShares(side(a), side(b));
    for (const factor of [2, 4, 16]) {
      const [more, less] = [(x: number) => factor * x, last];
      last = compareShares(side(a.map(more)), side(b.map(more)));
      expect(last.tvd.floor.mean).to.be.below(less.tvd.floor.mean);
      expect(last.detectable.any).to.be.below(less.detectable.any);
      expect(last.test.p).to.be.below(less.test.p);
      near(last.test.effect, less.test.effect, 1e-9);
    }
  });

  it('against truth has one floor, a one-sample test, and intervals without width', () => {
    const [c, mirrored] = [compareShares(side(rfcCounts('v2')), truth), compareShares(truth, side(rfcCounts('v2')))];
    expect(c.test.kind).to.equal('goodness-of-fit');
    expect(c.b).to.deep.equal({
      exact: true,
      samples: Infinity,
      kish: Infinity,
      designEffect: 1,
      effective: Infinity,
      symbols: 7,
    });
    for (const row of c.symbols) expect(row.b.interval.low).to.equal(row.b.interval.high);
    expect(c.tvd.floor.mean).to.be.below(compareShares(side(rfcCounts('v2')), side(HOST)).tvd.floor.mean);
    expect(mirrored.test.p).to.equal(c.test.p);
    expect(mirrored.symbols[0]!.z).to.equal(-c.symbols[0]!.z);
    expect(kinds(c.warnings)).to.deep.equal(['OneSeed']);
  });

  it('of two truths is exact', () => {
    const same = compareShares(truth, truth);
    expect(same.verdict).to.deep.include({ kind: 'indistinguishable', p: 1, floor: 0, minimumDetectableShift: 0 });
    expect(same.tvd.ratio).to.equal(0);
    const other = compareShares(truth, { exact: true, weights: new Map([['elsewhere', 1]]) });
    expect(other.verdict).to.deep.include({ kind: 'materially-different', p: 0 });
    near(other.verdict.tvd, 1, 1e-12);
    expect(other.tvd.ratio).to.equal(Infinity);
    expect(other.symbols[0]).to.deep.include({ symbol: 'elsewhere', z: -Infinity, p: 0 });
  });

  it('has the interval of the distance when asked', () => {
    const bootstrap = { random: random('compare'), resamples: 100 };
    const c = compareShares(side(rfcCounts('v2')), side(rfcCounts('legacy')), { bootstrap });
    expect(c.tvd.interval!.low).to.be.below(c.tvd.value);
    expect(compareShares(side(HOST), side(HOST)).tvd.interval).to.equal(undefined);
  });

  it('knows the shift that it would have found', () => {
    // 13.62 is the non-centrality of 6 degrees of freedom; the hardest shift has shape 4.
    const c = compareShares(side(HOST), side(HOST));
    near(c.detectable.any, Math.sqrt((13.6242861168052 * 2) / total(HOST) / 4), 1e-9);
    expect(c.detectable.hottest!.symbols).to.deep.equal(['qux', 'foo']);
    expect(c.detectable.hottest!.shift).to.be.below(c.detectable.any);
    // One symbol leaves nothing that could shift.
    const one = compareShares(side([5]), side([7]));
    expect(one.detectable).to.deep.equal({ any: Infinity, hottest: undefined });
    expect(one.verdict.kind).to.equal('indistinguishable');
  });

  it('refuses what has no shares', () => {
    expect(() => compareShares(side([0, 0]), side([1]))).to.throw(RangeError, 'without weight');
    expect(() => compareShares({ weights: new Map([['f', 1]]), samples: 0 }, truth)).to.throw(
      RangeError,
      'without samples',
    );
    expect(() => compareShares({ weights: new Map([['f', -1]]), samples: 1 }, truth)).to.throw(
      RangeError,
      'the weight of f is -1',
    );
  });
});

describe('stats: verdicts', () => {
  it('are different below 5 %, material from 2 points and twice the floor', () => {
    expect(verdictKind(0.05, 0.5, 0.01)).to.equal('indistinguishable');
    expect(verdictKind(NaN, 0.5, 0.01)).to.equal('indistinguishable');
    expect(verdictKind(0.049, 0.0199, 0.001)).to.equal('different-but-small');
    expect(verdictKind(0.049, 0.03, 0.016)).to.equal('different-but-small');
    expect(verdictKind(0.049, 0.02, 0.01)).to.equal('materially-different');
  });

  it('disjoint profiles differ materially, however much of the distance noise could make', () => {
    const of = (name: string, k: number, n: number): { weights: Map<string, number>; samples: number } => ({
      weights: new Map(Array.from({ length: k }, (_, i) => [`${name}${i}`, n / k])),
      samples: n,
    });
    const { mean, p95 } = compareShares(of('a', 30, 3), of('b', 20, 2)).tvd.floor;
    expect([mean, p95]).to.deep.equal([1, 1]);
    const { verdict } = compareShares(of('a', 120, 200), of('b', 2, 70));
    expect(verdict.floor).to.be.above(0.5);
    expect(verdict.kind).to.equal('materially-different');
  });

  it('disjoint profiles of few samples are not restored by merging, whatever the test still finds', () => {
    const few = {
      weights: new Map(
        [
          ['f', 6],
          ['g', 8],
        ].map(([k, n]) => [String(k), Number(n)]),
      ),
      samples: 14,
    };
    const many = { weights: new Map(Array.from({ length: 7 }, (_, i) => [`s${i}`, 3000])), samples: 21000 };
    const { verdict } = compareShares(few, many);
    expect(verdict.kind).to.equal('materially-different');
    expect(verdict.merge!.tvd).to.be.above(0.3);
    expect(verdict.merge!.restores).to.equal(false);
  });

  it('do not say that two rows which are everything agree once they are one', () => {
    const [a, b] = [
      [600, 400],
      [400, 600],
    ].map((counts) => ({ weights: new Map(counts.map((n, i) => [`f${i}`, n] as const)), samples: 1000 }));
    const { verdict } = compareShares(a!, b!);
    expect(verdict.kind).to.equal('materially-different');
    expect(verdict.merge).to.equal(undefined);
  });

  it('of a million samples: real and small, driven by the shifted pair, which merging restores', () => {
    const shares = sharesOf(HOST);
    const n = 1_000_000;
    const [a, b] = [
      shares.map((x) => n * x),
      shares.map((x, i) => n * (i === 1 ? x + 0.004 : i === 2 ? x - 0.004 : x)),
    ];
    const { verdict } = compareShares(side(a), side(b));
    expect(verdict.kind).to.equal('different-but-small');
    expect(verdict.drivers.slice(0, 2).map(({ symbol }) => symbol)).to.have.members(['foo', 'bar']);
    near(verdict.drivers[0]!.part, 0.5, 1e-6);
    expect(verdict.merge!.symbols).to.have.members(['foo', 'bar']);
    expect(verdict.merge!.restores).to.equal(true);
  });
});

describe('stats: warnings', () => {
  const warned = (a: Circumstances, b: Circumstances = {}): readonly Warning[] =>
    compareShares(side(HOST, { seeds: 5, ...a }), side(HOST, { seeds: 5, ...b })).warnings;

  it('come from what is known of a recording', () => {
    expect(warned({})).to.deep.equal([]);
    expect(warned({ throttled: 3 })).to.deep.equal([{ kind: 'Throttled', which: 'a', times: 3 }]);
    expect(warned({}, { lost: total(HOST) })).to.deep.equal([
      { kind: 'LostRecords', which: 'b', lost: total(HOST), part: 0.5 },
    ]);
    expect(warned({ seeds: 1 }, { seeds: 3 })).to.deep.equal([
      { kind: 'OneSeed', which: 'a' },
      { kind: 'FewSeeds', which: 'b', seeds: 3, advised: 5 },
    ]);
    expect(warned({ event: 'cycles' }, { event: 'cycles:u' })).to.deep.equal([
      { kind: 'DifferentEvents', events: ['cycles', 'cycles:u'] },
    ]);
    expect(kinds(warned({ fixedPeriod: 1_000_000, loop: 100 }))).to.deep.equal(['Resonance']);
    const held = { perSample: 33, perEvent: 1e-5 };
    expect(kinds(warned({ fixedPeriod: 1_000_000, loop: 100, held }))).to.deep.equal([]);
    expect(kinds(warned({ fixedPeriod: 1_000_000, loop: 100, held: { ...held, perSample: 90 } }))).to.deep.equal([
      'Resonance',
    ]);
  });

  it('come from the shares', () => {
    const few = compareShares(side(rfcCounts('legacy'), { seeds: 5 }), side(HOST, { seeds: 5 }));
    expect(kinds(few.warnings)).to.deep.equal(['TooFewSamples']);
    const renamed = new Map([...weightsOf(HOST)].map(([name, x]) => [name === 'qux' ? 'QUX' : name, x] as const));
    const other = { weights: renamed, samples: total(HOST), circumstances: { seeds: 5 } };
    expect(kinds(compareShares(side(HOST, { seeds: 5 }), other).warnings)).to.deep.equal([
      'UnsharedSymbols',
      'UnsharedSymbols',
    ]);
    // A function that only one side ever sampled has no other name there.
    const without = weightsOf(HOST.map((x, i) => (i === 0 ? 0 : x)));
    const lacking = { weights: without, samples: total(HOST), circumstances: { seeds: 5 } };
    expect(kinds(compareShares(side(HOST, { seeds: 5 }), lacking).warnings)).to.deep.equal([]);
    const unequal = {
      ...side(HOST, { seeds: 5 }),
      moments: { sum: 100, sumOfSquares: 2 },
      clustering: { value: 1.5, estimate: 1.5, rho: 0.5, rhoError: 0.01, bursts: 10_000, size: 2 },
    };
    expect(kinds(compareShares(unequal, side(HOST, { seeds: 5 })).warnings)).to.deep.equal([
      'TooFewSamples',
      'UnequalWeights',
      'Clustered',
    ]);
  });

  it('of resonance: periods that keep step with the loop, and only those', () => {
    expect(resonance(1_000_000, 100, 20_000)).to.equal(1);
    expect(resonance(1_000_003, 100, 20_000)).to.equal(undefined);
    expect(resonance(1_000_050, 100, 20_000)).to.equal(2);
    // Creeps by 1e-6 of a lap a sample: 1,000 samples see one place, 10 million see all.
    expect(resonance(1_000_000.0001, 100, 1000)).to.equal(1);
    expect(resonance(1_000_000.0001, 100, 1e7)).to.equal(undefined);
    expect(resonance(7, 1, 1000)).to.equal(undefined);
  });

  it('each have a reason and a remedy', () => {
    const all: readonly Warning[] = [
      { kind: 'TooFewSamples', which: 'a', effective: 5198.4, needed: 17_030 },
      { kind: 'Throttled', which: 'a', times: 2602 },
      { kind: 'LostRecords', which: 'b', lost: 12, part: 0.0123 },
      { kind: 'UnequalWeights', which: 'a', samples: 900, kish: 88.8 },
      { kind: 'Clustered', which: 'a', designEffect: 1.94, rho: 0.94 },
      { kind: 'Resonance', which: 'b', period: 1_000_000, loop: 100, places: 1 },
      { kind: 'LockStep', which: 'a', lap: 4e6, places: 4, certain: true },
      { kind: 'OneSeed', which: 'a' },
      { kind: 'FewSeeds', which: 'b', seeds: 3, advised: 5 },
      { kind: 'DifferentEvents', events: ['cycles', 'cycles:u'] },
      { kind: 'UnsharedSymbols', which: 'b', symbols: 4, share: 0.31 },
    ];
    expect(kinds(all).toSorted()).to.deep.equal(Object.keys(REMEDY).toSorted());
    expect(all.map((warning) => reason(warning, (which) => (which === 'a' ? 'legacy' : 'host')))).to.deep.equal([
      'legacy has 5198 effective samples; a shift of 2 points needs 17030',
      'legacy was throttled 2602 times: what ran until the next tick was not sampled',
      'host lost 12 samples (1.2 %)',
      'the periods of legacy are so unequal that its 900 samples weigh as 89',
      'samples of legacy come in bursts that see the same place (correlation 0.94): 1.94 of them count as one',
      'the period of host, 1000000, keeps step with a loop of 100 events: samples fall on 1 of its places',
      'samples of legacy keep step with the timer tick, and so does the program: they see the same 4 places of every 4 ms, and are not independent',
      'legacy is a single run',
      'host has 3 seeds',
      'the events differ: cycles and cycles:u',
      '31 % of host is in 4 symbols that the other side does not have',
    ]);
    for (const remedy of Object.values(REMEDY)) expect(remedy).to.match(/^[a-z].*[^.]$/);
  });
});
