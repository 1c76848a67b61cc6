/** A table of text: titles, dots below them as perf report has them, cells to the left or the right of their column. */

export interface RuledColumn {
  readonly title: string;
  /** To the left; numbers stand to the right. */
  readonly left?: boolean;
  readonly cells: readonly string[];
}

/** Lines of a table: titles and dots behind a "#", then the rows. */
export function ruledLines(columns: readonly RuledColumn[]): string[] {
  const widths = columns.map(({ title, cells }) => Math.max(title.length, ...cells.map((cell) => cell.length)));
  const line = (mark: string, cells: readonly string[]): string =>
    `${mark} ${cells.map((cell, i) => (columns[i]!.left ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')}`.trimEnd();
  const rows = Math.max(0, ...columns.map(({ cells }) => cells.length));
  return [
    line(
      '#',
      columns.map(({ title }) => title),
    ),
    line(
      '#',
      widths.map((width) => '.'.repeat(width)),
    ),
    ...Array.from({ length: rows }, (_, row) =>
      line(
        ' ',
        columns.map(({ cells }) => cells[row] ?? ''),
      ),
    ),
  ];
}
