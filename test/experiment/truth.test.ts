/** Ground truth is of user space: an event that leaves it out has none. */
import { expect } from 'chai';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { groundTruth, NoTruthError } from '../../src/experiment/truth.ts';
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
});
