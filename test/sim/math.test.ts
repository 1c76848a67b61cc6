import { expect } from 'chai';
import { exp, lnFactorial, log, log1m, probit } from '../../src/sim/math.ts';

/** Bits of a double, so that a golden value is exact. */
const bits = (x: number): string => {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  return view.getBigUint64(0).toString(16);
};

describe('math', () => {
  it('log and exp are within an ulp or so of the engine at hand', () => {
    for (let i = 1; i < 5000; i++) {
      const x = Math.pow(1.011, i - 2500) * (1 + i / 7919);
      expect(Math.abs(log(x) - Math.log(x))).to.be.at.most(3e-16 * Math.max(1, Math.abs(Math.log(x))));
      const y = (i - 2500) / 3.7;
      if (y > -700 && y < 700) expect(Math.abs(exp(y) / Math.exp(y) - 1)).to.be.at.most(5e-16);
    }
    expect(exp(-701)).to.equal(0);
    for (const p of [0, 1e-12, 1e-5, 9.9e-5, 1.1e-4, 0.3, 0.999])
      expect(Math.abs(log1m(p) - Math.log1p(-p))).to.be.at.most(1e-15 * Math.max(1, -Math.log1p(-p)));
  });

  it('ln n! joins its table and its series', () => {
    expect(lnFactorial(0)).to.equal(0);
    expect(lnFactorial(20)).to.be.closeTo(Math.log(2432902008176640000), 1e-13);
    for (const n of [4094, 4095, 4096, 4097, 1e6])
      expect(lnFactorial(n) - lnFactorial(n - 1)).to.be.closeTo(Math.log(n), 1e-9);
  });

  it('the normal quantile inverts the distribution', () => {
    for (const [p, z] of [
      [0.5, 0],
      [0.975, 1.959963984540054],
      [0.9999, 3.719016485455709],
      [1e-10, -6.361340902404056],
      [1e-300, -37.0471],
    ] as const)
      expect(probit(p)).to.be.closeTo(z, 1e-4 * Math.abs(z) * (p > 1e-20 ? 1e-9 : 1));
  });

  it('gives the same bits everywhere', () => {
    expect(
      [log(2), log(1e-300), exp(1), exp(-20.5), lnFactorial(100), lnFactorial(123456), probit(0.3), probit(1e-7)].map(
        bits,
      ),
    ).to.deep.equal(GOLDEN);
  });
});

const GOLDEN: readonly string[] = [
  '3fe62e42fefa39ef',
  'c085963447f87fb5',
  '4005bf0a8b14576a',
  '3e157a3afeed00ab',
  '4076bbd47b7669b6',
  '413433807e136b0d',
  'bfe0c7e39582c5fa',
  'c014cc1f26b18707',
];
