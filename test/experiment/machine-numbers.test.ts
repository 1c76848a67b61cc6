/** A machine's numbers as keys: what they change in a run, how a recording keeps them, how they are listed. */
import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COLUMN } from '../../src/arch/events.ts';
import { benchRun, specRequest, type BenchRequest } from '../../src/experiment/bench.ts';
import { prepareWorkload } from '../../src/experiment/executable.ts';
import { SetUpError, setUpMachine, type MachineSpec } from '../../src/experiment/setup.ts';
import { specRows } from '../../src/experiment/spec-list.ts';
import { specFromText, specText } from '../../src/experiment/spec-text.ts';
import { SPEC_KEYS, type SpecKey } from '../../src/machine/keys.ts';
import { recordAttrs, statAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { OperationRow } from '../../src/results/operations.ts';
import { expectedTotals } from '../../src/workload/expected.ts';
import { loadWorkload } from '../../src/workload/registry.ts';

const machine = (vpmu: string, ...sets: string[]): Promise<MachineSpec> =>
  setUpMachine({ vpmu, seed: 'numbers', sets });

async function operations(
  spec: MachineSpec,
  how: Pick<BenchRequest, 'mode' | 'evlist'>,
): Promise<readonly OperationRow[]> {
  const request = { spec: specRequest(spec), words: ['noploop', '0.1'], systemWide: false, run: 0, ...how };
  return (await benchRun(request)).operations;
}
const counting = (events: string): Pick<BenchRequest, 'mode' | 'evlist'> => ({
  mode: 'stat',
  evlist: statAttrs(parseEventList([events], 'stat')),
});
const sampling: Pick<BenchRequest, 'mode' | 'evlist'> = {
  mode: 'record',
  evlist: recordAttrs(parseEventList(['cycles'], 'record'), { all_user: true, freq: 1000 }),
};

describe('a machine owns its numbers', () => {
  let dir: string;
  before(() => (dir = mkdtempSync(join(tmpdir(), 'gperf-numbers-'))));
  after(() => rmSync(dir, { recursive: true }));

  it('cost.vmexit moves the mean of an intercepted access by what it differs', async () => {
    const accesses = ['r/w EVENTSEL', 'r/w counter', 'RDPMC', 'w LVTPC'];
    const means = async (...sets: string[]): Promise<number[]> => {
      const spec = await machine('v2', 'core.cold=off', 'costs.spread=0', ...sets);
      const rows = await operations(spec, counting('cycles,branches,cache-misses'));
      return accesses.map((operation) => rows.find((row) => row.operation === operation)!.mean);
    };
    const usual = await means();
    const preset = (await machine('v2')).preset.values['cost.vmexit'];
    for (const k of [100, 1000, 3000]) {
      const moved = await means(`cost.vmexit=${k}`);
      accesses.forEach((access, i) => expect(moved[i]! - usual[i]!, access).to.be.closeTo(k - preset, 0.01));
    }
  });

  it("a host's PMI takes twice the ns on a core half as fast", async () => {
    const pmi = async (...sets: string[]): Promise<number> =>
      (await operations(await machine('host', 'core.cold=off', 'costs.spread=0', ...sets), sampling)).find(
        (row) => row.operation === 'x86_pmu.handle_irq',
      )!.p50;
    const usual = await pmi();
    expect(usual).to.be.greaterThan(500);
    expect(await pmi('core.clock=1.4e9')).to.be.closeTo(2 * usual, 2);
  });

  it('a machine in one file, with another mispredict penalty: ftest takes that many cycles more a branch miss', async () => {
    const file = join(dir, 'mine.yaml');
    writeFileSync(file, 'machine: icelake-sp\ncore:\n  mispredict: 20\n');
    const mine = await setUpMachine({ machine: file, vpmu: 'host', sets: [] });
    const its = await setUpMachine({ machine: 'icelake-sp', vpmu: 'host', sets: [] });
    const ftest = await loadWorkload('ftest');
    const [a, b] = [its, mine].map((spec) => expectedTotals(prepareWorkload(ftest, spec, {}).image.tables));
    const misses = a![COLUMN['branch-misses']]!;
    expect(misses).to.be.greaterThan(1e6);
    expect(b![COLUMN.cycles]! - a![COLUMN.cycles]!).to.be.closeTo(4 * misses, 1);
    expect(b![COLUMN['stalled-cycles-frontend']]! - a![COLUMN['stalled-cycles-frontend']]!).to.be.closeTo(
      4 * misses,
      1,
    );
  });

  it("a recording keeps those that are not the preset's, and no others", async () => {
    const sets = ['core.mispredict=20', 'cost.ipi_target=100', 'op.div=10', 'host.hz=1000'];
    const spec = await machine('v2', ...sets);
    const text = specText(spec);
    expect(text.split('\n').filter((line) => /^(cost|op|core\.(l2=|mispredict|memory))/.test(line))).to.deep.equal([
      'core.mispredict=20',
      'op.div=10',
      'cost.ipi_target=100',
    ]);
    expect(await specFromText(text)).to.deep.equal(spec);
    expect(specText(await machine('v2'))).not.to.match(/^(cost|op)\./m);
  });

  describe('list spec', () => {
    it('without a word: all keys but the many costs', async () => {
      const rows = specRows(await machine('v2'));
      expect(rows.every(({ name }) => !/^(cost|op)\./.test(name))).to.equal(true);
      expect(rows[0]).to.deep.equal({
        name: 'core.clock=2800000000',
        label: 'Hz',
        description: 'core clock while all cores are busy, and the unit of time',
      });
    });

    it('with one: value, unit, range, what the clock does to it, and the source', async () => {
      const spec = await machine('v2', 'cost.vmexit=500');
      expect(specRows(spec, ['cost.vmexit'])).to.deep.equal([
        {
          name: 'cost.vmexit=500',
          label: 'ns at 2.8 GHz, 0 to 10000000',
          description: 'VM-exit and VM-entry themselves, as hardware does them (vmx_vmenter)',
          more: [
            'cycles of the core: its ns follow core.clock',
            'source: set, instead of 280: of the order of the latencies in Agesen, Mattson, Rugina, Sheldon: "Software Techniques for Avoiding Hardware Virtualization Exits" (2012): some 800 cycles',
          ],
        },
      ]);
      const [memory] = specRows(spec, ['core.memory']);
      expect(memory!.label).to.equal('cycles at 2.8 GHz, 0 to 100000');
      expect(memory!.more![0]).to.equal('memory-bound: its ns stay at any core.clock');
    });

    it('cost: one for every function that has one, each with its source', async () => {
      const rows = specRows(await machine('v2'), ['cost']);
      const keys = Object.keys(SPEC_KEYS).filter((key) => /^costs?\./.test(key));
      expect(rows.map(({ name }) => name.split('=')[0])).to.deep.equal(keys);
      expect(rows.length).to.be.greaterThan(150);
      for (const { name, more } of rows) expect(more!.at(-1), name).to.match(/^source: \S.{9}/);
    });

    it('takes several words, words of the text where no key has them, and says when there are none', async () => {
      const spec = await machine('v2');
      const keys = (...words: string[]): string[] => specRows(spec, words).map(({ name }) => name.split('=')[0]!);
      expect(keys('refill', 'CLOCK')).to.deep.equal(['core.clock', 'core.refill']);
      expect(keys('Agner Fog')).to.include('op.div');
      expect(() => keys('mispredikt')).to.throw(
        SetUpError,
        "no spec key has 'mispredikt' in it (did you mean mispredict?)",
      );
    });

    it('every value of every machine has a source', async () => {
      for (const name of ['broadwell-ep', 'sapphire-rapids']) {
        const { preset } = await setUpMachine({ machine: name, vpmu: 'host', sets: [] });
        for (const key of Object.keys(SPEC_KEYS) as SpecKey[]) expect(preset.sources[key], key).to.match(/\S{3}/);
      }
    });
  });
});
