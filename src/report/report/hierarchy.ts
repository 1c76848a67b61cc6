/**
 * perf report --hierarchy: lines of the first sort key, each with those of the next key below it.
 *
 * Source: tools/perf/ui/stdio/hist.c (hist_entry__hierarchy_fprintf), util/hist.c; measured on perf 6.1.
 * Not modelled: the widths perf gives columns when a filter hides lines; several keys in one level (--sort '{dso,sym}').
 */
import type { HistEntry } from '../../profile/hist-entry.ts';
import type { BlockTotals, ReportColumn, ColumnStyle } from './columns.ts';
import { percentOf } from '../shared/format.ts';
import { unsignedSum } from '../../units.ts';

/** HIERARCHY_INDENT. */
const INDENT = 3;

/** A line, and the lines it sums; at the last key, the flat report's line. */
interface Level {
  entry: HistEntry;
  readonly below: Level[];
}

export interface Hierarchy {
  /** Columns of numbers, on the left. */
  readonly numbers: readonly ReportColumn[];
  /** One column per level. */
  readonly keys: readonly ReportColumn[];
  readonly block: BlockTotals;
  readonly style: ColumnStyle;
  /** --percent-limit. */
  readonly limit: number;
  /** Lines below a line of the last key. */
  readonly graph: (he: HistEntry) => readonly string[];
  /** Sorts lines of one level. */
  readonly sort: (entries: HistEntry[]) => HistEntry[];
}

/**
 * The lines of an event, heading first unless `quiet`, given those of its flat report in perf's input order. Lines
 * hidden by a filter still count in the lines above them, which are wide enough for their numbers.
 */
export function* hierarchyLines(
  entries: readonly HistEntry[],
  hierarchy: Hierarchy,
  quiet: boolean,
): Generator<string> {
  const levels = gather(entries, hierarchy, 0);
  measure(levels, hierarchy);
  if (!quiet) yield* titleLines(hierarchy);
  for (const level of levels) yield* levelLines(level, 0, hierarchy);
}

function measure(levels: readonly Level[], hierarchy: Hierarchy): void {
  for (const { entry, below } of levels) {
    if (below.length || !entry.filtered) for (const column of hierarchy.keys) column.measure(entry);
    measure(below, hierarchy);
  }
}

function* titleLines({ numbers, keys, block, style }: Hierarchy): Generator<string> {
  const separator = style.separator ?? '  ';
  const indent = style.separator === undefined ? (keys.length - 1) * INDENT : 0;
  const titles = keys.map(({ title }) => title.trim()).join(' / ');
  const head = numbers.map((column) => `${column.header(block)}${separator}`).join('');
  yield `# ${' '.repeat(indent)}${head}${titles}`;
  const dots = numbers.map((column) => '.'.repeat(column.width(block))).join(style.separator ?? '..');
  const width = Math.max(titles.length, ...keys.map((column, depth) => depth * INDENT + column.width(block)));
  yield `# ${'.'.repeat(indent)}${dots}${separator}${'.'.repeat(width)}`;
  yield '#';
}

function gather(entries: readonly HistEntry[], hierarchy: Hierarchy, depth: number): Level[] {
  const column = hierarchy.keys[depth];
  if (!column) return [];
  const groups = new Map<string | number | bigint | undefined, HistEntry[]>();
  for (const entry of entries) {
    const identity = column.key?.identity(entry);
    const group = groups.get(identity);
    if (group) group.push(entry);
    else groups.set(identity, [entry]);
  }
  const leaf = depth === hierarchy.keys.length - 1;
  const levels = new Map<HistEntry, Level>();
  for (const group of leaf ? entries.map((entry) => [entry]) : groups.values()) {
    const entry = leaf ? group[0]! : sum(group);
    levels.set(entry, { entry, below: leaf ? [] : gather(group, hierarchy, depth + 1) });
  }
  return hierarchy.sort([...levels.keys()]).map((entry) => levels.get(entry)!);
}

/** One line for several: sums their numbers for every member of the event's group. */
function sum(entries: readonly HistEntry[]): HistEntry {
  const first = entries[0]!;
  const add = (of: readonly HistEntry[]): HistEntry['stat'] => {
    const total = { period: 0, periodSys: 0, periodUs: 0, nrEvents: 0 };
    for (const { stat } of of) {
      total.period += stat.period;
      total.periodSys += stat.periodSys;
      total.periodUs += stat.periodUs;
      total.nrEvents += stat.nrEvents;
    }
    return total;
  };
  const members = new Set(entries.flatMap(({ pairs }) => [...pairs.keys()]));
  const pairs = [...members].map((member) => {
    const theirs = entries.flatMap((entry) => entry.pairs.get(member) ?? []);
    return [member, { ...theirs[0]!, stat: add(theirs) }] as const;
  });
  const filtered = entries.every((entry) => entry.filtered) ? first.filtered : 0;
  return { ...first, filtered, stat: add(entries), pairs: new Map(pairs) };
}

function* levelLines({ entry, below }: Level, depth: number, hierarchy: Hierarchy): Generator<string> {
  const { numbers, keys, block, style, limit, graph } = hierarchy;
  const shown = (he: HistEntry): boolean =>
    !he.filtered && percentOf(unsignedSum(he.stat.period), block.totals[0] ?? 0) >= limit;
  if (!shown(entry)) return;
  const separator = style.separator ?? '  ';
  const cells = numbers.map((column) => column.text(entry, block).padEnd(column.width(block)));
  const head = style.separator === undefined ? cells.map((text) => `  ${text}`).join('') : cells.join(separator);
  const gap = style.separator === undefined ? (keys.length - 1) * INDENT : 0;
  const key = keys[depth]!.text(entry, block).trimStart();
  yield `${' '.repeat(depth * INDENT)}${head}${' '.repeat(gap)}${separator}${key}`;
  if (depth === keys.length - 1) yield* graph(entry);
  else if (below.some((level) => shown(level.entry)))
    for (const level of below) yield* levelLines(level, depth + 1, hierarchy);
  else {
    const width = numbers.reduce((all, column) => all + column.width(block) + 2, 2);
    const indent = style.separator === undefined ? (keys.length + depth) * INDENT : 0;
    yield `${' '.repeat(indent + width)}no entry >= ${limit.toFixed(2)}%`;
  }
}
