/** gperf reproduce rfc-v2: every published figure, in the letter's order; those that must come out do. */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { publishedTables } from '../../src/experiment/reproduce.ts';
import type { ReproducedFigure, Reproduction } from '../../src/results/reproduction.ts';
import { place, type Ended, type Place } from './e2e.ts';

describe('gperf reproduce', function () {
  let at: Place;
  let ended: Ended;
  let result: Reproduction;
  before(async () => {
    at = place();
    ended = await at.gperf('reproduce rfc-v2 --seeds 1 --export-json r.json --export-markdown r.md');
    result = JSON.parse(at.read('r.json').toString()) as Reproduction;
  });
  after(() => at.remove());

  const figures = (): ReproducedFigure[] => result.tables.flatMap((table) => table.figures);
  const the = (table: string, row: string, column: string, statistic: string): ReproducedFigure =>
    result.tables
      .find(({ id }) => id === table)!
      .figures.find((f) => f.row === row && f.column === column && f.statistic === statistic)!;

  it('shows what must come out within a quarter of the letter', () => {
    const must: [table: string, row: string, column: string, statistic: string][] = [
      ['(2)', 'x86_pmu.handle_irq', 'v2', 'p50'],
      ['(2)', 'x86_pmu.handle_irq', 'legacy', 'max'],
      ['(3)', 'x86_pmu.handle_irq, legacy to v2', 'legacy to v2', 'max/p50'],
      ['(2)', 'disable global_ctrl', 'legacy', 'max'],
      ['(2)', 'r/w fixed_ctrl', 'v2', 'p50'],
      ['(4)', 'enable global_ctrl', 'v2', 'calls'],
      ['(4)', 'rd/wr fixed_ctrl', 'v2', 'calls'],
      ['(4)', 'rd/wr eventsel', 'v2', 'calls'],
      ['(4)', 'rdpmcl', 'v2', 'calls'],
    ];
    for (const [table, row, column, statistic] of must)
      expect(the(table, row, column, statistic).ratio, `${table} ${row} ${column}`).to.be.within(0.75, 1.25);
    for (const { column, row, ratio } of figures().filter((f) => ['times woken up', 'MB', 'samples'].includes(f.row)))
      expect(ratio, `${column}: ${row}`).to.be.within(0.98, 1.02);
  });

  it('has every published figure, in order, with a class and a reason of one line', () => {
    const { tables, recordings, profiles } = publishedTables();
    const published: [row: string, column: string, value: number][] = [];
    for (const { rows } of Object.values(tables))
      for (const [row, cells] of Object.entries(rows))
        for (const [column, value] of Object.entries(cells)) published.push([row, column, value]);
    for (const where of ['legacy', 'v2', 'host'] as const) {
      const { waking, megabytes, samples } = recordings[where];
      published.push(['times woken up', where, waking], ['MB', where, megabytes], ['samples', where, samples]);
      for (const [percent, dso, symbol] of profiles[where]) published.push([`${dso} [.] ${symbol}`, where, percent]);
    }
    const shown = new Set(figures().map((f) => `${f.row}\0${f.column}\0${f.published}`));
    for (const cell of published) expect(shown.has(cell.join('\0')), cell.join(' ')).to.equal(true);
    for (const f of figures()) {
      expect(f.verdict).to.be.oneOf(['derived', 'calibrated', 'inconsistent']);
      expect(f.reason).to.match(/^[^\n]{5,150}$/);
      if (f.published !== undefined && f.published > 0) expect(f.ratio).to.equal(f.simulated.median / f.published);
    }
    expect(result.tables.map(({ id }) => id).join('')).to.equal('(1)(2)(3)(4)(5)(1)(1)(2)(2)(3)(3)');
    for (const { scenario } of result.tables) expect(scenario).to.match(/host\.ipi=(cold|warm)|no guest/);
  });

  it('prints them, and the same in Markdown', () => {
    expect([ended.status, ended.stderr]).to.deep.equal([0, '']);
    expect(ended.stdout).to.match(
      /\ndisable global_ctrl +legacy +max +2,000,000 +(?:1,9|2,0)\d\d,\d{3} .* (?:0\.9\d\d|1\.0\d) +calibrated /,
    );
    expect(ended.stdout).to.match(/\nMB +legacy +0\.437 +0\.43\d /);
    const markdown = at.read('r.md').toString();
    expect(markdown).to.contain('| rd/wr eventsel | legacy | calls | 7,000,000 |');
    expect(markdown.match(/^### \(/gm)).to.have.length(11);
  });

  it('reads the published figures from one file, which is in the package', () => {
    const { files } = JSON.parse(readFileSync('package.json', 'utf8')) as { files: string[] };
    expect(files).to.include('fixtures/seed-tables.json');
  });

  it('refuses what it does not know', async () => {
    const cases: [string, RegExp][] = [
      ['reproduce', /^reproduce what\? rfc-v2\n/],
      ['reproduce rfc-v3', /^cannot reproduce 'rfc-v3' \(did you mean rfc-v2\?\)\n/],
      ['reproduce rfc-v2 ftest', /takes no 'ftest'/],
      ['reproduce rfc-v2 --seeds 0', /--seeds 0: must be from 1/],
      ['reproduce rfc-v2 --vpmu v2', /unknown option `vpmu'/],
    ];
    for (const [words, text] of cases) {
      const { status, stderr, stdout } = await at.gperf(words);
      expect(stderr, words).to.match(text);
      expect([status, stdout], words).to.deep.equal([129, '']);
    }
  });
});
