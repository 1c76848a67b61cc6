/** ^C while a workload runs on several CPUs: it ends on all of them, wherever they are. */
import { expect } from 'chai';
import { runStat } from '../../src/experiment/run.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { programOf } from './guest-run.ts';

const WORKLOADS = [
  ['ftest-threads', '5', '1'],
  ['pingpong', '20000'],
  ['lockbound', '6', '10000'],
  ['server', '5', '2000'],
] as const;

describe('^C with several CPUs', () => {
  it('is looked for at every grid line or two', async () => {
    const spec = await setUpMachine({
      vpmu: 'v2',
      vcpus: 3,
      sets: ['host.cores=3', 'guest.fresh=on', 'host.fresh=on'],
    });
    const { program } = await programOf(spec, ['lockbound', '3', '2000']);
    const evlist = statAttrs(parseEventList(['instructions:u'], 'stat'));
    const breaths = [0];
    const breathe = (simulated: number): Promise<boolean> => Promise.resolve(breaths.push(simulated) > 0);
    await runStat(spec, { evlist, executable: program }, { breathe });
    expect(breaths.length).to.be.greaterThan(5);
    const gaps = breaths.slice(1).map((at, i) => at - breaths[i]!);
    // perf_event_open takes a grace period of the host's in one step.
    expect(gaps.filter((gap) => gap > 9e6)).to.have.length.at.most(1);
  });

  for (const [vpmu, cores] of [
    ['host', 3],
    ['v2', 3],
    ['legacy', 2],
  ] as const)
    for (const words of WORKLOADS)
      it(`${vpmu}, 3 CPUs on ${cores} cores, ${words[0]}: all threads end soon`, async () => {
        const spec = await setUpMachine({ vpmu, vcpus: 3, sets: [`host.cores=${cores}`, 'host.fresh=on'] });
        const { program } = await programOf(spec, words);
        const evlist = statAttrs(parseEventList(['instructions:u'], 'stat'));
        for (const most of [1, 2]) {
          let breaths = 0;
          const breathe = (): Promise<boolean> => Promise.resolve(++breaths < most);
          const { run, interrupted } = await runStat(spec, { evlist, executable: program }, { breathe });
          expect(run.status).to.equal(130);
          expect(interrupted).to.equal(true);
        }
      });
});
