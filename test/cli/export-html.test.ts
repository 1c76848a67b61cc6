/** --export-html of gperf truth and gperf bench, and truth's other exports: they say the same as the text. */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '../../src/report/html/model.ts';
import { place, type Place } from './e2e.ts';

describe('--export-html', function () {
  let p: Place;
  const read = (name: string): string => readFileSync(join(p.path, name), 'utf8');
  const pageOf = (name: string): Page =>
    JSON.parse(/<script type="application\/json" id="numbers">([^<]*)</.exec(read(name))![1]!) as Page;
  before(() => {
    p = place();
  });
  after(() => p.remove());

  it('of truth: every row of the text, as page, JSON, CSV and Markdown', async () => {
    const { stdout, stderr } = await p.gperf(
      'truth -e cycles,branches --export-html t.html --export-json t.json --export-csv t.csv --export-markdown t.md ftest',
    );
    expect(stderr).to.equal('');
    const rows = [...stdout.matchAll(/^ +([\d.]+%) +([\d.]+) +(\S+) +(\S+) +\[\.\] (.*)$/gm)].map((m) => m.slice(1));
    expect(rows.length).to.be.greaterThan(20);
    const page = pageOf('t.html');
    expect(page.command).to.equal('gperf truth -e cycles,branches ftest');
    const parts = page.sections.flatMap((section) => section.parts);
    expect(parts.map(({ kind }) => kind)).to.deep.equal(['bars', 'table', 'table', 'flames']);
    const shown = parts.flatMap((part) => (part.kind === 'table' ? part.rows : []));
    expect(
      shown.map(([symbol, share, count, comm, dso]) => [share, count, comm, dso, symbol].map((c) => c!.text)),
    ).to.deep.equal(rows);
    const json = JSON.parse(read('t.json')) as {
      events: { event: string; count: number; rows: { count: number }[] }[];
    };
    expect(json.events.map(({ event }) => event)).to.deep.equal(['cycles', 'branches']);
    for (const { count, rows: all } of json.events)
      expect(all.reduce((sum, row) => sum + row.count, 0)).to.equal(count);
    expect(read('t.csv').trim().split('\n')).to.have.length(rows.length + 1);
    for (const [share, count, , dso, symbol] of rows)
      expect(read('t.md')).to.include(`| ${share} | ${count} | ${dso} | ${symbol} |\n`);
  });

  it('of bench: every figure of its tables, and each drawn', async () => {
    const { stdout, stderr } = await p.gperf('bench -v --vpmu legacy,v2 --export-html b.html noploop 0.1');
    expect(stderr).to.match(/^# reproduce: [^\n]*\n$/);
    const page = pageOf('b.html');
    expect(page.title).to.equal('The cost of perf under legacy and v2');
    const parts = page.sections.flatMap((section) => section.parts);
    const drawn = ['bars', 'table'];
    expect(parts.map(({ kind }) => kind)).to.deep.equal([...drawn, ...drawn, ...drawn, 'table']);
    const told = new Set(stdout.split(/\s{2,}|\n/));
    for (const part of parts) {
      if (part.kind === 'table')
        for (const cell of part.rows.flat()) expect(told, cell.text).to.include(cell.text.replace(/^$/, ''));
      if (part.kind === 'bars') {
        expect(part.subjects.map(({ design }) => design)).to.deep.equal(['legacy', 'v2']);
        expect(part.whiskers).to.equal(undefined);
      }
    }
  });
});
