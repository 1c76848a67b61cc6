/**
 * The letter's two guests (`perf record -e cpu-cycles --all-user ./ftest`), from the mechanism alone: number of
 * samples, size of the file, how often perf was woken, what was throttled. One constant each was fitted to the two
 * sample counts (IPI_SHARE in machine/ring0.ts, cost.pmi_residue); the rest follows.
 */
import { expect } from 'chai';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { recordWorkload, type Recorded } from '../../src/experiment/record.ts';
import { LiveLock } from '../../src/experiment/run.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { countWorkload } from '../../src/experiment/stat.ts';
import { recordAttrs, statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { openSink } from '../../src/perfdata/sink.ts';
import { loadWorkload } from '../../src/workload/registry.ts';

const MIB = 2 ** 20;

async function record(vpmu: string, seed: string, ...sets: string[]): Promise<Recorded> {
  const spec = await setUpMachine({ vpmu, seed, sets });
  return recordWorkload({
    spec,
    workload: prepareWorkload(await loadWorkload('ftest'), spec, {}),
    evlist: recordAttrs(parseEventList(['cpu-cycles'], 'record'), { all_user: true }),
    ...quiet(),
  });
}

/** A recording that leaves nothing. */
const quiet = () => ({ cmdline: ['gperf', 'record'], sink: openSink('/dev/null'), cacheDir: undefined, noCache: true });

const seeds = (n: number): string[] => Array.from({ length: n }, (_, i) => `letter ${i}`);

describe('the letter', () => {
  it('host: 20652 samples, 0.789 MB, woken up 4 times', async () => {
    const { samples, written, waking, throttled } = await record('host', 'letter');
    expect(samples).to.be.closeTo(20652, 206);
    expect(written.dataEnd / MIB).to.be.closeTo(0.789, 0.008);
    expect({ waking, throttled }).to.deep.equal({ waking: 4, throttled: 0 });
  });

  for (const seed of seeds(10))
    it(`legacy, seed '${seed}': 5198 samples, 0.437 MB, woken up 2 times, a throttled pair of samples a tick`, async () => {
      const { samples, written, waking, throttled, elapsed } = await record('legacy', seed);
      expect(samples).to.be.closeTo(5198, 104);
      expect(written.dataEnd / MIB).to.be.closeTo(0.437, 0.009);
      expect(waking).to.equal(2);
      expect(throttled).to.be.closeTo(samples / 2, samples / 200);
      // 10.4 s; a grace period of 15 to 30 ms, about one a second at most, comes on top.
      expect(elapsed / 1e9).to.be.closeTo(10.4, 0.42);
    });

  for (const seed of seeds(3))
    it(`v2, seed '${seed}': 22550 samples, 0.861 MB, woken up 4 times, a handler of eight exits`, async () => {
      const { samples, written, waking, throttled, averagePmi } = await record('v2', seed);
      expect(samples).to.be.closeTo(22550, 225);
      expect(written.dataEnd / MIB).to.be.closeTo(0.861, 0.009);
      expect({ waking, throttled }).to.deep.equal({ waking: 4, throttled: 0 });
      expect(averagePmi).to.be.within(8_800, 8_800 * 1.2);
    });

  it('starts cold with guest.fresh=on: a ramp of lowered limits, and more samples', async () => {
    const [cold, warm] = [await record('legacy', 'letter', 'guest.fresh=on'), await record('legacy', 'letter')];
    expect(cold.kernelLog.length).to.be.greaterThan(5);
    expect(warm.kernelLog.length).to.be.at.most(3);
    expect(cold.samples).to.be.greaterThan(warm.samples);
  });

  it('is live-locked where a tick is too short for its PMIs, and says so', async () => {
    const stuck = await record('legacy', 'letter', 'host.ipi=cold').catch((error: unknown) => error);
    expect(stuck).to.be.instanceOf(LiveLock);
    expect((stuck as LiveLock).message).to.match(/live-locked.*us.*\n.*tick is 4000 us.*\n.*host\.watchdog=on/);
  });

  it('says of a live-locked host what is true there: no average without its rule, and nothing about guests', async () => {
    const evlist = recordAttrs(parseEventList(['cycles:u'], 'record'), { period: 1 });
    const sets = ['host.max_sample_rate=1000000', 'host.cpu_time_max_percent=0'];
    const spec = await setUpMachine({ vpmu: 'host', seed: 'letter', sets });
    const workload = prepareWorkload(await loadWorkload('noploop'), spec, { seconds: 0.01 });
    const stuck = await recordWorkload({ ...quiet(), spec, workload, evlist }).catch((error: unknown) => error);
    expect(stuck).to.be.instanceOf(LiveLock);
    const { message } = stuck as LiveLock;
    expect(message).to.match(/perf_cpu_time_max_percent=0.*\n.*host\.cpu_time_max_percent=25/);
    expect(message).to.not.match(/guest|vpmu|watchdog|on average|tick \(/);
  });

  it('another user of perf on the host makes the legacy PMI cheap: no event is the first or the last', async () => {
    const alone = await record('legacy', 'letter');
    for (const set of ['host.watchdog=on', 'host.perf=stat']) {
      // The average is of the last PMIs, and three times as long if the static key was switched on in one of these.
      const beside = await Promise.all(['letter', 'a', 'b'].map(async (seed) => record('legacy', seed, set)));
      const least = Math.min(...beside.map(({ averagePmi }) => averagePmi));
      expect(alone.averagePmi / least, set).to.be.greaterThan(5);
    }
    const few = await record('legacy', 'letter', 'host.cpus=16');
    expect(few.averagePmi).to.be.within(0.15 * alone.averagePmi, 0.5 * alone.averagePmi);
  });

  describe('multiplexes its six events as rotation has it: two thirds of the time, and five times five sixths', () => {
    const EXPECTED = [200 / 3, 250 / 3, 250 / 3, 250 / 3, 250 / 3, 250 / 3];
    const shares = async (vpmu: string, repeat: number, ...sets: string[]): Promise<number[][]> => {
      const events = 'branches,cpu-cycles,L1-icache-load-misses,branch-load-misses,branch-loads,dTLB-load-misses';
      const spec = await setUpMachine({ vpmu, seed: 'letter', sets });
      const workload = prepareWorkload(await loadWorkload('ftest'), spec, {});
      const evlist = statAttrs(parseEventList([events], 'stat'));
      const { runs } = await countWorkload({ spec, workload, evlist, repeat });
      return runs.map(({ counts }) => counts.map(({ ena, run }) => (100 * run) / ena));
    };
    const apart = (measured: readonly number[]): number =>
      Math.max(...measured.map((share, i) => Math.abs(share - EXPECTED[i]!)));

    it('host and v2: in every run', async () => {
      for (const vpmu of ['host', 'v2'])
        for (const run of await shares(vpmu, 3)) expect(apart(run), vpmu).to.be.below(0.1);
    });

    it('v2 on a host that has not run perf before: some 20 ms of grace period are in one slot of 4', async () => {
      const [run] = await shares('v2', 1, 'host.fresh=on');
      expect(apart(run!)).to.be.within(0.1, 0.6);
    });

    it('legacy: on average, as what ends a slot takes its time by chance', async () => {
      const runs = await shares('legacy', 10);
      expect(apart(EXPECTED.map((_, i) => runs.reduce((sum, run) => sum + run[i]!, 0) / runs.length))).to.be.below(0.1);
      for (const run of runs) expect(apart(run)).to.be.below(0.4);
    });
  });
});
