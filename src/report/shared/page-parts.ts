/**
 * Shared by all pages of reports: turns tables of text into tables of a page, whose cells sort by the numbers they
 * begin with; and names.
 */
import type { ComparedOperand } from '../../profile/compare.ts';
import type { Cell, Subject, Table } from '../html/model.ts';
import type { Grid } from './grid.ts';
import type { RuledColumn } from './ruled-table.ts';

/** "1,234" and "36.95 %" are numbers; anything else sorts as text. */
function numberCell(text: string): Cell {
  const value = Number.parseFloat(text.replaceAll(',', ''));
  return Number.isNaN(value) ? { text } : { text, value };
}

export function ruledTable(title: string, columns: readonly RuledColumn[], note: string): Table {
  const rows = columns[0]?.cells.length ?? 0;
  return {
    kind: 'table',
    title,
    columns: columns.map((column, i) => ({
      title: column.title,
      kind: i === 0 ? 'name' : column.left === true ? 'text' : 'number',
    })),
    rows: Array.from({ length: rows }, (_, row) =>
      columns.map(({ cells, left }) => (left === true ? { text: cells[row]! } : numberCell(cells[row]!))),
    ),
    note,
  };
}

/** From this many letters on, a cell is a sentence and may wrap. */
const SENTENCE = 32;
const wordsOf = (rows: readonly (readonly Cell[])[], column: number): 'text' | 'prose' =>
  rows.some((cells) => cells[column]!.text.length >= SENTENCE) ? 'prose' : 'text';

/** A grid; `heads` are the titles of its first column and, if rows have headings, of a column for these before it. */
export function gridTable({ title, columns, left = [], rows }: Grid, heads: readonly string[]): Table {
  const grouped = rows.some(({ heading }) => heading === true);
  const titles = [...heads, ...columns.slice(1)];
  let heading = '';
  const shown: Cell[][] = [];
  for (const { cells, heading: isHeading } of rows) {
    if (isHeading === true) {
      heading = cells[0]!.trim();
      continue;
    }
    const [name = '', ...rest] = columns.map((_, i) => cells[i] ?? '');
    shown.push([
      ...(grouped ? [{ text: heading }] : []),
      { text: name.trim() },
      ...rest.map((text, i) => (left.includes(i + 1) ? { text } : numberCell(text))),
    ]);
  }
  const first = titles.length - columns.length;
  return {
    kind: 'table',
    title,
    columns: titles.map((column, i) => ({
      title: column,
      kind: i === 0 ? 'name' : i <= first || left.includes(i - first) ? wordsOf(shown, i) : 'number',
    })),
    rows: shown,
  };
}

/** A profile's subject: coloured as its design, if its origin names one. */
export const subjectOf = ({ label, profile: { origin } }: Pick<ComparedOperand, 'label' | 'profile'>): Subject =>
  origin === undefined ? { label } : { label, design: label.includes(origin.vpmu) ? origin.vpmu : label };
