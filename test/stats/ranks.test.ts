import { expect } from 'chai';
import { wilson } from '../../src/stats/intervals.ts';
import { rankAgreement, topAgreement, type RankAgreement } from '../../src/stats/ranks.ts';
import { near } from './golden.ts';

const agreement = (a: readonly number[], b: readonly number[], n: number): RankAgreement =>
  rankAgreement(
    a,
    b,
    a.map((x) => wilson(x, n)),
    b.map((x) => wilson(x, n)),
  );

describe('stats: ranks', () => {
  const a = [0.4, 0.3, 0.16, 0.14];
  const b = [0.3, 0.4, 0.14, 0.16];

  it('count the order of resolved pairs only', () => {
    // At a million samples every pair counts: four alike, two swapped.
    expect(agreement(a, b, 1e6)).to.deep.include({ concordant: 4, discordant: 2, tied: 0 });
    near(agreement(a, b, 1e6).tau, 1 / 3, 1e-12);
    // At 1,000 the last two are tied on either side: tau-b of 4 and 1 among 5.
    const less = agreement(a, b, 1000);
    expect(less).to.deep.include({ concordant: 4, discordant: 1, tied: 1 });
    near(less.tau, 3 / 5, 1e-12);
    near(less.plain, 1 / 3, 1e-12);
    // At ten nothing is resolved, so nothing disagrees.
    expect(agreement(a, b, 10)).to.deep.include({ tau: 1, tied: 6 });
  });

  it('a pair resolved on one side alone weighs against agreement, by half', () => {
    // tau-b: (C - D) / sqrt(3 * 2).
    const mixed = rankAgreement(
      [0.5, 0.3, 0.2],
      [0.5, 0.26, 0.24],
      [0.5, 0.3, 0.2].map((x) => wilson(x, 1e5)),
      [0.5, 0.26, 0.24].map((x) => wilson(x, 500)),
    );
    expect(mixed).to.deep.include({ concordant: 2, discordant: 0, tied: 1, plain: 1 });
    near(mixed.tau, 2 / Math.sqrt(6), 1e-12);
  });

  it('the top is a set', () => {
    expect(topAgreement(a, b, 2)).to.equal(1);
    expect(topAgreement([0.5, 0.3, 0.2], [0.2, 0.3, 0.5], 1)).to.equal(0);
    expect(topAgreement([0.5, 0.3, 0.2, 0], [0.2, 0.3, 0, 0.5], 3)).to.be.closeTo(2 / 3, 1e-12);
    expect(topAgreement([1], [1])).to.equal(1);
  });
});
