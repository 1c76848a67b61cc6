/** gperf stat --truth: estimates beside what retired. */
import { expect } from 'chai';
import { parseEventList } from '../../../src/perf-events/parse-events.ts';
import { statTruthText } from '../../../src/report/stat/truth.ts';
import { nanos } from '../../../src/units.ts';

describe('counts beside the truth', () => {
  const run = (
    ...counts: [val: number, ena: number, ran: number][]
  ): Parameters<typeof statTruthText>[0]['runs'][0] => ({
    counts: counts.map(([val, ena, ran]) => ({ val, ena, run: ran, supported: true })),
    elapsed: nanos(1e9),
    user: nanos(0),
    sys: nanos(0),
    status: 0,
  });

  it('shows the scaled mean of the runs and its error', () => {
    const evlist = parseEventList(['branches:u', 'instructions:u', 'faults'], 'stat');
    const runs = [
      run([600, 900, 600], [1000, 900, 900], [7, 900, 900]),
      run([610, 900, 600], [1000, 900, 900], [7, 900, 900]),
    ];
    expect(statTruthText({ evlist, runs }, { workload: './w', truth: [900, 1000, undefined] })).to.equal(
      [
        " What './w' retired in user space, beside what was counted:",
        '',
        '          estimate             truth           error',
        '               908               900       +0.8333 %  branches:u',
        '              1000              1000       +0.0000 %  instructions:u',
        '                 7                 -               -  faults',
        '',
        '',
      ].join('\n'),
    );
  });

  it('says when a counter counts more than there is a truth of, and when it did not count', () => {
    const evlist = parseEventList(['branches'], 'stat');
    const text = statTruthText({ evlist, runs: [run([0, 900, 0])] }, { workload: './w', truth: [900] });
    expect(text).to.match(/<not counted> +900 +- {2}branches$/m);
    expect(text).to.include('A counter without :u counts the kernel as well.');
  });

  it('says what clocks count besides work', () => {
    const said = (event: string): string =>
      statTruthText(
        { evlist: parseEventList([event], 'stat'), runs: [run([900, 9, 9])] },
        { workload: './w', truth: [900] },
      );
    expect(said('cycles:u')).to.match(
      /A clock also counts each interrupt's return, .*\(core\.refill\), .*\(core\.cold\)\.\n\n$/,
    );
    expect(said('instructions:u')).to.not.include('clock');
  });

  it('says why cycles are more than work where hardware threads share cores', () => {
    const said = (sharedCores: boolean): string =>
      statTruthText(
        { evlist: parseEventList(['cycles:u'], 'stat'), runs: [run([900, 9, 9])] },
        { workload: './w', truth: [900], sharedCores },
      );
    expect(said(true)).to.match(/\(core\.smt_throughput\)\.\n\n$/);
    expect(said(false)).to.not.include('hardware thread');
  });
});
