/** Verdicts, and reasons to distrust them, as sentences: the same in text, web page and exports. */
import {
  type ComparedPair,
  type ComparedProfiles,
  type Nearness,
  type Note,
  rowFile,
  rowName,
} from '../../profile/compare.ts';
import type { Driver } from '../../stats/verdict.ts';
import { reason, REMEDY } from '../../stats/warnings.ts';
import { fixed, listed, points } from '../shared/format.ts';
/** The same with its sign. */
export const signed = (share: number): string => {
  const size = points(Math.abs(share));
  return `${share < 0 && size !== points(0) ? '-' : '+'}${size}`;
};

/** A figure in a table: never infinite, and zero without a sign. */
export function figure(value: number, digits: number): string {
  if (!Number.isFinite(value)) return '-';
  const text = fixed(value, digits);
  return Number(text) === 0 ? fixed(0, digits) : text;
}

/** A probability in readable form. */
export function probability(p: number): string {
  if (p === 0) return '< 1e-300';
  return p < 0.001 ? p.toExponential(1) : fixed(p, p < 0.1 ? 3 : 2);
}

const equation = (p: number): string => (p === 0 ? `p ${probability(p)}` : `p = ${probability(p)}`);

/** Which difference the samples would have shown. */
function detection({ verdict: { minimumDetectableShift }, symbols }: ComparedPair['comparison']): string {
  if (minimumDetectableShift < Infinity) return `could detect >= ${points(minimumDetectableShift)} pp`;
  return symbols.length > 1 ? 'too few samples to compare more than one row' : 'one row has nothing to differ in';
}

/** Drivers named in a sentence. */
const NAMED = 2;

/** Longest name in a sentence, in letters; a longer one (templates, call chains) is cut in its middle. */
const LONGEST_NAME = 80;
function brief(name: string): string {
  const letters = Array.from(new Intl.Segmenter('en').segment(name), ({ segment }) => segment);
  if (letters.length <= LONGEST_NAME) return name;
  const end = (LONGEST_NAME - 4) / 2;
  return `${letters.slice(0, end).join('')} .. ${letters.slice(-end).join('')}`;
}

/** Names for rows in sentences: the symbol, with its file if several rows share the symbol. */
export function rowNamer(rows: readonly { readonly symbol: string }[]): (key: string) => string {
  const often = new Map<string, number>();
  for (const { symbol } of rows) often.set(rowName(symbol), (often.get(rowName(symbol)) ?? 0) + 1);
  return (key) => {
    const [name, file] = [rowName(key), rowFile(key)];
    return (often.get(name) ?? 0) > 1 && file !== '' ? `${brief(name)} of ${file}` : brief(name);
  };
}

