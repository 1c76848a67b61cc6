/**
 * What the host's perf shows of a guest's counters, and what a guest reads of counters that it shares with the host
 * (fixtures/golden; `npm run update` rewrites them).
 */
import { expect } from 'chai';
import { hooksView, sharingView } from '../../src/experiment/host-events.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { hooksLines, sharingLines } from '../../src/report/explain/host-events.ts';
import type { HooksView, SharingView } from '../../src/results/host-events.ts';
import { expectKept } from '../kept.ts';
import { WITH_COUNTERS, setsFor } from '../kvm/guest.ts';

const EVENT = 'instructions:u';
const PHASE = 10_000_000;

const viewOf = async (vpmu: string, ...sets: string[]): Promise<HooksView> =>
  hooksView(await setUpMachine({ vpmu, sets: [...setsFor(vpmu), ...sets] }), EVENT);
const sharing = async (...sets: string[]): Promise<SharingView> =>
  sharingView(await setUpMachine({ vpmu: 'legacy', sets }));

const textOf = (lines: Iterable<string>): string => `${[...lines].join('\n')}\n`;

describe("the host's events for a guest", () => {
  it('under each design are those of fixtures/golden/hooks.txt', async () => {
    const views: HooksView[] = [];
    for (const { name, hooks } of WITH_COUNTERS) {
      views.push(await viewOf(name));
      if (hooks === true) views.push(await viewOf(name, 'kvm.hooks=on'));
    }
    const mediated = await setUpMachine({ vpmu: 'mediated', machine: 'sapphire-rapids', sets: ['host.kernel=7.0'] });
    views.push(hooksView(mediated, EVENT));
    expectKept('fixtures/golden/hooks.txt', textOf(hooksLines(EVENT, views)));
    for (const { vpmu, phases } of views) {
      expect(
        phases.map(({ on }) => on),
        vpmu,
      ).to.deep.equal([true, false, true]);
      const counts = phases.map(({ guest }) => guest.count);
      expect(counts[1], vpmu).to.equal(counts[0]);
      expect(counts[2], vpmu).to.equal(2 * counts[0]!);
    }
  });

  it('lose the count and run on under v2; with hooks they are the guest’s, and stand while it has them off', async () => {
    const plain = await viewOf('v2');
    expect(plain.phases.map(({ host }) => host!.state)).to.deep.equal(['ACTIVE', 'ACTIVE', 'ACTIVE']);
    expect(plain.phases[1]!.host!.count).to.equal(0);
    expect(plain.phases[1]!.host!.running).to.be.within(2 * PHASE, 2.1 * PHASE);

    const hooked = await viewOf('v2', 'kvm.hooks=on');
    expect(hooked.phases.map(({ host }) => host!.state)).to.deep.equal(['ACTIVE', 'OFF', 'ACTIVE']);
    for (const [i, { guest, host }] of hooked.phases.entries()) {
      expect(host!.count).to.equal(guest.count);
      const on = [1, 1, 2][i]! * PHASE;
      expect(host!.running).to.be.within(on, 1.02 * on);
      expect(host!.enabled).to.equal(host!.running);
    }
    // The guest is none the wiser.
    const counts = ({ phases }: HooksView): number[] => phases.map(({ guest }) => guest.count);
    expect(counts(hooked)).to.deep.equal(counts(plain));
  });

  it('with hooks, count what the guest has counted also while its thread waits for the core', async () => {
    for (const guests of [0, 1]) {
      const { phases } = await viewOf('v2', 'kvm.hooks=on', `host.guests=${guests}`);
      for (const { guest, host } of phases) expect(host!.count).to.equal(guest.count);
      // Two guests take turns, and a task's event runs only while the thread does.
      expect(phases[2]!.host!.running).to.be.within(2 * PHASE, 2.05 * PHASE);
    }
  });

  it('shared with the host, show in what the guest reads: fixtures/golden/pinned.txt', async () => {
    const views = [];
    for (const other of ['host.perf=stat', 'host.watchdog=on'])
      for (const pinned of ['on', 'off']) views.push(await sharing(other, `kvm.pinned=${pinned}`));
    expectKept('fixtures/golden/pinned.txt', textOf(sharingLines(views)));
    for (const { counters } of views)
      for (const { event, happened, guest, host } of counters) {
        // Whatever the host does, the guest's perf takes its counter to have run all the time.
        expect(guest.running, event).to.equal(guest.enabled);
        const share = host!.state === 'ERROR' ? 0 : host!.running / host!.enabled;
        expect(guest.count / happened, event).to.be.closeTo(share, 0.002);
      }
  });

  it('pinned, lose all or nothing; flexible, each its share, but for ref-cycles, which one counter alone counts', async () => {
    const lost = ({ counters }: SharingView): string[] =>
      counters.filter(({ guest, happened }) => guest.count < 0.999 * happened).map(({ event }) => event);
    const errors = await sharing('host.watchdog=on');
    expect(lost(errors)).to.deep.equal(['cycles:u']);
    expect(errors.counters[1]).to.deep.include({ event: 'cycles:u' });
    expect(errors.counters[1]!.guest.count).to.equal(0);
    expect(errors.counters[1]!.host!.state).to.equal('ERROR');
    expect(lost(await sharing('host.perf=stat'))).to.deep.equal([]);

    const shared = await sharing('host.perf=stat', 'kvm.pinned=off');
    expect(lost(shared))
      .to.have.length(shared.counters.length - 1)
      .and.not.to.include('ref-cycles:u');
    for (const { event, host } of shared.counters) expect(host!.pinned, event).to.equal(event === 'ref-cycles:u');
    // What guests lost, the host's event has.
    const pinned = await sharing('host.perf=stat');
    const share = ({ own }: SharingView): number => own!.running / own!.enabled;
    expect(share(shared)).to.be.above(5 * share(pinned));
  });
});
