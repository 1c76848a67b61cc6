/**
 * A page from made-up numbers: one file that loads nothing, takes no data for markup, and shows the numbers as given.
 */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { layOut, NARROWEST, Paths } from '../../../src/report/html/flame.ts';
import { axisText, barChart, ticksTo } from '../../../src/report/html/charts.ts';
import { cpuChart } from '../../../src/report/html/cpu-chart.ts';
import { escapeHtml } from '../../../src/report/html/markup.ts';
import type { Bars, CpuBin, Frame, Page } from '../../../src/report/html/model.ts';
import { pageHtml } from '../../../src/report/html/page.ts';
import { Hues } from '../../../src/report/html/palette.ts';
import { HOSTILE, madeUpPage } from './made-up-page.ts';

const page = madeUpPage();
const text = pageHtml(page);
/** Tags with their attributes, scripts and styles without their contents. */
const tags = [...text.replace(/(<(script|style)[^>]*>)[\s\S]*?<\/\2>/g, '$1').matchAll(/<[a-z][^>]*>/gi)].map(
  ([tag]) => tag,
);
const contents = (name: string): string[] =>
  [...text.matchAll(new RegExp(`<${name}(?: type="module")?>([\\s\\S]*?)</${name}>`, 'g'))].map((m) => m[1]!);

