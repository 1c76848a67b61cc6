import { expect } from 'chai';
import fc from 'fast-check';
import { binomial, distanceDifferences, type AlignedProfile } from '../../src/stats/resample.ts';
import { compareDistances, compareShares } from '../../src/stats/compare.ts';
import { random } from './draw.ts';
import { golden, near, rfcCounts, sharesOf, weightsOf } from './golden.ts';

const points = (x: number): string => (100 * x).toFixed(1);

describe('stats: resampling', () => {
  it('draws binomial numbers: mean, variance and range', () => {
    const next = random('binomial');
    for (const [n, p] of [
      [20, 0.1],
      [1000, 0.004],
      [40, 0.5],
      [5198, 0.37],
      [5198, 0.9],
      [1e6, 0.0123],
    ] as const) {
      const drawn = Array.from({ length: 4000 }, () => binomial(n, p, next));
      const mean = drawn.reduce((sum, x) => sum + x, 0) / drawn.length;
      const variance = drawn.reduce((sum, x) => sum + (x - mean) * (x - mean), 0) / drawn.length;
      expect(Math.abs(mean - n * p) / Math.sqrt((n * p * (1 - p)) / drawn.length), `${n} ${p}`).to.be.below(3);
      near(variance, n * p * (1 - p), 0.07);
      expect(drawn.every((x) => Number.isInteger(x) && x >= 0 && x <= n)).to.equal(true);
    }
    expect([binomial(0, 0.5, next), binomial(9, 0, next), binomial(9, 1, next)]).to.deep.equal([0, 0, 9]);
  });

  it("bounds the distances of the RFC's tables", () => {
    const intervals = golden.pairs.map(({ counts: [a, b] }) => {
      const side = (counts: readonly number[]) => ({
        weights: weightsOf(counts),
        samples: counts.reduce((sum, x) => sum + x, 0),
      });
      const bootstrap = { random: random('rfc intervals') };
      const { low, high } = compareShares(side(a), side(b), { bootstrap }).tvd.interval!;
      return `${points(low)}–${points(high)}`;
    });
    expect(intervals).to.deep.equal(['1.1–4.8', '2.9–5.0', '0.8–4.5']);
  });

  it('draws fewer numbers for each symbol where there are many', () => {
    let drawn = 0;
    const next = random('counted');
    const counted = (): number => {
      drawn++;
      return next();
    };
    const flat = Array.from({ length: 2000 }, () => 1 / 2000);
    const profile = { shares: flat, n: 20_000 };
    distanceDifferences([profile, profile], profile, { random: counted });
    // About a dozen numbers a draw; all 1000 resamples would ask for 70 million.
    expect(drawn).to.be.below(2e7);
  });
});

describe('stats: which of two profiles is nearer to a third', () => {
  const side = (name: 'legacy' | 'v2' | 'host') => ({
    weights: weightsOf(rfcCounts(name)),
    samples: golden.rfc[name].samples,
  });

  it('cannot be told of legacy, v2 and the host, as the bootstrap worked out by hand cannot', () => {
    const [d] = compareDistances([side('v2'), side('legacy')], side('host'), { random: random('nearer') });
    expect(points(d!.value)).to.equal('0.8');
    expect(d!.low).to.be.below(0);
    expect(d!.high).to.be.above(0);
    // By hand: +0.38 points, -0.89 to +1.59, v2 further away in 73 of 100.
    const { mean, low, high, further } = d!.percentile;
    expect(100 * mean).to.be.closeTo(0.38, 0.06);
    expect(100 * low).to.be.closeTo(-0.89, 0.15);
    expect(100 * high).to.be.closeTo(1.59, 0.15);
    expect(further).to.be.closeTo(0.73, 0.04);
  });

  it('goes by effective samples', () => {
    const bursts = (name: 'legacy' | 'v2') => ({
      ...side(name),
      clustering: { value: 4, estimate: 4, rho: 1, rhoError: 0.01, bursts: 1000, size: 4 },
    });
    const width = (sides: readonly ReturnType<typeof side>[]): number => {
      const [d] = compareDistances(sides, side('host'), { random: random('effective') });
      return d!.high - d!.low;
    };
    expect(width([bursts('v2'), bursts('legacy')])).to.be.above(1.5 * width([side('v2'), side('legacy')]));
  });

  it('has an interval that holds the value, stays within [-1, 1], and is a point for exact profiles', () => {
    const counts = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 4, maxLength: 4 });
    const some = counts.filter((list) => list.some((x) => x > 0));
    fc.assert(
      fc.property(some, some, some, fc.boolean(), (a, b, c, exact) => {
        const profile = (list: readonly number[]): AlignedProfile => ({
          shares: sharesOf(list),
          n: exact ? Infinity : list.reduce((sum, x) => sum + x, 0),
        });
        const resampling = { random: random('property'), resamples: 50 };
        const [d] = distanceDifferences([profile(a), profile(b)], profile(c), resampling);
        const { value, low, high } = d!;
        expect([low <= value, value <= high, low >= -1, high <= 1]).to.deep.equal([true, true, true, true]);
        if (exact) expect([low, high]).to.deep.equal([value, value]);
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  it('is answered for each two of several', () => {
    const profiles = ['legacy', 'v2', 'host'].map((name) => side(name as 'host'));
    const all = compareDistances(
      profiles,
      { exact: true, weights: weightsOf(rfcCounts('host')) },
      { random: random('several') },
    );
    expect(all.map(({ first, second }) => [first, second])).to.deep.equal([
      [0, 1],
      [0, 2],
      [1, 2],
    ]);
    expect(all.map(({ low }) => low > 0)).to.deep.equal([false, true, true]);
  });
});
