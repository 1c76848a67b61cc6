/**
 * A recording is a fair sample of the truth: over twenty seeds, the shares of a bare-metal recording of ftest stay inside
 * what chance alone does to so many samples (multinomial, with Kish's effective size for weighted samples).
 */
import { expect } from 'chai';
import { executable, prepareWorkload, workloadSeed } from '../../src/experiment/executable.ts';
import { runRecord } from '../../src/experiment/run.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { groundTruth } from '../../src/experiment/truth.ts';
import { parseProfileKey } from '../../src/profile/profile.ts';
import { recordAttrs } from '../../src/perf-events/evsel-config.ts';
import { PERF_RECORD, PERF_RECORD_MISC } from '../../src/uapi/perf-event.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import type { PerfRecord } from '../../src/perf-events/tool-record.ts';

const SEEDS = 20;
const HOT = ['qux', 'foo', 'main', 'bar', '__random_r', '__random', 'random@plt'];

interface Comparison {
  /** Total variation distance between recording and truth, and what chance makes of it on average. */
  readonly tvd: number;
  readonly floor: number;
  /** Standardised deviation of each hot symbol's share. */
  readonly z: readonly number[];
}

async function compareWithTruth(seed: string): Promise<Comparison> {
  const spec = await setUpMachine({ seed, sets: ['host.fresh=on'] });
  const workload = prepareWorkload(await loadWorkload('ftest'), spec, {});
  const [truth] = groundTruth(spec, workload, parseEventList(['cycles'], 'stat'));
  const weights = new Map([...truth!.weights].map(([key, weight]) => [parseProfileKey(key).symbol, weight]));
  const total = [...weights.values()].reduce((a, b) => a + b);

  const symbols = workload.image.dsos.flatMap((dso) =>
    dso.symbols.map(({ name, offset, size }) => ({ name, from: dso.base + offset, to: dso.base + offset + size })),
  );
  const sampled = new Map<string, number>();
  let [sum, squares] = [0, 0];
  const write = (records: readonly PerfRecord[]): number => {
    for (const r of records) {
      if (r.type !== PERF_RECORD.SAMPLE || r.misc !== PERF_RECORD_MISC.USER) continue;
      const name = symbols.find(({ from, to }) => r.ip >= from && r.ip < to)?.name ?? '';
      const period = Number(r.period);
      sampled.set(name, (sampled.get(name) ?? 0) + period);
      sum += period;
      squares += period ** 2;
    }
    return 0;
  };
  const evlist = recordAttrs(parseEventList(['cpu-cycles'], 'record'), { all_user: true, freq: 1000 });
  await runRecord(
    spec,
    { evlist, executable: executable(workload, workloadSeed(spec, 0)) },
    { opened: () => undefined, write },
  );

  const n = sum ** 2 / squares;
  const rows = HOT.map((name) => {
    const p = weights.get(name)! / total;
    return { p, share: (sampled.get(name) ?? 0) / sum, sd: Math.sqrt((p * (1 - p)) / n) };
  });
  return {
    tvd: rows.reduce((d, { p, share }) => d + Math.abs(share - p) / 2, 0),
    floor: rows.reduce((d, { sd }) => d + (Math.sqrt(2 / Math.PI) * sd) / 2, 0),
    z: rows.map(({ p, share, sd }) => (share - p) / sd),
  };
}

describe('a bare-metal recording against the truth', () => {
  it(`stays inside the sampling noise over ${SEEDS} seeds`, async () => {
    const runs: Comparison[] = [];
    for (let seed = 0; seed < SEEDS; seed++) runs.push(await compareWithTruth(`unbiased ${seed}`));
    const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;
    // Systematic sampling varies no more than multinomial; the mean of twenty distances has a spread of about 8 %.
    expect(mean(runs.map((r) => r.tvd / r.floor))).to.be.within(0.5, 1.25);
    // p95 of the distance is 1.6 times its mean: more than four of twenty beyond would be strange.
    expect(runs.filter((r) => r.tvd > 1.6 * r.floor).length).to.be.at.most(4);
    HOT.forEach((name, i) => {
      const z = runs.map((r) => r.z[i]!);
      expect(Math.abs(mean(z)) * Math.sqrt(SEEDS), `bias of ${name}`).to.be.below(4);
      expect(mean(z.map((x) => x * x)), `spread of ${name}`).to.be.below(2.2);
    });
  });
});
