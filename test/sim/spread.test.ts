/** Times that spread: the table's mean, its quantiles and its longest draws, and who shares draws with whom. */
import { expect } from 'chai';
import fc from 'fast-check';
import { exp } from '../../src/sim/math.ts';
import { stream } from '../../src/sim/rng.ts';
import { cellOf, countersOf, logNormalTable, nextBits } from '../../src/sim/spread.ts';

const NAMES = ['exit', 'wrmsr', 'mutex'] as const;
const counters = (seed: string, names: readonly string[] = NAMES): Int32Array => countersOf(stream(seed, 'x'), names);
const draws = (of: Int32Array, i: number, n: number): number[] => Array.from({ length: n }, () => nextBits(of, i));

describe('sim/spread', () => {
  it('a table has mean 1 whatever its sigma, over all 32 bits', () => {
    for (const sigma of [0, 0.3, 0.8, 1.5]) {
      const table = logNormalTable(sigma);
      let [sum, n] = [0, 0];
      // Every cell, and every cell of the last one.
      for (let high = 0; high < 1024; high++)
        for (const low of high === 1023 ? Array.from({ length: 1024 }, (_, i) => i) : [0]) {
          const share = high === 1023 ? 1 / 1024 : 1;
          sum += share * table[cellOf((high << 22) | (low << 12))]!;
          n += share;
        }
      expect(sum / n, `sigma ${sigma}`).to.be.closeTo(1, 1e-12);
    }
  });

  it('has the quantiles of a log-normal variable, up to one in a million', () => {
    const sigma = 0.8;
    const table = logNormalTable(sigma);
    const at = (p: number): number => table[cellOf(Math.floor(p * 2 ** 32))]!;
    const standard = { 0.5: 0, 0.841344746: 1, 0.977249868: 2, 0.998650102: 3, 0.999968329: 4 };
    for (const [p, z] of Object.entries(standard))
      // A cell is a thousandth of the draws.
      expect(at(Number(p)) / exp(sigma * z - (sigma * sigma) / 2), p).to.be.closeTo(1, 0.03);
    expect(table[cellOf(-1)]! / exp(sigma * 4.9 - (sigma * sigma) / 2)).to.be.closeTo(1, 0.02);
    for (let i = 1; i < 2 ** 20; i += 997) expect(at(i / 2 ** 20)).to.be.at.least(at((i - 1) / 2 ** 20));
  });

  it('sigma 0 is always exactly the mean', () => {
    expect([...new Set(logNormalTable(0))]).to.deep.equal([1]);
  });

  it('draws are uniform, and neither repeat nor follow each other', () => {
    const of = counters('a');
    const n = 1 << 16;
    const seen = draws(of, 0, n);
    expect(new Set(seen).size).to.be.at.least(n - 1);
    const bins = new Float64Array(64);
    let pairs = 0;
    const uniform = seen.map((bits) => (bits >>> 0) / 2 ** 32);
    uniform.forEach((u, i) => {
      bins[Math.floor(u * 64)]! += 1;
      if (i > 0) pairs += (u - 0.5) * (uniform[i - 1]! - 0.5) * 12;
    });
    const chi2 = bins.reduce((sum, count) => sum + (count - n / 64) ** 2 / (n / 64), 0);
    expect(chi2, 'of 63 degrees of freedom').to.be.within(30, 110);
    expect(Math.abs(pairs / n), 'correlation').to.be.below(4 / Math.sqrt(n));
  });

  it('a purpose draws the same, whatever others draw in between and whoever else there is', () => {
    const alone = draws(counters('a', ['wrmsr']), 0, 50);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 2), { maxLength: 50 }), (others) => {
        const of = counters('a');
        const seen = alone.map((_, i) => {
          for (const other of others.slice(0, i)) nextBits(of, other);
          return nextBits(of, 1);
        });
        expect(seen).to.deep.equal(alone);
      }),
      { numRuns: 20 },
    );
    expect(draws(counters('b', ['wrmsr']), 0, 50)).to.not.deep.equal(alone);
    expect(draws(counters('a', ['rdmsr']), 0, 50)).to.not.deep.equal(alone);
  });
});