/** One sentence about one pair. */
export function verdictSentence(
  { operands, notes }: ComparedProfiles,
  { a, b, comparison, tested }: ComparedPair,
): string {
  const [first, second] = [operands[a]!.label, operands[b]!.label];
  const { kind, p, tvd, floor, drivers, merge } = comparison.verdict;
  if (!tested) {
    const fallen = notes.filter((note) => note.kind === 'FallingCounts' && [a, b].includes(note.operand));
    if (fallen.length > 0) {
      const whose = listed(fallen.map(({ operand }) => operands[operand]!.label));
      return `Whether ${first} and ${second} differ cannot be told: counters of ${whose} were read as less than before, and the weight of such samples is 2^64 less the fall.`;
    }
    const weighed = notes.filter((note) => note.kind === 'Weights' && [a, b].includes(note.operand));
    const names = weighed.map(({ operand }) => operands[operand]!.label);
    const samples = 'the number of samples';
    const without = names.length === 0 ? samples : `${samples} (--samples)`;
    const why = names.length === 0 ? '' : `the counts of ${listed(names)} are no samples, and `;
    return `${first} and ${second} are ${points(tvd)} pp apart; ${why}without ${without} nobody knows whether that is noise.`;
  }
  const detects = detection(comparison);
  const nameOf = rowNamer(comparison.symbols);
  const driver = ({ symbol, delta }: Pick<Driver, 'symbol' | 'delta'>): string =>
    `${nameOf(symbol)} (${signed(delta)})`;
  // A single row is no test.
  const chance = comparison.test.df > 0 ? ` (${equation(p)})` : '';
  const apart = `${points(tvd)} pp apart, where noise alone makes ${points(floor)}${chance}`;
  const nameless = notes.filter((note) => note.kind === 'Nameless' && [a, b].includes(note.operand));
  if (kind === 'indistinguishable' && nameless.length > 0) {
    const whose = listed(nameless.map(({ operand }) => operands[operand]!.label));
    return `Whether ${first} and ${second} differ cannot be told by function, as most samples of ${whose} have no names: by file they are ${apart}.`;
  }
  if (kind === 'indistinguishable') {
    const shown = ({ delta }: Pick<Driver, 'delta'>): boolean => points(Math.abs(delta)) !== points(0);
    const alone = comparison.symbols.filter((symbol) => symbol.differs && shown(symbol)).slice(0, NAMED);
    const yet =
      alone.length === 0
        ? ''
        : `; yet by ${alone.length > 1 ? 'themselves' : 'itself'} ${alone.map(driver).join(' and ')} ${alone.length > 1 ? 'differ' : 'differs'}`;
    return `${first} and ${second} are indistinguishable at this n (${detects}): ${apart}${yet}.`;
  }
  const named = drivers.slice(0, NAMED).map(driver).join(' and ');
  if (kind === 'unsettled')
    return `Whether ${first} and ${second} differ cannot be told from one run of each, as samples keep step with the timer tick: ${apart}, most in ${named}; another phase of the tick may make as much.`;
  const what =
    kind === 'materially-different'
      ? `materially different, driven by ${named}: ${apart}`
      : `different but small: driven by ${named}; ${apart}`;
  const left = merge && `${points(merge.tvd)} pp (${equation(merge.p)})`;
  const merged =
    merge === undefined
      ? ''
      : merge.restores
        ? ` Counting ${merge.symbols.map(nameOf).join(' and ')} as one restores agreement: ${left}.`
        : ` Counting ${merge.symbols.map(nameOf).join(' and ')} as one does not restore agreement: ${left}.`;
  return `${first} and ${second} are ${what}; ${detects}.${merged}`;
}

/** One sentence about which of two profiles is nearer to a third. */
export function nearnessSentence({ operands }: ComparedProfiles, nearness: Nearness): string {
  const { reference, value, low, high } = nearness;
  // The nearer profile comes first, so that the distance is not negative.
  const [near, far] = value > 0 ? [nearness.b, nearness.a] : [nearness.a, nearness.b];
  const [closer, other, to] = [near, far, reference].map((i) => operands[i]!.label);
  const [least, most] = value > 0 ? [low, high] : [-high, -low];
  const interval = `95 % interval ${signed(least)} to ${signed(most)}`;
  const by = points(Math.abs(value));
  if (nearness.nearer !== undefined) {
    const margin = by === points(0) ? 'less than 0.01' : by;
    return `${closer} is nearer to ${to} than ${other}, by ${margin} pp (${interval}).`;
  }
  const looks = by === points(0) ? 'they look equally near' : `${closer} looks nearer by ${by} pp`;
  return `Neither ${closer} nor ${other} is nearer to ${to} for certain: ${looks} (${interval}).`;
}

/** The result of comparing distances from profiles to one reference. */
export interface NearnessFinding {
  readonly about: string;
  /** The outcome in a word or two. */
  readonly word: string;
  /** The largest difference that is certain, if any. */
  readonly certain: number | undefined;
  readonly sentence: string;
}

