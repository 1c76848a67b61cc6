/** Intervals of distances hold the true one as often as they say: hundreds of profiles drawn from known shares. */
import { expect } from 'chai';
import { totalVariation } from '../../src/stats/distance.ts';
import {
  type AlignedProfile,
  distanceDifferences,
  resampleShares,
  totalVariationInterval,
} from '../../src/stats/resample.ts';
import { draw, random } from '../stats/draw.ts';
import { rfcCounts, sharesOf } from '../stats/golden.ts';

const HOST = sharesOf(rfcCounts('host'));

describe("stats: a distance's interval", () => {
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

  it('covers it too where samples are so few that most symbols were never seen', () => {
    const next = random('few');
    const long = sharesOf(Array.from({ length: 60 }, (_, i) => 1 / (i + 1)));
    for (const [n1, n2] of [
      [5, Infinity],
      [5, 20_000],
      [5, 7],
    ] as const) {
      let covered = 0;
      for (let i = 0; i < 100; i++) {
        const [p, q] = [n1, n2].map((n) => resampleShares(long, n, next));
        if (totalVariationInterval(p!, q!, n1, n2, { random: next, resamples: 100 }).low === 0) covered++;
      }
      expect(covered, `${n1} ${n2}`).to.be.at.least(92);
    }
  });

  it('covers the distance of profiles that share so little that hardly a sample shows it', () => {
    const next = random('little');
    for (const [p, q, n] of [
      [[0.66, 0.335, 0.005, 0, 0], [0, 0, 0.005, 0.66, 0.335], 300],
      [[0.66, 0.3, 0.04, 0, 0], [0, 0, 0.04, 0.66, 0.3], 30],
      [[0.5, 0.496, 0.002, 0.002], [0.002, 0.002, 0.5, 0.496], 500],
    ] as const) {
      let covered = 0;
      for (let i = 0; i < 300; i++) {
        const [a, b] = [resampleShares(p, n, next), resampleShares(q, n, next)];
        const { low, high } = totalVariationInterval(a, b, n, n, { random: next, resamples: 200 });
        const distance = totalVariation(p, q);
        if (low <= distance && distance <= high) covered++;
      }
      expect(covered / 300, `${n}`).to.be.above(0.93);
    }
  });
});

describe('stats: the interval of a difference of distances', () => {
  const HOST_TRUTH: AlignedProfile = { shares: HOST, n: Infinity };
  const drawn = (shares: readonly number[], n: number, next: () => number): AlignedProfile => ({
    shares: sharesOf(draw(shares, n, next)),
    n,
  });

  it('tells a good profile from a bad one, and covers their difference', () => {
    const next = random('difference');
    const bad = sharesOf(HOST.map((x, i) => x + [0, 0.03, -0.03, 0, 0, 0, 0][i]!));
    let [covered, told] = [0, 0];
    for (let i = 0; i < 200; i++) {
      const profiles = [drawn(bad, 10_000, next), drawn(HOST, 10_000, next)];
      const [d] = distanceDifferences(profiles, HOST_TRUTH, { random: next, resamples: 200 });
      if (d!.low > 0) told++;
      if (d!.low <= 0.03 && 0.03 <= d!.high) covered++;
    }
    expect(covered / 200).to.be.above(0.93);
    expect(told / 200).to.be.above(0.95);
  });

  it('does not blame a perfect profile for having fewer samples, as a percentile interval does', () => {
    const next = random('perfect');
    let [wrong, percentileWrong] = [0, 0];
    for (let i = 0; i < 200; i++) {
      const profiles = [drawn(HOST, 22_550, next), drawn(HOST, 5198, next)];
      const [d] = distanceDifferences(profiles, HOST_TRUTH, { random: next, resamples: 200 });
      if (d!.low > 0 || d!.high < 0) wrong++;
      if (d!.percentile.high < 0) percentileWrong++;
    }
    expect(wrong / 200).to.be.below(0.05);
    expect(percentileWrong / 200).to.be.above(0.2);
  });
});
