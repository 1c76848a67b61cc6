/** Rounds: what leaves is in order, complete, and never before the round that could still bring something earlier. */
import { expect } from 'chai';
import fc from 'fast-check';
import { OrderedEvents } from '../../src/perfdata/sorter.ts';

describe('OrderedEvents', () => {
  it('holds an event back for one round', () => {
    const queue = new OrderedEvents();
    queue.push(30, 1);
    queue.push(10, 2);
    expect([...queue.round()]).to.deep.equal([]);
    // Another CPU's buffer: older than 30, and still in time.
    queue.push(20, 3);
    queue.push(40, 4);
    expect([...queue.round()]).to.deep.equal([2, 3, 1]);
    expect(queue.oldestPlace).to.equal(4);
    expect([...queue.flush()]).to.deep.equal([4]);
    expect(queue.oldestPlace).to.equal(Infinity);
    expect(queue.unordered).to.equal(0);
  });

  it('counts what came too late', () => {
    const queue = new OrderedEvents();
    queue.push(50, 1);
    queue.round();
    queue.round();
    queue.push(20, 2);
    expect(queue.unordered).to.equal(1);
    expect([...queue.flush()]).to.deep.equal([2]);
  });

  it('sorts stably whatever the rounds, if they keep their promise', () => {
    const rounds = fc.array(fc.array(fc.nat(50), { maxLength: 3000 / 20 }), { maxLength: 20 });
    fc.assert(
      fc.property(rounds, (offsets) => {
        const queue = new OrderedEvents();
        const times: number[] = [];
        const out: number[] = [];
        offsets.forEach((round, k) => {
          // Events of a round may be as old as the one before it began.
          for (const offset of round) queue.push(k * 50 + offset, times.push(k * 50 + offset) - 1);
          out.push(...queue.round());
        });
        out.push(...queue.flush());
        const wanted = times.map((_, i) => i).toSorted((a, b) => times[a]! - times[b]! || a - b);
        expect(out).to.deep.equal(wanted);
        expect(queue.unordered).to.equal(0);
      }),
    );
  });
});
