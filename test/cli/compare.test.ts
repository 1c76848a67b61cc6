/** gperf compare as a command: operands, choices among them, and refusals. */
import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { canRecord } from '../perfdata/real-perf.ts';
import { place, type Place } from './e2e.ts';

const RFC = resolve('fixtures/compare/rfc.txt');
const [LEGACY, V2, HOST] = ['legacy', 'v2', 'host'].map((name) => resolve(`fixtures/compare/rfc-${name}.txt`)) as [
  string,
  string,
  string,
];

describe('gperf compare', function () {
  let p: Place;
  before(async () => {
    p = place();
    const record = ['record', '-q', '-F', '1000', '-e', 'cpu-cycles:u,branches:u'];
    await p.gperf([...record, '--vpmu', 'host', '-o', 'a.data', 'noploop', '0.3']);
    await p.gperf([...record, '--vpmu', 'host', '--seed', 'b', '-o', 'b.data', 'noploop', '0.3']);
  });
  after(() => p.remove());

  it('says first whether they differ, then shows by how much, then why not to trust it', async () => {
    const { stdout, status } = await p.gperf(['compare', HOST, V2]);
    expect(status).to.equal(0);
    const lines = stdout.split('\n');
    expect(lines[0]).to.match(
      /^rfc-v2\.txt and rfc-host\.txt are materially different, driven by __random \(\+2\.14\) and bar \(\+1\.93\): 4\.07 pp apart, where noise alone makes 0\.86 \(p = 1\.\de-20\); could detect >= 1\.\d\d pp\. Counting /,
    );
    expect(stdout).to.include('\n  12.14% +-0.45  14.07% +-0.46  +1.93   5.93  *  ftest          bar\n');
    expect(stdout).to.match(/# Before you trust this:\n(#  - .*\n)+# {6}\w/);
  });

  it('takes the tables of one text for several profiles', async () => {
    const { stdout } = await p.gperf(['compare', '-q', '--reference', 'Test in Host', RFC]);
    expect(stdout.split('\n').map((line) => line.split(' are ')[0])).to.deep.equal([
      'Test in Guest without optimization and Test in Host',
      'Test in Guest with this optimization and Test in Host',
      'Neither Test in Guest without optimization nor Test in Guest with this optimization is nearer to Test in Host for certain: Test in Guest without optimization looks nearer by 0.76 pp (95 % interval -0.52 to +3.15).',
      '',
    ]);
  });

  it('compares every event that all have, with the truth of the execution that was recorded', async () => {
    const { stdout, stderr } = await p.gperf('compare --truth a.data b.data');
    expect(stderr).to.equal('');
    expect(stdout.match(/^# Event '.*'$/gm)).to.deep.equal(["# Event 'cpu-cycles:u'", "# Event 'branches:u'"]);
    expect(stdout).to.match(/^# +truth +a\.data +b\.data +Delta +z +Shared Object +Symbol$/m);
    const chosen = await p.gperf('compare --truth -e branches a.data b.data');
    expect(chosen.stdout).to.equal(
      stdout.slice(stdout.indexOf('\n\n', stdout.indexOf('Before')) + 2).replace(/^\s*/, ''),
    );
    const named = await p.gperf(['compare', '-q', '-e', 'branches', 'a.data', 'truth:noploop 0.3']);
    expect(named.stdout).to.match(/^a\.data and truth are /);
  });

  it('merges symbols and files as it is told', async () => {
    const { stdout } = await p.gperf(['compare', '--merge', 'plt', '--merge', 'libc*:*', HOST, V2]);
    expect(stdout).to.match(/libc\*:\* \(\d+ merged\)/);
    const { stdout: files } = await p.gperf('compare --by dso a.data b.data');
    expect(files).to.match(/\+-.*noploop$/m);
    const { stdout: instructions } = await p.gperf('compare --by instruction --truth a.data b.data');
    expect(instructions).to.match(/noploop +noploop\+0x[0-9a-f]+$/m);
  });

  it('runs designs itself, against each other and against truth; threads change nothing', async () => {
    const live = ['compare', '-F', '500', '--seeds', '2', '--vpmu', 'host,v2', '--export-csv', '-'];
    const one = await p.gperf([...live, '--workers', '1', 'noploop', '0.3']);
    expect(one.stderr).to.equal('');
    expect(
      one.stdout
        .split('\n')
        .slice(0, 3)
        .map((line) => line.split(' are ')[0]),
    ).to.deep.equal(['v2 and host', 'host and truth', 'v2 and truth']);
    expect(one.stdout).to.match(/^# Pair +seeds +bias pp +noise pp +by chance +Biased in every run$/m);
    expect(one.stdout).to.match(/^cycles,noploop,noploop,truth,0\.9\d+,/m);
    const two = await p.gperf([...live, '--workers', '2', 'noploop', '0.3']);
    expect(two.stdout).to.equal(one.stdout);
  });

  it('exits with 99 if the condition of --fail-if holds, and exports all the same', async () => {
    const words = ['compare', '-q', HOST, V2, '--export-json', 'x.json', '--export-markdown', 'x.md'];
    const { stderr, status } = await p.gperf([...words, '--fail-if', 'tvd > 2%']);
    expect(stderr).to.equal('tvd(rfc-v2.txt, rfc-host.txt) is 4.07%, which is > 2%\n');
    expect(status).to.equal(99);
    const json = JSON.parse(p.read('x.json').toString()) as Record<string, unknown>;
    expect(json).to.include({ format: 'gperf compare', version: 1 });
    expect(p.read('x.md').toString()).to.include(
      '| 12.14% +-0.45 | 14.07% +-0.46 | +1.93 | 5.93 | \\* | ftest | bar |',
    );
    expect((await p.gperf([...words, '--fail-if', 'tvd > 5%'])).status).to.equal(0);
  });

  for (const [words, message, code] of [
    [['compare'], /^nothing to compare\n\n Usage: gperf compare/, 129],
    [['compare', 'a.data'], /^a\.data has nothing to be compared with$/m, 129],
    [
      ['compare', 'a.data', 'none.data'],
      /^failed to open none\.data: No such file or directory {2}\(to run a workload, /m,
      255,
    ],
    [
      ['compare', '--vpmu', 'host,v2', '-e', 'context-switches:u', 'noploop', '0.01'],
      /^host took no samples of context-switches:u$/m,
      255,
    ],
    [
      ['compare', 'a.data', resolve('package.json')],
      /^\S*package\.json is neither a recording \(perf\.data\), nor /,
      255,
    ],
    [
      ['compare', '-e', 'cycels', 'a.data', 'b.data'],
      /^a\.data has no event cycels \(it has cpu-cycles:u, branches:u\)$/m,
      129,
    ],
    [
      ['compare', '--reference', 'c.data', 'a.data', 'b.data'],
      /^--reference c\.data: no such profile \(did you mean \w\.data\?\)$/m,
      129,
    ],
    [['compare', '--seeds', '2', 'a.data', 'b.data'], /^--seeds is for designs that are run \(--vpmu\)$/m, 129],
    [
      ['compare', '--vpmu', 'v2', '--samples', '2', 'noploop'],
      /^--samples is for files, not for designs that are run$/m,
      129,
    ],
    [['compare', '--vpmu', 'v3', 'noploop'], /^no such vPMU design: v3/m, 129],
    [['compare', '--vpmu', 'v2', '--no-truth', 'noploop'], /^v2 has nothing to be compared with$/m, 129],
    [
      ['compare', '--fail-if', 'tdv > 2%', 'a.data', 'b.data'],
      /^condition error: 'tdv > 2%'\n {18}\\___ no such metric \(did you mean tvd\?\)$/m,
      129,
    ],
    [['compare', '--by', 'line', 'a.data', 'b.data'], /line/, 129],
    [
      ['compare', HOST, 'truth'],
      /^there is no truth of what real perf recorded; of a workload: 'truth:WORKLOAD'$/m,
      129,
    ],
    [['compare', '--samples', '5,x', HOST, V2], /^--samples 5,x: must be numbers above 0, joined by commas$/m, 129],
    [
      ['compare', 'truth', 'truth:true'],
      /^'truth' is of a recording of gperf's, and there is none; of a workload: 'truth:WORKLOAD'$/m,
      129,
    ],
    [
      ['compare', '--vpmu', 'host', '-e', 'page-faults', 'true'],
      /^host has nothing to be compared with: there is no truth of page-faults$/m,
      129,
    ],
    [
      ['compare', '--vpmu', 'host,v2', '-e', 'cycles:k', 'true'],
      /^cycles:k is of the kernel, and user space alone is sampled: say --no-all-user$/m,
      129,
    ],
    [['compare', '--merge', '', 'a.data', 'b.data'], /^--merge: nothing to merge$/m, 129],
    [['compare', '--merge', 'nolop*', 'a.data', 'b.data'], /^--merge 'nolop\*': no function is called so$/m, 129],
    [
      ['compare', '--set', 'host.hz=1000', 'a.data', 'b.data'],
      /^--set is for designs that are run \(--vpmu\), or for 'truth:WORKLOAD'$/m,
      129,
    ],
    [
      ['compare', 'a.data', 'b.data', '--export-json', './b.data'],
      /^\.\/b\.data is read: it cannot be written as well$/m,
      129,
    ],
    [
      ['compare', 'a.data', 'b.data', '--export-json', 'x', '--export-csv', './x'],
      /^\.\/x cannot hold two exports$/m,
      129,
    ],
    [['compare', '--samples', '5', HOST, V2, LEGACY], /^--samples 5: 1 given, for 3 printed reports$/m, 129],
    [
      ['compare', '--by', 'callchain', '--truth', 'a.data', 'b.data'],
      /^a\.data was recorded without call chains \(record -g\)$/m,
      255,
    ],
  ] as const)
    it(`refuses ${
      words
        .slice(1)
        .map((word) => word.replace(/.*\//, ''))
        .join(' ') || 'nothing'
    }`, async () => {
      const { stderr, status } = await p.gperf(words);
      expect(stderr).to.match(message);
      expect(status).to.equal(code);
    });

  describe('of recordings that real perf made', () => {
    // A chain of multiplications takes its latency wherever a loop lies and whatever runs beside it. If the lengths are
    // left to chance, no timer keeps step with them.
    const PROGRAM = `
static unsigned x = 1;
static int about(int n) { x = x * 1103515245 + 12345; return n / 2 + (x >> 8) % n; }
#define CHAIN(op) unsigned long s = 1; for (int i = 0; i < n; i++) s = s * 0x9e3779b97f4a7c15 op i; return s;
__attribute__((noinline)) unsigned long foo(int n) { CHAIN(+) }
__attribute__((noinline)) unsigned long bar(int n) { CHAIN(-) }
int main(void) { unsigned long s = 0; for (int i = 0; i < 150000; i++) s += foo(about(1000)) + bar(about(BAR)); return s == 0; }
`;
    before(async function () {
      if (!canRecord) this.skip();
      p.write('p.c', PROGRAM);
      for (const [name, bar] of [
        ['one', 1000],
        ['two', 1000],
        ['changed', 3000],
      ] as const) {
        const built = await p.run('gcc', ['-O1', `-DBAR=${bar}`, '-o', 'p', 'p.c']);
        if (built.status !== 0) this.skip();
        await p.run('perf', ['record', '-q', '-e', 'cpu-clock:u', '-F', '3000', '-o', `${name}.data`, './p']);
      }
    });

    it('two runs of one program are far nearer than a change, whatever else the machine does', async () => {
      const { stdout, status } = await p.gperf(['compare', '-q', 'one.data', 'two.data', '--fail-if', 'tvd > 12%']);
      expect(stdout).to.match(/^two\.data and one\.data are /);
      expect(status).to.equal(0);
      const changed = await p.gperf(['compare', '-q', 'one.data', 'changed.data', '--fail-if', 'tvd > 12%']);
      expect(changed.status).to.equal(99);
    });

    it('finds a change, and its place', async () => {
      const { stdout } = await p.gperf('compare one.data changed.data');
      expect(stdout).to.match(
        /^changed\.data and one\.data are materially different, driven by (foo|bar) .* and (foo|bar) /,
      );
      expect(stdout).to.match(/^# Event 'cpu-clock:u'$/m);
      expect(stdout).to.match(/\*  p +bar$/m);
    });
  });

  it('refuses a table of files beside one of functions, unless compared by file', async () => {
    p.write(
      'files.txt',
      '# Overhead  Shared Object\n# ........  .............\n    99.00%  noploop\n     1.00%  ld-2.17.so\n',
    );
    const words = ['compare', '-q', '-e', 'cycles', 'a.data', 'files.txt', '--samples', '300'];
    const { stderr, status } = await p.gperf(words);
    expect(stderr).to.match(/^files\.txt names no functions: compare by file \(--by dso\)\n/);
    expect(status).to.equal(129);
    expect((await p.gperf([...words, '--by', 'dso'])).stdout).to.match(/^files\.txt and a\.data are /);
    expect((await p.gperf('compare - -')).stderr).to.equal('standard input can be read once only\n');
  });

  it('tells truths apart, and has no infinite figures', async () => {
    const { stdout } = await p.gperf(['compare', '--export-markdown', '-', 'truth:true', 'truth:noploop 0.1']);
    expect(stdout).to.match(/^truth:noploop 0\.1 and truth:true are materially different, .* \(p < 1e-300\)/);
    expect(stdout).not.to.match(/Infinity|NaN|[^+]-0\.00\b/);
  });

  it('does not take periods in folded stacks for samples, unless all are equal', async () => {
    p.write('one.folded', 'p;main 56188909\np;main;f 210228769\np;main;g 284672712\np;start 142747\n');
    p.write('other.folded', 'p;main 36188907\np;main;f 410228763\np;main;g 84672711\np;start 152741\n');
    const words = ['compare', '-q', 'one.folded', 'other.folded'];
    expect(await p.gperf(words)).to.include({
      status: 0,
      stdout:
        'other.folded and one.folded are 39.09 pp apart; the counts of one.folded and other.folded are no samples, and without the number of samples (--samples) nobody knows whether that is noise.\n',
    });
    const refused = await p.gperf([...words, '--fail-if', 'material']);
    expect(refused.stderr).to.match(/is not known without the number of samples \(--samples\)$/m);
    expect(refused.status).to.equal(129);
    const { stdout } = await p.gperf(['compare', 'one.folded', 'other.folded', '--samples', '30,40']);
    expect(stdout).to.match(/^ +other\.folded +40 /m);
    expect(stdout).to.match(/nothing says how unequally the 40 samples of other\.folded weigh/);
    p.write('same.folded', 'p;main 3000000\np;main;f 21000000\np;main;g 11000000\n');
    const same = await p.gperf('compare one.folded same.folded --samples 30,35');
    expect(same.stdout).not.to.match(/multiple/);
    const found = await p.gperf('compare same.folded same.folded');
    expect(found.stdout).to.match(
      /every count of same\.folded is a multiple of 1000000: taken for 35 samples of that period/,
    );
  });

  it('says so if there are too few samples to detect anything', async () => {
    p.write('few.folded', 'true;main 1\n');
    const { stdout } = await p.gperf('compare few.folded a.data -e cycles');
    expect(stdout).to.match(
      /\(too few samples to compare more than one row\): [\d.]+ pp apart, where noise alone makes [\d.]+/,
    );
    expect(stdout).to.match(/^#  - few\.folded has 1 effective sample; a shift of 2 points needs \d+$/m);
    expect(stdout).not.to.include('Infinity');
  });

  it('runs no code that a recording names, unless it is named here too', async () => {
    const builder = new URL('../../src/workload/build.js', import.meta.url).href;
    p.write(
      'code.mjs',
      `import { program, func, ops } from '${builder}';
       console.log('code ran');
       export default program({ name: 'code', about: 'made', functions: [func('main', [ops(1000, 'nop')])] });`,
    );
    await p.gperf('record -q --vpmu host -e cycles:u -c 50 -o code.data ./code.mjs');
    const alone = await p.gperf('compare --truth code.data');
    expect([alone.stdout, alone.status]).to.deep.equal(['', 255]);
    expect(alone.stderr).to.equal(
      "code.data is of './code.mjs', and ./code.mjs is a module: reading a file runs no code that only the file names. " +
        'If you trust it, name it yourself: truth:./code.mjs\n',
    );
    expect((await p.gperf('compare code.data truth:./code.mjs')).stdout).to.match(/^code ran\ncode\.data and truth /);
  });

  it('leaves nothing behind where an export fails', async () => {
    const before = readdirSync(p.path);
    const words = 'compare -q a.data b.data --export-json /dev/full --export-csv never.csv';
    const { stderr, status } = await p.gperf(words);
    expect([stderr, status]).to.deep.equal(['failed to write /dev/full: No space left on device\n', 255]);
    expect(readdirSync(p.path)).to.deep.equal(before);
  });

  it('names the file among several that is not a profile', async () => {
    p.write('stub.data', p.read('a.data').subarray(0, 100));
    const { stderr } = await p.gperf('compare a.data stub.data');
    expect(stderr).to.equal('stub.data: incompatible file format (rerun with -v to learn more)\n');
  });

  it('says where a damaged recording ends', async () => {
    p.write('cut.data', p.read('a.data').subarray(0, 2000));
    const { stderr, status } = await p.gperf('compare a.data cut.data');
    expect(stderr).to.match(/^cut\.data is truncated at offset 0x[0-9a-f]+: .*\n$/);
    expect(status).to.equal(255);
  });
});
