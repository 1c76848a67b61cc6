/**
 * A comparison as a page: the sentences and figures of the text, with drawings. Only positions are computed here;
 * every number comes from the comparison and is worded as in the text.
 */
import type { ComparedPair, ComparedProfiles, ComparedRow } from '../../profile/compare.ts';
import { stackDepth } from '../../profile/stacks.ts';
import { isMaterial } from '../../stats/verdict.ts';
import { operandColumns, pairColumns, rowText, splitColumns, TITLES } from './text.ts';
import type { Bars, Cell, Column, Estimate, Finding, Making, Page, Section, Table } from '../html/model.ts';
import { ruledTable, subjectOf } from '../shared/page-parts.ts';
import { listed, points } from '../shared/format.ts';
import { flameFigures } from './stacks.ts';
import { laneFigures, timeFigures } from './time.ts';
import { distrusts, figure, nearnessFindings, type NearnessFinding, signed, verdictSentence } from './verdict.ts';

export interface ComparePageOptions extends Making {
  /** What was run, if all profiles come from running one workload. */
  readonly workload?: string | undefined;
}

/** Rows to draw; the table has them all. */
const DRAWN = 24;

/** The page of the comparisons of all events. */
export function comparePage(all: readonly ComparedProfiles[], { workload, ...options }: ComparePageOptions): Page {
  const several = all.length > 1;
  const labels = all[0]?.operands.map(({ label }) => label) ?? [];
  return {
    ...options,
    title: `${workload === undefined ? '' : `${workload}: `}${listed(labels)} compared`,
    findings: all.flatMap((compared) => [
      ...compared.pairs.map((pair) => findingOf(compared, pair, several)),
      ...nearnessFindings(compared).map((found) => nearnessOf(compared, found, several)),
    ]),
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
  unsettled: { tone: 'small', word: 'cannot be told' },
} as const;

function findingOf(compared: ComparedProfiles, pair: ComparedPair, several: boolean): Finding {
  const [a, b] = [compared.operands[pair.a]!.label, compared.operands[pair.b]!.label];
  return {
    about: `${several ? `${compared.event}: ` : ''}${a} against ${b}`,
    ...(pair.tested ? TONES[pair.comparison.verdict.kind] : { tone: 'unknown', word: 'not tested' }),
    sentence: verdictSentence(compared, pair),
  };
}

function nearnessOf({ event }: ComparedProfiles, found: NearnessFinding, several: boolean): Finding {
  const { about, word, certain, sentence } = found;
  return {
    about: `${several ? `${event}: ` : ''}${about}`,
    tone: certain === undefined ? 'same' : isMaterial(certain, 0) ? 'material' : 'small',
    word,
    sentence,
  };
}

/** Events of one recording share most reasons, so each is given once. */
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
  const time = timeFigures(compared.operands);
  const split = splitColumns(compared);
  const flames = flameFigures(compared);
  const lanes = laneFigures(compared.operands);
  const deep = operands.some(({ exact, profile: { stacks } }) => !exact && stacks && stackDepth(stacks) > 1);
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
    ...(time.length === 0
      ? []
      : [
          {
            title: titled('When samples were taken'),
            about: 'All panels share their axes; time begins with the first sample.',
            parts: time,
          },
        ]),
    ...(lanes.length === 0
      ? []
      : [
          {
            title: titled('Who ran where'),
            about:
              "Threads by their samples. Programs execute the same under every design; where they do is the run's own.",
            parts: lanes,
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
      return [first, { text: figure(test.z, 2), value: test.z }, { text: test.differs ? 'differs' : '', strong: true }];
    }),
  ];
  return { kind: 'table', title: 'The same as numbers', columns, rows: rows.map(cells) };
}

const PAIR_NOTE =
  'TVD: total variation distance, half the sum of all differences, in percentage points; 95 %: its interval; floor and p95: its mean and 95th percentile if both profiles were perfect; overlap: what the profiles share; V: effect size of chi-square; detects: the least shift found with power 80 %; top 5: part of the five largest rows that both have.';
const SPLIT_NOTE =
  'bias: distance that all seeds have in common; noise: what differs from seed to seed; by chance: what noise would be if samples were independent.';
const PROFILE_NOTE =
  'effective: independent samples of equal weight that would say as much, which is by weight (their periods differ) over bursts (samples of one burst resemble each other); duty: part of the time in which sampling was not stopped by throttling.';
