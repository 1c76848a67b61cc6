/**
 * A comparison as text: verdicts, then one table, then the figures behind it and the reasons to distrust them.
 */
import type { ComparedProfiles, ComparedRow } from '../../profile/compare.ts';
import { OTHER } from '../../profile/rows.ts';
import type { BiasNoise } from '../../stats/replicates.ts';
import { ALPHA } from '../../stats/verdict.ts';
import { fixed, points } from '../shared/format.ts';
import { markdownText } from '../shared/printable.ts';
import { type RuledColumn, ruledLines, ruledMarkdown } from '../shared/ruled-table.ts';
import { distrusts, figure, probability, rowNamer, signed, verdictSentences } from './verdict.ts';

export interface CompareTextOptions {
  /** -q: the verdicts only. */
  readonly quiet?: boolean;
}

/** Lines of one event's comparison. */
export function* compareLines(compared: ComparedProfiles, { quiet }: CompareTextOptions = {}): Generator<string> {
  yield* verdictSentences(compared);
  if (quiet) return;
  yield '';
  if (compared.event !== '') yield* [`# Event '${compared.event}'`, '#'];
  yield* ruledLines(tableColumns(compared));
  yield '';
  yield* ruledLines(pairColumns(compared));
  const split = splitColumns(compared);
  if (split.length > 0) yield* ['', ...ruledLines(split)];
  yield '';
  yield* ruledLines(operandColumns(compared));
  const reasons = distrusts(compared);
  if (reasons.length > 0) yield* ['', '# Before you trust this:'];
  for (const { reasons: why, remedy } of reasons) {
    for (const line of why) yield `#  - ${line}`;
    yield `#      ${remedy}`;
  }
}

/** The same as Markdown. */
export function* compareMarkdown(compared: ComparedProfiles): Generator<string> {
  if (compared.event !== '') yield* [`## ${markdownText(compared.event)}`, ''];
  for (const sentence of verdictSentences(compared)) yield* [markdownText(sentence), ''];
  for (const columns of [tableColumns, pairColumns, splitColumns, operandColumns]) {
    const table = columns(compared);
    if (table.length > 0) yield* [...ruledMarkdown(table), ''];
  }
  for (const { reasons, remedy } of distrusts(compared))
    yield* [...reasons.map((why) => `- ${markdownText(why)}`), `  - ${markdownText(remedy)}`];
}

/** The larger distance from a share to an end of its interval, in percentage points. */
const reach = ({ share, interval: { low, high } }: ComparedRow['shares'][number]): string =>
  points(Math.max(share - low, high - share));

/** Truth, the reference, then every other profile with its difference from the reference. */
function tableColumns(compared: ComparedProfiles): RuledColumn[] {
  const { operands, rows, by, reference } = compared;
  const names = shortNames(compared);
  const rank = (i: number): number => (operands[i]!.exact ? 0 : i === reference ? 1 : 2);
  const order = [...operands.keys()].toSorted((a, b) => rank(a) - rank(b));
  const files = rows.some(({ dso }) => dso !== '') && by !== 'dso';
  return [
    ...order.flatMap((i) => [shareColumn(compared, i, names[i]!)].concat(testColumns(compared, i))),
    ...(files ? [{ title: 'Shared Object', left: true, cells: rows.map(({ dso }) => dso) }] : []),
    { title: TITLES[by], left: true, cells: rows.map(rowText) },
  ];
}

function shareColumn({ operands, rows }: ComparedProfiles, i: number, title: string): RuledColumn {
  const { exact, evidence } = operands[i]!;
  const cells = rows.map(({ shares }) => {
    const percent = `${points(shares[i]!.share)}%`;
    return evidence === undefined || exact ? percent : `${percent} +-${reach(shares[i]!).padStart(4)}`;
  });
  return { title, cells };
}

function testColumns({ rows, pairs, reference }: ComparedProfiles, a: number): RuledColumn[] {
  const at = pairs.findIndex((pair) => pair.a === a && pair.b === reference);
  if (at < 0) return [];
  const cells = (of: (test: NonNullable<ComparedRow['tests'][number]>) => string): string[] =>
    rows.map(({ tests }) => (tests[at] ? of(tests[at]) : ''));
  const delta = rows.map(({ shares }) => signed(shares[a]!.share - shares[reference]!.share));
  const difference = { title: 'Delta', cells: delta };
  if (!pairs[at]!.tested) return [difference];
  return [
    difference,
    { title: 'z', cells: cells(({ z }) => figure(z, 2)) },
    { title: ' ', cells: cells(({ differs }) => (differs ? '*' : '')) },
  ];
}

/** Longest name at the head of a column. */
const LONGEST = 16;

/** The profiles' names in the table: one letter each if any name is long. */
const shortNames = ({ operands }: ComparedProfiles): string[] => {
  const labels = operands.map(({ label }) => label);
  if (labels.every((label) => label.length <= LONGEST)) return labels;
  return operands.map(({ label, exact }, i) => (exact ? label : String.fromCodePoint('A'.codePointAt(0)! + i)));
};

export const TITLES = {
  symbol: 'Symbol',
  dso: 'Shared Object',
  callchain: 'Call chain',
  instruction: 'Instruction',
  process: 'Process',
  thread: 'Thread',
} as const;

