/** A table as data, and its two text forms: columns for a terminal, and Markdown. */

import { markdownText } from './printable.ts';

export interface Grid {
  readonly title: string;
  /** The first column is a name, aligned left; the others are numbers, aligned right, or text if `left` says so. */
  readonly columns: readonly string[];
  readonly left?: readonly number[];
  readonly rows: readonly GridRow[];
}

export interface GridRow {
  readonly cells: readonly string[];
  /** A row that only titles the rows below it. */
  readonly heading?: true;
}

const GAP = '  ';

/** Lines for a terminal; the title comes first, as a comment. */
export function* gridLines({ title, columns, left = [], rows }: Grid): Generator<string> {
  const width = (i: number): number =>
    Math.max(
      columns[i]!.length,
      ...rows.filter((row) => row.heading !== true).map(({ cells }) => (cells[i] ?? '').length),
    );
  const widths = columns.map((_, i) => width(i));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 0 || left.includes(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join(GAP)
      .trimEnd();
  yield `# ${title}`;
  yield '';
  yield line(columns);
  for (const { cells, heading } of rows) yield heading === true ? cells[0]! : line(cells);
}

/** The same as a Markdown table under a heading. */
export function* gridMarkdown({ title, columns, left = [], rows }: Grid): Generator<string> {
  const line = (cells: readonly string[]): string => `| ${columns.map((_, i) => cells[i]?.trim() ?? '').join(' | ')} |`;
  yield `### ${markdownText(title)}`;
  yield '';
  yield line(columns.map(markdownText));
  yield `| ${columns.map((_, i) => (i === 0 || left.includes(i) ? '---' : '---:')).join(' | ')} |`;
  for (const { cells, heading } of rows) {
    const texts = cells.map((cell) => markdownText(cell.trim()));
    yield line(heading === true ? [`**${texts[0]!}**`] : texts);
  }
  yield '';
}

/** "1,234,567": a count or a time in whole units. */
export const whole = (value: number): string =>
  Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');

/** A ratio: three significant digits, all before the point from 1,000 on, and never an exponent. */
export function ratio(value: number): string {
  if (!Number.isFinite(value)) return '';
  if (value >= 999.5) return whole(value);
  const text = value.toPrecision(3);
  return text.includes('e') ? value.toFixed(9) : text;
}
