/** Ground truth covers user space: an event that excludes it has none. */
import { expect } from 'chai';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { groundTruth, NoTruthError, trueCounts } from '../../src/experiment/truth.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { type Granularity, parseProfileKey, profileKey } from '../../src/profile/profile.ts';
import { loadWorkload } from '../../src/workload/registry.ts';

describe('ground truth', () => {
  it('is of user space: an event that leaves it out has none', async () => {
    const spec = await setUpMachine({ sets: [] });
    const workload = prepareWorkload(await loadWorkload('true'), spec, {});
    const truth = (event: string): unknown => groundTruth(spec, workload, parseEventList([event], 'stat'));
    expect(truth('cycles:u')).to.have.length(1);
    expect(() => truth('cycles:k')).to.throw(NoTruthError, /user space only/);
  });

  it('is the same by call chain, by instruction and by file, summed up', async () => {
    const spec = await setUpMachine({ sets: [] });
    const workload = prepareWorkload(await loadWorkload('sqrtloop', ['0.01']), spec, {});
    const evlist = parseEventList(['cycles', 'branch-misses', 'L1-dcache-load-misses'], 'stat');
    const of = (by: Granularity): Map<string, number>[] =>
      groundTruth(spec, workload, evlist, { by }).map(({ weights }) => {
        const bySymbol = new Map<string, number>();
        for (const [key, weight] of weights) {
          const { dso, symbol } = parseProfileKey(key);
          const name =
            by === 'dso'
              ? dso
              : symbol
                  .split(';')
                  .at(-1)!
                  .replace(/\+0x[0-9a-f]+$/, '');
          bySymbol.set(name, (bySymbol.get(name) ?? 0) + weight);
        }
        return bySymbol;
      });
    const bySymbol = of('symbol').map((weights) => Object.fromEntries(weights));
    expect(of('callchain').map((weights) => Object.fromEntries(weights))).to.deep.equal(bySymbol);
    expect(of('instruction').map((weights) => Object.fromEntries(weights))).to.deep.equal(bySymbol);
    const sum = (weights: Map<string, number>): number => [...weights.values()].reduce((a, b) => a + b);
    expect(of('dso').map(sum)).to.deep.equal(of('symbol').map(sum));
    const [chains] = groundTruth(spec, workload, evlist, { by: 'callchain' });
    const key = profileKey({
      comm: 'sqrtloop',
      dso: '',
      symbol: 'sqrtloop;_start;__libc_start_main;main;sqrtloop;rand;__random;__random_r',
    });
    expect(chains!.weights.get(key)).to.equal(bySymbol[0]!['__random_r']);
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
