import { expect } from 'chai';
import fc from 'fast-check';
import { quantile, quantileEstimate, summarise } from '../../src/stats/summary.ts';
import { random } from './draw.ts';
import { golden, near } from './golden.ts';

describe('stats: summary', () => {
  it("has numpy's quantiles, Student's interval and binomial ranks", () => {
    for (const { values, median, p99, mean, meanInterval, medianRanks, p99Ranks } of golden.quantiles) {
      const s = summarise(values);
      const sorted = values.toSorted((x, y) => x - y);
      near(s.median.value, median, 1e-12);
      near(s.p99.value, p99, 1e-12);
      near(s.mean.value, mean, 1e-12);
      expect([s.n, s.min, s.max]).to.deep.equal([values.length, sorted[0], sorted.at(-1)]);
      if (meanInterval === null) expect(s.mean).to.not.have.any.keys('low', 'high');
      else {
        near(s.mean.low!, meanInterval[0]!, 1e-9);
        near(s.mean.high!, meanInterval[1]!, 1e-9);
      }
      for (const [estimate, ranks] of [
        [s.median, medianRanks],
        [s.p99, p99Ranks],
      ] as const)
        expect([estimate.low, estimate.high]).to.deep.equal([sorted[ranks[0]! - 1], sorted[ranks[1]! - 1]]);
    }
  });

  it('says from how many values an end is known', () => {
    const up = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
    expect(quantileEstimate(up(5), 0.5)).to.deep.equal({ value: 3, low: undefined, high: undefined });
    expect(quantileEstimate(up(6), 0.5)).to.deep.equal({ value: 3.5, low: 1, high: 6 });
    expect(quantileEstimate(up(367), 0.99).high).to.equal(undefined);
    expect(quantileEstimate(up(368), 0.99).high).to.equal(368);
    expect(() => summarise([])).to.throw(RangeError, 'no values');
  });

  it('quantiles rise with q, lie within the values and follow them', () => {
    const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 40 });
    const part = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(values, part, part, (list, x, y) => {
        const sorted = list.toSorted((a, b) => a - b);
        const [low, high] = [quantile(sorted, Math.min(x, y)), quantile(sorted, Math.max(x, y))];
        expect(low).to.be.at.most(high + 1e-9);
        expect(low).to.be.at.least(sorted[0]! - 1e-9);
        expect(high).to.be.at.most(sorted.at(-1)! + 1e-9);
        expect(
          quantile(
            sorted.map((v) => 2 * v + 1),
            x,
          ),
        ).to.be.closeTo(2 * quantile(sorted, x) + 1, 1e-6);
      }),
      { seed: 1 },
    );
  });

  it('covers the median of a lopsided distribution', () => {
    const next = random('median');
    let covered = 0;
    for (let i = 0; i < 1000; i++) {
      const sorted = Array.from({ length: 25 }, () => next() ** 4).toSorted((x, y) => x - y);
      const { low, high } = quantileEstimate(sorted, 0.5);
      if (low! <= 0.0625 && 0.0625 <= high!) covered++;
    }
    expect(covered / 1000).to.be.within(0.94, 0.98);
  });
});
