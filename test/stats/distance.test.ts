import { expect } from 'chai';
import fc from 'fast-check';
import {
  hellinger,
  jensenShannon,
  jensenShannonFloor,
  noiseFloor,
  overlap,
  totalVariation,
} from '../../src/stats/distance.ts';
import { draw, random } from './draw.ts';
import { golden, near, rfcCounts, sharesOf } from './golden.ts';

const profile = (k: number): fc.Arbitrary<number[]> =>
  fc
    .array(fc.integer({ min: 0, max: 1000 }), { minLength: k, maxLength: k })
    .filter((counts) => counts.some((x) => x > 0))
    .map(sharesOf);
const three = fc.integer({ min: 1, max: 30 }).chain((k) => fc.tuple(profile(k), profile(k), profile(k)));
const HOST = sharesOf(rfcCounts('host'));

describe('stats: distances', () => {
  it('are symmetric, bounded and 0 for equals; three are metrics', () => {
    const metrics = [
      totalVariation,
      hellinger,
      (p: readonly number[], q: readonly number[]) => Math.sqrt(jensenShannon(p, q)),
    ];
    fc.assert(
      fc.property(three, ([p, q, r]) => {
        for (const distance of metrics) {
          expect(distance(p, q)).to.be.within(0, 1 + 1e-12);
          expect(distance(p, q)).to.be.closeTo(distance(q, p), 1e-12);
          expect(distance(p, p)).to.be.below(1e-7);
          expect(distance(p, q)).to.be.at.most(distance(p, r) + distance(r, q) + 1e-9);
        }
        expect(overlap(p, q)).to.be.closeTo(1 - totalVariation(p, q), 1e-12);
        // Hellinger and total variation bound each other.
        const h = hellinger(p, q);
        expect(totalVariation(p, q)).to.be.within(h * h - 1e-9, h * Math.SQRT2 + 1e-9);
      }),
      { seed: 1 },
    );
  });

  it('do not depend on the names of symbols', () => {
    fc.assert(
      fc.property(three, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), ([p, q], keys) => {
        const order = p.map((_, i) => ({ i, key: keys.next().value as number })).toSorted((x, y) => x.key - y.key);
        const shuffled = (shares: readonly number[]): number[] => order.map(({ i }) => shares[i]!);
        for (const distance of [totalVariation, hellinger, jensenShannon, overlap])
          expect(distance(shuffled(p), shuffled(q))).to.be.closeTo(distance(p, q), 1e-12);
        expect(noiseFloor(shuffled(p), 0.001).p95).to.be.closeTo(noiseFloor(p, 0.001).p95, 1e-9);
      }),
      { seed: 2, numRuns: 50 },
    );
  });

  it('profiles without a common symbol are 1 apart', () => {
    for (const distance of [totalVariation, hellinger, jensenShannon])
      expect(distance([1, 0], [0, 1])).to.be.closeTo(1, 1e-15);
  });
});

describe('stats: noise floors', () => {
  it("mean and 95th percentile are within 1 % of numpy's simulation", () => {
    for (const [m, n1, n2, mean, p95] of golden.floors) {
      const floor = noiseFloor(m, 1 / n1 + (n2 === null ? 0 : 1 / n2));
      near(floor.mean, mean, 0.01, 'mean');
      near(floor.p95, p95, 0.01, 'p95');
    }
  });

  it('of two symbols is the half-normal, exactly', () => {
    const floor = noiseFloor([0.3, 0.7], 0.002);
    const deviation = Math.sqrt(0.3 * 0.7 * 0.002);
    near(floor.mean, deviation * Math.sqrt(2 / Math.PI), 1e-12);
    near(floor.p95, deviation * 1.959963984540054, 1e-6);
  });

  it('takes the pairs of many small symbols together', () => {
    // 65 of the same size: one by one up to 64, in one pass beyond.
    const even = (k: number): number[] => Array.from({ length: k }, () => 1 / k);
    const [below, above] = [noiseFloor(even(64), 1e-4), noiseFloor(even(65), 1e-4)];
    near(above.p95 / above.mean, below.p95 / below.mean, 2e-3);
    expect(noiseFloor(even(20_000), 1e-4).p95).to.be.above(noiseFloor(even(20_000), 1e-4).mean);
  });

  it('lists as worked out by hand: against a profile of the same size, and against truth', () => {
    const list = [500, 1000, 5198, 10_000, 20_652, 22_550, 100_000, 1_000_000].map((n) =>
      [2 / n, 1 / n].map((s2) => (100 * noiseFloor(HOST, s2).mean).toFixed(2)).join('/'),
    );
    expect(list.join(' ')).to.equal('5.63/3.98 3.98/2.82 1.75/1.24 1.26/0.89 0.88/0.62 0.84/0.59 0.40/0.28 0.13/0.09');
  });

  it('falls with n, and is nothing between truths or for one symbol', () => {
    fc.assert(
      fc.property(three, fc.double({ min: 1e-7, max: 0.1, noNaN: true }), ([p], s2) => {
        const [floor, half] = [noiseFloor(p, s2), noiseFloor(p, s2 / 4)];
        expect(half.mean).to.be.closeTo(floor.mean / 2, 1e-12);
        expect(half.p95).to.be.closeTo(floor.p95 / 2, 1e-9);
        if (floor.mean > 0) expect(floor.p95 / floor.mean).to.be.within(1, 2.4565);
      }),
      { seed: 3, numRuns: 60 },
    );
    expect(noiseFloor(HOST, 0)).to.deep.equal({ mean: 0, p95: 0 });
    expect(noiseFloor([1], 0.1)).to.deep.equal({ mean: 0, p95: 0 });
    expect(jensenShannonFloor(1, 0.1)).to.equal(0);
  });

  it('of the Jensen-Shannon divergence is what perfect profiles have', () => {
    const next = random('jsd');
    let sum = 0;
    for (let i = 0; i < 400; i++)
      sum += jensenShannon(sharesOf(draw(HOST, 5198, next)), sharesOf(draw(HOST, 20652, next)));
    near(sum / 400, jensenShannonFloor(7, 1 / 5198 + 1 / 20652), 0.06);
  });
});
