/**
 * A comparison as a page: the sentences and figures of the text, drawn as well. What is computed here is where things stand
 * beside each other; every number comes from the comparison and is worded as the text words it.
 */
import type { ComparedPair, ComparedProfiles, ComparedRow } from '../profile/compare.ts';
import type { SampledTime } from '../profile/profile.ts';
import { ROOT, type StackFrame, stackDepth, stackTree } from '../profile/stacks.ts';
import { nanos } from '../units.ts';
import { operandColumns, pairColumns, rowText, splitColumns, TITLES } from './compare.ts';
import type {
  Bars,
  Cell,
  Column,
  Estimate,
  Finding,
  Flame,
  Flames,
  Frame,
  Page,
  Section,
  Series,
  Subject,
  Table,
  Timeline,
} from './html/model.ts';
import { listed, ruledTable } from './page-tables.ts';
import { fixed } from './table.ts';
import { distrusts, points, signed, verdictSentence } from './verdict.ts';

export interface ComparePageOptions {
  readonly command: string;
  readonly generator: string;
  readonly reproduce: readonly string[];
  /** What was run, if all profiles are of one workload that was. */
  readonly workload?: string | undefined;
}

/** Rows that are drawn; the table has them all. */
const DRAWN = 24;

/** The page of the comparisons of all events. */
export function comparePage(all: readonly ComparedProfiles[], { workload, ...options }: ComparePageOptions): Page {
  const several = all.length > 1;
  const labels = all[0]?.operands.map(({ label }) => label) ?? [];
  return {
    ...options,
    title: `${workload === undefined ? '' : `${workload}: `}${listed(labels)} compared`,
    findings: all.flatMap((compared) => compared.pairs.map((pair) => findingOf(compared, pair, several))),
    cautions: uniqueCautions(all.flatMap(distrusts)),
    sections: all.flatMap((compared) => {
      const titled = (title: string): string => (several ? `${compared.event}: ${title}` : title);
      return sectionsOf(compared, titled);
    }),
  };
}

const TONES = {
  indistinguishable: { tone: 'same', word: 'indistinguishable' },
  'different-but-small': { tone: 'small', word: 'different but small' },
  'materially-different': { tone: 'material', word: 'materially different' },
} as const;

function findingOf(compared: ComparedProfiles, pair: ComparedPair, several: boolean): Finding {
  const [a, b] = [compared.operands[pair.a]!.label, compared.operands[pair.b]!.label];
  return {
    about: `${several ? `${compared.event}: ` : ''}${a} against ${b}`,
    ...(pair.tested ? TONES[pair.comparison.verdict.kind] : { tone: 'unknown', word: 'not tested' }),
    sentence: verdictSentence(compared, pair),
  };
}

/** Events of one recording share most reasons: each is told once. */
function uniqueCautions(
  all: readonly { readonly reasons: readonly string[]; readonly remedy: string }[],
): Page['cautions'] {
  const byRemedy = new Map<string, Set<string>>();
  for (const { reasons, remedy } of all) {
    const known = byRemedy.get(remedy) ?? new Set();
    for (const reason of reasons) known.add(reason);
    byRemedy.set(remedy, known);
  }
  return [...byRemedy].map(([remedy, reasons]) => ({ reasons: [...reasons], remedy }));
}

function sectionsOf(compared: ComparedProfiles, titled: (title: string) => string): Section[] {
  const { event, by, operands } = compared;
  const time = timeline(compared);
  const split = splitColumns(compared);
  const flames = flameFigures(compared);
  const deep = operands.some(({ profile: { stacks } }) => stacks !== undefined && stackDepth(stacks) > 1);
  return [
    {
      title: titled('Where the time went'),
      about: `Shares of ${event === '' ? 'the samples' : event} by ${TITLES[by].toLowerCase()}. An interval holds the true share of its row in 95 of 100 runs (Wilson, on effective samples).`,
      parts: [shareBars(compared), shareTable(compared)],
    },
    {
      title: titled('How far apart'),
      about:
        'Distances between profiles beside what noise alone makes of two perfect ones, and what each profile can say.',
      parts: [
        ruledTable('Every pair', pairColumns(compared), PAIR_NOTE),
        ...(split.length > 0 ? [ruledTable('Bias and noise', split, SPLIT_NOTE)] : []),

        ruledTable('Every profile', operandColumns(compared), PROFILE_NOTE),
      ],
    },
    ...(time === undefined
      ? []
      : [
          {
            title: titled('When samples were taken'),
            about: 'All panels share their axes; time begins with the first sample.',
            parts: [time],
          },
        ]),
    ...(flames.length === 0
      ? []
      : [
          {
            title: titled('Stacks'),
            about: deep
              ? 'Press a frame to see it, and the same frame of the other graphs, as wide as the page.'
              : 'The recordings hold no call chains (record -g): each stack is a function alone.',
            parts: flames,
          },
        ]),
  ];
}

