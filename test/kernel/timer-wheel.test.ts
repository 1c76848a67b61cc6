/** The timer wheel: buckets grow with a timer's distance, and no timer is early. */
import { expect } from 'chai';
import fc from 'fast-check';
import { wheelExpiry } from '../../src/kernel/timer-wheel.ts';

describe('kernel/timer-wheel', () => {
  it('fires a near timer in the next jiffy, one of a second in buckets of 8 at 250 Hz and of 64 at 1000 Hz', () => {
    expect(wheelExpiry(1000, 1)).to.equal(1002);
    expect(wheelExpiry(1000, 62)).to.equal(1063);
    expect(wheelExpiry(1000, 250)).to.equal(1256);
    expect(wheelExpiry(1005, 250)).to.equal(1256);
    expect(wheelExpiry(1006, 250)).to.equal(1264);
    expect(wheelExpiry(0, 1000)).to.equal(1024);
  });

  it('is never early, and at most an eighth of the time late', () => {
    const jiffies = fc.integer({ min: 0, max: 1e6 });
    fc.assert(
      fc.property(jiffies, jiffies, (clk, delta) => {
        const late = wheelExpiry(clk, delta) - (clk + delta);
        expect(late).to.be.within(1, Math.max(1, (delta * 8) / 63));
      }),
    );
  });
});
