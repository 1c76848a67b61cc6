/**
 * Ground truth in perf report's layout: the same columns and order, with exact counts beside the shares.
 * As Markdown too. The counts of the rows sum exactly to the total; no limit hides any.
 */
import { parseProfileKey, totalWeight, type Profile, type ProfileKey } from '../../profile/profile.ts';
import { fixed, percentOf } from '../shared/format.ts';
import { markdownText } from '../shared/printable.ts';

/** What rows are: their columns, with the titles that perf gives them and those of a CSV file. */
interface TruthColumn {
  readonly title: string;
  readonly name: string;
  readonly of: keyof ProfileKey;
}
const COMM: TruthColumn = { title: 'Command', name: 'comm', of: 'comm' };
const DSO: TruthColumn = { title: 'Shared Object', name: 'dso', of: 'dso' };
export const TRUTH_COLUMNS = {
  symbol: [COMM, DSO, { title: 'Symbol', name: 'symbol', of: 'symbol' }],
  dso: [COMM, DSO],
  process: [COMM, { title: 'Process', name: 'process', of: 'symbol' }],
  thread: [COMM, { title: 'Thread', name: 'thread', of: 'symbol' }],
  cpu: [COMM, { title: 'CPU', name: 'cpu', of: 'symbol' }],
} as const satisfies Record<string, readonly TruthColumn[]>;
export type TruthRows = keyof typeof TRUTH_COLUMNS;

/** What programs execute is the same in every run; where is not. */
export const CPU_NOTE =
  'Who ran on which CPU is of one run, without events: with others, threads may be dealt out otherwise.';

export interface TruthTextOptions {
  /** What rows are. */
  readonly by: TruthRows;
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
    const columns: readonly TruthColumn[] = TRUTH_COLUMNS[o.by];
    const cell = (row: TruthRow, { name, of }: TruthColumn): string => (name === 'symbol' ? `[.] ${row[of]}` : row[of]);
    const widths = [
      width('Count', (r) => exact(r.weight)),
      ...columns.map((column) => width(column.title, (r) => cell(r, column))),
    ];
    const line = (share: string, count: string, cells: readonly string[]): string =>
      `  ${[share, count.padStart(widths[0]!), ...cells].join('  ')}`;
    const padded = (cells: readonly string[], last: boolean): string[] =>
      cells.map((text, i) => (last || i < cells.length - 1 ? text.padEnd(widths[i + 1]!) : text));
    if (o.quiet !== true) {
      yield `# Exact profile of '${o.workload}': every user-space instruction counted, nothing sampled.`;
      if (o.by === 'cpu') yield `# ${CPU_NOTE}`;
      yield '#';
      yield `# Event '${profile.event}'`;
      yield `# Event count: ${exact(total)}`;
      yield '#';
      const titles = columns.map(({ title }) => title);
      yield `#${line('Overhead', 'Count', padded(titles, true)).slice(1)}`;
      yield `# ${['........', ...widths.map((w) => '.'.repeat(w))].join('  ')}`;
      yield '#';
    }
    for (const row of rows) {
      const share = `${fixed(percentOf(row.weight, total), 2)}%`.padStart(8);
      const cells = columns.map((column) => cell(row, column));
      yield line(share, exact(row.weight), padded(cells, false));
    }
    yield '';
    yield '';
  }
}

/** An exact count: cycles come in sixty-fourths. */
export const exact = (count: number): string =>
  Number.isInteger(count) ? String(count) : String(Number(count.toFixed(6)));

export const shareText = ({ weight }: TruthRow, total: number): string => fixed(percentOf(weight, total), 2);

export function* truthMarkdown(profiles: readonly Profile[], workload: string, by: TruthRows): Generator<string> {
  const columns: readonly TruthColumn[] = TRUTH_COLUMNS[by].slice(1);
  for (const profile of profiles) {
    const total = totalWeight(profile);
    yield* [`### ${markdownText(workload)}: exact ${markdownText(profile.event)}, ${exact(total)} in all`, ''];
    yield `| Overhead | Count | ${columns.map(({ title }) => title).join(' | ')} |`;
    yield `| ---: | ---: | ${columns.map(() => '---').join(' | ')} |`;
    for (const row of truthRows(profile)) {
      const cells = columns.map(({ of }) => markdownText(row[of]));
      yield `| ${shareText(row, total)}% | ${exact(row.weight)} | ${cells.join(' | ')} |`;
    }
    yield '';
  }
}
