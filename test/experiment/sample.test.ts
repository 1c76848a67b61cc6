/** A run sampled for a comparison equals the one that gperf record would record. */
import { expect } from 'chai';
import { specRequest } from '../../src/experiment/bench.ts';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { readOperand } from './read-operand.ts';
import { recordWorkload } from '../../src/experiment/record.ts';
import { sampleRun } from '../../src/experiment/sample.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { recordAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { openSink } from '../../src/perfdata/sink.ts';
import { compareProfiles } from '../../src/profile/compare.ts';
import { poolRuns } from '../../src/profile/pool.ts';
import { type Profile, totalWeight } from '../../src/profile/profile.ts';
import { fileSymbols } from '../../src/profile/symbolize.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { scratch } from '../perfdata/real-perf.ts';

const WORDS = ['sqrtloop', '0.2'];
const EVENTS = recordAttrs(parseEventList(['cycles', 'branches'], 'record'), { freq: 997 });

describe('a sampled run', function () {
  const dir = scratch();
  after(() => dir.remove());

  for (const vpmu of ['host', 'legacy', 'v2'])
    it(`is that of gperf record, kernel included, under ${vpmu}`, async () => {
      const spec = await setUpMachine({ vpmu, sets: [] });
      await recordWorkload({
        spec,
        workload: prepareWorkload(await loadWorkload('sqrtloop', ['0.2']), spec, {}),
        evlist: EVENTS,
        cmdline: ['gperf', 'record'],
        sink: openSink(dir.file(vpmu)),
        cacheDir: dir.file('cache'),
      });
      const symbols = fileSymbols({ dir: dir.file('cache') });
      const recorded = readOperand(dir.file(vpmu), { label: vpmu, by: 'symbol', symbols });
      const { profiles, truth } = await sampleRun({
        spec: specRequest(spec),
        words: WORDS,
        evlist: EVENTS,
        by: 'symbol',
        run: 0,
        truth: true,
      });
      expect(profiles).to.deep.equal(recorded);
      expect(profiles[0]!.samples).to.be.greaterThan(20);
      expect(truth.map(({ event }) => event)).to.deep.equal(['cycles', 'branches']);
    });

  it('of several seeds: bias and noise are told apart against the truth of each', async () => {
    const spec = specRequest(await setUpMachine({ vpmu: 'host', sets: [] }));
    const runs = await Promise.all(
      [0, 1, 2].map(async (run) => sampleRun({ spec, words: WORDS, evlist: EVENTS, by: 'symbol', run, truth: true })),
    );
    const of = (kind: 'profiles' | 'truth'): Profile[] => runs.map((run) => run[kind][0]!);
    const pooled = poolRuns(of('profiles'));
    expect(pooled.samples).to.equal(of('profiles').reduce((sum, { samples }) => sum + samples!, 0));
    expect(totalWeight(pooled)).to.equal(of('profiles').reduce((sum, profile) => sum + totalWeight(profile), 0));
    const { pairs, operands } = compareProfiles([of('profiles'), of('truth')]);
    expect(operands.map((operand) => operand.runs)).to.deep.equal([3, 3]);
    expect(pairs[0]!.split).to.include({ seeds: 3 });
    expect(pairs[0]!.split!.noise).to.be.greaterThan(0);
  });
});