describe('html page', () => {
  it('is one file that asks for nothing', () => {
    expect(text.startsWith('<!doctype html>')).to.equal(true);
    expect(text).not.to.match(/https?:\/\//);
    expect(text).not.to.match(/@import|url\(/);
    for (const tag of tags) {
      expect(tag).not.to.match(/\s(src|srcset|action|data|poster|formaction|style|on\w+)=/i);
      if (/\shref=/.test(tag)) expect(tag).to.equal('<link rel="icon" href="data:,">');
    }
  });

  it('forbids every request, and all styles and scripts but its own', () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(text)![1]!;
    expect(policy).to.match(/^default-src 'none'; /);
    expect(policy).not.to.contain('unsafe');
    const hash = (s: string): string => `'sha256-${createHash('sha256').update(s).digest('base64')}'`;
    const scripts = contents('script');
    expect(scripts).to.have.length(4);
    for (const script of scripts) expect(policy).to.contain(hash(script));
    expect(
      contents('style')
        .map(hash)
        .every((h) => policy.includes(h)),
    ).to.equal(true);
  });

  it('is the same for the same numbers', () => {
    expect(pageHtml(madeUpPage())).to.equal(text);
  });

  it('carries the numbers it was given, and shows them', () => {
    const [, embedded] = /<script type="application\/json" id="numbers">([^<]*)<\/script>/.exec(text)!;
    expect(JSON.parse(embedded!)).to.deep.equal(JSON.parse(JSON.stringify(page)));
    const body = text.slice(0, text.indexOf('<script type="application/json"'));
    for (const { parts } of page.sections)
      for (const part of parts) {
        if (part.kind === 'table')
          for (const cell of part.rows.flat()) {
            if (cell.value !== undefined) expect(body).to.contain(` data-value="${cell.value}"`);
            expect(body).to.contain(escapeHtml(cell.text));
          }
        if (part.kind === 'bars')
          for (const { bars, mark } of part.rows)
            for (const estimate of [mark, ...bars]) expect(body).to.contain(`<li>${estimate!.text}</li>`);
      }
    for (const { about, word, sentence } of page.findings)
      for (const words of [about, word, sentence]) expect(body).to.contain(escapeHtml(words));
  });

  it('has tables with headings and figures with words', () => {
    expect(text.match(/<table aria-label="The same as numbers">/g)).to.have.length(1);
    expect(text).to.contain('scope="col"');
    expect(text).to.contain('scope="row"');
    for (const [svg] of text.matchAll(/<svg class="(?:plot|graph)"[^>]*>/g))
      if (!svg.includes('height="18"')) expect(svg).to.match(/role="img" aria-label="[^"]+"/);
  });

  it('has a lane for each CPU, with words, and a colour for each thread but the others', () => {
    const lanes = [...text.matchAll(/<div class="track lane">.*?<\/div>/gs)].map(([lane]) => lane);
    expect(lanes).to.have.length(9);
    for (const lane of lanes) expect(lane).to.match(/<svg height="35" role="img" aria-label="\w+, CPU \d+: of [^"]+">/);
    expect(lanes[0]).to.match(/<path class="area c0" d="M0 26h1v-15.6h-1zM[^"]*"\/>/);
    expect(lanes[0]).to.match(/<path class="area c6" /);
    expect(lanes.filter((lane) => lane.includes('class="stopped"'))).to.have.length(3);
  });

  it('merges equal neighbours of a lane, whatever lies beneath', () => {
    const bin = (...threads: (readonly [number, number])[]): CpuBin => ({ threads, stroke: 0, stopped: 0 });
    const drawn = (...bins: CpuBin[]): string =>
      cpuChart(
        {
          kind: 'cpus',
          title: '',
          seconds: 1,
          threads: ['a', 'b'],
          others: false,
          panels: [{ summary: '', seconds: 1, bins: bins.length, lanes: [{ name: 'CPU 0', summary: '', bins }] }],
        },
        new Hues([]),
      ).text;
    const full = drawn(bin([0, 1]), bin([0, 1]), bin([1, 1]), bin([0, 0.5], [1, 0.5]), bin([1, 0.5], [0, 0.5]), bin());
    expect(full).to.contain('<path class="area c0" d="M0 26h2v-26h-2zM3 26h2v-13h-2z"/>');
    expect(full).to.contain('<path class="area c1" d="M2 26h1v-26h-1zM3 13h2v-13h-2z"/>');
    expect(full).not.to.contain('class="strokes"');
  });

  it('balances its tags', () => {
    const open: string[] = [];
    const VOID = new Set(['meta', 'link', 'input', 'br']);
    const stripped = text.replace(/(<(script|style)[^>]*>)[\s\S]*?<\/\2>/g, '');
    for (const [, end, name, rest] of stripped.matchAll(/<(\/?)([a-z0-9]+)([^>]*)>/gi)) {
      if (end === '/') expect(open.pop(), `before </${name}>`).to.equal(name);
      else if (!VOID.has(name!) && !rest!.endsWith('/')) open.push(name!);
    }
    expect(open).to.deep.equal([]);
  });

  it('takes nothing from a file for markup', () => {
    const everywhere = HOSTILE.map((hostile): Page => {
      const { generator, sections } = madeUpPage([hostile]);
      return {
        generator,
        title: hostile,
        command: hostile,
        findings: [{ about: hostile, tone: 'same', word: hostile, sentence: hostile }],
        cautions: [{ reasons: [hostile], remedy: hostile }],
        sections: [...sections, { title: hostile, about: hostile, parts: [] }],
        reproduce: [hostile],
      };
    });
    for (const each of everywhere) {
      const written = pageHtml(each);
      expect(written.match(/<script/g)).to.have.length(5);
      expect(written.match(/<\/script/g)).to.have.length(5);
      for (const raw of ['<b>bold', '<!-- no', '\u202e', '\0', '\u001b']) expect(written).not.to.contain(raw);
      const outside = written.replace(/(<(script|style)[^>]*>)[\s\S]*?<\/\2>/g, '$1');
      for (const [tag] of outside.matchAll(/<[a-z][^>]*>/gi)) expect(tag).not.to.match(/\son\w+="/i);
    }
  });

  it('escapes markup, quotes and what a reader cannot see', () => {
    expect(escapeHtml(`<a href="x" title='y'>&`)).to.equal('&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;');
    expect(escapeHtml('a\0b\u202ec\ud800d')).to.equal('a\\u{0}b\\u{202e}c\\u{d800}d');
  });

  it('gives a design its colour whoever stands beside it', () => {
    const of = (...labels: string[]): string[] => {
      const subjects = labels.map((label) => ({ label }));
      const hues = new Hues(subjects, { host: 'blue', v2: 'green' });
      return subjects.map((subject) => hues.of(subject));
    };
    expect(of('v2', 'host')).to.deep.equal(['c2', 'c0']);
    expect(of('a.data', 'host', 'b.data')).to.deep.equal(['c1', 'c0', 'c2']);
    expect(new Set(of('1', '2', '3', '4', '5', '6')).size).to.equal(6);
  });

  it('puts round values on axes', () => {
    expect(ticksTo(37.4)).to.deep.equal([0, 10, 20, 30, 40]);
    expect(ticksTo(0.11)).to.deep.equal([0, 0.05, 0.1, 0.15]);
    expect(ticksTo(1)).to.deep.equal([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticksTo(750_000, 3)).to.deep.equal([0, 500_000, 1_000_000]);
    expect(ticksTo(0)).to.deep.equal([0, 1]);
    for (let most = 0.001; most < 1e9; most *= 1.7) {
      const ticks = ticksTo(most);
      expect(ticks.at(-1)).to.be.at.least(most * (1 - 1e-9));
      expect(ticks.length).to.be.within(2, 7);
    }
  });

  it('words values of axes shortly', () => {
    expect([0, 0.05, 1.5, 999, 1000, 12_500, 2_000_000, 5e9].map(axisText)).to.deep.equal([
      '0',
      '0.05',
      '1.5',
      '999',
      '1k',
      '12.5k',
      '2M',
      '5G',
    ]);
  });

  it('puts dots on powers of ten where values are of many sizes', () => {
    const estimate = (value: number): { value: number; text: string } => ({ value, text: String(value) });
    const chart: Bars = {
      kind: 'bars',
      title: 'Cost',
      unit: 'ns',
      dots: true,
      subjects: [{ label: 'v2' }],
      rows: [0, 200, 2000, 20_000].map((value) => ({ name: String(value), bars: [estimate(value)] })),
    };
    const drawn = barChart(chart, new Hues(chart.subjects)).text;
    expect(
      [...drawn.matchAll(/<text x="([\d.]+%)" y="13">([^<]*)</g)].slice(0, 4).map(([, x, t]) => [x, t]),
    ).to.deep.equal([
      ['0%', '100'],
      ['33.333%', '1k'],
      ['66.667%', '10k'],
      ['100%', '100k'],
    ]);
    expect([...drawn.matchAll(/cx="([\d.]+%)"/g)].map(([, x]) => x)).to.deep.equal([
      '0%',
      '10.034%',
      '43.368%',
      '76.701%',
    ]);
  });

  it('lays frames out as wide as their shares, in the order given', () => {
    const leaf = (name: string, share: number, children: readonly Frame[] = []): Frame => ({
      name,
      share,
      children,
      detail: '',
    });
    const { boxes, depth, narrow } = layOut(
      leaf('all', 1, [leaf('a', 0.5, [leaf('b', 0.25)]), leaf('b', 0.25), leaf('c', NARROWEST / 2, [leaf('d', 0)])]),
      new Paths(),
    );
    expect(boxes.map(({ frame, id, up, x, depth: level }) => [frame.name, id, up, x, level])).to.deep.equal([
      ['all', 0, -1, 0, 0],
      ['a', 1, 0, 0, 1],
      ['b', 2, 1, 0, 2],
      ['b', 3, 0, 0.5, 1],
    ]);
    expect([depth, narrow]).to.deep.equal([2, 2]);
  });
});
