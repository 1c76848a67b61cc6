/**
 * Two guests at once against one alone, under perf, in figures that a reader can follow (fixtures/golden;
 * `npm run update` rewrites them).
 */
import { expect } from 'chai';
import { benchDesign, benchRun, specRequest, type BenchRun } from '../../src/experiment/bench.ts';
import { setUpMachine, type MachineSpec } from '../../src/experiment/setup.ts';
import { recordAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { accountsOf } from '../../src/report/bench/text.ts';
import { gridLines, whole } from '../../src/report/shared/grid.ts';
import { expectKept } from '../kept.ts';

const BESIDE = ['host.guests=1', 'host.guests_perf=on'];

describe('two guests under perf at once', () => {
  for (const vpmu of ['legacy', 'v2'])
    it(`${vpmu}: fixtures/golden/two-guests-${vpmu}.txt, with the reason in the ledger`, async () => {
      const runs: { spec: MachineSpec; run: BenchRun }[] = [];
      for (const sets of [[], BESIDE]) {
        const spec = await setUpMachine({ vpmu, sets: ['host.cores=2', ...sets] });
        const evlist = recordAttrs(parseEventList(['cycles'], 'record'), { all_user: true });
        const request = { words: ['noploop', '1'], mode: 'record', systemWide: false, evlist, run: 0 } as const;
        runs.push({ spec, run: await benchRun({ spec: specRequest(spec), ...request }) });
      }
      const designs = runs.map(({ spec, run }) => benchDesign(spec, [run], [run]));
      const ms = (ns: number): string => (ns / 1e6).toFixed(3);
      const row = (name: string, of: (design: (typeof designs)[number]) => string): { cells: string[] } => ({
        cells: [name, ...designs.map(of)],
      });
      const ledgers = designs.map(({ ledger }) => ledger);
      const grid = {
        title: `perf record -F 4000 -e cycles --all-user noploop 1, --vpmu ${vpmu}, on the first of two cores`,
        columns: ['', 'alone', 'beside another guest under perf'],
        rows: [
          row('samples', ({ samples }) => whole(samples.median)),
          row('throttled', ({ throttled }) => whole(throttled.median)),
          row('run time of the workload, ms', ({ elapsed }) => ms(elapsed.median)),
          row('first events of the host (reserve_ds_buffers)', ({ paid }) => whole(paid.reserve.median)),
          row('last events of the host (release_ds_buffers)', ({ paid }) => whole(paid.release.median)),
          ...accountsOf(ledgers).map(({ name, ns }) => ({ cells: [`${name}, ms`].concat(ns.map(ms)) })),
        ],
      };
      expectKept(`fixtures/golden/two-guests-${vpmu}.txt`, `${[...gridLines(grid)].join('\n')}\n`);
      const [alone, beside] = runs.map(({ run }) => run);
      const hostPerf = (run: BenchRun): number =>
        run.ledger.rows.find(({ account }) => account === 'host perf')!.ns / run.samples;
      if (vpmu === 'v2') {
        // It keeps its events: it pays once in either case, and nothing changes.
        expect(alone!.paid.reserve).to.be.at.most(2);
        expect(beside!.samples / alone!.samples).to.be.within(0.98, 1.02);
        expect(beside!.elapsed / alone!.elapsed).to.be.within(0.98, 1.02);
        return;
      }
      // Alone, each reprogramming makes the host's first event and ends its last. Beside another that is throttled as much,
      // a good part still does, and some wait for each other.
      const rate = (run: BenchRun): number => run.paid.reserve / run.elapsed;
      expect(alone!.paid.reserve).to.be.greaterThan(2 * alone!.samples - 10);
      expect(rate(beside!) / rate(alone!)).to.be.within(0.5, 0.9);
      expect(hostPerf(beside!) / hostPerf(alone!)).to.be.within(0.5, 1);
      const waits = beside!.ledger.rows.find(({ account }) => account === 'pmc_reserve_mutex')!.ns;
      expect(waits / beside!.elapsed).to.be.within(0.01, 0.2);
    });

  it('legacy: is about the same however often the cores settle who waited for whom', async () => {
    const evlist = recordAttrs(parseEventList(['cycles'], 'record'), { all_user: true });
    const request = { words: ['noploop', '0.3'], mode: 'record', systemWide: false, evlist, run: 0 } as const;
    const runs: BenchRun[] = [];
    for (const grid of [4, 1, 0.25]) {
      const sets = ['host.cores=2', ...BESIDE, `machine.grid=${grid * 1e6}`];
      const spec = await setUpMachine({ vpmu: 'legacy', sets });
      runs.push(await benchRun({ spec: specRequest(spec), ...request }));
    }
    for (const { elapsed, samples } of runs) {
      expect(elapsed / runs[0]!.elapsed).to.be.within(0.9, 1.1);
      expect(samples / runs[0]!.samples).to.be.within(0.9, 1.1);
    }
  });
});
