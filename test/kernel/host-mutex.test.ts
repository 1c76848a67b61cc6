/** Who should have waited for whom, and who should have been first or last, when cores settle at a grid line. */
import { expect } from 'chai';
import { HostMutexes, ReservedHardware, waitedForKey, type CountChange } from '../../src/kernel/host-mutex.ts';
import { cycles } from '../../src/units.ts';

const MEANS = { reserve_ds_buffers: cycles(100), release_ds_buffers: cycles(80) };
const change = (by: 1 | -1, at: number, work: number, caughtUp: number): CountChange => ({
  at: cycles(at),
  by,
  work: cycles(work),
  spent: cycles(work),
  caughtUp: cycles(caughtUp),
});
const made = (at: number, work = 0, caughtUp = 0): CountChange => change(1, at, work, caughtUp);
const ended = (at: number, work = 0, caughtUp = 0): CountChange => change(-1, at, work, caughtUp);
const LINE = cycles(1000);
/** Of each change of each core, [wait, work]. */
const settled = (count: number, ...changes: CountChange[][]): number[][][] =>
  new ReservedHardware(count, MEANS).settle(changes, LINE).map((core) => core.map(({ wait, work }) => [wait, work]));

describe('kernel: mutexes that cores of a host queue for', () => {
  it('nobody waits where nobody else is: what was paid was due', () => {
    const alone = [made(0, 90), made(95), ended(200), ended(300, 70), made(400, 110)];
    expect(settled(0, alone)).to.deep.equal([
      [
        [0, 90],
        [0, 0],
        [0, 0],
        [0, 70],
        [0, 110],
      ],
    ]);
  });

  it('who comes while another reserves waits until it has, and reserves nothing', () => {
    expect(settled(0, [made(0, 100)], [made(30, 120)], [made(100)])).to.deep.equal([
      [[0, 100]],
      [[70, 0]],
      // Without the mutex: there is an event.
      [[0, 0]],
    ]);
  });

  it('who comes while another releases waits until it has, and then reserves', () => {
    expect(settled(1, [ended(0, 80)], [made(10)])).to.deep.equal([[[0, 80]], [[70, 100]]]);
    // A third one finds the second at it.
    expect(settled(1, [ended(0, 80)], [made(10)], [made(20)])).to.deep.equal([[[0, 80]], [[70, 100]], [[160, 0]]]);
  });

  it('who ends an event while there are others waits for nothing, whatever it thought', () => {
    expect(settled(3, [ended(0)], [ended(10, 80)])).to.deep.equal([[[0, 0]], [[0, 0]]]);
  });

  it('one that was kept waiting comes later to its next change, and does not wait for itself', () => {
    // It thought that there were others, and did nothing: four calls that take 360 in all, one after the other.
    expect(settled(0, [made(0), ended(1), made(2), ended(3)])).to.deep.equal([
      [
        [0, 100],
        [0, 80],
        [0, 100],
        [0, 80],
      ],
    ]);
    // The other one comes at 50, in the first.
    expect(settled(0, [made(0), ended(1)], [made(50)])).to.deep.equal([
      [
        [0, 100],
        [0, 0],
      ],
      [[50, 0]],
    ]);
  });

  it('at one time the core with the lower number is first', () => {
    expect(settled(0, [made(5, 100)], [made(5, 100)])).to.deep.equal([[[0, 100]], [[100, 0]]]);
  });

  it('what comes after the line because a core was kept waiting is settled at the next one, when it has caught up', () => {
    const hardware = new ReservedHardware(1, MEANS);
    const [long, short] = [ended(900, 500), made(910)];
    const once = hardware.settle([[long], [short, ended(920)]], LINE);
    // The second core has its mutex at 1400, reserves until 1500, and ends the event only then.
    expect(once.map((core) => core.map(({ wait, work }) => [wait, work]))).to.deep.equal([[[0, 500]], [[490, 100]]]);
    // It pays 590 before the next change, which another core's comes before: it finds the first event.
    const again = hardware.settle([[made(1505)], [ended(920), made(1600, 0, 590)]], cycles(2000));
    expect(again.map((core) => core.map(({ wait, work }) => [wait, work]))).to.deep.equal([
      [[0, 0]],
      [
        [0, 0],
        [0, 0],
      ],
    ]);
  });

  it('who finds the static key being switched on waits for that; who comes later switches it again', () => {
    const switched = (at: number, until: number) => ({ at: cycles(at), until: cycles(until) });
    expect(waitedForKey([[switched(10, 110)], [switched(0, 100), switched(200, 300)], []])).to.deep.equal([
      [true],
      [false, false],
      [],
    ]);
  });

  it('what was done after the line waits for the next one; all know when the key is on', () => {
    const mutexes = new HostMutexes(0, MEANS);
    const logs = [
      { changes: [made(0, 100), made(1200)], switches: [{ at: cycles(10), until: cycles(5000) }] },
      { changes: [made(50, 90)], switches: [] },
      undefined,
    ];
    const [first, second, third] = mutexes.settle(logs, LINE);
    expect(first!.dues).to.have.length(1);
    expect(second!.dues).to.deep.equal([{ wait: 50, work: 0 }]);
    expect([first, second, third].map((one) => one!.switchedOnAt)).to.deep.equal([-Infinity, 5000, 5000]);
    const [later] = mutexes.settle([{ changes: [made(1200)], switches: [] }, undefined, undefined], cycles(2000));
    expect(later!.dues).to.deep.equal([{ wait: 0, work: 0 }]);
  });
});
