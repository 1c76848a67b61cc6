/**
 * perf report --stdio: where the time went, as a table, byte for byte as perf 6.1 prints it if stdout is not a
 * terminal.
 *
 * There is one block for each event, or for each group of events with a column for every member. Only the closing tip
 * differs: perf picks one at random, gperf has its own.
 *
 * Source: tools/perf/builtin-report.c, ui/stdio/hist.c; measured on perf 6.1.
 * Not modelled: branch and memory modes, --time, srcline keys, inlined frames (as perf report --no-inline), colours.
 */
import { padEndBytes } from '../../perfdata/octets.ts';
import type { SymbolSource } from '../../profile/dso.ts';
import type { HistEntry } from '../../profile/hist-entry.ts';
import type { Hists } from '../../profile/hist.ts';
import { treeSorted } from '../../profile/rbtree.ts';
import type { Recording } from '../../profile/session.ts';
import { sortKeys } from '../../profile/sort.ts';
import type { Evsel } from '../../perf-events/evsel.ts';
import { callGraphLines } from './callgraph.ts';
import { type BlockTotals, type ReportColumn, type ColumnStyle, hppColumn, keyColumn } from './columns.ts';
import { gather } from './gather.ts';
import { hierarchyLines } from './hierarchy.ts';
import { type Field, NoSamples, type ReportOptions, sameField } from './options.ts';
import { hasChains, makePlan, type Plan } from './plan.ts';
import { sampleFilter } from './sample-filter.ts';
import { abbreviated, percentOf } from '../shared/format.ts';
import { sumText, unsignedSum } from '../../units.ts';

const HEADER_HINT = '# To display the perf.data header info, please use --header/--header-only options.';
const TIP = 'To see the exact profile of what was recorded: gperf truth WORKLOAD';

/**
 * Lines of the report, without their newlines. For a damaged recording, what could be read is reported before the
 * reader's error is thrown. Throws NoSamples, and ReportError for what cannot be done.
 */
export function* reportStdio(recording: Recording, symbols: SymbolSource, options: ReportOptions): Generator<string> {
  const { evlist } = recording;
  const plan = makePlan(evlist, options, recording.isPipe);
  const shown = sampleFilter(options, recording);
  const { quiet } = options;
  if (!quiet) {
    if (options.header) yield* options.header;
    else yield* [HEADER_HINT, '#'];
  }
  for (const [name, value] of plan.elided) yield `# ${name}: ${value}`;
  const { hists, totalLostSamples, reads, fault } = gather(recording, symbols, plan, shown);
  if (fault !== undefined && !hists.some(({ nrSamples }) => nrSamples)) throw fault;
  if (!hists.some(({ nrSamples }) => nrSamples)) throw new NoSamples(recording.path ?? 'perf.data');
  if (!quiet) yield* ['#', `# Total Lost Samples: ${totalLostSamples}`, '#'];
  for (const block of blocksOf(evlist, options)) {
    const group = block.shown.map((member) => hists[member]!);
    if (!group[0]?.nrSamples && !options.showEmpty) continue;
    yield* blockLines(group, plan, evlist[block.leader]!, headline(evlist, block));
    yield* ['', ''];
  }
  if (!quiet) yield* ['#', `# (Tip: ${TIP})`, '#'];
  if (options.threads) yield* reads.lines(evlist.map(({ name }) => name));
  if (fault !== undefined) throw fault;
}

interface EventBlock {
  readonly leader: number;
  /** Events with a column. */
  readonly shown: readonly number[];
  /** Events in the group. */
  readonly members: readonly number[];
  /** The group was made by --group, not by the recording. */
  readonly forced: boolean;
}

/** Which events are printed together. --group, but also --no-group, groups all events of a recording without groups. */
function blocksOf(evlist: readonly Evsel[], { group }: ReportOptions): EventBlock[] {
  const forced = group !== undefined && evlist.every(({ leader }, index) => leader === index);
  const all = [...evlist.keys()];
  return all.flatMap((leader) => {
    const members = forced ? (leader === 0 ? all : []) : all.filter((index) => evlist[index]?.leader === leader);
    if (group === false) return [{ leader, shown: [leader], members, forced }];
    return members.length ? [{ leader, shown: members, members, forced }] : [];
  });
}

/** A block's events, as its heading names them. */
function headline(evlist: readonly Evsel[], { leader, shown, members, forced }: EventBlock): string {
  const plural = members.length > 1 ? 's' : '';
  let names = shown.map((index) => evlist[index]?.name).join(', ');
  if (shown.length > 1 && !forced) names = `${evlist[leader]!.groupName || 'anon group'} { ${names} }`;
  return `event${plural} '${names}'`;
}

