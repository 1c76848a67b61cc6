import { expect } from 'chai';
import { reproducePage } from '../../../src/report/reproduce/page.ts';
import type { ReproducedFigure, Reproduction } from '../../../src/results/reproduction.ts';
import { pageHtml } from '../../../src/report/html/page.ts';

const figure = (row: string, column: string, published: number | undefined, median: number): ReproducedFigure => ({
  row,
  column,
  statistic: 'max',
  published,
  simulated: { median, low: median / 2, high: 2 * median },
  ratio: published === undefined ? undefined : median / published,
  verdict: 'derived',
  reason: 'because it is made up for a test, and so that there is a sentence',
});

const result: Reproduction = {
  source: 'A letter',
  machine: 'a machine',
  seeds: 3,
  tables: [
    {
      id: '(2)',
      title: 'Latency',
      unit: 'ns',
      scenario: 'made up',
      notes: ['A note.'],
      figures: [
        figure('enable', 'legacy', 2_000_000, 1_900_000),
        figure('enable', 'v2', undefined, 2200),
        { ...figure('switched on', 'v2', undefined, 3), statistic: 'count' },
      ],
    },
  ],
};

describe('reproducePage', () => {
  const page = reproducePage(result, { command: 'c', generator: 'g', reproduce: [] });

  it('marks what was published on each simulated figure, counts apart', () => {
    const [bars, table] = page.sections[0]!.parts;
    if (bars?.kind !== 'bars' || table?.kind !== 'table') throw new Error('a chart and a table');
    expect(bars.rows).to.deep.equal([
      {
        name: 'enable',
        detail: 'max',
        bars: [
          { value: 1_900_000, text: '1,900,000', low: 950_000, high: 3_800_000, interval: '950,000 to 3,800,000' },
          { value: 2200, text: '2,200', low: 1100, high: 4400, interval: '1,100 to 4,400' },
        ],
        marks: [{ value: 2_000_000, text: '2,000,000' }, undefined],
      },
    ]);
    expect(table.rows.map((cells) => cells.map(({ text }) => text).slice(0, 5))).to.deep.equal([
      ['enable', 'legacy', 'max', '2,000,000', '1,900,000'],
      ['enable', 'v2', 'max', '', '2,200'],
      ['switched on', 'v2', 'count', '', '3'],
    ]);
    expect(table.columns.at(-1)).to.deep.equal({ title: 'why', kind: 'prose' });
  });

  it('says in words what is marked', () => {
    expect(pageHtml(page)).to.contain(
      'enable: legacy 1,900,000 (950,000 to 3,800,000), published 2,000,000; v2 2,200 (1,100 to 4,400)',
    );
  });
});
