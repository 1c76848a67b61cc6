/** Ground truth is of user space: an event that leaves it out has none. */
import { expect } from 'chai';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { groundTruth, NoTruthError, trueCounts } from '../../src/experiment/truth.ts';
import { parseEventList } from '../../src/uapi/parse-events.ts';
import { loadWorkload } from '../../src/workload/registry.ts';

describe('ground truth', () => {
  it('is of user space: an event that leaves it out has none', async () => {
    const spec = await setUpMachine({ sets: [] });
    const workload = prepareWorkload(await loadWorkload('true'), spec, {});
    const truth = (event: string): unknown => groundTruth(spec, workload, parseEventList([event], 'stat'));
    expect(truth('cycles:u')).to.have.length(1);
    expect(() => truth('cycles:k')).to.throw(NoTruthError, /user space only/);
  });

  it('of a count is the sum over the symbols, a mean over runs', async () => {
    const spec = await setUpMachine({ sets: [] });
    const workload = prepareWorkload(await loadWorkload('true'), spec, {});
    const evlist = parseEventList(['cycles:u', 'branches', 'task-clock', 'cycles:k'], 'stat');
    const counted = evlist.slice(0, 2);
    const sums = [0, 1].map((run) =>
      groundTruth(spec, workload, counted, { run }).map(({ weights }) => [...weights.values()].reduce((a, b) => a + b)),
    );
    expect(trueCounts(spec, workload, evlist)).to.deep.equal([...sums[0]!, undefined, undefined]);
    expect(trueCounts(spec, workload, counted, 2)).to.deep.equal(sums[0]!.map((n, i) => (n + sums[1]![i]!) / 2));
  });
});
