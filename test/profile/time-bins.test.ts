import { expect } from 'chai';
import fc from 'fast-check';
import { TimeBins } from '../../src/profile/time-bins.ts';
import { nanos } from '../../src/units.ts';

const sum = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0);

describe('TimeBins', () => {
  it('begins with the tick of the first sample and is a tick wide', () => {
    const bins = new TimeBins(nanos(100));
    for (const time of [250, 260, 310, 520]) bins.add(nanos(time), time);
    bins.stop(nanos(350), nanos(420));
    expect(bins.taken()).to.deep.equal({
      start: 200,
      end: 520,
      width: 100,
      samples: [2, 1, 0, 1],
      periods: [510, 310, 0, 520],
      stopped: [0, 50, 20, 0],
    });
  });

  it('has nothing to say of nothing', () => {
    expect(new TimeBins(undefined).taken()).to.equal(undefined);
  });

  it('keeps every sample and stop, however long it goes on, in no more bins than it may have', () => {
    const step = fc.record({
      wait: fc.integer({ min: 1, max: 40_000 }),
      period: fc.integer({ min: 1, max: 1000 }),
      stopped: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 300 }), (steps) => {
        const bins = new TimeBins(nanos(50));
        let [time, samples, periods, stopped] = [1000, 0, 0, 0];
        for (const { wait, period, stopped: stops } of steps) {
          if (stops) {
            bins.stop(nanos(time), nanos(time + wait));
            stopped += wait;
          }
          time += wait;
          bins.add(nanos(time), period);
          samples++;
          periods += period;
        }
        const taken = bins.taken()!;
        expect(taken.samples.length).to.be.at.most(256);
        expect(taken.width % 50).to.equal(0);
        expect(taken.start + taken.width * taken.samples.length).to.be.greaterThan(taken.end);
        expect([taken.end, sum(taken.samples), sum(taken.periods), sum(taken.stopped)]).to.deep.equal([
          time,
          samples,
          periods,
          stopped,
        ]);
        for (const part of taken.stopped) expect(part).to.be.at.most(taken.width);
      }),
      { numRuns: 50 },
    );
  });
});
