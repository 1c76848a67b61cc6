/** What a core's own caches still hold: who displaces whom, and what that costs when they come back. */
import { expect } from 'chai';
import { CacheContents, KERNELS, type CacheSpec } from '../../src/hw/cache-contents.ts';
import { cycles } from '../../src/units.ts';

const SPEC: CacheSpec = { l1: 1024, l2: 4096, fromL2: 8, fromLlc: 30 };
/** As long as a kernel needs to touch all of its 560 lines, and longer. */
const LONG = 20_000;

/** A program of so many lines runs for long, then the host's kernel so long, then the program again: what it waits. */
function comesBack(lines: number, away: number, spec = SPEC): number {
  const caches = new CacheContents(spec);
  caches.programTakes(lines, cycles(0));
  caches.kernelTakes(KERNELS.host, cycles(LONG));
  return caches.programTakes(lines, cycles(LONG + away));
}

describe('hw/cache-contents', () => {
  it('a program waits for its lines in proportion to them and to what ran meanwhile', () => {
    expect(comesBack(100, 0)).to.equal(0);
    expect(comesBack(0, LONG)).to.equal(0);
    // 1000 cycles touch 50 lines: of 100, 100 * 50 / 1024 are gone to the second level, and 100 * 50 / 4096 further.
    expect(comesBack(100, 1000)).to.be.closeTo(4.88 * 8 + 1.22 * 22, 0.1);
    expect(comesBack(100, 2000)).to.be.closeTo(2 * comesBack(100, 1000), 0.1);
    expect(comesBack(200, 1000)).to.be.closeTo(2 * comesBack(100, 1000), 0.1);
    // A kernel has 560 lines, however long it runs.
    expect(comesBack(100, 1e6)).to.equal(comesBack(100, 560 / 0.05));
  });

  it('larger caches keep more', () => {
    const larger = comesBack(100, 5000, { ...SPEC, l2: 32_768 });
    expect(larger).to.be.within(1, comesBack(100, 5000) - 1);
    // What was never in the caches is not missed.
    expect(comesBack(1e6, LONG)).to.be.within(0.54 * 1024 * 8 + 0.13 * 4096 * 22, 0.56 * 1024 * 8 + 0.14 * 4096 * 22);
  });

  it('a kernel is slower at first where a program was, and as fast as ever where it was itself', () => {
    const caches = new CacheContents(SPEC);
    caches.kernelTakes(KERNELS.host, cycles(0));
    caches.programTakes(300, cycles(LONG));
    const rate = caches.kernelTakes(KERNELS.host, cycles(2 * LONG));
    expect(rate).to.be.closeTo(0.05 * ((300 / 1024) * 8 + (300 / 4096) * 22), 1e-9);
    // It has brought its lines back, and a moment of another displaces few of them.
    caches.kernelTakes(KERNELS.guest, cycles(3 * LONG));
    expect(caches.kernelTakes(KERNELS.host, cycles(3 * LONG + 100))).to.be.closeTo(rate * (5 / 300), 1e-9);
  });

  it('stints of one kernel go over the same lines: the longest displaces', () => {
    const after = (stints: readonly number[]): number => {
      const caches = new CacheContents(SPEC);
      let now = 0;
      for (const stint of stints) {
        caches.kernelTakes(KERNELS.host, cycles(now));
        caches.kernelTakes(KERNELS.others, cycles((now += stint)));
      }
      return caches.kernelTakes(KERNELS.guest, cycles(now));
    };
    expect(after([3000, 1000, 2000])).to.equal(after([3000]));
    expect(after([3000])).to.be.greaterThan(after([2000]));
  });

  it('another program finds the lines of the one before, and a wait displaces nothing', () => {
    const caches = new CacheContents(SPEC);
    caches.programTakes(500, cycles(0));
    expect(caches.programTakes(100, cycles(LONG))).to.be.greaterThan(0);
    caches.kernelTakes(KERNELS.host, cycles(2 * LONG));
    caches.waits(cycles(1e6));
    expect(caches.programTakes(100, cycles(2 * LONG + 1e6))).to.equal(0);
  });

  it('a flush empties half of the first level, and nothing else', () => {
    const caches = new CacheContents(SPEC);
    caches.programTakes(100, cycles(0));
    caches.kernelTakes(KERNELS.host, cycles(LONG));
    caches.flushL1d();
    expect(caches.programTakes(100, cycles(LONG))).to.equal(100 * 0.5 * 8);
    caches.kernelTakes(KERNELS.host, cycles(2 * LONG));
    expect(caches.programTakes(100, cycles(2 * LONG))).to.equal(0);
  });
});