/** A finding for each reference: which of two profiles is nearer to it, or the order of several. */
export const nearnessFindings = (compared: ComparedProfiles): NearnessFinding[] =>
  [...new Set(compared.nearness.map(({ reference }) => reference))].map((reference) => {
    const held = compared.pairs.filter(({ b, tested }) => b === reference && tested);
    const known = compared.nearness.filter((one) => one.reference === reference);
    return held.length === 2 ? nearerOf(compared, known[0]!) : orderOf(compared, reference, held, known);
  });

function nearerOf(compared: ComparedProfiles, nearness: Nearness): NearnessFinding {
  const label = (operand: number): string => compared.operands[operand]!.label;
  const { a, b, reference, nearer, value } = nearness;
  return {
    about: `${label(a)} or ${label(b)}, beside ${label(reference)}`,
    word: nearer === undefined ? 'neither nearer' : `${label(nearer)} nearer`,
    certain: nearer === undefined ? undefined : Math.abs(value),
    sentence: nearnessSentence(compared, nearness),
  };
}

function orderOf(
  { operands }: ComparedProfiles,
  reference: number,
  held: readonly ComparedPair[],
  known: readonly Nearness[],
): NearnessFinding {
  const label = (operand: number): string => operands[operand]!.label;
  const order = held.toSorted((x, y) => x.comparison.verdict.tvd - y.comparison.verdict.tvd);
  const certain = known.filter(({ nearer }) => nearer !== undefined);
  const isNearer = (near: number, far: number): boolean =>
    certain.some(({ nearer, a, b }) => nearer === near && far !== near && (far === a || far === b));
  const distances = order.map(({ a, comparison }) => `${label(a)} ${points(comparison.verdict.tvd)}`).join(', ');
  const sure = order.flatMap(({ a: far }) => {
    const near = order.filter(({ a }) => isNearer(a, far)).map(({ a }) => label(a));
    return near.length === 0 ? [] : [`${listed(near)} ${near.length > 1 ? 'are' : 'is'} nearer than ${label(far)}`];
  });
  const [first, ...others] = order.map(({ a }) => a);
  const word = others.every((far) => isNearer(first!, far)) ? `${label(first!)} nearest` : 'partly in order';
  return {
    about: `${listed(held.map(({ a }) => label(a)))}, beside ${label(reference)}`,
    word: sure.length === 0 ? 'none nearer' : word,
    certain: sure.length === 0 ? undefined : Math.max(...certain.map(({ value }) => Math.abs(value))),
    sentence:
      `By their distance from ${label(reference)}, in pp: ${distances}; ` +
      (sure.length === 0 ? 'nothing of that order is certain.' : `certain is that ${sure.join(', and that ')}.`),
  };
}

/** The opening sentences: on every pair, then on which profile is nearer to which. */
export const verdictSentences = (compared: ComparedProfiles): string[] => [
  ...compared.pairs.map((pair) => verdictSentence(compared, pair)),
  ...nearnessFindings(compared).map(({ sentence }) => sentence),
];

/** Reasons not to believe a comparison that share one remedy. */
export interface Distrust {
  readonly kinds: readonly string[];
  readonly reasons: readonly string[];
  readonly remedy: string;
}

/** All reasons, each once. */
export function distrusts(compared: ComparedProfiles): Distrust[] {
  const byRemedy = new Map<string, { kinds: Set<string>; reasons: Set<string> }>();
  const add = (kind: string, why: string, remedy: string): void => {
    let group = byRemedy.get(remedy);
    if (!group) byRemedy.set(remedy, (group = { kinds: new Set(), reasons: new Set() }));
    group.kinds.add(kind);
    group.reasons.add(why);
  };
  const label = (operand: number): string => compared.operands[operand]!.label;
  // The most that any pair needs. If one row holds everything, no number is enough.
  const short = new Map<number, number>();
  for (const { a, b, comparison } of compared.pairs)
    for (const warning of comparison.warnings)
      if (warning.kind === 'TooFewSamples' && warning.needed < Infinity) {
        const operand = warning.which === 'a' ? a : b;
        short.set(operand, Math.max(short.get(operand) ?? 0, warning.needed));
      }
  for (const { a, b, comparison, tested } of compared.pairs)
    for (const warning of comparison.warnings)
      if (warning.kind === 'TooFewSamples' && warning.needed !== short.get(warning.which === 'a' ? a : b)) continue;
      else if (tested || warning.kind === 'UnsharedSymbols' || warning.kind === 'DifferentEvents')
        add(
          warning.kind,
          reason(warning, (which) => label(which === 'a' ? a : b)),
          REMEDY[warning.kind],
        );
  for (const note of compared.notes) add(note.kind, noteReason(note, label(note.operand)), NOTE_REMEDY[note.kind]);
  return [...byRemedy].map(([remedy, { kinds, reasons }]) => ({ kinds: [...kinds], reasons: [...reasons], remedy }));
}

