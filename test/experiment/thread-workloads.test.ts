/** The shipped workloads with threads: under every design each thread executes what its truth says, and perf counts all of it. */
import { expect } from 'chai';
import type { ExecutionCursor } from '../../src/arch/cpu.ts';
import { type Executable, FIRST_THREAD, type ThreadStart } from '../../src/arch/dso.ts';
import { eventVector } from '../../src/arch/events.ts';
import { executable, prepareWorkload, workloadSeed } from '../../src/experiment/executable.ts';
import { runStat } from '../../src/experiment/run.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { trueCounts } from '../../src/experiment/truth.ts';
import { statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { threadRuns } from '../../src/workload/thread-runs.ts';
import { ELSEWHERE, WITH_COUNTERS, setsFor } from '../kvm/guest.ts';

const WORKLOADS = [
  ['ftest-threads', '4', '0.02'],
  ['pingpong', '200'],
  ['pingpong', '50', '20000'],
  ['lockbound', '3', '300'],
  ['server', '4', '60'],
] as const;

const PLACES = [
  ...['host', ...WITH_COUNTERS.map(({ name }) => name)].map((vpmu) => ({ vpmu, machine: 'broadwell-ep' })),
  ...ELSEWHERE.map(({ design, machine }) => ({ vpmu: design.name, machine: machine.name })),
];

describe('workloads with threads', () => {
  for (const { vpmu, machine } of PLACES)
    it(`${vpmu} on ${machine}: every thread executes its truth, and all of it is counted`, async () => {
      const spec = await setUpMachine({
        machine,
        vpmu,
        seed: 'threads',
        sets: [...setsFor(vpmu), 'guest.fresh=on', 'host.fresh=on'],
      });
      for (const [name, ...args] of WORKLOADS) {
        const workload = prepareWorkload(await loadWorkload(name, args), spec, {});
        const seed = workloadSeed(spec, 0);
        const whole = executable(workload, seed);
        const started = new Map<ExecutionCursor, ThreadStart>();
        /** What each thread had executed when it ended, by its path. */
        const ended = new Map<string, readonly [entry: string | undefined, ...totals: number[]]>();
        const watched: Executable = {
          ...whole,
          start: (thread = FIRST_THREAD) => {
            const cursor = whole.start(thread);
            started.set(cursor, thread);
            return cursor;
          },
          ended: (cursor) => {
            const { path, entry } = started.get(cursor)!;
            ended.set(path, [entry, ...cursor.totals(eventVector())]);
            whole.ended!(cursor);
          },
        };
        const evlist = statAttrs(parseEventList(['instructions:u,branches:u'], 'stat'));
        const { run } = await runStat(spec, { evlist, executable: watched });
        expect(
          run.counts.map(({ val }) => val),
          name,
        ).to.deep.equal(trueCounts(spec, workload, evlist));
        const truth = new Map<string, unknown>();
        for (const { thread, cursor } of threadRuns(workload.image, seed))
          truth.set(thread.path, [thread.entry, ...cursor.totals(eventVector())]);
        expect(Object.fromEntries(ended), name).to.deep.equal(Object.fromEntries(truth));
      }
    });

  it('legacy: one that comes to a system call all the time, and computes next to nothing, is not live-locked', async () => {
    const spec = await setUpMachine({ vpmu: 'legacy', seed: 'threads', sets: ['guest.fresh=on', 'host.fresh=on'] });
    const workload = prepareWorkload(await loadWorkload('pingpong', ['2200', '20000']), spec, {});
    const evlist = statAttrs(parseEventList(['instructions:u'], 'stat'));
    const { run, simulated } = await runStat(spec, { evlist, executable: executable(workload, workloadSeed(spec, 0)) });
    expect(run.counts.map(({ val }) => val)).to.deep.equal(trueCounts(spec, workload, evlist));
    expect(simulated).to.be.greaterThan(1.05e9);
  });
});
