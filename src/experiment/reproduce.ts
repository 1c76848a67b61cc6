/**
 * `gperf reproduce rfc-v2` without its words: runs the letter's guests and its bare machine again, with several seeds,
 * and sets every figure beside the published one.
 */
import { readFileSync } from 'node:fs';
import type { MachineSpec } from '../machine/spec.ts';
import { recordAttrs, statAttrs } from '../perf-events/evsel-config.ts';
import { parseEventList } from '../perf-events/parse-events.ts';
import { profileKey, totalWeight } from '../profile/profile.ts';
import type { Reproduction, ReproducedFigure, ReproducedTable, FigureVerdict } from '../results/reproduction.ts';
import { medianOf } from '../stats/distribution.ts';
import { benchRun, specRequest, type BenchRequest, type BenchRun } from './bench.ts';
import {
  classOf,
  figureOf,
  RECORDINGS,
  STAT_SCENARIO,
  STAT_SETS,
  tablePlans,
  verdictOf,
  type Guest,
} from './letter.ts';
import { sampleRun, type SampledRun, type SampleRequest } from './sample.ts';
import { setUpMachine } from './setup.ts';

/** fixtures/seed-tables.json */
export interface PublishedTables {
  readonly source: string;
  readonly machine: string;
  readonly tables: Readonly<
    Record<
      '1' | '2' | '3' | '4' | '5',
      {
        readonly title: string;
        readonly unit: 'ns' | 'times' | 'calls';
        readonly rows: Readonly<Record<string, Readonly<Record<string, number>>>>;
      }
    >
  >;
  readonly recordings: Readonly<
    Record<
      Guest | 'host',
      { readonly title: string; readonly waking: number; readonly megabytes: number; readonly samples: number }
    >
  >;
  readonly profiles: Readonly<
    Record<Guest | 'host', readonly (readonly [percent: number, dso: string, symbol: string])[]>
  >;
}

/** The published figures, as the package carries them. */
export const publishedTables = (): PublishedTables =>
  // The file is ours and tested; its type describes it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  JSON.parse(readFileSync(new URL('../../../fixtures/seed-tables.json', import.meta.url), 'utf8')) as PublishedTables;

const SIX = 'branches,cpu-cycles,L1-icache-load-misses,branch-load-misses,branch-loads,dTLB-load-misses';
const WORDS = ['ftest'];
const COMM = 'ftest';
const MIB = 2 ** 20;

const GUESTS = ['legacy', 'v2'] as const;
/** In the letter's order. */
const RECORDED = ['legacy', 'v2', 'host'] as const;

const specFor = async (vpmu: string, seed: string, sets: readonly string[]): Promise<MachineSpec> =>
  setUpMachine({ vpmu, seed, sets });

/** One run for the letter: perf stat in a guest, or perf record in a guest or on the host. */
export type LetterRequest = { readonly stat: BenchRequest } | { readonly record: SampleRequest };
export type LetterRun = { readonly stat: BenchRun } | { readonly record: SampledRun };

/** Makes one run. Throws what its kind of run throws. */
export const letterRun = async (request: LetterRequest): Promise<LetterRun> =>
  'stat' in request ? { stat: await benchRun(request.stat) } : { record: await sampleRun(request.record) };

/** All runs needed: perf stat in both guests, then perf record in both and on the host, for each seed. */
export async function letterRequests(seed: string, seeds: number): Promise<LetterRequest[]> {
  const six = statAttrs(parseEventList([SIX], 'stat'));
  const cycles = recordAttrs(parseEventList(['cpu-cycles'], 'record'), { all_user: true });
  const all = Array.from({ length: seeds }, (_, run) => run);
  const requests: LetterRequest[] = [];
  for (const vpmu of GUESTS) {
    const spec = specRequest(await specFor(vpmu, seed, STAT_SETS));
    for (const run of all)
      requests.push({ stat: { spec, words: WORDS, mode: 'stat', systemWide: false, evlist: six, run } });
  }
  for (const vpmu of RECORDED) {
    const spec = specRequest(await specFor(vpmu, seed, []));
    for (const run of all)
      requests.push({ record: { spec, words: WORDS, evlist: cycles, by: 'symbol', run, truth: false } });
  }
  return requests;
}

/** Sets the results beside the published figures. Runs are in the order of letterRequests(). */
export async function reproduction(
  published: PublishedTables,
  seed: string,
  seeds: number,
  runs: readonly LetterRun[],
): Promise<Reproduction> {
  const stat = runs.flatMap((run) => ('stat' in run ? [run.stat] : []));
  const record = runs.flatMap((run) => ('record' in run ? [run.record] : []));
  const spec = await specFor('legacy', seed, STAT_SETS);
  const runsOf = (guest: Guest): readonly BenchRun[] => {
    const at = GUESTS.indexOf(guest) * seeds;
    return stat.slice(at, at + seeds);
  };
  const tables: ReproducedTable[] = [];
  for (const { id, notes, cells } of tablePlans(spec)) {
    const { title, unit, rows } = published.tables[id];
    const figures = cells.map((planned) => {
      const { row, column, statistic, of, reason, own } = planned;
      const said = { row, column, statistic, verdict: verdictOf(id, planned), reason };
      return figure(said, own === undefined ? rows[row]![column] : undefined, runsOf(column).map(of));
    });
    if (id === '4') tables.push(fold(published, runsOf('legacy'), runsOf('v2')));
    tables.push({ id: `(${id})`, title, unit, scenario: STAT_SCENARIO, notes, figures });
  }
  for (const [i, where] of RECORDED.entries())
    tables.push(...recording(published, where, record.slice(i * seeds, (i + 1) * seeds)));
  return { source: published.source, machine: published.machine, seeds, tables };
}

