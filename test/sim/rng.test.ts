/** Random streams: the golden values are part of the seed contract, because every result depends on them. */
import { expect } from 'chai';
import { stream } from '../../src/sim/rng.ts';

const draws = (seed: string, path: string, n: number): number[] => {
  const s = stream(seed, path);
  return Array.from({ length: n }, () => s.uniform());
};

describe('sim/rng', () => {
  it('draws these numbers and no others', () => {
    const golden = [0.9990931618958712, 0.5263800139073282, 0.9268332398496568, 0.22207657527178526];
    expect(draws('gperf', 'run=0/core=0/skid', 4)).to.deep.equal(golden);
  });

  it('is a function of seed and path', () => {
    expect(draws('a', 'p', 50)).to.deep.equal(draws('a', 'p', 50));
    expect(draws('a', 'p', 50)).to.not.deep.equal(draws('b', 'p', 50));
    expect(draws('a', 'p', 50)).to.not.deep.equal(draws('a', 'q', 50));
    expect(draws('a', 'b/c', 5), 'seed and path do not run together').to.not.deep.equal(draws('a/b', 'c', 5));
  });

  it('streams do not disturb each other', () => {
    const alone = draws('s', 'one', 20);
    const [one, other] = [stream('s', 'one'), stream('s', 'other')];
    const beside = alone.map((_, i) => {
      for (let k = 0; k < i; k++) other.uniform();
      return one.uniform();
    });
    expect(beside).to.deep.equal(alone);
  });

  it('neighbouring paths are uncorrelated and uniform', () => {
    const n = 20_000;
    const [a, b] = [draws('s', 'run=0', n), draws('s', 'run=1', n)];
    const mean = (xs: readonly number[]): number => xs.reduce((sum, x) => sum + x, 0) / xs.length;
    const covariance = mean(a.map((x, i) => (x - 0.5) * (b[i]! - 0.5)));
    // Six standard errors: with a fixed seed this always or never fails.
    expect(Math.abs(mean(a) - 0.5)).to.be.lessThan(6 * Math.sqrt(1 / 12 / n));
    expect(Math.abs(covariance)).to.be.lessThan(6 / 12 / Math.sqrt(n));
    expect(a.every((x) => x >= 0 && x < 1)).to.equal(true);
  });

  it('exponentials have their mean, and are the logarithm of the same uniforms', () => {
    const n = 20_000;
    const s = stream('s', 'exp');
    const xs = Array.from({ length: n }, () => s.exponential(20));
    expect(xs.reduce((sum, x) => sum + x, 0) / n).to.be.within(19.2, 20.8);
    expect(Math.min(...xs)).to.be.at.least(0);
    const again = stream('s', 'exp');
    expect(xs.slice(0, 100).map((x) => 1 - Math.exp(-x / 20))).to.satisfy((us: number[]) =>
      us.every((u) => Math.abs(u - again.uniform()) < 1e-12),
    );
  });
});
