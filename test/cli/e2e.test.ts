/**
 * Whole runs of the built command line: counts against the truth, and output that depends only on what was typed.
 */
import { expect } from 'chai';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { DEFAULTS } from '../../src/experiment/setup.ts';
import { place, shortFtest, type Ended, type Place, type RunOptions } from './e2e.ts';

describe('counts and the truth', function () {
  let at: Place;
  before(() => {
    at = place();
    at.write('ftest.yaml', shortFtest(300_000));
  });
  after(() => at.remove());

  /** Blocks of gperf truth: the total it states and the rows below. */
  const blocks = (text: string): { total: number; rows: number[] }[] =>
    text
      .split(/^# Event '/m)
      .slice(1)
      .map((block) => ({
        total: Number(/# Event count: ([\d.]+)/.exec(block)![1]),
        rows: [...block.matchAll(/^ +[\d.]+% +([\d.]+) /gm)].map(([, count]) => Number(count)),
      }));

  for (const [workload, seed, design] of [
    ['./ftest', 'gperf', 'host'],
    ['./ftest', 'other', 'host'],
    ['sqrtloop 0.01', 'another one', 'host'],
    ['noploop 0.02', '42', 'legacy'],
    ['true', 'gperf', 'v2'],
  ] as const)
    it(`are equal, cycles but for returns from interrupts, for ${workload} under ${design} with seed "${seed}"`, async () => {
      const machine = ['--vpmu', design, '--seed', seed, '--set', 'core.cold=off'];
      const words = workload.split(' ');
      const [truth, stat] = await Promise.all([
        at.gperf(['truth', ...machine, '-e', 'instructions,branches,cycles', ...words]),
        at.gperf(['stat', '-x,', ...machine, '-e', 'instructions:u,branches:u,cycles:u', ...words]),
      ]);
      const exact = blocks(truth.stdout);
      expect(exact).to.have.length(3);
      for (const { total, rows } of exact) {
        expect(rows.length).to.be.greaterThan(5);
        // Counts are multiples of 1/64 and far below 2^47: the sum is exact.
        expect(rows.reduce((sum, count) => sum + count)).to.equal(total);
      }
      const counted = stat.stderr
        .trimEnd()
        .split('\n')
        .map((line) => Number(line.split(',')[0]));
      const [instructions, branches, cycles] = exact.map(({ total }) => Math.floor(total));
      expect(counted.slice(0, 2)).to.deep.equal([instructions, branches]);
      // The truth is work; each interrupt's return takes 200 cycles besides (core.refill).
      expect((counted[2]! - cycles!) % 200).to.equal(0);
      expect(counted[2]! / cycles!).to.be.within(1, words[0] === 'true' ? 1.2 : 1.001);
    });
});

describe('the same command', function () {
  let at: Place;
  before(() => {
    at = place();
    at.write('ftest.yaml', shortFtest(300_000));
  });
  after(() => at.remove());

  const sha1 = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');
  const RECORD = 'record --vpmu host -g -o a.data ./ftest';
  const recording = async (words: string | readonly string[], options: RunOptions = {}): Promise<string> => {
    expect(await at.gperf(words, options)).to.include({ status: 0, stdout: '' });
    return sha1(at.read('a.data'));
  };
  let first: string;
  before(async () => (first = await recording(RECORD)));

  it('makes the same recording, and keeps the one before', async () => {
    expect(await recording(RECORD)).to.equal(first);
    expect(sha1(at.read('a.data.old'))).to.equal(first);
  });

  it('does not depend on --workers', async () => {
    const two = 'record --vpmu legacy --set host.cores=2 --set host.guests=1 -o a.data ./ftest';
    const expected = await recording(two);
    expect(await recording(two.replace('record', 'record --workers 2'))).to.equal(expected);
  });

  for (const [where, MACHINE] of [
    ['of the machine', '--vpmu host --set host.cores=3'],
    ['of a guest', '--vcpus 4 --set host.cores=3'],
  ] as const)
    it(`nor does one of threads on several CPUs ${where}, nor what stat prints of them`, async () => {
      const threads = `record ${MACHINE} -a -o a.data server 3 20`;
      const expected = await recording(threads);
      for (const workers of ['2', '3', 'auto'])
        expect(await recording(threads.replace('record', `record --workers ${workers}`))).to.equal(expected);
      const counted = `record ${MACHINE} -s -o a.data server 2 5`;
      const one = await recording(counted);
      expect(await recording(counted.replace('record', 'record --workers 2'))).to.equal(one);
      const stat = `stat ${MACHINE} -r 2 --timeout 10 -e instructions:u,context-switches server 3 20`;
      const { stderr } = await at.gperf(stat);
      expect((await at.gperf(stat.replace('stat', 'stat --workers 2'))).stderr).to.equal(stderr);
    });

  it('does not depend on place, person, language or day', async () => {
    const elsewhere = at.file('elsewhere');
    mkdirSync(elsewhere);
    at.write(
      'day.mjs',
      `const Real = Date;
       globalThis.Date = class extends Real {
         constructor(...args) { super(...(args.length > 0 ? args : [4e12])); }
         static now() { return 4e12; }
       };`,
    );
    const env = {
      HOME: elsewhere,
      TZ: 'Asia/Tokyo',
      LC_ALL: undefined,
      LANG: 'de_DE.UTF-8',
      USER: 'somebody',
      HOSTNAME: 'elsewhere',
      COLUMNS: '20',
      NODE_OPTIONS: `--import=${at.file('day.mjs')}`,
    };
    expect(await recording(RECORD, { env })).to.equal(first);
    expect(at.read('a.data').includes(at.path)).to.equal(false);
  });

  it('with another seed makes another recording', async () => {
    expect(await recording(`record --seed other --vpmu host -g -o a.data ./ftest`)).to.not.equal(first);
  });

  it('without build ids has no names: no file and no kernel of this machine gives it any', async () => {
    expect((await at.gperf('record -B --vpmu host -e cycles -o without.data true')).status).to.equal(0);
    expect((await at.gperf('record --vpmu host -e cycles -o with.data true')).status).to.equal(0);
    const printed = async (file: string): Promise<Ended> => at.gperf(`script -F ip,sym,dso -i ${file}`);
    const [without, named] = [await printed('without.data'), await printed('with.data')];
    expect(without.stdout.replace(/ \[unknown\] /g, '')).to.match(/^(\s*[\da-f]+\(.*\)\n)+$/);
    expect(without.stderr).to.equal('');
    expect(named.stdout).to.contain('([kernel.kallsyms])').and.not.contain('[unknown]');
  });

  it('can be read from the recording', async () => {
    const env = {
      GPERF_VPMU: 'host',
      GPERF_MACHINE: 'broadwell-ep',
      GPERF_SET: 'host.hz=1000 host.kernel=6.3',
      GPERF_SEED: 'a seed',
    };
    const made = await recording('record -F 2000 -o a.data ./ftest', { env });
    const { stdout } = await at.gperf('report --header-only -i a.data');
    const cmdline = /^# cmdline : (.*) $/m.exec(stdout)![1]!;
    expect(cmdline).to.equal(
      'gperf record --machine broadwell-ep --vpmu host --seed a seed --set host.kernel=6.3 --set host.hz=1000 ' +
        '-F 2000 -o a.data ./ftest',
    );
    const words = cmdline.replace('a seed', 'a_seed').split(' ').slice(1);
    expect(await recording(words.map((word) => word.replace('_', ' ')))).to.equal(made);
  });

  it('tells -v how to be repeated, as a shell reads it', async () => {
    const { stderr } = await at.gperf(['stat', '-v', '-e', 'cs', '--vpmu', 'host', '--seed', "it's", 'true']);
    const [, command] = /^# reproduce: gperf (.*)$/m.exec(stderr)!;
    expect(command).to.equal(String.raw`stat -v -e cs --vpmu host --seed 'it'\''s' true`);
  });

  it('tells -v and the header which design was the default', async () => {
    const { stderr } = await at.gperf('record -v -N -o d.data true');
    expect(stderr).to.match(/^# reproduce: gperf record --vpmu v2 -v -N -o d\.data true$/m);
    const { stdout } = await at.gperf('report --header-only -i d.data');
    expect(stdout).to.contain('\n# cmdline : gperf record --vpmu v2 -v -N -o d.data true \n');
    const { stdout: list } = await at.gperf('list vpmu');
    expect(list.match(/\n {2}(\S+)[^\n]*\n[^\n]*\(default\)\]/)?.[1]).to.equal(DEFAULTS.vpmu);
    const { stdout: help } = await at.gperf('help stat');
    expect(help).to.contain(`(default: ${DEFAULTS.vpmu}, on newer hosts`).and.contain(`(default: ${DEFAULTS.machine};`);
  });

  it('prints and stores the same counts', async () => {
    const commands = ['stat --vpmu host -d ./ftest', 'stat record --vpmu host -I 5 -o stat.data ./ftest'];
    const all = async (options?: RunOptions): Promise<Ended[]> => {
      const ended: Ended[] = [];
      for (const command of commands) ended.push(await at.gperf(command, options));
      return ended;
    };
    const once = await all();
    const counts = sha1(at.read('stat.data'));
    expect(await all({ env: { TZ: 'Asia/Tokyo', GPERF_VPMU: '' } })).to.deep.equal(once);
    expect(sha1(at.read('stat.data'))).to.equal(counts);
  });
});

describe("perf's habits", function () {
  let at: Place;
  before(() => (at = place()));
  after(() => at.remove());

  it('prints interval after interval, each repetition from zero', async () => {
    const { stderr } = await at.gperf('stat --vpmu host -x, -r 2 -I 20 -e duration_time,instructions:u noploop 0.05');
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => line.split(','));
    const times = lines.filter(([, , , event]) => event === 'duration_time').map(([time]) => Number(time));
    expect(times.map((time) => Math.round(time * 50))).to.deep.equal([1, 2, 1, 2, 3]);
    for (const [, value, , event] of lines.slice(2))
      if (event === 'instructions:u') expect(Number(value)).to.be.greaterThan(1e7);
  });

  it('writes the text of -o whole, with the simulated day, and can append', async () => {
    const words = 'stat --vpmu host -e cs -o counts.txt';
    expect(await at.gperf(`${words} true`)).to.deep.equal({ status: 0, stdout: '', stderr: '' });
    const text = at.read('counts.txt').toString();
    expect(text).to.match(/^# started on Sat Mar 23 14:18:03 2019\n\n\n Performance counter stats for 'true':\n/);
    await at.gperf(`${words} --append true`);
    expect(at.read('counts.txt').toString()).to.equal(text + text);
    await at.gperf(`${words} true`);
    expect(at.read('counts.txt').toString()).to.equal(text);
  });

  it('tells of a workload that its timeout ended', async () => {
    const { stderr, status } = await at.gperf('stat --vpmu host -e task-clock --timeout 200 sleep 10');
    expect(status).to.equal(0);
    expect(stderr)
      .to.match(/^sleep: Terminated\n\n Performance/)
      .and.to.contain('0.2');
  });
});
