/**
 * Ground truth in perf report's layout: the same columns and order, with exact counts beside the shares.
 * As Markdown too. The counts of the rows sum exactly to the total; no limit hides any.
 */
import { parseProfileKey, totalWeight, type Profile, type ProfileKey } from '../../profile/profile.ts';
import { fixed, percentOf } from '../shared/format.ts';
import { markdownText } from '../shared/printable.ts';

export interface TruthTextOptions {
  /** -q: rows only. */
  readonly quiet?: boolean;
  /** The workload as typed, for the heading. */
  readonly workload: string;
}

export interface TruthRow extends ProfileKey {
  readonly weight: number;
}

/** Rows with weight, the largest first. */
export const truthRows = ({ weights }: Profile): TruthRow[] =>
  [...weights]
    .filter(([, weight]) => weight > 0)
    .map(([key, weight]) => {
      const { comm, dso, symbol } = parseProfileKey(key);
      return { comm, dso, symbol, weight };
    })
    .toSorted((a, b) => b.weight - a.weight || (a.symbol < b.symbol ? -1 : 1));

/** Lines of the exact profiles, a block for each event. */
export function* truthLines(profiles: readonly Profile[], o: TruthTextOptions): Generator<string> {
  for (const profile of profiles) {
    const total = totalWeight(profile);
    const rows = truthRows(profile);
    const width = (title: string, of: (row: TruthRow) => string): number =>
      Math.max(title.length, ...rows.map((row) => of(row).length));
    const widths = {
      count: width('Count', (r) => exact(r.weight)),
      comm: width('Command', (r) => r.comm),
      dso: width('Shared Object', (r) => r.dso),
      symbol: width('Symbol', (r) => `[.] ${r.symbol}`),
    };
    const cells = (a: string, count: string, comm: string, dso: string, symbol: string): string =>
      `  ${[a, count, comm.padEnd(widths.comm), dso.padEnd(widths.dso), symbol].join('  ')}`;
    if (o.quiet !== true) {
      yield `# Exact profile of '${o.workload}': every user-space instruction counted, nothing sampled.`;
      yield '#';
      yield `# Event '${profile.event}'`;
      yield `# Event count: ${exact(total)}`;
      yield '#';
      const head = cells(
        'Overhead',
        'Count'.padStart(widths.count),
        'Command',
        'Shared Object',
        'Symbol'.padEnd(widths.symbol),
      );
      yield `#${head.slice(1)}`;
      const dots = Object.values(widths).map((w) => '.'.repeat(w));
      yield `# ${['........', ...dots].join('  ')}`;
      yield '#';
    }
    for (const { comm, dso, symbol, weight } of rows) {
      const share = `${fixed(percentOf(weight, total), 2)}%`.padStart(8);
      yield cells(share, exact(weight).padStart(widths.count), comm, dso, `[.] ${symbol}`);
    }
    yield '';
    yield '';
  }
}

/** An exact count: cycles come in sixty-fourths. */
export const exact = (count: number): string =>
  Number.isInteger(count) ? String(count) : String(Number(count.toFixed(6)));

export const shareText = ({ weight }: TruthRow, total: number): string => fixed(percentOf(weight, total), 2);

export function* truthMarkdown(profiles: readonly Profile[], workload: string): Generator<string> {
  for (const profile of profiles) {
    const total = totalWeight(profile);
    yield* [`### ${markdownText(workload)}: exact ${markdownText(profile.event)}, ${exact(total)} in all`, ''];
    yield* ['| Overhead | Count | Shared Object | Symbol |', '| ---: | ---: | --- | --- |'];
    for (const row of truthRows(profile))
      yield `| ${shareText(row, total)}% | ${exact(row.weight)} | ${markdownText(row.dso)} | ${markdownText(row.symbol)} |`;
    yield '';
  }
}
