/**
 * perf diff: the profiles of several recordings side by side, byte for byte as perf 6.1 prints them if stdout is not a
 * terminal. Each line of the first recording shows its share there and its change in the others; lines that only
 * others have are in between. Functions are the same if file and name are; addresses without a symbol are one line of
 * their file.
 *
 * Source: tools/perf/builtin-diff.c (data_process, hist_entry__cmp_compute_idx), measured on perf 6.1.
 * Not modelled: -b, -p, -F, -o, -t, cycles of basic blocks, streams.
 */
import { padEndBytes } from '../../perfdata/octets.ts';
import type { SymbolSource } from '../../profile/dso.ts';
import { type HistEntry, newEntry } from '../../profile/hist-entry.ts';
import { Hists } from '../../profile/hist.ts';
import { isSample, type Recording, replaySamples, takeAll } from '../../profile/session.ts';
import { treeSorted } from '../../profile/rbtree.ts';
import { sortKeys, type SortName } from '../../profile/sort.ts';
import type { Evsel } from '../../perf-events/evsel.ts';
import { type BlockTotals, type ReportColumn, type ColumnStyle, keyColumn } from '../report/columns.ts';
import { cpuFilter, filterOf } from '../report/sample-filter.ts';
import { type PlaceFilters, ReportError } from '../report/options.ts';
import { fixed } from '../shared/format.ts';
import { compareSums, unsignedSum } from '../../units.ts';

/** How to express a change of share or period. */
export type Compute =
  | { readonly kind: 'delta' | 'delta-abs' | 'ratio' }
  | { readonly kind: 'wdiff'; readonly weights: readonly [old: number, now: number] };

export interface DiffOptions extends PlaceFilters {
  readonly compute: Compute;
  readonly sort?: readonly SortName[] | undefined;
  /** --cpu. */
  readonly cpus?: string | undefined;
  /** -q: rows only. */
  readonly quiet?: boolean;
}

/** One of the files; the first is the baseline. */
export interface DiffInput {
  readonly name: string;
  readonly recording: Recording;
  readonly symbols: SymbolSource;
}

/** -c: delta, delta-abs, ratio or wdiff:W1,W2. Throws ReportError. */
export function parseCompute(text: string): Compute {
  const [, kind = '', rest] = /^([^:]*)(?::(.*))?$/.exec(text) ?? [];
  if (kind === 'wdiff') {
    const weights = /^(-?\d+),(-?\d+)$/.exec(rest ?? '');
    if (!weights) throw new ReportError("Failed: wrong weight data, use 'wdiff:w1,w2'", 'compute');
    return { kind, weights: [Number(weights[1]), Number(weights[2])] };
  }
  if (kind === 'delta' || kind === 'delta-abs' || kind === 'ratio') {
    if (rest !== undefined) throw new ReportError(`Failed: extra option specified '${rest}'`, 'compute');
    return { kind };
  }
  throw new ReportError(`Failed: '${text}' is not computation method (use 'delta','ratio' or 'wdiff')`, 'compute');
}

/** --sort, by default. */
export const DEFAULT_SORT: readonly SortName[] = ['dso', 'symbol'];
const FILTERS: Readonly<Partial<Record<SortName, 'comms' | 'dsos' | 'symbols'>>> = {
  comm: 'comms',
  dso: 'dsos',
  symbol: 'symbols',
};
const PLAIN: ColumnStyle = {
  separator: undefined,
  verbose: false,
  cumulate: false,
  strict: false,
  dsoFiltered: false,
  userWidths: false,
};
const NO_BLOCK: BlockTotals = { totals: [], members: 1 };

