/** Raw events with EDGE, INV, CMASK and ANY: what is counted on bare metal and through KVM, and what is refused. */
import { expect } from 'chai';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { countWorkload } from '../../src/experiment/stat.ts';
import { uncountable } from '../../src/experiment/uncountable.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { loadWorkload } from '../../src/workload/registry.ts';

describe('events with a counter mask', () => {
  for (const vpmu of ['host', 'legacy', 'v2'])
    it(`${vpmu}: no cycle has 16 instructions, and every mispredicted branch is an edge`, async () => {
      const spec = await setUpMachine({ vpmu, seed: 'mask', sets: [] });
      const workload = prepareWorkload(await loadWorkload('ftest'), spec, {});
      const events =
        'cycles:u,cpu/event=0xc0,inv,cmask=16/u,cpu/event=0xc0,cmask=16/u,cpu/event=0xc5,edge/u,branch-misses:u';
      const { runs } = await countWorkload({ spec, workload, evlist: parseEventList([events], 'stat'), repeat: 1 });
      const [cycles, inverted, none, edges, misses] = runs[0]!.counts.map(({ val }) => val);
      expect(cycles).to.be.greaterThan(1e10);
      expect([inverted, none, edges]).to.deep.equal([cycles, 0, misses]);
    });

  it('any is for PMUs of versions 3 and 4, which no guest has', async () => {
    const counted = async (vpmu: string, event: string): Promise<number | undefined> => {
      const spec = await setUpMachine({ vpmu, seed: 'mask', sets: [] });
      const workload = prepareWorkload(await loadWorkload('true'), spec, {});
      const { runs } = await countWorkload({ spec, workload, evlist: parseEventList([event], 'stat'), repeat: 1 });
      const [count] = runs[0]!.counts;
      return count!.supported ? count!.val : undefined;
    };
    expect(await counted('host', 'cpu/event=0x3c,any/u')).to.equal(await counted('host', 'cycles:u'));
    expect(await counted('v2', 'cpu/event=0x3c,any/u')).to.equal(undefined);
  });

  it('what depends on single cycles is refused, and what no PMU has', async () => {
    const why = async (event: string, machine: string, ...sets: string[]): Promise<string | undefined> => {
      const spec = await setUpMachine({ machine, vpmu: 'host', sets });
      return uncountable(spec, parseEventList([event], 'stat')[0]!.attr);
    };
    const CYCLES = 'gperf does not model in which cycles an event occurs, which decides with this edge, inv or cmask';
    for (const event of ['cpu/event=0xc0,cmask=1/', 'cpu/event=0xc0,edge/', 'cpu/event=0x3c,edge,cmask=1/'])
      expect(await why(event, 'broadwell-ep'), event).to.equal(CYCLES);
    for (const event of ['r1003c', 'cpu/event=0xc5,cmask=1/', 'instructions', 'cpu/event=0x3c,any/'])
      expect(await why(event, 'broadwell-ep'), event).to.equal(undefined);
    expect(await why('r3000000c0', 'broadwell-ep')).to.match(/in_tx/);
    expect(await why('cpu/event=0x3c,any/', 'icelake-sp')).to.equal('a PMU of version 5 has no AnyThread');
    expect(await why('cpu/event=0x3c,any/', 'broadwell-ep', 'host.cpus=16', 'host.cores=16')).to.match(
      /both hardware threads/,
    );
  });
});
