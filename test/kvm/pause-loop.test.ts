/** Pause-loop exiting: when a loop exits, and how its window grows. */
import { expect } from 'chai';
import { PauseLoop } from '../../src/kvm/pause-loop.ts';
import { cycles } from '../../src/units.ts';

/** Rounds of 100 cycles from a time on, until one exits; how many cycles that took. */
function spin(loop: PauseLoop, from: number): number {
  for (let at = from; ; at += 100) if (loop.round(cycles(at), cycles(at + 100))) return at + 100 - from;
}

describe('kvm/pause-loop', () => {
  it('exits after its window, which doubles until the thread gets the core anew', () => {
    const loop = new PauseLoop();
    expect(spin(loop, 1e6)).to.equal(4100);
    expect(spin(loop, 2e6)).to.equal(8200);
    expect(spin(loop, 3e6)).to.equal(16_400);
    loop.sched_in();
    expect(spin(loop, 4e6)).to.equal(4100);
  });

  it('does not take two loops for one', () => {
    const loop = new PauseLoop();
    for (let at = 1e6; at < 1e6 + 4000; at += 100) expect(loop.round(cycles(at), cycles(at + 100))).to.equal(false);
    expect(spin(loop, 1e6 + 4200)).to.equal(4100);
  });
});
