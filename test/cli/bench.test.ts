/** gperf bench as a process: its table, its files, its refusals. */
import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { place, type Place } from './e2e.ts';

describe('gperf bench', function () {
  let at: Place;
  before(() => (at = place()));
  after(() => at.remove());

  it('prints designs side by side and writes the same to files, with any number of threads', async () => {
    const files = '--export-json b.json --export-markdown b.md --export-csv b.csv';
    const words = `--vpmu legacy,v2 --seeds 2 ${files} noploop 0.1`;
    const one = await at.gperf(`bench --workers 1 ${words}`);
    const written = ['b.json', 'b.md', 'b.csv'].map((name) => at.read(name).toString());
    const two = await at.gperf(`bench --workers 2 ${words}`);
    expect([one.status, one.stderr]).to.deep.equal([0, '']);
    expect(two).to.deep.equal(one);
    expect(['b.json', 'b.md', 'b.csv'].map((name) => at.read(name).toString())).to.deep.equal(written);
    const { stdout } = one;
    expect(stdout).to.match(
      /^# perf stat -e branches,.* noploop 0.1: PMU operations of the kernel, ns \(medians of 2 runs\)\n/,
    );
    expect(stdout).to.match(
      /\ndisable GLOBAL_CTRL\n {2}legacy +\d+ +[\d,]+ .* 1\.\d\d +[\d,]+\n {2}v2 .* 1\.\d\d +[\d,]+ +0\.0\d+\n/,
    );
    expect(stdout).to.match(
      /: 1 - T0\/T1, [^\n]*\n\n +with, T1 +without, T0 +overhead +interval\nlegacy +0\.\d{3} +0\.1\d\d +\d+\.\d\d %/,
    );
    expect(stdout).to.match(/\nuser work +100\.\d+ +100\.\d+\n/);
    const [json, markdown, csv] = written as [string, string, string];
    const report = JSON.parse(json) as { designs: { vpmu: string; ledger: { rows: { ns: number }[]; ns: number } }[] };
    expect(report.designs.map(({ vpmu }) => vpmu)).to.deep.equal(['legacy', 'v2']);
    for (const { ledger } of report.designs)
      expect(ledger.rows.reduce((sum, { ns }) => sum + ns, 0)).to.equal(ledger.ns);
    expect(markdown).to.contain('\n| **RDPMC** |').and.to.contain('\n| user work |');
    const lines = csv.trimEnd().split('\n');
    expect(lines[0]).to.equal('design,section,name,statistic,median,low,high,cpu');
    expect(lines).to.satisfy((all: string[]) =>
      all.every((line) => line.replace(/"[^"]*"/, '').split(',').length === 8),
    );
    expect(readdirSync(at.path).filter((name) => name.startsWith('.b'))).to.deep.equal([]);
  });

  it('samples with -F and -c', async () => {
    const { stdout, status } = await at.gperf('bench --vpmu v2 -F 1000 -e cycles,branches --all-user noploop 0.1');
    expect(status).to.equal(0);
    expect(stdout).to.match(/^# perf record -e cycles,branches -F 1000 --all-user noploop 0.1: /);
    expect(stdout)
      .to.match(/\nx86_pmu\.handle_irq\n {2}v2 +\d+/)
      .and.to.match(/ samples +throttled\nv2 .* \d{3} +0\n/);
  });

  it('says that without a PMU there are no operations, and shows the rest', async () => {
    const files = '--export-json n.json --export-markdown n.md --export-csv n.csv --export-html n.html';
    const alone = await at.gperf(`bench --vpmu none ${files} true`);
    expect([alone.status, alone.stderr]).to.deep.equal([0, '']);
    const sentence = ' true: without a PMU there are no PMU operations to cost.';
    expect(alone.stdout)
      .to.match(
        /^# perf stat -e [^ ]+ true: without a PMU there are no PMU operations to cost\.\n\n# Overhead of the run/,
      )
      .and.to.match(/\n# Where the time went/)
      .and.not.to.match(/p99|An operation is timed/);
    const [json, markdown, csv, html] = ['n.json', 'n.md', 'n.csv', 'n.html'].map((name) => at.read(name).toString());
    expect(JSON.parse(json!)).to.have.nested.property('designs[0].operations').that.deep.equals([]);
    expect(markdown).to.contain(sentence).and.not.to.contain('p99');
    expect(csv).to.contain('\nnone,run,"workload",elapsed,').and.not.to.contain(',operation,');
    expect(html).to.contain(sentence).and.not.to.contain('p99');
    const both = await at.gperf('bench --vpmu none,v2 true');
    expect(both.stdout)
      .to.match(
        /^# none: without a PMU there are no PMU operations to cost\.\n\n# perf stat .*PMU operations of the kernel/,
      )
      .and.to.match(/\nRDPMC\n {2}v2 +\d+ /)
      .and.to.match(/ overhead\nnone .*\nv2 /);
    const software = await at.gperf('bench --vpmu v2 -e task-clock true');
    expect(software.stdout).to.match(/^# perf stat -e task-clock true: no PMU operation took place\.\n/);
  });

  it('shows the other designs where the workload gets nowhere under one', async () => {
    const words = '--set host.ipi=cold -F 4000 -e cycles noploop 2';
    const both = await at.gperf(`bench --vpmu legacy,v2 ${words}`);
    expect(both.status).to.equal(0);
    expect(both.stdout)
      .to.match(/\nv2 +2\./)
      .and.to.not.match(/\n {2}legacy /);
    expect(both.stdout).to.match(
      /\n# legacy: The run is live-locked: .*\n# Serving a PMI .*\n# What would change it: /,
    );
    const alone = await at.gperf(`bench --vpmu legacy ${words}`);
    expect([alone.status, alone.stdout]).to.deep.equal([3, '']);
    expect(alone.stderr).to.match(/^The run is live-locked: /);
  });

  it('is not perf bench, and says so', async () => {
    const help = await at.gperf('bench -h');
    expect([help.status, help.stderr]).to.match(/^129,/);
    expect(help.stderr).to.contain("This is not 'perf bench'");
  });

  it('refuses impossible requests before it starts', async () => {
    const cases: [string, number, RegExp][] = [
      ['bench', 129, /no workload given/],
      ['bench --vpmu v2,v3 true', 129, /no such vPMU design: v3/],
      ['bench --seeds 0 true', 129, /--seeds 0: must be from 1/],
      ['bench -e cylces true', 129, /Did you mean 'cycles'/],
      ['bench -F 10 -c 10 true', 234, /frequency and period/],
      ['bench --export-csv no/such/dir/x.csv true', 255, /failed to open no\/such\/dir\/x\.csv: No such file/],
      ['bench nosuch', 255, /nosuch/],
    ];
    for (const [words, status, text] of cases) {
      const ended = await at.gperf(words);
      expect(ended.stderr, words).to.match(text);
      expect([ended.status, ended.stdout], words).to.deep.equal([status, '']);
    }
  });

  it('ends at a signal and leaves no files', async () => {
    // The workload reports that it was loaded; the signal comes some time later, while it runs.
    at.write(
      'slow.mjs',
      `import { writeFileSync } from 'node:fs';
       import { func, loop, ops, program } from '${pathToFileURL(resolve('dist/src/workload/build.js')).href}';
       writeFileSync('loaded', '');
       export default program({ name: 'slow', about: 'a long loop', functions: [func('main', [loop(1e12, [ops(3, 'alu')])])] });`,
    );
    const signals = { once: /^loaded$/, send: ['SIGINT'] as const };
    const { status, stdout } = await at.gperf('bench --export-csv x.csv ./slow.mjs', { signals });
    expect([status, stdout]).to.deep.equal([130, '']);
    expect(readdirSync(at.path).filter((name) => name.includes('x.csv'))).to.deep.equal([]);
  });
});