/** Lines of the diff, without their newlines. An error that stops the reading of a file is thrown after them. */
export function* diffLines(inputs: readonly DiffInput[], options: DiffOptions): Generator<string> {
  const { sort = DEFAULT_SORT, quiet } = options;
  const known = sortKeys(false);
  const keys = sort.map((name) => known[name]);
  let fault: unknown;
  const gathered = inputs.map((input) => {
    const hists = input.recording.evlist.map(() => new Hists({ keys, cumulate: false, useCallchain: false }));
    const shown = cpuFilter(options, input.recording);
    const reading = takeAll(replaySamples(input.recording, input.symbols), (replayed) => {
      if (!isSample(replayed) || shown?.(replayed.record.cpu) === false) return;
      const al = replayed.machine.resolve(replayed.record);
      al.filtered = filterOf(al, options);
      hists[replayed.evsel]?.add(al, replayed.record, []);
    });
    fault ??= reading.fault;
    return hists;
  });
  const [baseline] = inputs;
  for (const [event, evsel] of (baseline?.recording.evlist ?? []).entries()) {
    const others = inputs.slice(1).map(({ recording }, i) => gathered[i + 1]![sameEvent(recording.evlist, evsel)]);
    if (!quiet) {
      if (event > 0) yield '';
      yield* [`# Event '${evsel.name}'`, '#'];
      if (inputs.length > 2) {
        yield '# Data files:';
        for (const [i, { name }] of inputs.entries()) yield `#  [${i}] ${name} ${i === 0 ? '(Baseline)' : ''}`;
        yield '#';
      }
    }
    yield* eventLines(gathered[0]![event]!, others, options);
  }
  if (fault !== undefined) throw fault;
}

/** evsel__match2(). */
const sameEvent = (evlist: readonly Evsel[], { attr }: Evsel): number =>
  evlist.findIndex((other) => other.attr.type === attr.type && other.attr.config === attr.config);

function* eventLines(
  base: Hists,
  others: readonly (Hists | undefined)[],
  { sort = DEFAULT_SORT, compute, quiet, ...filters }: DiffOptions,
): Generator<string> {
  const known = sortKeys(false);
  const totals = [base, ...others].map((hists) => unsignedSum(hists?.totalPeriod ?? 0));
  const lines = collapsed(base, sort);
  for (const [i, hists] of others.entries())
    for (const [identity, other] of hists ? collapsed(hists, sort) : []) {
      let he = lines.get(identity);
      if (!he) lines.set(identity, (he = newEntry(other)));
      he.pairs.set(i + 1, other);
    }
  const several = others.length > 1;
  const changes = others.map((_, i) => changeColumn(compute, i + 1, totals, several));
  const keyed = sort.map((name) => keyColumn(known[name], filters[FILTERS[name]!]?.length === 1, PLAIN));
  const entries = [...lines.values()].filter((he) => !he.filtered);
  const shown = keyed.every(({ elided }) => elided) ? keyed : keyed.filter(({ elided }) => !elided);
  for (const he of entries) for (const column of shown) column.measure(he);

  const share = (he: HistEntry): number => percent(unsignedSum(he.stat.period), totals[0]!);
  const order: readonly ((a: HistEntry, b: HistEntry) => number)[] = [
    changes[0]?.first ?? (() => 0),
    (a, b) => compareSums(b.stat.period, a.stat.period),
    ...changes.map((change) => change.order),
    ...shown.map((column) => (a: HistEntry, b: HistEntry) => column.order(a, b, NO_BLOCK)),
  ];
  const sorted = treeSorted(entries, (a, b) => {
    for (const compare of order) {
      const result = compare(a, b);
      if (result) return result < 0;
    }
    return false;
  });

  const baseTitle = several ? 'Baseline/0' : 'Baseline';
  if (!quiet) {
    const titles = [baseTitle, ...changes.map(({ title }) => title), ...shown.map((c) => c.header(NO_BLOCK))];
    yield `# ${titles.join('  ')}`;
    yield `# ${titles.map((title) => '.'.repeat(title.length)).join('  ')}`;
    yield '#';
  }
  for (const he of sorted) {
    const cells = [isDummy(he) ? '' : `${fixed(share(he), 2).padStart(5)}%`, ...changes.map(({ text }) => text(he))];
    const widths = [baseTitle, ...changes.map(({ title }) => title)].map(({ length }) => length);
    const numbers = cells.map((cell, i) => cell.padStart(widths[i]!));
    yield [...numbers, ...keyCells(he, shown)].map((cell) => `  ${cell}`).join('');
  }
}

