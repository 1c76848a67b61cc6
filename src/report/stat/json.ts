/**
 * perf stat -j: one JSON object per line, without an array around them.
 *
 * Keys, their order and the types of values are perf 6.1's ("counter-value" is a string, "metric-value" a number). With
 * --metric-only perf 6.1 prints fragments; this prints what 6.12 does, an object for each aggregate.
 */
import { uncounted, metricOnlyRows } from './text.ts';
import { aggregateId, wholePercent } from './csv.ts';
import type { Aggregate, StatRow } from './rows.ts';
import { fixed } from '../shared/format.ts';

type Field = readonly [key: string, value: string];

const text = (value: string): string => JSON.stringify(value);
const object = (fields: readonly Field[]): string =>
  `{${fields.map(([key, value]) => `"${key}" : ${value}`).join(', ')}}\n`;

function aggregateFields(aggregate: Aggregate | undefined): Field[] {
  if (aggregate === undefined) return [];
  if (aggregate.kind === 'cpu') return [['cpu', text(String(aggregate.cpu))]];
  const id: Field = [aggregate.kind, text(aggregateId(aggregate))];
  return 'cpus' in aggregate ? [id, ['aggregate-number', String(aggregate.cpus)]] : [id];
}

/** @param stamp an interval's time */
export function statJson(rows: readonly StatRow[], o: { runs: number; stamp?: string; metricOnly?: boolean }): string {
  const interval: Field[] = o.stamp === undefined ? [] : [['interval', o.stamp.trim()]];
  if (o.metricOnly) {
    const { titles, lines } = metricOnlyRows(rows);
    return lines
      .map(({ aggregate, values }) => {
        const cells = titles.map((title): Field => [title, text((values.get(title) ?? '').trim().replace(/ ?%$/, ''))]);
        return object([...interval, ...aggregateFields(aggregate), ...cells]);
      })
      .join('');
  }
  let out = '';
  for (const row of rows) {
    const before = [...interval, ...aggregateFields(row.aggregate)];
    const [first, ...more] = row.metrics;
    const metric = first ?? { value: 0, unit: '' };
    out += object([
      ...before,
      ['counter-value', text(row.counted ? fixed(row.value, 6) : uncounted(row))],
      ['unit', text(row.evsel.unit)],
      ['event', text(row.evsel.name)],
      ...(o.runs > 1 ? [['variance', fixed(row.noise, 2)] as const] : []),
      ['event-runtime', fixed(row.run, 0)],
      ['pcnt-running', fixed(wholePercent(row), 2)],
      ['metric-value', fixed(metric.value, 6)],
      // perf 6.1 prints "(null)" for an event without any metric.
      ['metric-unit', text(metric.unit ?? '(null)')],
    ]);
    for (const m of more)
      out += object([...before, ['metric-value', fixed(m.value, 6)], ['metric-unit', text(m.unit ?? '')]]);
  }
  return out;
}
