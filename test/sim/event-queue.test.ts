/** Alarms: the order in which they fire is part of every result. */
import { expect } from 'chai';
import fc from 'fast-check';
import { EventQueue, type Order } from '../../src/sim/event-queue.ts';
import { cycles, type Cycles } from '../../src/units.ts';

/** A queue and a diary of what fired in it. */
function queue(): {
  q: EventQueue;
  fired: string[];
  at: (when: number, order: Order, name: string) => { cancelled: boolean };
} {
  const q = new EventQueue();
  const fired: string[] = [];
  return { q, fired, at: (when, order, name) => q.at(cycles(when), order, () => void fired.push(name)) };
}
const until = (n: number) => (): Cycles => cycles(n);

describe('sim/event-queue', () => {
  it('fires in order of time, and only what is due', () => {
    const { q, fired, at } = queue();
    at(30, 'timer', 'c');
    at(10, 'timer', 'a');
    at(20, 'timer', 'b');
    expect(q.next).to.equal(10);
    q.fireDue(until(20));
    expect(fired).to.deep.equal(['a', 'b']);
    expect(q.next).to.equal(30);
  });

  it('breaks ties by kind, then by insertion', () => {
    const { q, fired, at } = queue();
    at(5, 'work', 'work');
    at(5, 'timer', 'timer 1');
    at(5, 'timer', 'timer 2');
    at(5, 'tick', 'tick');
    at(5, 'timer', 'timer 3');
    q.fireDue(until(5));
    expect(fired).to.deep.equal(['tick', 'timer 1', 'timer 2', 'timer 3', 'work']);
  });

  it('leaves out what was cancelled, wherever it stood', () => {
    const { q, fired, at } = queue();
    const [first, , last] = [at(1, 'timer', 'first'), at(2, 'timer', 'kept'), at(3, 'timer', 'last')];
    first.cancelled = last.cancelled = true;
    expect(q.next).to.equal(2);
    q.fireDue(until(9));
    expect(fired).to.deep.equal(['kept']);
    expect(q.next).to.equal(Infinity);
  });

  it('fires what handlers arm for a time that has come, after what was due before', () => {
    const q = new EventQueue();
    const fired: string[] = [];
    let now = 10;
    q.at(cycles(4), 'timer', () => {
      fired.push('early');
      now = 20;
      q.at(cycles(15), 'timer', () => fired.push('armed late'));
      q.at(cycles(25), 'timer', () => fired.push('not yet'));
    });
    q.at(cycles(9), 'timer', (when) => fired.push(`due at ${when}`));
    q.fireDue(() => cycles(now));
    expect(fired).to.deep.equal(['early', 'due at 9', 'armed late']);
    expect(q.next).to.equal(25);
  });

  it('a handler may cancel another that is due', () => {
    const { q, fired, at } = queue();
    q.at(cycles(1), 'tick', () => (victim.cancelled = true));
    const victim = at(1, 'timer', 'victim');
    q.fireDue(until(1));
    expect(fired).to.deep.equal([]);
  });

  it('is a stable sort of whatever is put in', () => {
    const alarm = fc.record({
      when: fc.integer({ min: 0, max: 8 }),
      order: fc.constantFrom<Order>('tick', 'timer', 'work'),
      cancelled: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(alarm, { maxLength: 40 }), (alarms) => {
        const { q, fired, at } = queue();
        alarms.forEach(({ when, order, cancelled }, i) => (at(when, order, String(i)).cancelled = cancelled));
        q.fireDue(until(8));
        const rank = { tick: 0, timer: 1, work: 2 };
        const expected = alarms
          .map((a, i) => ({ ...a, i }))
          .filter((a) => !a.cancelled)
          .toSorted((a, b) => a.when - b.when || rank[a.order] - rank[b.order] || a.i - b.i);
        expect(fired).to.deep.equal(expected.map((a) => String(a.i)));
      }),
    );
  });
});
