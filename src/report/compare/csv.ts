/** A comparison as CSV: a line for each row, profile and pair. Shares are fractions of 1. */
import type { ComparedProfiles } from '../../profile/compare.ts';
import { csvName } from '../shared/printable.ts';

const cell = (value: string | number | boolean | undefined): string => {
  if (typeof value === 'string') return csvName(value);
  return value === undefined || (typeof value === 'number' && !Number.isFinite(value)) ? '' : String(value);
};

/** The table, long: a line for each row and profile, once for each profile that it was compared with. */
export function* compareCsv(all: readonly ComparedProfiles[]): Generator<string> {
  yield 'event,symbol,dso,profile,share,low,high,against,delta,z,p,holm,differs';
  for (const { event, operands, pairs, rows } of all)
    for (const { name, dso, shares, tests } of rows)
      for (const [i, { label }] of operands.entries()) {
        const { share, interval } = shares[i]!;
        const start = [event, name, dso, label, share, interval.low, interval.high];
        const own = pairs.flatMap(({ a, b, tested }, at) => (a === i ? [{ b, tested, test: tests[at] }] : []));
        if (own.length === 0) yield [...start, '', '', '', '', '', ''].map(cell).join(',');
        for (const { b, tested, test } of own) {
          const figures = tested ? [test?.z, test?.p, test?.holm, test?.differs] : ['', '', '', ''];
          yield [...start, operands[b]!.label, share - shares[b]!.share, ...figures].map(cell).join(',');
        }
      }
}
