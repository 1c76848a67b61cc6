/** guest.background: another task in the guest, which causes context switches. */
import { expect } from 'chai';
import { benchRun, specRequest, type BenchRun } from '../../src/experiment/bench.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { Operation, OperationRow } from '../../src/results/operations.ts';

const FIVE = 'branches,cycles,L1-icache-load-misses,branch-misses,L1-dcache-loads';

async function counted(...sets: string[]): Promise<BenchRun> {
  const spec = specRequest(await setUpMachine({ vpmu: 'v2', seed: 'background', sets }));
  const evlist = statAttrs(parseEventList([FIVE], 'stat'));
  return benchRun({ spec, words: ['noploop', '1'], mode: 'stat', systemWide: false, evlist, run: 0 });
}
const row = ({ operations }: BenchRun, operation: Operation): OperationRow =>
  operations.find((o) => o.operation === operation)!;

describe('guest.background', () => {
  it('is off by default', async () => {
    const quiet = await counted();
    expect(quiet).to.deep.equal(await counted('guest.background=0'));
    expect(row(quiet, 'context_switch, sched_out').calls).to.be.at.most(2);
  });

  it('switches as often a second as asked, half of that away from the workload, at times of its own', async () => {
    const busy = await counted('guest.background=1000');
    for (const operation of ['context_switch, sched_out', 'context_switch, sched_in'] as const) {
      const { calls, exits } = row(busy, operation);
      expect(calls, operation).to.be.within(430, 570);
      // Four counters and a fixed one: 2 + 2 x 4 + 3 accesses out, one more in.
      expect(exits, operation).to.be.closeTo(operation.endsWith('out') ? 13 : 14, 0.1);
    }
    expect(busy.elapsed - (await counted()).elapsed).to.be.within(20e6, 60e6);
  });
});
