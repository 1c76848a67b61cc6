/**
 * perf stat's output for people, in perf 6.1's columns; csv.ts and json.ts are for programs.
 *
 * Compared with `perf stat report` on files with the same counts. It deviates from perf 6.1 in three of its faults: -r
 * shows means (see rows.ts), --metric-only names its columns in every mode, and stat report relates what was counted in
 * an interval to the time of that interval, as -I does, not to averages over the intervals before.
 * Not modelled: cgroups, --iostat, --topdown.
 */
import type { Evsel } from '../../perf-events/evsel.ts';
import type { StatCount, StatResult } from '../../results/stat.ts';
import { PERF_TYPE } from '../../uapi/perf-event.ts';
import { fixed, percentOf } from '../shared/format.ts';
import type { Metric } from './metrics.ts';
import { type Aggregate, meanAndError, type StatPart, type StatRow, statRows, unscaled } from './rows.ts';

/** What the counters watched, for the header. */
export type StatTarget =
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  /** A file of stat record, which does not keep user and system time. */
  | { readonly kind: 'recording'; readonly argv: readonly string[] }
  | { readonly kind: 'system' }
  | { readonly kind: 'cpus' | 'pid' | 'tid'; readonly list: string };

export interface StatTextOptions {
  /** Thousands separators: -B on a terminal whose locale has them. */
  readonly bigNum?: boolean;
  /** ANSI colours for metrics that look bad. */
  readonly color?: boolean;
  readonly metricOnly?: boolean;
}

export interface StatReportOptions extends StatTextOptions {
  readonly target: StatTarget;
  /** -n: only events of -e are counted, and no blank line stands in for the others. */
  readonly nullRun?: boolean;
  /** --table: each repetition's time. */
  readonly table?: boolean;
  /** The kernel's NMI watchdog holds a counter: perf's advice is printed for events that did not fit. */
  readonly nmiWatchdog?: boolean;
  /** False (--no-scale): counts of multiplexed events are printed as read. */
  readonly scale?: boolean;
  /** -A, --per-core, ...: aggregates instead of sums. */
  readonly parts?: readonly StatPart[] | undefined;
}

const NAME_WIDTH = 32;
/** perf pads the name of an uncounted event less. */
const UNCOUNTED_NAME_WIDTH = 25;
const METRIC_LEN = 35;
const METRIC_ONLY_LEN = 20;
const NSEC_PER_SEC = 1e9;
/** Severity 1..3 of a metric: yellow, magenta, red. */
const COLORS = ['', '\u001B[33m', '\u001B[35m', '\u001B[31m'];

/** Digits of a whole number, with thousands separators. */
const grouped = (digits: string): string => digits.replace(/\B(?=(\d{3})+(?!\d))/g, ',');

/** printf("%'.*f") in a locale that groups. */
export function bigNumber(value: number, digits: number): string {
  const [whole, fraction] = fixed(value, digits).split('.');
  return fraction === undefined ? grouped(whole!) : `${grouped(whole!)}.${fraction}`;
}

/** Decimals of a count: two if the event's scale is a fraction. */
export const countDigits = ({ evsel }: StatRow): number => (Number.isInteger(evsel.scale) ? 0 : 2);

/** What is printed for an event without a count. */
export const uncounted = ({ supported }: StatRow): string => (supported ? '<not counted>' : '<not supported>');

/** Widths of an aggregate's id and number of CPUs. */
const ID_WIDTHS = { core: [10, 9], die: [7, 9], socket: [5, 5], node: [5, 5] } as const;

/** The columns before an aggregate's row. */
function aggregatePrefix(aggregate: Aggregate | undefined): string {
  if (aggregate === undefined) return '';
  if (aggregate.kind === 'cpu') return `CPU${String(aggregate.cpu).padEnd(7)} `;
  if (aggregate.kind === 'thread') return `${aggregate.comm.padStart(16)}-${String(aggregate.tid).padEnd(8)} `;
  const [id, cpus] = ID_WIDTHS[aggregate.kind];
  return `${aggregate.id.padEnd(id)} ${String(aggregate.cpus).padStart(cpus)} `;
}

/** The metric's columns: " #", the value, its unit, padded to 35. */
function metricField({ text, unit, severity }: Metric, color: boolean): string {
  if (text === undefined || unit === undefined) return ' '.repeat(METRIC_LEN);
  const paint = color && severity > 0;
  const value = paint ? `${COLORS[severity]!}${text}\u001B[0m` : text;
  const fill = METRIC_LEN - ` # ${text}`.length - 1;
  return ` # ${value} ${unit.padEnd(fill)}`;
}

