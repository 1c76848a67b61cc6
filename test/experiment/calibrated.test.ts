/** The table of calibrated constants against what the sources of costs say, and against the classes of reproduce. */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { classOf, tablePlans, verdictOf } from '../../src/experiment/letter.ts';
import { publishedTables } from '../../src/experiment/reproduce.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { CALIBRATED } from '../../src/machine/calibrated.ts';
import { SPEC_KEYS, type SpecKey } from '../../src/machine/keys.ts';
import { broadwellEp } from '../../src/machine/presets/broadwell-ep.ts';

const constants = CALIBRATED.map(({ constant }) => constant);
const WHERE: Readonly<Record<string, string>> = {
  'ring0.ts': 'src/machine/ring0.ts',
  'letter.ts': 'src/experiment/letter.ts',
  'ftest.yaml': 'workloads/ftest.yaml',
};

describe('calibrated constants', () => {
  it('are spec keys, or in the file that is said', () => {
    expect(new Set(constants).size).to.equal(constants.length);
    for (const constant of constants) {
      const [, name = '', file] = /^(.+?)(?: of (\S+))?$/.exec(constant)!;
      if (file === undefined) expect(SPEC_KEYS, constant).to.have.property(name);
      else
        expect(readFileSync(WHERE[file]!, 'utf8'), constant).to.contain(name.split('.')[0]!.replace(/^guest$/, name));
    }
  });

  it('are all costs whose source is a fit or the letter', () => {
    for (const key of Object.keys(SPEC_KEYS) as SpecKey[])
      if (
        /fitted|letter's (samples|table|maxima|figures)|the letter with|^the letter: an intercepted/.test(
          broadwellEp.sources[key],
        )
      )
        expect(constants, `${key}: ${broadwellEp.sources[key]}`).to.include(key);
  });

  it('name figures that were published', () => {
    const { tables, recordings, profiles } = publishedTables();
    const published = new Set([
      ...Object.entries(tables).flatMap(([id, { rows }]) =>
        Object.entries(rows).flatMap(([row, cells]) => Object.keys(cells).map((column) => `(${id}) ${row}, ${column}`)),
      ),
      ...Object.keys(recordings).map((where) => `samples, ${where}`),
      ...Object.keys(profiles).map((where) => `profile, ${where}`),
    ]);
    for (const { constant, fittedTo } of CALIBRATED)
      for (const figure of fittedTo)
        if (!/^commit [0-9a-f]{12}: /.test(figure)) expect(published, `${constant}: ${figure}`).to.include(figure);
  });

  it('decide what reproduce calls derived', async () => {
    const plans = tablePlans(await setUpMachine({ vpmu: 'legacy', sets: [] }));
    const derived = plans.flatMap(({ id, cells }) =>
      cells
        .filter((f) => f.own === undefined && verdictOf(id, f) === 'derived')
        .map((f) => `(${id}) ${f.row}, ${f.column}`),
    );
    // The handler's eight exits, and how often counters of 31 bits overflow.
    expect([...new Set(derived)]).to.deep.equal([
      '(2) x86_pmu.handle_irq, v2',
      '(4) x86_pmu.handle_irq, legacy',
      '(4) x86_pmu.handle_irq, v2',
    ]);
    expect(['samples, legacy', 'samples, v2', 'samples, host', 'profile, host'].map(classOf)).to.deep.equal(
      Array.from({ length: 4 }, () => 'calibrated'),
    );
    expect(['profile, legacy', 'profile, v2'].map(classOf)).to.deep.equal(['derived', 'derived']);
    // An additional row is of the class of the published one beside it.
    const ours = plans.flatMap(({ id, cells }) =>
      cells.filter((f) => f.own !== undefined).map((f) => `${verdictOf(id, f)} (${id}) ${f.row}, ${f.column}`),
    );
    expect(ours).to.deep.equal([
      'calibrated (1) perf_event_create_kernel_counter: gp, usually, legacy',
      'calibrated (2) enable global_ctrl, 99 % of calls, legacy',
      'derived (2) static key switched on, times a run, legacy',
      'calibrated (2) enable global_ctrl, 99 % of calls, v2',
      'derived (2) static key switched on, times a run, v2',
      'derived (5) context_switch, sched_in, legacy',
      'derived (5) context_switch, sched_in, v2',
      'derived (5) context_switch, sched_out, legacy',
      'calibrated (5) context_switch, sched_out, v2',
    ]);
  });

  it('are as many as README says', () => {
    expect(readFileSync('README.md', 'utf8').replaceAll('\n', ' ')).to.contain(
      `${constants.length} constants are calibrated`,
    );
  });
});