/** Design, so that it is drawn in the same colour on every page. */
const subjectOf = ({ label, profile: { origin } }: ComparedProfiles['operands'][number]): Subject =>
  origin === undefined ? { label } : { label, design: label.includes(origin.vpmu) ? origin.vpmu : label };

const estimateOf = (
  { share, interval }: ComparedRow['shares'][number],
  { evidence, exact }: ComparedProfiles['operands'][number],
): Estimate => ({
  value: 100 * share,
  text: points(share),
  ...(evidence !== undefined &&
    !exact && {
      low: 100 * interval.low,
      high: 100 * interval.high,
      interval: `${points(interval.low)}–${points(interval.high)}`,
    }),
});

function shareBars({ operands, rows, event }: ComparedProfiles): Bars {
  const truth = operands.findIndex(({ exact }) => exact);
  const drawn = [...operands.keys()].filter((i) => i !== truth);
  const rest = rows.length - DRAWN;
  return {
    kind: 'bars',
    title: 'Shares',
    unit: event === '' ? '%' : `% of ${event}`,
    subjects: drawn.map((i) => subjectOf(operands[i]!)),
    ...(truth >= 0 && { mark: operands[truth]!.label }),
    whiskers: drawn.some((i) => operands[i]!.evidence) ? '95 % interval' : undefined,
    rows: rows
      .slice(0, DRAWN)
      .map((row) => ({
        name: rowText(row),
        detail: row.dso !== '' && row.dso !== row.name ? row.dso : undefined,
        mark: truth >= 0 ? estimateOf(row.shares[truth]!, operands[truth]!) : undefined,
        bars: drawn.map((i) => estimateOf(row.shares[i]!, operands[i]!)),
      })),
    ...(rest > 0 && { note: `The ${DRAWN} largest; ${rest} more are in the table.` }),
  };
}

function shareTable({ operands, pairs, rows, by, reference }: ComparedProfiles): Table {
  const rank = (i: number): number => (operands[i]!.exact ? 0 : i === reference ? 1 : 2);
  const order = [...operands.keys()].toSorted((a, b) => rank(a) - rank(b));
  const files = rows.some(({ dso }) => dso !== '') && by !== 'dso';
  const groupOf = ({ a, b }: ComparedPair): string => `${operands[a]!.label} less ${operands[b]!.label}`;
  const columns: Column[] = [
    { title: TITLES[by], kind: 'name' },
    ...(files ? [{ title: 'Shared Object', kind: 'text' as const }] : []),
    ...order.map((i): Column => ({
      title: operands[i]!.label,
      group: 'share, %',
      kind: 'number',
      meaning: operands[i]!.exact ? 'exact share' : 'share, and its 95 % interval',
    })),
    ...pairs.flatMap((pair): Column[] => {
      const group = groupOf(pair);
      const delta: Column = { title: 'Δ', group, kind: 'number', meaning: 'difference in percentage points' };
      if (!pair.tested) return [delta];
      return [
        delta,
        { title: 'z', group, kind: 'number', meaning: 'standard normal if nothing differs' },
        { title: 'Holm', group, kind: 'text', meaning: 'differs at 5 %, adjusted for all rows' },
      ];
    }),
  ];
  const cells = (row: ComparedRow): Cell[] => [
    { text: rowText(row) },
    ...(files ? [{ text: row.dso }] : []),
    ...order.map((i): Cell => {
      const { value, text, interval } = estimateOf(row.shares[i]!, operands[i]!);
      return { text, value, detail: interval };
    }),
    ...pairs.flatMap((pair, i): Cell[] => {
      const delta = row.shares[pair.a]!.share - row.shares[pair.b]!.share;
      const first: Cell = { text: signed(delta), value: 100 * delta };
      const test = row.tests[i];
      if (!pair.tested) return [first];
      if (test === undefined) return [first, { text: '' }, { text: '' }];
      return [first, { text: fixed(test.z, 2), value: test.z }, { text: test.differs ? 'differs' : '', strong: true }];
    }),
  ];
  return { kind: 'table', title: 'The same as numbers', columns, rows: rows.map(cells) };
}

const PAIR_NOTE =
  'TVD: total variation distance, half the sum of all differences, in percentage points; floor and p95: its mean and 95th percentile if both profiles were perfect; overlap: what the profiles share; V: effect size of chi-square; detects: the least shift found with power 80 %; top 5: part of the five largest rows that both have.';
const SPLIT_NOTE =
  'bias: distance that all seeds have in common; noise: what differs from seed to seed; by chance: what noise would be if samples were independent.';
const PROFILE_NOTE =
  'effective: independent samples of equal weight that would say as much, which is by weight (their periods differ) over bursts (samples of one burst resemble each other); duty: part of the time in which sampling was not stopped by throttling.';