/** hists__collapse_resort(): under perf diff functions of one name are one line, for files of another build have other addresses. */
function collapsed(hists: Hists, sort: readonly SortName[]): Map<string, HistEntry> {
  const known = sortKeys(false);
  const identity = (he: HistEntry): string =>
    sort.map((name) => (name === 'symbol' ? (he.sym?.name ?? '') : known[name].identity(he))).join('\0');
  const lines = new Map<string, HistEntry>();
  for (const he of hists.collated()) {
    const key = identity(he);
    let line = lines.get(key);
    if (!line) lines.set(key, (line = newEntry(he)));
    line.stat.period += he.stat.period;
    line.stat.nrEvents += he.stat.nrEvents;
  }
  return lines;
}

/** Every cell but the last is padded to the width of its column. */
const keyCells = (he: HistEntry, shown: readonly ReportColumn[]): string[] =>
  shown.map((column, i) => {
    const text = column.text(he, NO_BLOCK);
    return i === shown.length - 1 ? text : padEndBytes(text, column.width(NO_BLOCK));
  });

const percent = (period: number, total: number): number => (total ? (period * 100) / total : 0);
/** A line missing in the baseline. */
const isDummy = (he: HistEntry): boolean => he.stat.nrEvents === 0;

interface ChangeColumn {
  readonly title: string;
  readonly text: (he: HistEntry) => string;
  /** As the first criterion of all, where what cannot be computed comes last, and as a column. */
  readonly first: (a: HistEntry, b: HistEntry) => number;
  readonly order: (a: HistEntry, b: HistEntry) => number;
}

const TITLES: Readonly<Record<Compute['kind'], readonly [title: string, width: number]>> = {
  delta: ['Delta', 7],
  'delta-abs': ['Delta Abs', 7],
  ratio: ['Ratio', 14],
  wdiff: ['Weighted diff', 14],
};

/** The change of lines in one of the other recordings. */
function changeColumn(compute: Compute, at: number, totals: readonly number[], several: boolean): ChangeColumn {
  const [name, width] = TITLES[compute.kind];
  const value = (he: HistEntry, pair: HistEntry): number => {
    const [old, now] = [unsignedSum(he.stat.period), unsignedSum(pair.stat.period)];
    if (compute.kind === 'ratio') return now / (old || 1);
    if (compute.kind === 'wdiff') return now * compute.weights[1] - old * compute.weights[0];
    return percent(now, totals[at]!) - percent(old, totals[0]!);
  };
  const size = compute.kind === 'delta-abs' ? Math.abs : (x: number): number => x;
  const relative = compute.kind === 'ratio' || compute.kind === 'wdiff';
  const compare = (a: HistEntry, b: HistEntry, dummiesLast: boolean): number => {
    const [left, right] = [a.pairs.get(at), b.pairs.get(at)];
    if (!left || !right) return (left ? 0 : 1) - (right ? 0 : 1);
    if (dummiesLast && (isDummy(a) || isDummy(b))) return Number(isDummy(a)) - Number(isDummy(b));
    return size(value(b, right)) - size(value(a, left));
  };
  const title = (several ? `${name}/${at}` : name).padStart(width);
  return {
    title,
    text(he) {
      const pair = he.pairs.get(at);
      if (!pair) return '';
      if (relative && isDummy(he)) return 'N/A';
      const change = value(he, pair);
      if (compute.kind === 'ratio') return change > 0 ? fixed(change, 6) : '';
      // Keeps its own width, even if the title is wider.
      if (compute.kind === 'wdiff') return String(change).padStart(width).padEnd(title.length);
      const text = `${fixed(change, 2)}%`;
      return text.startsWith('-') ? text : `+${text}`;
    },
    first: (a, b) => compare(a, b, relative),
    order: (a, b) => compare(a, b, false),
  };
}
