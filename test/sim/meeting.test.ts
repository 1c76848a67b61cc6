/** The barrier of threads that simulate one machine, and what they tell each other there. */
import { expect } from 'chai';
import { Meeting, MeetingOver, meetingPlace } from '../../src/sim/meeting.ts';

describe('sim/meeting', () => {
  it('lets nobody go on before all have arrived', () => {
    const place = meetingPlace(3, 3, 1);
    const [a, b, c] = [new Meeting(place), new Meeting(place), new Meeting(place)];
    a.arrive();
    b.arrive();
    expect([a.wait(1), b.wait(1)]).to.deep.equal([false, false]);
    c.arrive();
    expect([a.wait(1), b.wait(1), c.wait(1)]).to.deep.equal([true, true, true]);
  });

  it('keeps what was told until the slowest has read it', () => {
    const place = meetingPlace(2, 2, 2);
    const [fast, slow] = [new Meeting(place), new Meeting(place)];
    for (let round = 0; round < 5; round++) {
      fast.slotsOf(0).set([round, 1]);
      slow.slotsOf(1).set([round, 2]);
      slow.arrive();
      fast.arrive();
      expect(fast.wait(1)).to.equal(true);
      expect([...fast.slotsOf(1)]).to.deep.equal([round, 2]);
      fast.part();
      // It is one round ahead.
      fast.slotsOf(0).set([-1, -1]);
      expect(slow.wait(1)).to.equal(true);
      expect([...slow.slotsOf(0)]).to.deep.equal([round, 1]);
      slow.part();
    }
  });

  it('is over for all as soon as one ends it', () => {
    const place = meetingPlace(2, 1, 1);
    const [a, b] = [new Meeting(place), new Meeting(place)];
    a.arrive();
    b.end();
    expect(() => a.wait(1)).to.throw(MeetingOver);
  });

  it('one alone shares no memory and waits for nobody', () => {
    const place = meetingPlace(1, 2, 1);
    expect(place.memory).to.be.instanceOf(ArrayBuffer);
    const alone = new Meeting(place);
    alone.arrive();
    expect(alone.wait(1)).to.equal(true);
  });
});