function noteReason(note: Note, label: string): string {
  switch (note.kind) {
    case 'UnknownSamples':
      return `nothing says how many samples ${label} was made of`;
    case 'FallingCounts':
      return `counters of ${label} fall ('{...}:S'): the period of such a sample is 2^64 less the fall, and shares mean nothing`;
    case 'Weights':
      return `the counts of ${label}, ${note.smallest} to ${note.largest} a stack, are periods, times or bytes rather than samples: nothing says how many samples there were`;
    case 'UnknownWeights':
      return `nothing says how unequally the ${note.samples} samples of ${label} weigh: they say no more than as many equal ones, and may say far less`;
    case 'CommonPeriod':
      return `every count of ${label} is a multiple of ${note.period}: taken for ${note.samples} samples of that period`;
    case 'AbbreviatedSamples':
      return `the samples of ${label} were abbreviated: at least ${note.samples}`;
    case 'TickPhase':
    case 'TickPlaces':
      return `${label} hardly samples ${note.blind}/16 of every tick: what keeps step with the tick is seen too often or never`;
    case 'CollapsedPeriod':
      return `the period of ${label} collapsed to ${fixed(note.period, 0)} events: a sample is due whenever sampling is on, and its weight means nothing`;
    case 'PartCounted':
      return `the samples of ${label} stand for ${note.part < 0.001 ? 'less than 0.1' : fixed(100 * note.part, 1)} % of what truth has: the event was off for the rest, and most of what it did count may be from a few moments`;
    case 'RunsDiffer':
      return `runs of ${label} are ${points(note.noise)} pp from their mean, where chance makes ${points(note.chance)}: the verdict takes all runs for one, and what it finds may be of some runs only`;
    case 'Nameless':
      return `${fixed(100 * note.share, 0)} % of ${label} is in files whose functions are not known: they are one row each`;
    case 'FewPlaces':
      return `with a fixed period of ${note.period} the samples of ${label} fall on as good as ${fixed(note.addresses, 1)} addresses: the period may keep step with a loop`;
  }
}

const NOTE_REMEDY: Readonly<Record<Note['kind'], string>> = {
  UnknownSamples: 'say so (--samples), or print the report with -n',
  Weights: 'say how many there were (--samples), or fold what was printed without periods (perf script -F comm,ip,sym)',
  FallingCounts: 'record without :S, or events that only rise',
  UnknownWeights: 'compare the recordings themselves',
  CommonPeriod: 'say how many there were (--samples) if that is wrong',
  AbbreviatedSamples: 'print the report with -n, or say how many there were (--samples)',
  Nameless: 'say where the files are (--symfs), or compare addresses (--by instruction)',
  PartCounted: 'sample less often (-F), so that the event is not throttled, or with a fixed period (-c)',
  RunsDiffer: 'judge by bias and noise of the runs, and look at some of them alone (--seed)',
  CollapsedPeriod: 'sample with a fixed period (-c)',
  TickPhase: 'sample less often (-F), so that the event is not throttled at every tick',
  TickPlaces: REMEDY.LockStep,
  FewPlaces: 'take a period that is prime (-c), or a frequency (-F)',
};
