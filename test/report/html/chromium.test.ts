/** The page in a real browser, at desktop and phone widths, light and dark; skipped if there is no Chromium. */
import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pageHtml } from '../../../src/report/html/page.ts';
import { Chromium, findChromium } from './chromium.ts';
import { madeUpPage } from './made-up-page.ts';

/** Contrast of two colours as CSS gives them ("rgb(1, 2, 3)"), by WCAG 2: from 1 to 21. */
function contrast(a: string, b: string): number {
  const light = (colour: string): number => {
    const [red = 0, green = 0, blue = 0] = [...colour.matchAll(/[\d.]+/g)].map(([c]) => {
      const part = Number(c) / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [high, low] = [light(a), light(b)].toSorted((x, y) => y - x);
  return (high! + 0.05) / (low! + 0.05);
}

describe('html page in chromium', function () {
  const dir = mkdtempSync(join(tmpdir(), 'gperf-page-'));
  const file = join(dir, 'page.html');
  const url = pathToFileURL(file).href;
  let chromium: Chromium;

  before(function () {
    const program = findChromium();
    if (program === undefined) this.skip();
    writeFileSync(file, pageHtml(madeUpPage()));
    chromium = new Chromium(program);
  });
  after(async () => {
    await chromium?.close();
    rmSync(dir, { recursive: true });
  });

  for (const width of [1280, 390])
    for (const dark of [false, true])
      it(`asks for nothing, complains of nothing and fits at ${width} pixels, ${dark ? 'dark' : 'light'}`, async () => {
        const page = await chromium.visit(url, { width, dark });
        expect(await page.evaluate('document.documentElement.scrollWidth')).to.equal(width);
        const sticksOut = `[...document.querySelectorAll('main *, header *, footer *')]
          .filter((e) => !e.closest('table, pre, svg') && e.getBoundingClientRect().right > ${width} + 0.5)
          .map((e) => e.outerHTML.slice(0, 80))`;
        expect(await page.evaluate(sticksOut)).to.deep.equal([]);
        const colours = `(() => {
          const of = (selector) => getComputedStyle(document.querySelector(selector)).color;
          return [getComputedStyle(document.body).backgroundColor, of('body'), of('.note'), of('.remedy')];
        })()`;
        const [paper, ...inks] = (await page.evaluate(colours)) as string[];
        for (const ink of inks) expect(contrast(paper!, ink)).to.be.at.least(4.5);
        expect(contrast(paper!, 'rgb(0, 0, 0)') < 2).to.equal(dark);
        // The name of an axis lies beside or above its first value, however long the event's is.
        const overlapping = `[...document.querySelectorAll('.bars .axis')].filter((axis) => {
          const [unit, zero] = [axis.querySelector('.unit'), axis.querySelector('text')];
          unit.textContent = '% of L1-icache-load-misses:u';
          const name = document.createRange();
          name.selectNodeContents(unit);
          const [n, z] = [name.getBoundingClientRect(), zero.getBoundingClientRect()];
          return n.right > z.left && n.bottom > z.top && n.top < z.bottom;
        }).length`;
        expect(await page.evaluate(overlapping)).to.equal(0);
        expect(await page.evaluate(`document.querySelectorAll('.bars .axis .unit').length`)).to.be.above(0);
        // An option is not torn apart at its hyphens.
        const torn = `[...document.querySelectorAll('.option')].filter((e) => e.getClientRects().length > 1).length`;
        expect(await page.evaluate(torn)).to.equal(0);
        expect(await page.evaluate(`document.querySelectorAll('.remedy .option').length`)).to.be.above(0);
        expect(page.requests).to.deep.equal([url]);
        expect(page.complaints).to.deep.equal([]);
      });

  it('sorts tables, zooms into and searches flame graphs, changes its theme', async () => {
    const page = await chromium.visit(url, { width: 1280 });
    const names = `[...document.querySelectorAll('tbody th code')].map((e) => e.textContent)`;
    const shares = `[...document.querySelectorAll('tbody td:nth-child(2)')].map((e) => Number(e.dataset.value))`;
    const before = await page.evaluate(names);
    const press = `[...document.querySelectorAll('thead button')].find((b) => b.textContent === 'truth').click()`;
    await page.evaluate(press);
    const falling = (await page.evaluate(shares)) as number[];
    expect(falling).to.deep.equal(falling.toSorted((a, b) => b - a));
    await page.evaluate(press);
    expect(await page.evaluate(shares)).to.deep.equal(falling.toReversed());
    await page.evaluate(press);
    expect(await page.evaluate(names)).to.deep.equal(before);

    const frame = `[...document.querySelectorAll('.frame')].find((e) => e.querySelector('text').textContent === 'main')`;
    await page.evaluate(`${frame}.dispatchEvent(new MouseEvent('click', { bubbles: true }))`);
    expect(await page.evaluate(`${frame}.getAttribute('width')`)).to.equal('100%');
    expect(await page.evaluate(`document.querySelector('.told').textContent`)).to.contain('main: 96.50 %');
    const keys = ['Escape', 'ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowUp', 'ArrowRight', 'ArrowDown', 'Enter'];
    for (const key of keys)
      await page.evaluate(
        `document.querySelector('.graph').dispatchEvent(new KeyboardEvent('keydown', { key: '${key}', bubbles: true }))`,
      );
    expect(await page.evaluate(`document.querySelector('.frame.here text').textContent`)).to.equal('main');
    expect(await page.evaluate(`${frame}.getAttribute('width')`)).to.equal('100%');
    const type = `(() => { const i = document.querySelector('.search input'); i.value = 'RANDOM_r'; i.dispatchEvent(new Event('input')); })()`;
    await page.evaluate(type);
    expect(await page.evaluate(`document.querySelectorAll('.frame.found').length`)).to.equal(3);

    const paper = 'getComputedStyle(document.body).backgroundColor';
    const light = await page.evaluate(paper);
    await page.evaluate(`document.querySelector('#tools button').click()`);
    expect(await page.evaluate(paper)).not.to.equal(light);
    expect(page.complaints).to.deep.equal([]);
    expect(page.requests).to.deep.equal([url]);
  });
});
