import { expect } from 'chai';
import { totalVariation } from '../../src/stats/distance.ts';
import { binomial, distanceDifference, totalVariationInterval } from '../../src/stats/resample.ts';
import { compareDistances, compareShares } from '../../src/stats/compare.ts';
import { draw, random } from './draw.ts';
import { golden, near, rfcCounts, sharesOf, weightsOf } from './golden.ts';

const HOST = sharesOf(rfcCounts('host'));
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

  it('covers the true distance in 95 % of intervals or more, small or large, in one pair of symbols or all', () => {
    const next = random('coverage');
    const shift = (by: readonly number[]): number[] => sharesOf(HOST.map((x, i) => x + by[i]!));
    for (const other of [
      HOST,
      shift([0, 0.01, -0.01, 0, 0, 0, 0]),
      shift([0, 0.04, -0.04, 0, 0, 0, 0]),
      shift([0.01, -0.005, -0.005, 0.005, -0.005, 0.005, -0.005]),
      shift([0.04, -0.02, -0.02, 0.02, -0.02, 0.02, -0.005]),
    ]) {
      const distance = totalVariation(HOST, other);
      let covered = 0;
      for (let i = 0; i < 300; i++) {
        const [p, q] = [sharesOf(draw(HOST, 5198, next)), sharesOf(draw(other, 20652, next))];
        const { low, high } = totalVariationInterval(p, q, 5198, 20652, { random: next, resamples: 200 });
        if (low <= distance && distance <= high) covered++;
      }
      expect(covered / 300, `${distance}`).to.be.above(0.93);
    }
  });

  it('cannot tell whether legacy or v2 is nearer to the host', () => {
    const side = (name: 'legacy' | 'v2' | 'host') => ({
      weights: weightsOf(rfcCounts(name)),
      samples: golden.rfc[name].samples,
    });
    const d = compareDistances(side('v2'), side('legacy'), side('host'), { random: random('nearer') });
    expect(points(d.value)).to.equal('0.8');
    expect(d.low).to.be.below(0);
    expect(d.high).to.be.above(0);
  });

  it('tells a good profile from a bad one, and covers their difference', () => {
    const next = random('difference');
    const bad = sharesOf(HOST.map((x, i) => x + [0, 0.03, -0.03, 0, 0, 0, 0][i]!));
    const truth = { shares: HOST, n: Infinity };
    let [covered, told] = [0, 0];
    for (let i = 0; i < 200; i++) {
      const profile = (shares: readonly number[]) => ({ shares: sharesOf(draw(shares, 10_000, next)), n: 10_000 });
      const d = distanceDifference(profile(bad), profile(HOST), truth, { random: next, resamples: 200 });
      if (d.low > 0) told++;
      if (d.low <= 0.03 && 0.03 <= d.high) covered++;
    }
    expect(covered / 200).to.be.above(0.93);
    expect(told / 200).to.be.above(0.9);
  });
});
