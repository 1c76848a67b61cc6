/** What `gperf reproduce` prints: every table in the original's order, published and simulated figures side by side. */
import type { ReproducedFigure, ReproducedTable, Reproduction } from '../../results/reproduction.ts';
import { gridLines, gridMarkdown, ratio, whole, type Grid } from '../shared/grid.ts';

/** A figure in its table's unit. */
export function figureText(value: number, { unit }: ReproducedTable, { row }: ReproducedFigure): string {
  if (unit === '%') return value.toFixed(2);
  if (unit === 'times' && value < 1000) return value.toFixed(0);
  return row === 'MB' ? value.toFixed(3) : whole(value);
}

/** One table, as data. */
export function reproducedGrid(table: ReproducedTable): Grid {
  const { id, title, unit, scenario, figures } = table;
  return {
    title: `${id} ${title}${unit === '' ? '' : `, ${unit}`}; ${scenario}`,
    columns: ['', 'where', 'of a run', 'published', 'simulated', 'interval', 'ratio', 'class', 'why'],
    left: [1, 2, 7, 8],
    rows: figures.map((f) => ({
      cells: [
        f.row,
        f.column,
        f.statistic,
        f.published === undefined ? '' : figureText(f.published, table, f),
        figureText(f.simulated.median, table, f),
        f.simulated.low === f.simulated.high
          ? ''
          : `${figureText(f.simulated.low, table, f)} .. ${figureText(f.simulated.high, table, f)}`,
        f.ratio === undefined ? '' : ratio(f.ratio),
        f.verdict,
        f.reason,
      ],
    })),
  };
}

/** Notes on how to read everything. */
export function reproductionNotes({ source, machine, seeds }: Reproduction): string[] {
  return [
    `Published: ${source}; ${machine}.`,
    `Simulated: the median over ${seeds} seed${seeds === 1 ? '' : 's'}, with an interval of 95 % for it; ratio: simulated / published.`,
    'derived: out of the mechanisms. calibrated: a constant was chosen with it, or a figure of its kind, in view (src/machine/calibrated.ts).',
    'inconsistent: no mechanism here gives it, and it does not go with other published figures. Empty "published": a row of ours.',
  ];
}

export function* reproductionLines(result: Reproduction): Generator<string> {
  for (const note of reproductionNotes(result)) yield `# ${note}`;
  for (const table of result.tables) {
    yield '';
    yield* gridLines(reproducedGrid(table));
    for (const note of table.notes) yield `# ${note}`;
  }
}

export function* reproductionMarkdown(result: Reproduction): Generator<string> {
  for (const note of reproductionNotes(result)) yield `- ${note}`;
  yield '';
  for (const table of result.tables) {
    yield* gridMarkdown(reproducedGrid(table));
    if (table.notes.length > 0) yield `${table.notes.join(' ')}\n`;
  }
}
