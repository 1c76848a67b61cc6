import fc from 'fast-check';
import {
  betaI,
  binomialTail,
  chiSquareQuantile,
  chiSquareTail,
  deviateOf,
  gammaP,
  gammaQ,
  lnGamma,
  log1pmx,
  nonCentralTail,
  poissonTail,
  studentTwoSided,
  twoSided,
} from '../../src/stats/special.ts';
import { expect } from 'chai';
import { golden, near } from './golden.ts';

describe('stats: special functions', () => {
  const cases: readonly [keyof typeof golden.special, (...x: number[]) => number, number][] = [
    ['lnGamma', (a) => lnGamma(a), 1e-13],
    ['chiSquareTail', (x, df) => chiSquareTail(x, df), 1e-12],
    ['gammaP', (a, x) => gammaP(a, x), 1e-12],
    ['twoSided', (z) => twoSided(z), 1e-12],
    ['chiSquareQuantile', (tail, df) => chiSquareQuantile(tail, df), 1e-11],
    ['betaI', (x, a, b) => betaI(x, a, b), 1e-12],
    ['binomialTail', (n, p, k) => binomialTail(n, p, k), 1e-12],
    ['studentTwoSided', (t, df) => studentTwoSided(t, df), 1e-12],
    ['nonCentralTail', (x, df, lambda) => nonCentralTail(x, df, lambda), 1e-12],
  ];
  for (const [name, f, relative] of cases)
    it(`${name} is within ${relative} of mpmath or scipy`, () => {
      for (const row of golden.special[name]) {
        const [args, wanted] = [row.slice(0, -1), row.at(-1)!];
        if (wanted === 0) expect(Math.abs(f(...args))).to.be.below(1e-13);
        else near(f(...args), wanted, relative, `${name}(${args.join(', ')})`);
      }
    });

  it('tails fall, complements add up to 1 and quantiles invert', () => {
    const df = fc.double({ min: 0.5, max: 2000, noNaN: true });
    const ratio = fc.double({ min: 0.01, max: 3, noNaN: true });
    fc.assert(
      fc.property(df, ratio, ratio, (n, r, s) => {
        const [x, y] = [n * Math.min(r, s), n * Math.max(r, s)];
        expect(chiSquareTail(y, n)).to.be.at.most(chiSquareTail(x, n) * (1 + 1e-13));
        expect(gammaP(n, x) + gammaQ(n, x)).to.be.closeTo(1, 1e-13);
        const p = chiSquareTail(x, n);
        if (p > 1e-250 && p < 0.99) near(chiSquareTail(chiSquareQuantile(p, n), n), p, 1e-11);
      }),
      { numRuns: 60, seed: 1 },
    );
    fc.assert(
      fc.property(fc.double({ min: 1e-290, max: 1, noNaN: true }), (p) => near(twoSided(deviateOf(p)), p, 1e-11)),
      { numRuns: 200, seed: 2 },
    );
    fc.assert(
      fc.property(df, df, fc.integer({ min: 0, max: 1024 }), (a, b, part) => {
        const x = part / 1024;
        expect(betaI(x, a, b) + betaI(1 - x, b, a)).to.be.closeTo(1, 1e-12);
      }),
      { numRuns: 100, seed: 3 },
    );
  });

  it('knows the ends', () => {
    expect(chiSquareTail(0, 6)).to.equal(1);
    expect(chiSquareTail(Infinity, 6)).to.equal(0);
    expect(chiSquareTail(12, 0)).to.equal(1);
    expect(poissonTail(3, 0)).to.equal(1);
    expect(poissonTail(0.5, 1)).to.be.closeTo(1 - Math.exp(-0.5), 1e-15);
    expect([binomialTail(10, 0.5, 0), binomialTail(10, 0.5, 11), betaI(0, 2, 3), betaI(1, 2, 3)]).to.deep.equal([
      1, 0, 0, 1,
    ]);
    expect(deviateOf(1)).to.equal(0);
    expect(nonCentralTail(3, 2, 0)).to.equal(chiSquareTail(3, 2));
    for (const t of [-0.9, -0.3, -1e-9, 0, 1e-9, 0.4, 5])
      expect(log1pmx(t)).to.be.closeTo(Math.log1p(t) - t, 1e-16 * Math.abs(t) + 1e-15 * Math.abs(Math.log1p(t)));
  });
});
