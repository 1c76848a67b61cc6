/** What bench measures is independent of the number of threads. */
import { expect } from 'chai';
import { benchDesign, benchRun, specRequest, type BenchRequest, type BenchRun } from '../../src/experiment/bench.ts';
import { runAll } from '../../src/experiment/pool.ts';
import { OpenError } from '../../src/experiment/run.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { recordAttrs, statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { Operation, OperationRow } from '../../src/results/operations.ts';

const SIX = 'branches,cycles,L1-icache-load-misses,branch-misses,L1-dcache-loads,dTLB-load-misses';

async function request(vpmu: string, how: Partial<BenchRequest> = {}, ...sets: string[]): Promise<BenchRequest> {
  const spec = specRequest(await setUpMachine({ vpmu, seed: 'bench', sets }));
  const evlist = statAttrs(parseEventList([SIX], 'stat'));
  return { spec, words: ['noploop', '0.3'], mode: 'stat', systemWide: false, evlist, run: 0, ...how };
}
const sampling = (freq = 4000): Partial<BenchRequest> => ({
  mode: 'record',
  evlist: recordAttrs(parseEventList(['cycles'], 'record'), { all_user: true, freq }),
});
const row = ({ operations }: BenchRun, operation: Operation): OperationRow =>
  operations.find((o) => o.operation === operation)!;

describe('bench', () => {
  it('v2: a PMI is eight exits of 1.1 us and little else', async () => {
    const irq = row(await benchRun(await request('v2', sampling())), 'x86_pmu.handle_irq');
    expect(irq.calls).to.be.within(1000, 1500);
    expect(irq.p50).to.be.within(8_800, 8_800 * 1.2);
    expect(irq.exits).to.be.closeTo(8, 0.01);
    expect(irq.host).to.be.within(8_800, irq.mean);
  });

  it('counts the register accesses of a rotation: 4 counters out and in, the fixed one five times of six', async () => {
    for (const vpmu of ['host', 'legacy', 'v2']) {
      const run = await benchRun(await request(vpmu));
      const { calls, exits } = row(run, 'rotation');
      expect(calls, vpmu).to.be.within(50, 120);
      expect(exits, vpmu).to.be.closeTo(vpmu === 'host' ? 0 : 24, 0.5);
      const per = (operation: Operation): number => row(run, operation).calls / calls;
      expect(per('r/w EVENTSEL'), vpmu).to.be.closeTo(8, 0.3);
      expect(per('enable a GP counter'), vpmu).to.be.closeTo(4, 0.2);
      expect(per('r/w FIXED_CTR_CTRL'), vpmu).to.be.closeTo(20 / 6, 0.3);
      expect(per('enable a fixed counter'), vpmu).to.be.closeTo(5 / 6, 0.1);
      expect(per('RDPMC'), vpmu).to.be.closeTo(4 + 5 / 6, 0.4);
    }
  });

  describe('spread', () => {
    /** Operations of at least 100 calls that make exits or register accesses, or end and make events, which take locks. */
    const often = (run: BenchRun): OperationRow[] => run.operations.filter(({ calls }) => calls >= 100);
    const spreads = ({ min, p50, p99, max }: OperationRow): boolean => min < p50 && p50 < p99 && p99 <= max;

    for (const vpmu of ['host', 'legacy', 'v1', 'v2', 'reuse-lazy', 'mediated'])
      it(`${vpmu}: every operation has a least time, a usual one and a tail`, async () => {
        const words = ['noploop', '1'];
        const machine = vpmu === 'mediated' ? 'cascadelake-ap' : 'broadwell-ep';
        const sets = ['core.cold=off', ...(vpmu === 'reuse-lazy' ? ['host.kernel=5.15.0'] : [])];
        const spec = specRequest(await setUpMachine({ machine, vpmu, seed: 'bench', sets }));
        const rows = often(await benchRun(await request('host', { spec, words })));
        expect(rows.length).to.be.greaterThan(8);
        for (const each of rows) expect(spreads(each), JSON.stringify(each)).to.equal(true);
      });

    it('comes from costs.spread: without it, an access takes one time, but for the tail of exits', async () => {
      const rows = often(await benchRun(await request('v2', {}, 'core.cold=off', 'costs.spread=0')));
      const access = rows.find(({ operation }) => operation === 'r/w EVENTSEL')!;
      expect(spreads(access)).to.equal(false);
    });
  });

  it('shows what is left out where nothing happens', async () => {
    const bare = await benchRun(await request('v2', { evlist: [] }));
    for (const { operation, calls } of bare.operations) if (operation !== 'tick') expect(calls, operation).to.equal(0);
    const counted = await benchRun(await request('v2'));
    const {
      overhead,
      elapsed,
      bare: without,
      operations,
    } = benchDesign(await setUpMachine({ vpmu: 'v2', sets: [] }), [counted], [bare]);
    expect(overhead.median)
      .to.equal(1 - without.median / elapsed.median)
      .and.to.be.within(0.001, 0.15);
    expect(operations[0]!.calls).to.include({ median: row(counted, 'enable GLOBAL_CTRL').calls });
  });

  it('gives the same on any number of threads, and in this one', async () => {
    const inputs = await Promise.all([0, 1, 2].map(async (run) => request(run === 2 ? 'legacy' : 'v2', { run })));
    const done: number[] = [];
    const one = await runAll('benchOutcome', inputs, { workers: 1, progress: (n) => done.push(n) });
    const three = await runAll('benchOutcome', inputs, { workers: 3 });
    expect(done).to.deep.equal([1, 2, 3]);
    expect(three).to.deep.equal(one);
    expect(one).to.deep.equal(await Promise.all(inputs.map((input) => benchRun(input))));
    expect(one[0]).not.to.deep.equal(one[1]);
  });

  it('says what went wrong on a worker thread as on the main thread', async () => {
    const refused = await request('v2', sampling(), 'guest.paranoid=3');
    const denied = { ...refused, evlist: recordAttrs(parseEventList(['cycles:k'], 'record')) };
    const stuck = await request('legacy', { ...sampling(), words: ['noploop', '2'] }, 'host.ipi=cold');
    const caught = await Promise.all(
      [denied, stuck].map((input) => runAll('benchOutcome', [input], { workers: 1 }).catch((error: unknown) => error)),
    );
    expect(caught[0]).to.be.instanceOf(OpenError).with.property('errno', 13);
    expect(caught[1])
      .to.have.nested.property('[0].liveLock')
      .that.matches(/^The run is live-locked/);
  });

  it('ends at once when aborted', async () => {
    const stop = new AbortController();
    const input = await request('v2', { words: ['noploop', '1000'] });
    setTimeout(() => stop.abort(new Error('enough')), 300);
    const caught = await runAll('benchOutcome', [input, input], { workers: 2, signal: stop.signal }).catch(
      (error: unknown) => error,
    );
    expect((caught as Error).message).to.equal('enough');
  });
});
