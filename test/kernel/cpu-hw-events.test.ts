/** The books the PMU's driver keeps of one CPU. */
import { expect } from 'chai';
import { CpuHwEvents } from '../../src/kernel/cpu-hw-events.ts';
import type { PerfEvent } from '../../src/kernel/perf-event.ts';

const event = (attr: Partial<PerfEvent['attr']> = {}): PerfEvent =>
  ({ attr, hw: { idx: -1, last_cpu: -1, last_tag: 0 } }) as unknown as PerfEvent;

/** Books of two events that have run, and of two that were added since. */
function books(): { cpuc: CpuHwEvents; events: PerfEvent[] } {
  const cpuc = new CpuHwEvents(3);
  const events = [event(), event(), event(), event()];
  for (const one of events.slice(0, 2)) cpuc.collect(one);
  cpuc.n_added = 0;
  for (const one of events.slice(2)) cpuc.collect(one);
  cpuc.assign = [0, 1, 2, 32];
  return { cpuc, events };
}

describe('kernel/cpu-hw-events', () => {
  it('knows how many of its events are new, whichever event leaves', () => {
    for (const [leaves, added] of [
      [0, 2],
      [1, 2],
      [2, 1],
      [3, 1],
    ] as const) {
      const { cpuc, events } = books();
      expect(cpuc.drop(events[leaves]!)).to.equal(true);
      expect([cpuc.n_events, cpuc.n_added], `event ${leaves}`).to.deep.equal([3, added]);
      expect(cpuc.assign).to.deep.equal([0, 1, 2, 32].filter((_, i) => i !== leaves));
      expect(cpuc.drop(events[leaves]!), 'again').to.equal(false);
    }
  });

  it('takes a transaction back and leaves what was added before it', () => {
    const { cpuc, events } = books();
    cpuc.start_txn();
    for (let i = 0; i < 3; i++) cpuc.collect(event());
    expect([cpuc.n_events, cpuc.n_added, cpuc.n_txn]).to.deep.equal([7, 5, 3]);
    cpuc.cancel_txn();
    expect(cpuc.event_list).to.deep.equal(events);
    expect([cpuc.n_added, cpuc.in_txn]).to.deep.equal([2, false]);
    cpuc.start_txn();
    cpuc.collect(event());
    cpuc.commit_txn([0, 1, 2, 32, 3]);
    expect([cpuc.n_events, cpuc.n_added, cpuc.assign.length]).to.deep.equal([5, 3, 5]);
  });

  it('an event has kept its place only if it was there last, on this CPU, and no other has been there since', () => {
    const { cpuc, events } = books();
    const first = events[0]!;
    const stays = (): boolean => cpuc.match_prev_assignment(first, 0);
    expect(stays(), 'never ran').to.equal(false);
    expect(cpuc.take(first, 0)).to.equal(0);
    expect(stays()).to.equal(true);
    cpuc.assign[0] = 1;
    expect(stays(), 'is to move').to.equal(false);
    cpuc.assign[0] = 0;
    const elsewhere = new CpuHwEvents(4);
    elsewhere.assign = [0];
    elsewhere.take(event(), 0);
    expect(elsewhere.match_prev_assignment(first, 0), 'same counter, same tag, another CPU').to.equal(false);
    cpuc.assign[1] = 0;
    cpuc.take(events[1]!, 1);
    expect(stays(), 'somebody had its counter').to.equal(false);
  });

  it('masks the counters that are for one side of VM-entry only', () => {
    const cpuc = new CpuHwEvents(0);
    const [guestOnly, hostOnly, both] = [event({ exclude_host: true }), event({ exclude_guest: true }), event()];
    [guestOnly, hostOnly, both].forEach(({ hw }, i) => (hw.idx = i === 2 ? 32 : i));
    const masks = (): number[] => [cpuc.intel_ctrl_guest_mask, cpuc.intel_ctrl_host_mask];
    for (const one of [guestOnly, hostOnly, both]) cpuc.setSides(one, true);
    expect(masks()).to.deep.equal([1, 2]);
    for (const one of [guestOnly, hostOnly, both]) cpuc.setSides(one, false);
    expect(masks()).to.deep.equal([0, 0]);
  });
});
