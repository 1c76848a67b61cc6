/** The slots event: where perf knows its name, and that fixed counter 3 counts issue slots. */
import { expect } from 'chai';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { parseOptions, setUpMachine } from '../../src/experiment/setup.ts';
import { countWorkload } from '../../src/experiment/stat.ts';
import { EventSyntaxError } from '../../src/perf-events/event-syntax-error.ts';
import { statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { loadWorkload } from '../../src/workload/registry.ts';

async function counts(events: string, machine: string, vpmu = 'host', ...sets: string[]): Promise<readonly number[]> {
  const spec = await setUpMachine({ machine, vpmu, seed: 'slots', sets });
  const evlist = statAttrs(parseEventList([events], 'stat', parseOptions(spec)));
  const workload = prepareWorkload(await loadWorkload('noploop'), spec, { seconds: 0.01 });
  const { runs } = await countWorkload({ spec, workload, evlist, repeat: 1 });
  return runs[0]!.counts.map(({ val }) => val);
}
const refused = async (...where: [machine: string, vpmu?: string, ...sets: string[]]): Promise<boolean> =>
  counts('slots', ...where).then(
    () => false,
    (error: unknown) => error instanceof EventSyntaxError,
  );

describe('slots', () => {
  it('are five or six a cycle, by either name', async () => {
    for (const [machine, width] of [
      ['icelake-sp', 5],
      ['sapphire-rapids', 6],
    ] as const)
      for (const name of ['slots', 'cpu/slots/']) {
        const [slots = NaN, cycles = NaN] = await counts(`${name},cycles`, machine);
        expect(slots / cycles, `${name} on ${machine}`).to.be.closeTo(width, 0.001);
      }
  });

  it('have the fixed counter or none: two of them take turns', async () => {
    const [one = NaN, other = NaN] = await counts('slots,slots', 'icelake-sp');
    expect(one / other).to.be.within(0.5, 2);
    const [grouped] = await counts('{slots,slots}', 'icelake-sp').catch(() => [0]);
    expect(grouped, 'a group cannot be counted').to.equal(0);
  });

  it('have no name where there is no such counter: on older cores, in guests, before Linux 5.10', async () => {
    expect(await refused('icelake-sp')).to.equal(false);
    expect(await refused('broadwell-ep')).to.equal(true);
    expect(await refused('icelake-sp', 'mediated')).to.equal(true);
    expect(await refused('icelake-sp', 'host', 'host.kernel=5.9')).to.equal(true);
    expect(await refused('icelake-sp', 'host', 'host.kernel=5.10')).to.equal(false);
  });
});