function* blockLines(group: readonly Hists[], plan: Plan, evsel: Evsel, events: string): Generator<string> {
  const { options, style } = plan;
  const hists = group[0]!;
  const periods = group.map((member) => (options.relative ? member.nonFilteredPeriod : member.totalPeriod));
  const block: BlockTotals = { totals: periods.map(unsignedSum), members: group.length };
  for (const [i, member] of group.entries()) if (i > 0) hists.link(member, i);
  const columns = plan.output.map((field) => makeColumn(field, plan));
  if (style.userWidths)
    for (const [i, column] of columns.entries()) {
      const width = options.columnWidths?.[i];
      if (width) column.userWidth = width;
    }
  const all = hists.collated();
  const entries = all.filter((he) => !he.filtered);
  if (!options.hierarchy) for (const he of entries) for (const column of columns) column.measure(he);
  const shown = columns.filter((column) => !column.elided);
  const total = block.totals[0] ?? 0;
  const limit = options.percentLimit ?? 0;
  const sort = (list: readonly HistEntry[]): HistEntry[] => sorted(list, plan, columns, block);
  const totalPeriod = unsignedSum(hists.totalPeriod);
  const graph = (he: HistEntry): string[] =>
    plan.graph && hasChains(evsel) ? callGraphLines(he, totalPeriod, { ...plan.graph, skipFirst: plan.skipFirst }) : [];

  if (!options.quiet) yield* headingLines(group, periods, events, options);
  if (options.hierarchy) {
    const numbers = shown.filter(({ key }) => !key);
    const hierarchy = { numbers, keys: shown.filter(({ key }) => key), block, style, limit, graph, sort };
    yield* hierarchyLines(all, hierarchy, options.quiet ?? false);
    return;
  }
  if (!options.quiet) yield* titleLines(shown, block, style);
  for (const he of sort(entries)) {
    const period = style.cumulate ? he.statAcc.period : he.stat.period;
    if (percentOf(unsignedSum(period), total) < limit) continue;
    yield entryLine(he, columns, block, style);
    yield* graph(he);
  }
}

function makeColumn(field: Field, { style, elided, sort, options }: Plan): ReportColumn {
  if ('hpp' in field) return hppColumn(field.hpp, style);
  // If every key were elided, nothing would be left, so none is. A hierarchy shows all its levels.
  const some = !options.hierarchy && sort.some((other) => 'key' in other && !elided.has(other.key));
  return keyColumn(sortKeys(style.verbose)[field.key], some && elided.has(field.key), style);
}

/** hists__output_resort(). */
function sorted(
  entries: readonly HistEntry[],
  plan: Plan,
  columns: readonly ReportColumn[],
  block: BlockTotals,
): HistEntry[] {
  const order = plan.sort.map((field) => columns[plan.output.findIndex((other) => sameField(other, field))]!);
  return treeSorted(entries, (a, b) => {
    for (const column of order) {
      if (column.elided) continue;
      let result = column.order(a, b, block);
      if (!result && column.name === 'overhead_children' && plan.style.cumulate) result = callerFirst(a, b, plan);
      if (result) return result < 0;
    }
    return false;
  });
}

/** Of lines with equal weight the caller comes above the callee: its chains are longer, or shorter seen from below. */
function callerFirst(a: HistEntry, b: HistEntry, { graph, order }: Plan): number {
  if (a.thread !== b.thread || !graph) return 0;
  const deeper = b.callchain.maxDepth - a.callchain.maxDepth;
  return order === 'caller' ? deeper : -deeper;
}

/** hists__fprintf_nr_sample_events(). */
function* headingLines(
  group: readonly Hists[],
  periods: readonly number[],
  events: string,
  { relative = false, times }: ReportOptions,
): Generator<string> {
  const samples = group.reduce((sum, hists) => sum + (relative ? hists.nrNonFiltered : hists.nrSamples), 0);
  const period = periods.reduce((sum, one) => sum + one, 0);
  const slices = times === undefined ? '' : ` (time slices: ${times})`;
  yield `# Samples: ${abbreviated(samples)} of ${events}${slices}`;
  yield `# Event count (approx.): ${sumText(period)}`;
  yield '#';
}

function* titleLines(
  shown: readonly ReportColumn[],
  block: BlockTotals,
  { separator }: ColumnStyle,
): Generator<string> {
  yield `# ${shown.map((column) => column.header(block)).join(separator ?? '  ')}`;
  if (separator !== undefined) return;
  yield `# ${shown.map((column) => '.'.repeat(column.width(block))).join('  ')}`;
  yield '#';
}

/** hist_entry__snprintf(): every cell but the last is padded to the width of its column. */
function entryLine(
  he: HistEntry,
  columns: readonly ReportColumn[],
  block: BlockTotals,
  { separator }: ColumnStyle,
): string {
  const last = columns.length - 1;
  const cells = columns.flatMap((column, i) => {
    if (column.elided) return [];
    const text = column.text(he, block);
    return [i === last ? text : padEndBytes(text, column.width(block))];
  });
  return separator === undefined ? cells.map((text) => `  ${text}`).join('') : cells.join(separator);
}