type Said = Pick<ReproducedFigure, 'row' | 'column' | 'statistic' | 'verdict' | 'reason'>;

function figure(said: Said, published: number | undefined, values: readonly number[]): ReproducedFigure {
  const simulated = medianOf(values);
  const ratio = published === undefined || published === 0 ? undefined : simulated.median / published;
  return { ...said, published, simulated, ratio };
}

/** Table (3): how much faster a PMI is, and how many fewer host events are made. */
function fold(published: PublishedTables, legacy: readonly BenchRun[], v2: readonly BenchRun[]): ReproducedTable {
  const { title, unit, rows } = published.tables['3'];
  const row = 'x86_pmu.handle_irq, legacy to v2';
  const column = 'legacy to v2';
  const created = (run: BenchRun): number =>
    figureOf(run, 'pmc_reprogram_counter, GP', 'calls') + figureOf(run, 'pmc_reprogram_counter, fixed', 'calls');
  return {
    id: '(3)',
    title,
    unit,
    scenario: STAT_SCENARIO,
    notes: [
      "legacy's maximum over v2's median, seed by seed: what 3,500,000 / 8,800 is, v2's maximum being its usual value.",
    ],
    figures: [
      figure(
        {
          row,
          column,
          statistic: 'max/p50',
          verdict: classOf(`(3) ${row}, ${column}`),
          reason: 'the two cells of table (2)',
        },
        rows[row]![column],
        legacy.map(
          (run, k) => figureOf(run, 'x86_pmu.handle_irq', 'max') / figureOf(v2[k]!, 'x86_pmu.handle_irq', 'p50'),
        ),
      ),
      figure(
        {
          row: 'calls of perf_event_create_kernel_counter',
          column: 'legacy',
          statistic: 'calls',
          verdict: 'derived',
          reason: 'up to five for every enable of GLOBAL_CTRL, and one for every overflow',
        },
        undefined,
        legacy.map(created),
      ),
      figure(
        {
          row: 'calls of perf_event_create_kernel_counter',
          column: 'v2',
          statistic: 'calls',
          verdict: 'derived',
          reason: 'once for every counter',
        },
        undefined,
        v2.map(created),
      ),
    ],
  };
}

/** A "[ perf record: ... ]" line, and the profile below it. */
function recording(published: PublishedTables, where: Guest | 'host', runs: readonly SampledRun[]): ReproducedTable[] {
  const { title, waking, megabytes, samples } = published.recordings[where];
  const id = `(${RECORDED.indexOf(where) + 1})`;
  const scenario = `perf record -e cpu-cycles --all-user ./ftest, ${where === 'host' ? 'no guest' : 'host.ipi=warm'}`;
  const line = (
    row: string,
    [verdict, reason]: readonly [FigureVerdict, string],
    wanted: number,
    of: (run: SampledRun) => number,
  ): ReproducedFigure => figure({ row, column: where, statistic: '', verdict, reason }, wanted, runs.map(of));
  const shares = published.profiles[where].map(([percent, dso, symbol]) => {
    const key = profileKey({ comm: COMM, dso, symbol });
    const [verdict, reason] = shareVerdict(published, where, percent, symbol);
    return figure(
      { row: `${dso} [.] ${symbol}`, column: where, statistic: '%', verdict, reason },
      percent,
      runs.map(({ profiles: [all] }) => (100 * (all!.weights.get(key) ?? 0)) / totalWeight(all!)),
    );
  });
  return [
    {
      id,
      title: `${title}: what perf record said`,
      unit: '',
      scenario,
      notes: [],
      figures: [
        line(
          'times woken up',
          ['derived', 'half a buffer of 512 kB each time, and the end'],
          waking,
          (run) => run.recording.waking,
        ),
        line(
          'MB',
          ['derived', '40 bytes a sample, 48 a throttling; side-band'],
          megabytes,
          (run) => run.recording.dataEnd / MIB,
        ),
        line(
          'samples',
          [classOf(`samples, ${where}`), RECORDINGS[where].samples],
          samples,
          (run) => run.recording.samples,
        ),
      ],
    },
    { id, title: `${title}: profile`, unit: '%', scenario, notes: [], figures: shares },
  ];
}

/** Deviations beyond this many standard errors are not noise. */
const NOISE = 3;

/** If a guest's share differs from the letter's own host by more than its samples explain, it was another execution. */
function shareVerdict(
  { profiles, recordings }: PublishedTables,
  where: Guest | 'host',
  percent: number,
  symbol: string,
): [FigureVerdict, string] {
  const { profile, cluster } = RECORDINGS[where];
  const verdict = classOf(`profile, ${where}`);
  if (percent === 0) return [verdict, 'a sample or none: the loader runs for microseconds'];
  if (where === 'host') return [verdict, profile];
  const [onHost] = profiles.host.find(([, , name]) => name === symbol)!;
  const error = (share: number, samples: number): number => (share * (100 - share)) / samples;
  const noise = Math.sqrt(error(percent, recordings[where].samples / cluster) + error(onHost, recordings.host.samples));
  const off = (percent - onHost) / noise;
  if (Math.abs(off) < NOISE) return [verdict, profile];
  return [
    'inconsistent',
    `the letter's guest is ${(percent - onHost).toFixed(2)} points from its own host, ${Math.abs(off).toFixed(1)} standard errors: not the same execution; ours is`,
  ];
}