/** Samples a bin below which bins are made wider, down to this number of them. */
const FEW_SAMPLES = 5;
const FEW_BINS = 32;

/** Bins in which there is something to see. */
function readable(time: SampledTime): SampledTime {
  const { samples, width } = time;
  const total = samples.reduce((sum, n) => sum + n, 0);
  if (samples.length <= FEW_BINS || total >= FEW_SAMPLES * samples.length) return time;
  const paired = (bins: readonly number[]): number[] =>
    Array.from({ length: Math.ceil(bins.length / 2) }, (_, i) => bins[2 * i]! + (bins[2 * i + 1] ?? 0));
  return readable({
    ...time,
    width: nanos(2 * width),
    samples: paired(samples),
    periods: paired(time.periods),
    stopped: paired(time.stopped),
  });
}

function timeline({ operands }: ComparedProfiles): Timeline | undefined {
  const sampled = operands.filter(({ profile: { sampling } }) => sampling?.time !== undefined);
  if (sampled.length === 0) return undefined;
  const ticked = sampled.every(({ profile: { sampling } }) => sampling!.tick !== undefined);
  const series = sampled.map((operand): Series => {
    const { sampling, samples } = operand.profile;
    const { start, end, width, samples: counts, periods, stopped } = readable(sampling!.time!);
    const unit = ticked ? sampling!.tick! : 1e9;
    return {
      subject: subjectOf(operand),
      summary: `${operand.runs > 1 ? `the first of ${operand.runs} runs; all together ` : ''}${samples ?? '?'} samples${
        operand.duty === undefined
          ? ''
          : operand.duty === 1
            ? ', never stopped'
            : `, sampling ${fixed(100 * operand.duty, 1)} % of the time`
      }`,
      seconds: (width * counts.length) / 1e9,
      bins: counts.map((n, i) => {
        // The last bin is not filled to its end; what little time there is of it says little of rates.
        const filled = Math.min(width, Math.max(end - start - i * width, ticked ? unit : width / 2));
        return {
          samples: (n * unit) / (ticked ? Math.ceil(filled / unit) * unit : filled),
          period: n > 0 ? periods[i]! / n : undefined,
          stopped: Math.min(1, stopped[i]! / filled),
        };
      }),
    };
  });
  return {
    kind: 'timeline',
    title: 'Samples and period over time',
    seconds: Math.max(...series.map(({ seconds }) => seconds)),
    rate: ticked ? 'samples a tick' : 'samples a second',
    series,
  };
}

const MOST_CHANGE = 0.05;

function flameFigures({ operands, pairs }: ComparedProfiles): Flames[] {
  const known = operands.flatMap((operand) => (operand.profile.stacks ? [operand] : []));
  if (known.length === 0) return [];
  const tree = stackTree(known.map(({ profile }) => profile.stacks!));
  const single = known.map((operand, i): Flame => {
    const { label, design } = subjectOf(operand);
    return { label, design, differential: false, root: frameOf(tree, i) };
  });
  const at = (i: number): number => known.indexOf(operands[i]!);
  const differences = pairs
    .filter(({ a, b }) => at(a) >= 0 && at(b) >= 0)
    .map(({ a, b }): Flame => ({
      label: `${operands[a]!.label} less ${operands[b]!.label}`,
      differential: true,
      root: differenceOf(tree, at(a), at(b)),
    }));
  return [
    { kind: 'flames', title: 'Flame graphs', graphs: single },
    ...(differences.length === 0
      ? []
      : [
          {
            kind: 'flames' as const,
            title: 'Differential flame graphs',
            graphs: differences,
            note: `Frames are as wide as the mean of both profiles and coloured by the difference, in full from ${points(MOST_CHANGE)} points on.`,
          },
        ]),
  ];
}

const nameOf = ({ name }: StackFrame): string => (name === '' ? '[unknown]' : name);

const frameOf = (frame: StackFrame, i: number): Frame => ({
  name: nameOf(frame),
  share: frame.shares[i]!,
  detail: `${points(frame.shares[i]!)} %`,
  children: frame.children.filter(({ shares }) => shares[i]! > 0).map((child) => frameOf(child, i)),
});

function differenceOf(frame: StackFrame, a: number, b: number): Frame {
  const [first, second] = [frame.shares[a]!, frame.shares[b]!];
  const change = first - second;
  return {
    name: nameOf(frame),
    share: (first + second) / 2,
    tone: points(Math.abs(change)) === points(0) ? 0 : Math.max(-1, Math.min(1, change / MOST_CHANGE)),
    detail:
      frame.name === ROOT
        ? `${points(first)} %`
        : `${signed(change)} points, ${points(first)} % less ${points(second)} %`,
    children: frame.children
      .filter(({ shares }) => shares[a]! > 0 || shares[b]! > 0)
      .map((child) => differenceOf(child, a, b)),
  };
}