/** The name of a row. */
export const rowText = ({ name, members }: ComparedRow): string => {
  if (name === OTHER) return `${OTHER} (${members} too rare to compare)`;
  return members > 1 ? `${name} (${members} merged)` : name;
};

/** The figures behind each verdict. */
export function pairColumns(compared: ComparedProfiles): RuledColumn[] {
  const { pairs } = compared;
  const names = shortNames(compared);
  const column = (title: string, of: (pair: (typeof pairs)[number]) => string): RuledColumn => ({
    title,
    cells: pairs.map(of),
  });
  const ifTested = (of: (pair: (typeof pairs)[number]['comparison']) => string) => (pair: (typeof pairs)[number]) =>
    pair.tested ? of(pair.comparison) : '?';
  return [
    { ...column('Pair', ({ a, b }) => `${names[a]!} - ${names[b]!}`), left: true },
    column('TVD pp', ({ comparison: { tvd } }) => points(tvd.value)),
    column(
      '95 %',
      ifTested(({ tvd }) => (tvd.interval ? `${points(tvd.interval.low)}-${points(tvd.interval.high)}` : '')),
    ),
    column(
      'floor',
      ifTested(({ tvd }) => points(tvd.floor.mean)),
    ),
    column(
      'p95',
      ifTested(({ tvd }) => points(tvd.floor.p95)),
    ),
    column(
      'ratio',
      ifTested(({ tvd }) => figure(tvd.ratio, 1)),
    ),
    column('overlap', ({ comparison: { overlap } }) => `${points(overlap)}%`),
    column('sqrt(JSD)', ({ comparison: { jensenShannon } }) => fixed(jensenShannon.distance, 4)),
    column(
      'chi2',
      ifTested(({ test }) => figure(test.chiSquare, 1)),
    ),
    column(
      'df',
      ifTested(({ test }) => String(test.df)),
    ),
    column(
      'p',
      ifTested(({ test }) => probability(test.p)),
    ),
    column(
      'V',
      ifTested(({ test }) => figure(test.effect, 3)),
    ),
    column(
      'detects pp',
      ifTested(({ detectable }) => figure(100 * detectable.any, 2)),
    ),
    column('top 5', ({ comparison: { ranks } }) => `${fixed(100 * ranks.top5, 0)}%`),
  ];
}

/** Symbols whose bias is named in a line. */
const NAMED = 3;

/** Bias and noise separately, if there are seeds to tell them apart. */
export function splitColumns(compared: ComparedProfiles): RuledColumn[] {
  const names = shortNames(compared);
  const splits = compared.pairs.flatMap(({ a, b, split }) => (split ? [{ a, b, split }] : []));
  if (splits.length === 0) return [];
  const column = (title: string, of: (split: BiasNoise) => string): RuledColumn => ({
    title,
    cells: splits.map(({ split }) => of(split)),
  });
  const biased = ({ symbols }: BiasNoise): string => {
    const certain = symbols.filter(({ holm }) => holm < ALPHA);
    const nameOf = rowNamer(symbols);
    const named = certain.slice(0, NAMED).map(({ symbol, bias }) => `${nameOf(symbol)} (${signed(bias)})`);
    if (certain.length === 0) return 'none for certain';
    return named.join(', ') + (certain.length > NAMED ? `, ${certain.length - NAMED} more` : '');
  };
  return [
    { title: 'Pair', left: true, cells: splits.map(({ a, b }) => `${names[a]!} - ${names[b]!}`) },
    column('seeds', ({ seeds }) => String(seeds)),
    column('bias pp', ({ bias }) => points(bias)),
    column('noise pp', ({ noise }) => points(noise)),
    column('by chance', ({ multinomial }) => points(multinomial)),
    { ...column('Biased in every run', biased), left: true },
  ];
}

/** How much evidence each profile holds. */
export function operandColumns(compared: ComparedProfiles): RuledColumn[] {
  const { operands, reference } = compared;
  const names = shortNames(compared);
  const column = (title: string, of: (operand: (typeof operands)[number]) => string): RuledColumn => ({
    title,
    cells: operands.map(of),
  });
  return [
    {
      title: 'Profile',
      left: true,
      cells: operands.map(({ label }, i) => {
        const name = names[i] === label ? label : `${names[i]!}: ${label}`;
        return i === reference ? `${name} (reference)` : name;
      }),
    },
    column('samples', ({ evidence, exact }) => (exact ? 'exact' : evidence ? String(evidence.samples) : '?')),
    column('effective', ({ evidence, exact }) => (exact || !evidence ? '' : String(Math.round(evidence.effective)))),
    column('by weight', ({ evidence, exact }) => (exact || !evidence ? '' : String(Math.round(evidence.kish)))),
    column('bursts', ({ profile, evidence }) => (profile.sampling && evidence ? fixed(evidence.designEffect, 2) : '')),
    column('lost', ({ profile, exact }) => (exact ? '' : String(profile.lost))),
    column('throttled', ({ profile }) => (profile.sampling ? String(profile.throttled) : '')),
    column('duty', ({ duty }) => (duty === undefined ? '' : `${fixed(100 * duty, 1)}%`)),
  ];
}
