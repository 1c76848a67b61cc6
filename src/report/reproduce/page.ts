/** A reproduction as a page: every table of the original, with published figures marked beside simulated ones. */
import type { ReproducedFigure, ReproducedTable, Reproduction } from '../../results/reproduction.ts';
import type { BarRow, Bars, Making, Page, Section } from '../html/model.ts';
import { gridTable } from '../shared/page-parts.ts';
import { figureText, reproducedGrid, reproductionNotes } from './text.ts';

export function reproducePage(result: Reproduction, made: Making): Page {
  return {
    ...made,
    title: 'Published and simulated',
    about: reproductionNotes(result),
    findings: [],
    cautions: [],
    sections: result.tables.map((table) => sectionOf(table, result.seeds)),
  };
}

function sectionOf(table: ReproducedTable, seeds: number): Section {
  const { id, title, scenario, notes } = table;
  return {
    title: `${id} ${title}`,
    about: [`${scenario}.`, ...notes].join(' '),
    parts: [figures(table, seeds), gridTable({ ...reproducedGrid(table), title: 'Every figure' }, ['figure'])],
  };
}

/** Rows by quantity, a bar for each place where it was measured. */
function figures(table: ReproducedTable, seeds: number): Bars {
  const columns = [...new Set(table.figures.map(({ column }) => column))];
  const rows = new Map<string, ReproducedFigure[]>();
  for (const figure of table.figures) {
    // A count has no place on an axis of times.
    if (table.unit === 'ns' && figure.statistic === 'count') continue;
    const key = `${figure.row}\0${figure.statistic}`;
    rows.set(key, [...(rows.get(key) ?? []), figure]);
  }
  return {
    kind: 'bars',
    title: 'Published and simulated',
    unit: table.unit,
    // Times and counts differ widely in size, shares do not.
    dots: table.unit !== '%',
    subjects: columns.map((label) => ({ label })),
    mark: 'published',
    whiskers: seeds > 1 ? 'interval of the median' : undefined,
    rows: [...rows.values()].map((all): BarRow => {
      const at = (column: string): ReproducedFigure | undefined => all.find((figure) => figure.column === column);
      const text = (value: number): string => figureText(value, table, all[0]!);
      return {
        name: all[0]!.row,
        detail: ['', '%'].includes(all[0]!.statistic) ? undefined : all[0]!.statistic,
        bars: columns.map((column) => {
          const figure = at(column);
          if (!figure) return undefined;
          const { median, low, high } = figure.simulated;
          const bar = { value: median, text: text(median) };
          return low === high ? bar : { ...bar, low, high, interval: `${text(low)} to ${text(high)}` };
        }),
        marks: columns.map((column) => {
          const published = at(column)?.published;
          return published === undefined ? undefined : { value: published, text: text(published) };
        }),
      };
    }),
  };
}
