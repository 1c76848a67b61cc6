/**
 * perf stat -x SEP: one line per row, no header, no quoting, no thousands separators.
 *
 * Fields: [time,] [CPU or thread, or id and number of CPUs,] value, unit, event, [spread%,] run ns, percent running, metric,
 * metric unit. perf 6.1 divides whole numbers for the percentage ("33.00"), and so does this.
 */
import { metricOnlyRows, countDigits, uncounted } from './text.ts';
import type { Aggregate, StatRow } from './rows.ts';
import { fixed } from '../shared/format.ts';

/** An aggregate's name in CSV and JSON. */
export function aggregateId(aggregate: Aggregate): string {
  if (aggregate.kind === 'cpu') return `CPU${aggregate.cpu}`;
  return aggregate.kind === 'thread' ? `${aggregate.comm}-${aggregate.tid}` : aggregate.id;
}

/** perf 6.1's share of time on a counter, in whole percent. */
export const wholePercent = ({ run, ena }: StatRow): number => (ena > 0 ? Math.floor((100 * run) / ena) : 100);

/**
 * @param runs repetitions; with more than one there is a spread field
 * @param stamp an interval's time, or "summary", without separator
 */
export function statCsv(
  rows: readonly StatRow[],
  separator: string,
  o: { runs: number; stamp?: string; metricOnly?: boolean },
): string {
  const stamp = o.stamp === undefined ? [] : [o.stamp];
  const prefix = (aggregate: Aggregate | undefined): string[] => {
    if (aggregate === undefined) return stamp;
    const id = [...stamp, aggregateId(aggregate)];
    return 'cpus' in aggregate ? [...id, String(aggregate.cpus)] : id;
  };
  const lines: string[][] = [];
  if (o.metricOnly) {
    const { titles, lines: values } = metricOnlyRows(rows);
    const head = [...(o.stamp === undefined ? [] : ['time']), ...aggregateTitles(values[0]?.aggregate)];
    lines.push([...head, ...titles, '']);
    for (const line of values) {
      lines.push([
        ...prefix(line.aggregate),
        ...titles.map((t) => (line.values.get(t) ?? '').trim().replace(/ ?%$/, '')),
        '',
      ]);
    }
    return join(lines, separator);
  }
  for (const row of rows) {
    const before = prefix(row.aggregate);
    const value = row.counted ? fixed(row.value, countDigits(row)) : uncounted(row);
    const spread = o.runs > 1 ? [`${fixed(row.noise, 2)}%`] : [];
    const time = [fixed(row.run, 0), fixed(wholePercent(row), 2)];
    const [first, ...more] = row.metrics.map(({ text, unit }) => [
      number(text),
      text === undefined ? '' : (unit ?? ''),
    ]);
    lines.push([...before, value, row.evsel.unit, row.evsel.name, ...spread, ...time, ...(first ?? ['', ''])]);
    const skipped = row.aggregate === undefined ? 3 : 'cpus' in row.aggregate ? 5 : 4;
    for (const metric of more) lines.push([...before, ...Array.from({ length: skipped }, () => ''), '', ...metric]);
  }
  return join(lines, separator);
}

const number = (text: string | undefined): string => /[\d.]+/.exec(text ?? '')?.[0] ?? '';

function aggregateTitles(aggregate: Aggregate | undefined): string[] {
  if (aggregate === undefined) return [];
  return 'cpus' in aggregate ? [aggregate.kind, 'cpus'] : [aggregate.kind === 'thread' ? 'comm-pid' : 'cpu'];
}

const join = (lines: readonly (readonly string[])[], separator: string): string =>
  lines.map((fields) => `${fields.join(separator)}\n`).join('');
