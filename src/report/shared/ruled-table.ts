/** A table as columns, and its two text forms: titles over dots as in perf report, and Markdown. */

import { markdownText } from './printable.ts';

export interface RuledColumn {
  readonly title: string;
  /** Aligned left; numbers are aligned right. */
  readonly left?: boolean;
  readonly cells: readonly string[];
}

/** Lines of a table: titles and dots after a "#", then the rows. */
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

const escaped = (text: string): string => markdownText(text.trim());

/** The same as a Markdown table. */
export function ruledMarkdown(columns: readonly RuledColumn[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rows = Math.max(0, ...columns.map(({ cells }) => cells.length));
  return [
    line(columns.map(({ title }) => escaped(title))),
    line(columns.map(({ left }) => (left ? '---' : '---:'))),
    ...Array.from({ length: rows }, (_, row) => line(columns.map(({ cells }) => escaped(cells[row] ?? '')))),
  ];
}
