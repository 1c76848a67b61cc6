import { expect } from 'chai';
import fc from 'fast-check';
import { goodnessOfFit, homogeneity } from '../../src/stats/homogeneity.ts';
import { holm, proportionAgainst, twoProportions } from '../../src/stats/symbols.ts';
import { golden, near, sharesOf } from './golden.ts';

const counts = fc
  .integer({ min: 2, max: 12 })
  .chain((k) => {
    const list = fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: k, maxLength: k });
    return fc.tuple(list, list);
  })
  .filter((lists) => lists.every((list) => list.some((x) => x > 0)));
const total = (list: readonly number[]): number => list.reduce((sum, x) => sum + x, 0);

describe('stats: tests of homogeneity', () => {
  it("against truth are scipy's", () => {
    for (const {
      counts: [a, b],
      fit,
    } of golden.pairs) {
      const test = goodnessOfFit(sharesOf(a), sharesOf(b), total(a));
      near(test.chiSquare, fit.chiSquare, 1e-10);
      near(test.p, fit.p, 1e-9);
      near(test.g, fit.g, 1e-9);
      expect(test).to.include({ kind: 'goodness-of-fit', df: 6 });
      near(test.effect, Math.sqrt(fit.chiSquare / total(a)), 1e-10);
    }
  });

  it('are symmetric, keep p and V in [0, 1], and do not depend on names', () => {
    fc.assert(
      fc.property(counts, ([a, b]) => {
        const [p, q, n, m] = [sharesOf(a), sharesOf(b), total(a), total(b)];
        const test = homogeneity(p, q, n, m);
        expect(test.p).to.be.within(0, 1);
        expect(test.gp).to.be.within(0, 1);
        expect(test.effect).to.be.within(0, 1 + 1e-9);
        expect(test.g).to.be.at.least(-1e-9);
        expect(homogeneity(q, p, m, n).chiSquare).to.be.closeTo(test.chiSquare, 1e-8 * (1 + test.chiSquare));
        expect(homogeneity(p.toReversed(), q.toReversed(), n, m).p).to.be.closeTo(test.p, 1e-9);
        expect(homogeneity(p, p, n, m).p).to.be.closeTo(1, 1e-9);
        if (test.pooled.length === 0 && test.df > 0) {
          const more = homogeneity(p, q, 2 * n, 2 * m);
          if (more.df === test.df) expect(more.p).to.be.at.most(test.p + 1e-12);
        }
      }),
      { seed: 1 },
    );
  });

  it('pool rare symbols and drop none', () => {
    const a = [900, 80, 3, 2, 2, 1, 1, 1];
    const b = [880, 100, 1, 2, 1, 2, 1, 3];
    const test = homogeneity(sharesOf(a), sharesOf(b), total(a), total(b));
    expect(test.pooled).to.deep.equal([2, 3, 4, 5, 6, 7]);
    expect(test.df).to.equal(2);
    const pooled = (list: readonly number[]): number[] => [list[0]!, list[1]!, total(list.slice(2))];
    const wanted = homogeneity(sharesOf(pooled(a)), sharesOf(pooled(b)), total(a), total(b));
    near(test.chiSquare, wanted.chiSquare, 1e-12);
  });

  it('let the next smallest join a pooled cell that is itself hardly expected', () => {
    const test = homogeneity(sharesOf([500, 60, 0]), sharesOf([480, 79, 1]), 560, 560);
    expect(test.pooled).to.have.members([1, 2]);
    expect(test.df).to.equal(1);
    // Nothing is left to compare: no difference shown.
    expect(homogeneity([1, 0], [0.999, 0.001], 100, 100)).to.include({ df: 0, p: 1, chiSquare: 0 });
  });

  it('do not pool away a symbol that truth does not have', () => {
    // Renamed: half of the samples lie in a symbol that is never expected.
    const renamed = goodnessOfFit([0.5, 0, 0.5], [0.5, 0.5, 0], 1000);
    expect(renamed.pooled).to.deep.equal([]);
    expect(renamed.p).to.be.below(1e-100);
    expect(Number.isFinite(renamed.chiSquare)).to.equal(true);
    // A single stray sample is no finding.
    const stray = goodnessOfFit([0.5, 0.499, 0.001], [0.5, 0.5, 0], 1000);
    expect(stray.p).to.be.above(0.9);
  });
});

describe('stats: tests of single symbols', () => {
  it('are the normal ones where five are expected, exact where fewer', () => {
    near(twoProportions(0.1545, 0.1214, 5198, 20652).z, 6.38, 1e-3);
    near(proportionAgainst(0.16, 0.15, 10_000).z, 0.01 / Math.sqrt((0.15 * 0.85) / 10_000), 1e-12);
    // Three samples on one side, none on the other of the same size: twice 1/8.
    near(twoProportions(0.003, 0, 1000, 1000).p, 0.25, 1e-9);
    // Twice P(Binomial(1000, 0.001) >= 5), from scipy.
    near(proportionAgainst(0.005, 0.001, 1000).p, 0.007273756059043584, 1e-9);
    expect(proportionAgainst(0, 0, 1000)).to.deep.equal({ z: 0, p: 1 });
    expect(proportionAgainst(1, 1, 1000)).to.deep.equal({ z: 0, p: 1 });
    expect(twoProportions(1, 1, 10, 10)).to.deep.equal({ z: 0, p: 1 });
    // Unknown to truth: one sample may be astray, twenty are not.
    expect(proportionAgainst(0.001, 0, 1000).p).to.be.above(0.3);
    expect(proportionAgainst(0.02, 0, 1000).p).to.be.below(1e-20);
  });

  it('change sign with the sides', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 400 }), (x, y) => {
        const [one, other] = [twoProportions(x / 400, y / 900, 400, 900), twoProportions(y / 900, x / 400, 900, 400)];
        expect(one.z + other.z).to.be.closeTo(0, 1e-6);
        expect(one.p).to.be.closeTo(other.p, 1e-9);
        expect(one.p).to.be.within(0, 1);
      }),
      { seed: 2 },
    );
  });

  it("Holm's adjustment orders as p does, is never below p nor below Bonferroni's first", () => {
    expect(holm([0.01, 0.04, 0.03, 0.005])).to.deep.equal([0.03, 0.06, 0.06, 0.02]);
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }), (p) => {
        const adjusted = holm(p);
        p.forEach((x, i) => {
          expect(adjusted[i]).to.be.within(x, Math.min(1, x * p.length));
          p.forEach((y, j) => {
            if (x < y) expect(adjusted[i]).to.be.at.most(adjusted[j]!);
          });
        });
        near(Math.min(...adjusted), Math.min(1, Math.min(...p) * p.length), 1e-12);
      }),
      { seed: 3 },
    );
  });
});
