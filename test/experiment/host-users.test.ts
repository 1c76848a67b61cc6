/**
 * Competition on the host: users of its perf that take counters, and other guests that take the core. Their effect on
 * a guest's counters, under every design.
 */
import { expect } from 'chai';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { recordWorkload, type Recorded } from '../../src/experiment/record.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { countWorkload } from '../../src/experiment/stat.ts';
import { recordAttrs, statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { openSink } from '../../src/perfdata/sink.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { WITH_HOST_EVENTS, setsFor } from '../kvm/guest.ts';

const GUESTS = WITH_HOST_EVENTS.map(({ name }) => name);
const SECONDS = 0.2;
/** Four events for general-purpose counters, and cycles for the fixed one. */
const FIVE = 'branches:u,branch-misses:u,L1-dcache-loads:u,dTLB-load-misses:u,cycles:u';

async function setUp(vpmu: string, sets: readonly string[]) {
  // Returns from interrupts, which are more frequent beside others, cost no cycles here: the work counts the same.
  const alone = ['guest.fresh=on', 'host.fresh=on', 'core.refill=0', 'core.cold=off'];
  const spec = await setUpMachine({ vpmu, seed: 'host users', sets: [...alone, ...setsFor(vpmu), ...sets] });
  return { spec, workload: prepareWorkload(await loadWorkload('sqrtloop'), spec, { seconds: SECONDS }) };
}

interface Counted {
  readonly vals: readonly number[];
  /** Share of the time that each was counted. */
  readonly shares: readonly number[];
  readonly elapsed: number;
  readonly taskClock: number;
  /** What the kernel's ticks made of it. */
  readonly user: number;
}

async function count(vpmu: string, events: string, ...sets: string[]): Promise<Counted> {
  const evlist = statAttrs(parseEventList([events, 'task-clock'], 'stat'));
  const { runs } = await countWorkload({ ...(await setUp(vpmu, sets)), evlist, repeat: 1 });
  const { counts, elapsed, user } = runs[0]!;
  const own = counts.slice(0, -1);
  return {
    vals: own.map(({ val }) => val),
    shares: own.map(({ ena, run }) => run / ena),
    elapsed,
    taskClock: counts.at(-1)!.val,
    user,
  };
}

async function record(vpmu: string, period: number, ...sets: string[]): Promise<Recorded> {
  return recordWorkload({
    ...(await setUp(vpmu, sets)),
    evlist: recordAttrs(parseEventList(['cycles:u'], 'record'), { period }),
    cmdline: ['gperf', 'record'],
    sink: openSink('/dev/null'),
    cacheDir: undefined,
    noCache: true,
  });
}

describe('other guests on the core', () => {
  const OTHER = 'host.guests=1';
  /**
   * Slightly less than twice: alone, the core idles in the grace period of the first event, in which here another guest
   * runs.
   */
  const TWICE = [1.7, 2.2] as const;

  for (const vpmu of ['host', ...GUESTS])
    it(`${vpmu}: a run takes twice as long and counts the same`, async () => {
      const [alone, shared] = [await count(vpmu, FIVE), await count(vpmu, FIVE, OTHER)];
      expect(shared.elapsed / alone.elapsed).to.be.within(...TWICE);
      expect(shared.vals.slice(0, 4)).to.deep.equal(alone.vals.slice(0, 4));
      // Stopping a counter cuts a cycle in two.
      expect(shared.vals[4]).to.be.closeTo(alone.vals[4]!, 100);
      expect(shared.shares, 'always on, by its own kernel').to.deep.equal([1, 1, 1, 1, 1]);
    });

  for (const vpmu of GUESTS) {
    it(`${vpmu}: takes as many samples, each of as much work`, async () => {
      const [alone, shared] = [await record(vpmu, 5_000_000), await record(vpmu, 5_000_000, OTHER)];
      expect(alone.samples).to.be.above(100);
      // Cycles of ring 3 include refills, one for each interrupt, and there are not equally many.
      expect(shared.samples).to.be.closeTo(alone.samples, 1);
      expect(shared.elapsed / alone.elapsed).to.be.within(...TWICE);
    });

    it(`${vpmu}: what the guest takes for its own time is not, so that its clock seems half as fast`, async () => {
      const hertz = ({ vals, taskClock }: Counted): number => vals[0]! / taskClock;
      const [alone, shared] = [await count(vpmu, 'cycles:u'), await count(vpmu, 'cycles:u', OTHER)];
      expect(hertz(alone)).to.be.closeTo(2.8, 0.03);
      expect(hertz(shared)).to.be.closeTo(1.4, 0.1);
      expect(shared.user / shared.taskClock, 'ticks that come late find ring 3 where it was left').to.be.above(0.95);
    });
  }

  it('three guests take a third each', async () => {
    const [alone, shared] = [await count('v2', 'cycles:u'), await count('v2', 'cycles:u', 'host.guests=2')];
    expect(shared.elapsed / alone.elapsed).to.be.within(2.5, 3.3);
    expect(shared.vals[0]).to.be.closeTo(alone.vals[0]!, 100);
  });

  it('legacy: guests that all use perf make it cheaper for each other: the event of one that waits is still there', async () => {
    const sets = [OTHER, 'host.guests_perf=on'];
    const [alone, idle, beside] = [
      await record('legacy', 5_000_000),
      await record('legacy', 5_000_000, OTHER),
      await record('legacy', 5_000_000, ...sets),
    ];
    expect(idle.averagePmi / alone.averagePmi).to.be.within(0.8, 1.25);
    expect(alone.averagePmi / beside.averagePmi).to.be.above(3);
    expect((await record('v2', 5_000_000, ...sets)).averagePmi).to.be.below(
      1.2 * (await record('v2', 5_000_000)).averagePmi,
    );
  });

  it('the same spec, the same run', async () => {
    const sets = ['host.guests=2', 'host.guests_perf=on', 'host.perf=record'];
    const [a, b] = [await record('legacy', 1_000_000, ...sets), await record('legacy', 1_000_000, ...sets)];
    expect(b.ledger).to.deep.equal(a.ledger);
  });
});

describe("other users of the host's perf", () => {
  for (const vpmu of GUESTS) {
    it(`${vpmu}: the watchdog takes fixed counter 1: the fifth counter of the guest gets none, and stands still`, async () => {
      const [alone, watched] = [await count(vpmu, FIVE), await count(vpmu, FIVE, 'host.watchdog=on')];
      expect(watched.vals.slice(0, 4)).to.deep.equal(alone.vals.slice(0, 4));
      expect(watched.vals[4], 'and nothing tells the guest').to.equal(0);
      expect(watched.shares[4]).to.equal(1);
    });

    it(`${vpmu}: cycles alone find another counter`, async () => {
      const [alone, watched] = [await count(vpmu, 'cycles:u'), await count(vpmu, 'cycles:u', 'host.watchdog=on')];
      expect(watched.vals[0]).to.be.closeTo(alone.vals[0]!, 100);
    });

    it(`${vpmu}: flexible events give way, counting or sampling`, async () => {
      const alone = await count(vpmu, FIVE);
      for (const user of ['stat', 'record']) {
        const beside = await count(vpmu, FIVE, `host.perf=${user}`);
        expect(beside.vals.slice(0, 4), user).to.deep.equal(alone.vals.slice(0, 4));
        expect(beside.vals[4], user).to.be.closeTo(alone.vals[4]!, 100);
      }
    });
  }

  it('on bare metal they share, by turns', async () => {
    for (const set of ['host.watchdog=on', 'host.perf=stat', 'host.perf=record']) {
      const { shares } = await count('host', FIVE, set);
      for (const share of shares) expect(share, set).to.be.within(0.7, 0.9);
    }
  });

  it('perf record -a samples the time the host itself takes, and no guest', async () => {
    const [stat, sampling] = [
      await record('v2', 1_000_000, 'host.perf=stat'),
      await record('v2', 1_000_000, 'host.perf=record'),
    ];
    const time = ({ ledger }: Recorded, account: string): number =>
      ledger.rows.find((row) => row.account === account)!.ns;
    expect(time(sampling, 'host perf')).to.be.above(time(stat, 'host perf'));
    expect(sampling.samples).to.equal(stat.samples);
  });
});