/** The event lines. `stamp` is an interval's prefix. */
export function statLines(rows: readonly StatRow[], o: StatTextOptions, runs: number, stamp = ''): string {
  if (o.metricOnly) return metricLines(rows, stamp);
  const unitWidth = Math.max(4, ...rows.map((row) => row.evsel.unit.length));
  const color = o.color ?? false;
  let out = '';
  for (const row of rows) {
    const { evsel, metrics, ena, run, noise } = row;
    const prefix = stamp + aggregatePrefix(row.aggregate);
    const unit = evsel.unit.padEnd(unitWidth);
    const spread = runs > 1 && noise > 0 ? `  ( +-${fixed(noise, 2).padStart(6)}% )` : '';
    const share = run === ena ? '' : `  (${fixed(percentOf(run, ena), 2)}%)`;
    if (!row.counted) {
      const blank = ' '.repeat(METRIC_LEN);
      out += `${prefix}${uncounted(row).padStart(18)} ${unit} ${evsel.name.padEnd(UNCOUNTED_NAME_WIDTH)}${blank}${spread}${share}\n`;
      continue;
    }
    const digits = countDigits(row);
    const count = o.bigNum ? bigNumber(row.value, digits) : fixed(row.value, digits);
    const [first, ...more] = metrics.map((metric) => metricField(metric, color));
    out += `${prefix}${count.padStart(18)} ${unit} ${evsel.name.padEnd(NAME_WIDTH)}${first!}`;
    const indent = ' '.repeat(row.aggregate?.kind === 'cpu' ? 57 : 49);
    for (const metric of more) out += `\n${prefix}${indent}${metric}`;
    out += `${spread}${share}\n`;
  }
  return out;
}

/** Whether --metric-only gives a metric a column: rates and utilisation have none. */
const isMetricColumn = ({ unit }: Metric): boolean =>
  unit !== undefined && !unit.includes('/sec') && unit !== 'CPUs utilized';

/** The column's title; misses name their cache. */
const metricTitle = ({ evsel }: StatRow, unit: string): string =>
  unit.startsWith('of all') ? `${evsel.name} ${unit}` : unit;

/** --metric-only: one line per aggregate. */
export function metricOnlyRows(rows: readonly StatRow[]): {
  titles: string[];
  lines: { aggregate: Aggregate | undefined; values: Map<string, string> }[];
} {
  const titles = new Set<string>();
  const lines: { aggregate: Aggregate | undefined; values: Map<string, string> }[] = [];
  for (const row of rows) {
    let line = lines.find((l) => l.aggregate === row.aggregate);
    if (line === undefined) lines.push((line = { aggregate: row.aggregate, values: new Map() }));
    for (const metric of row.metrics.filter(isMetricColumn)) {
      const title = metricTitle(row, metric.unit!);
      titles.add(title);
      line.values.set(title, metric.text ?? '');
    }
  }
  return { titles: [...titles], lines };
}

const metricCell = (text: string, title: string): string =>
  `${text.padStart(Math.max(METRIC_ONLY_LEN, title.length))} `;

function metricLines(rows: readonly StatRow[], stamp: string): string {
  const { titles, lines } = metricOnlyRows(rows);
  const indent = ' '.repeat(stamp.length + aggregatePrefix(lines[0]?.aggregate).length);
  let out = `${indent}${titles.map((title) => metricCell(title, title)).join('')}\n`;
  for (const { aggregate, values } of lines) {
    const cells = titles.map((title) => metricCell(values.get(title) ?? '', title));
    out += `${stamp}${aggregatePrefix(aggregate)}${cells.join('')}\n`;
  }
  return out;
}

const INTERVAL_HEADERS: Readonly<Record<Aggregate['kind'] | 'global', string>> = {
  global: '#           time             counts unit events',
  cpu: '#           time CPU                    counts unit events',
  thread: '#           time             comm-pid                  counts unit events',
  core: '#           time core            cpus             counts unit events',
  die: '#           time die          cpus             counts unit events',
  socket: '#           time socket cpus             counts unit events',
  node: '#           time node   cpus             counts unit events',
};
/** -I repeats its header after this many readings. */
export const INTERVALS_PER_HEADER = 25;

/** The line above the readings of -I. */
export function intervalHeader(aggregate?: Aggregate, metricOnly = false): string {
  const header = INTERVAL_HEADERS[aggregate?.kind ?? 'global'];
  return `${metricOnly ? `${header.replace(/\s+(comm-pid\s+)?counts unit events$/, '')} ` : header}\n`;
}

/** The time of a reading: "%6lu.%09lu". */
export function intervalStamp(time: number): string {
  const seconds = Math.floor(time / NSEC_PER_SEC);
  return `${String(seconds).padStart(6)}.${String(time - seconds * NSEC_PER_SEC).padStart(9, '0')}`;
}

/** Decimals of a value's first significant digit: what perf shows of a standard deviation, minus two. */
function precision(value: number): number {
  if (value > 1) return 0;
  // Identical repetitions, which perf never meets: as many decimals as for a single run.
  if (value <= 0) return 7;
  let digits = 0;
  for (let v = value; v < 1; v *= 10) digits++;
  return digits;
}

/**
 * is_mixed_hw_group(): a leader, and more than one type of hardware event in the list; like perf, checks the whole
 * list.
 */
