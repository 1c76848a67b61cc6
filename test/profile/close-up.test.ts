import { expect } from 'chai';
import { CloseUpFinder, TICKS } from '../../src/profile/close-up.ts';
import { nanos } from '../../src/units.ts';

const TICK = nanos(100);

/** Samples 10 and 20 into every tick; the event is stopped from then to the tick's end. */
function throttled(ticks: number): CloseUpFinder {
  const closeUp = new CloseUpFinder(TICK);
  for (let tick = 7; tick < 7 + ticks; tick++) {
    for (const into of [10, 20]) closeUp.add(nanos(100 * tick + into));
    closeUp.stop(nanos(100 * tick + 25), nanos(100 * tick + 100));
  }
  return closeUp;
}

describe('CloseUp', () => {
  it('has nothing to show of nothing', () => {
    expect(new CloseUpFinder(TICK).taken()).to.equal(undefined);
  });

  it('shows what there is of a short recording', () => {
    expect(throttled(2).taken()).to.deep.equal({
      start: 700,
      tick: 100,
      ticks: TICKS,
      samples: [10, 20, 110, 120],
      stops: [
        [25, 100],
        [125, 200],
      ],
    });
  });

  for (const [ticks, at] of [
    [13, 0],
    [25, 12],
    [100, 48],
    [3000, 1536],
  ] as const)
    it(`shows a dozen whole ticks of ${ticks}, from the ${at}th on`, () => {
      const { start, samples, stops } = throttled(ticks).taken()!;
      expect(start).to.equal(700 + 100 * at);
      expect(samples).to.have.length(2 * TICKS);
      expect(samples.slice(0, 3)).to.deep.equal([10, 20, 110]);
      expect(stops).to.have.length(TICKS);
    });

  it('takes the part of a stop that lies in the window', () => {
    const closeUp = new CloseUpFinder(TICK);
    closeUp.add(nanos(0));
    closeUp.stop(nanos(1150), nanos(1300));
    closeUp.add(nanos(1310));
    expect(closeUp.taken()!.stops).to.deep.equal([[1150, 1200]]);
  });
});
