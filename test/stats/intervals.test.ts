import { expect } from 'chai';
import fc from 'fast-check';
import { goodman, wilson } from '../../src/stats/intervals.ts';
import { golden, near, rfcCounts, sharesOf } from './golden.ts';

const share = fc.integer({ min: 0, max: 10_000 }).map((x) => x / 10_000);
const samples = fc.integer({ min: 1, max: 1e7 });

describe('stats: intervals of shares', () => {
  it("Wilson's is scipy's", () => {
    for (const [k, n, alpha, low, high] of golden.intervals.wilson) {
      const interval = wilson(k! / n!, n!, alpha);
      near(interval.high, high!, 1e-12);
      expect(interval.low).to.be.closeTo(low!, 1e-14);
    }
  });

  it("Goodman's solves his quadratic", () => {
    for (const [name, n, rows] of golden.intervals.goodman)
      goodman(sharesOf(rfcCounts(name)), n).forEach(({ low, high }, i) => {
        near(low, rows[i]![0]!, 1e-10);
        near(high, rows[i]![1]!, 1e-10);
      });
  });

  it('hold the share, lie in [0, 1], mirror, and shrink with n and alpha', () => {
    fc.assert(
      fc.property(share, samples, (p, n) => {
        const { low, high } = wilson(p, n);
        expect(low).to.be.within(0, p);
        expect(high).to.be.within(p, 1);
        const mirrored = wilson(1 - p, n);
        expect(mirrored.low).to.be.closeTo(1 - high, 1e-12);
        const more = wilson(p, 2 * n);
        expect(more.high - more.low).to.be.below(high - low);
        const surer = wilson(p, n, 0.01);
        expect(surer.high - surer.low).to.be.above(high - low);
        const [one, other] = goodman([p, 1 - p], n);
        expect(one!.low).to.be.at.most(low);
        expect(other!.high).to.be.at.least(mirrored.high);
      }),
      { seed: 1 },
    );
  });

  it('truth has no width', () => {
    expect(wilson(0.3, Infinity)).to.deep.equal({ low: 0.3, high: 0.3 });
    expect(goodman([0.3, 0.7], Infinity)[1]).to.deep.equal({ low: 0.7, high: 0.7 });
  });
});