function isMixedGroup(evlist: readonly Evsel[], leader: Evsel): boolean {
  const at = evlist.indexOf(leader);
  if (evlist[leader.leader] !== leader || !evlist.some((e, i) => i !== at && e.leader === at)) return false;
  const types = new Set([leader, ...evlist].map(({ attr }) => attr.type).filter((type) => type !== PERF_TYPE.SOFTWARE));
  return types.size > 1;
}

/** perf's closing advice about events that were not counted. */
function advice(evlist: readonly Evsel[], rows: readonly StatRow[], nmiWatchdog: boolean): string {
  const lacking = rows.filter((row) => row.supported && !row.counted);
  let out = '';
  if (nmiWatchdog && lacking.length > 0) {
    out += "\nSome events weren't counted. Try disabling the NMI watchdog:\n";
    out += '\techo 0 > /proc/sys/kernel/nmi_watchdog\n\tperf stat ...\n\techo 1 > /proc/sys/kernel/nmi_watchdog\n';
  }
  if (lacking.some(({ evsel }) => isMixedGroup(evlist, evsel)))
    out += 'The events in group usually have to be from the same PMU. Try reorganizing the group.\n';
  return out;
}

function footer({ runs }: StatResult, o: StatReportOptions): string {
  const seconds = runs.map((run) => run.elapsed / NSEC_PER_SEC);
  let out = o.nullRun ? '' : '\n';
  if (runs.length === 1) {
    const { user, sys } = runs[0]!;
    out += ` ${fixed(seconds[0]!, 9).padStart(17)} seconds time elapsed`;
    if (o.target.kind === 'command') {
      out += `\n\n ${fixed(user / NSEC_PER_SEC, 9).padStart(17)} seconds user\n`;
      out += ` ${fixed(sys / NSEC_PER_SEC, 9).padStart(17)} seconds sys\n`;
    }
  } else {
    const { mean, error } = meanAndError(seconds);
    const digits = precision(error) + 2;
    if (o.table) out += individualRuns(seconds, mean, digits);
    out += ` ${fixed(mean, digits).padStart(17)} +- ${fixed(error, digits)} seconds time elapsed`;
    const noise = mean > 0 ? (100 * error) / mean : 0;
    if (noise > 0) out += `  ( +-${fixed(noise, 2).padStart(6)}% )`;
  }
  return `${out}\n\n`;
}

function individualRuns(seconds: readonly number[], mean: number, digits: number): string {
  const indent = ' '.repeat(16 - digits);
  let out = `${indent}# Table of individual measurements:\n`;
  for (const run of seconds) {
    const off = run - mean;
    const bar = 1 + Math.floor(Math.abs(Math.trunc((100 * off) / run)) / 5);
    const signed = `${off < 0 ? '' : '+'}${fixed(off, digits)}`;
    out += ` ${fixed(run, digits).padStart(17)} (${signed}) ${'#'.repeat(bar)}\n`;
  }
  return `${out}\n${indent}# Final result:\n`;
}

function targetText(target: StatTarget): string {
  if (target.kind === 'command' || target.kind === 'recording') return `'${target.argv.join(' ')}'`;
  if (target.kind === 'system') return "'system wide'";
  if (target.kind === 'cpus') return `'CPU(s) ${target.list}'`;
  return `${target.kind === 'pid' ? 'process' : 'thread'} id '${target.list}'`;
}

/** The rows of a result: sums over everything, or the given aggregates. */
export function resultRows(result: StatResult, o: Pick<StatReportOptions, 'parts' | 'scale'> = {}): StatRow[] {
  const wall = meanAndError(result.runs.map((run) => run.elapsed)).mean;
  const parts: readonly StatPart[] = o.parts ?? [{ runs: result.runs.map((run) => run.counts) }];
  const read = o.scale === false ? parts.map(unscaled) : parts;
  return statRows(result.evlist, read, wall);
}

/** The whole report of a finished perf stat, from first blank line to last. */
export function statText(result: StatResult, o: StatReportOptions): string {
  const { length } = result.runs;
  const rows = resultRows(result, o);
  const repeated = length > 1 ? ` (${length} runs)` : '';
  const lines = rows.length === 0 ? '' : statLines(rows, o, length);
  const last = advice(result.evlist, rows, o.nmiWatchdog === true);
  return `\n Performance counter stats for ${targetText(o.target)}${repeated}:\n\n${lines}${footer(result, o)}${last}`;
}

/** What -v prints first: the values read, by event. */
export const rawCounts = (evlist: readonly Evsel[], counts: readonly StatCount[]): string =>
  counts
    .map(({ val, ena, run, supported, unread }, i) => {
      const { name } = evlist[i]!;
      return supported && unread !== true ? `${name}: ${val} ${ena} ${run}\n` : `failed to read counter ${name}\n`;
    })
    .join('');

/** What -o writes before the report. `date` is in ctime's form. */
export const startedOn = (date: string): string => `# started on ${date}\n\n`;
