import { expect } from 'chai';
import fc from 'fast-check';
import { homogeneity } from '../../src/stats/homogeneity.ts';
import {
  leastShift,
  minimumDetectableShift,
  nonCentrality,
  samplesToDetect,
  shiftBetween,
  shiftFrom,
} from '../../src/stats/power.ts';
import { draw, random } from './draw.ts';
import { golden, near, rfcCounts, sharesOf } from './golden.ts';

const HOST = sharesOf(rfcCounts('host'));
const [QUX, FOO, BAR] = HOST as [number, number, number];

describe('stats: power', () => {
  it("non-centralities are scipy's", () => {
    for (const [df, alpha, power, lambda] of golden.power)
      near(nonCentrality(df!, { alpha: alpha!, power: power! }), lambda!, 1e-10);
    expect(nonCentrality(0)).to.equal(Infinity);
  });

  it('thousands of samples that find a shift, as worked out by hand', () => {
    const lambda = nonCentrality(6);
    const foobar = shiftBetween(FOO, BAR);
    const list = [
      samplesToDetect(lambda, foobar, 0.01, 'profile'),
      samplesToDetect(lambda, foobar, 0.01, 'truth'),
      samplesToDetect(lambda, foobar, 0.005, 'profile'),
      samplesToDetect(lambda, foobar, 0.02, 'profile'),
      samplesToDetect(lambda, foobar, 0.03, 'profile'),
      samplesToDetect(lambda, shiftFrom(QUX), 0.01, 'profile'),
    ].map((n) => (n / 1000).toFixed(1));
    expect(list).to.deep.equal(['18.7', '9.3', '74.8', '4.7', '2.1', '64.1']);
  });

  it('the smallest shift and the samples that find it are inverse', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 4, max: 1000, noNaN: true }),
        fc.double({ min: 1e-4, max: 0.3, noNaN: true }),
        (df, shape, shift) => {
          const lambda = nonCentrality(df);
          const n = samplesToDetect(lambda, shape, shift, 'profile');
          near(minimumDetectableShift(lambda, shape, 2 / n), shift, 1e-12);
          near(minimumDetectableShift(lambda, shape, 2 / n / 4), shift / 2, 1e-12);
          const m = samplesToDetect(lambda, shape, shift, 'truth');
          near(m, n / 2, 1e-12);
        },
      ),
      { seed: 1, numRuns: 20 },
    );
    expect(minimumDetectableShift(5, 4, 0)).to.equal(0);
  });

  it('no shift is harder to find than the hardest', () => {
    const least = leastShift(HOST);
    const sets = Array.from({ length: 2 ** HOST.length - 2 }, (_, i) => i + 1).map((bits) =>
      HOST.reduce((sum, x, i) => sum + ((bits >> i) & 1 ? x : 0), 0),
    );
    const hardest = Math.min(...sets.map(shiftFrom));
    expect(hardest).to.be.within(least, least * 1.01);
    expect(leastShift([0.9, 0.06, 0.04])).to.equal(shiftFrom(0.9));
  });

  it('a shift of one point is found as often as the formula says', () => {
    const next = random('power');
    const n = Math.round(samplesToDetect(nonCentrality(6), shiftBetween(FOO, BAR), 0.01, 'profile'));
    // Half of the point on either side keeps the pooled shares those of the formula.
    const shifted = (by: number): number[] => HOST.map((x, i) => (i === 1 ? x + by : i === 2 ? x - by : x));
    const [one, other] = [shifted(0.005), shifted(-0.005)];
    let found = 0;
    for (let i = 0; i < 1000; i++)
      if (homogeneity(sharesOf(draw(one, n, next)), sharesOf(draw(other, n, next)), n, n).p < 0.05) found++;
    expect(found / 1000).to.be.closeTo(0.8, 0.03);
  });
});
