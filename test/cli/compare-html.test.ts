/** gperf compare --export-html: one page that says what the text says, the same for the same runs. */
import { expect } from 'chai';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { escapeHtml } from '../../src/report/html/markup.ts';
import type { Page } from '../../src/report/html/model.ts';
import { place, type Place } from './e2e.ts';

const LIVE = ['compare', '-g', '-F', '2000', '--vpmu', 'host,legacy'];
const WORKLOAD = ['noploop', '0.2'];

describe('gperf compare --export-html', function () {
  let p: Place;
  const read = (name: string): string => readFileSync(join(p.path, name), 'utf8');
  const numbers = (text: string): Page =>
    JSON.parse(/<script type="application\/json" id="numbers">([^<]*)</.exec(text)![1]!) as Page;
  before(() => {
    p = place();
  });
  after(() => p.remove());

  it('says what the text says, with bars, time and stacks', async () => {
    const { stdout, stderr, status } = await p.gperf([...LIVE, '--export-html', 'a.html', ...WORKLOAD]);
    expect([stderr, status]).to.deep.equal(['', 0]);
    const page = numbers(read('a.html'));
    expect(page.title).to.equal('noploop 0.2: host, legacy and truth compared');
    expect(page.command).to.equal(`gperf ${[...LIVE, ...WORKLOAD].join(' ')}`);
    expect(page.findings.map(({ sentence }) => sentence)).to.deep.equal(
      stdout.slice(0, stdout.indexOf('\n\n')).split('\n'),
    );
    const reasons = page.cautions.flatMap((caution) => caution.reasons.map((reason) => `#  - ${reason}`));
    expect(reasons).to.deep.equal(stdout.match(/^# {2}- .*$/gm) ?? []);
    const parts = page.sections.flatMap((section) => section.parts);
    expect(parts.map(({ kind }) => kind)).to.deep.equal([
      'bars',
      'table',
      'table',
      'table',
      'timeline',
      'close-up',
      'flames',
      'flames',
    ]);
    for (const part of parts) {
      if (part.kind === 'bars')
        for (const { mark, bars } of part.rows)
          expect(stdout).to.match(
            new RegExp(
              `^ +${mark!.text}% +${bars[0]!.text}% \\S+ *\\S+ +${bars[1]!.text}%`.replaceAll('.', '\\.'),
              'm',
            ),
          );
      if (part.kind === 'timeline')
        expect(part.series.map(({ bins }) => bins.some(({ stopped }) => stopped > 0))).to.deep.equal([false, true]);
      if (part.kind === 'close-up')
        expect(part.series.map(({ stops }) => stops.length > 0)).to.deep.equal([false, true]);
      if (part.kind === 'flames')
        for (const { root } of part.graphs) expect(root.children[0]!.name).to.equal('noploop');
    }
    expect(readdirSync(p.path).filter((name) => name.includes('a.html'))).to.deep.equal(['a.html']);
  });

  it('is the same for the same runs, whatever the number of workers and the name of the file', async () => {
    await p.gperf([...LIVE, '--workers', '2', '--export-html=b.html', '--export-json', 'b.json', ...WORKLOAD]);
    expect(read('b.html')).to.equal(read('a.html'));
  });

  it('shows the tables of the letter, with what they cannot tell', async () => {
    const fixtures = ['host', 'legacy', 'v2'].map((name) => resolve(`fixtures/compare/rfc-${name}.txt`));
    await p.gperf(['compare', '--export-html', 'rfc.html', ...fixtures]);
    const text = read('rfc.html');
    for (const share of ['36.95', '14.35', '15.78', '+1.93']) expect(text).to.contain(share);
    const { sections } = numbers(text);
    expect(sections.map(({ title }) => title)).to.deep.equal(['Where the time went', 'How far apart']);
  });

  it('takes nothing in a file for markup', async () => {
    const hostile = `</script><img src=x onerror='alert("1")'>`;
    writeFileSync(join(p.path, 'x.folded'), `main;a${hostile} 70\nmain;b 30\n`);
    writeFileSync(join(p.path, `y"><b>.folded`), `main;a${hostile} 50\nmain;b 50\n`);
    await p.gperf(['compare', '--export-html', 'x.html', 'x.folded', `y"><b>.folded`]);
    const text = read('x.html');
    expect(text).to.contain(escapeHtml(hostile));
    expect(text).not.to.match(/<img|<b>\.folded/);
    expect(text.match(/<\/script/g)).to.have.length(5);
  });

  it('leaves no file where it cannot write, and says so before anything runs', async () => {
    const { stderr, status } = await p.gperf([...LIVE, '--export-html', 'nowhere/a.html', ...WORKLOAD]);
    expect(stderr).to.match(/^failed to open nowhere\/a\.html: No such file or directory\n$/);
    expect(status).not.to.equal(0);
  });
});
