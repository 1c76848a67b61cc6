/** The letter's table (5) from threads that move between vCPUs (fixtures/golden/moving.txt; `npm run update` rewrites it). */
import { expect } from 'chai';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { switchReport } from '../../src/experiment/switch-ledger.ts';
import { switchLines } from '../../src/report/explain/switches.ts';
import { expectKept } from '../kept.ts';

describe('context switches of threads that move', () => {
  it('consist of what fixtures/golden/moving.txt says', async () => {
    const specs = await Promise.all(['legacy', 'v2'].map((vpmu) => setUpMachine({ vpmu, vcpus: 3, sets: [] })));
    const report = await switchReport(specs);
    expectKept('fixtures/golden/moving.txt', `${[...switchLines(report)].join('\n')}\n`);
    for (const { count } of report.migrations) expect(count).to.be.above(10);
    const part = (name: string): number => report.parts.findIndex((one) => one.includes(name));
    const [legacyIn, , v2In] = report.switches;
    expect(legacyIn!.mean[part('pmc_reserve_mutex')]).to.be.above(1000);
    expect(legacyIn!.mean[part('DS buffers')]).to.be.above(10 * v2In!.mean[part('DS buffers')]!);
    // Lazy release: a slice without use, and the next switch in makes the events anew.
    expect(v2In!.longest[part('events made')]).to.be.above(5 * v2In!.mean[part('events made')]!);
  });
});
