/**
 * Real perf 6.1 as the judge of whole runs: it prints gperf's recordings as gperf does, byte for byte, and finds the
 * symbols and the code. Skipped if perf is not installed.
 */
import { expect } from 'chai';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { z } from 'zod';
import { readStatFile } from '../../src/experiment/stat.ts';
import { statCsv } from '../../src/report/stat/csv.ts';
import { statJson } from '../../src/report/stat/json.ts';
import { resultRows, statText } from '../../src/report/stat/text.ts';
import { perfVersion } from '../perfdata/real-perf.ts';
import { MAIN, pairwise, place, shortFtest, type Ended, type Place, type RunOptions } from './e2e.ts';

const HOST = ['--vpmu', 'host'];

/** Each program has tips of its own. */
const withoutTip = (text: string): string => text.replace(/^# \((?:Tip: .*|Cannot load tips.txt.*)\)$/m, '# (Tip)');

describe('recordings, judged by perf', function () {
  let at: Place;
  before(function () {
    if (perfVersion !== '6.1') this.skip();
    at = place();
    at.write('ftest.yaml', shortFtest(1_000_000));
  });
  after(() => at?.remove());

  const perf = (words: string): Promise<Ended> => at.run('perf', words.split(' '));
  const RECORDINGS: Readonly<Record<string, string>> = {
    'user code': '-e cpu-cycles --all-user',
    'call chains': '-e cpu-cycles -g',
    'two events': '-e cpu-cycles,branches --all-user',
    'a group': '-e {cpu-cycles,branches} -g',
    'a group read with its leader': '-e {cpu-cycles,branches}:S',
    'the kernel too': '-e cpu-cycles',
    'a software clock': '-e cpu-clock',
    'page faults': '-e page-faults -c 1',
    'a fixed period': '-c 1000003 --sample-cpu',
  };

  for (const [what, options] of Object.entries(RECORDINGS))
    it(`reads one of ${what}`, async () => {
      const name = `${what.replaceAll(' ', '-')}.data`;
      const recorded = await at.gperf([
        ...'record --vpmu host'.split(' '),
        ...options.split(' '),
        '-o',
        name,
        './ftest',
      ]);
      expect(recorded.stderr).to.match(
        /^\[ perf record: Woken up 1 times .*\n\[ perf record: Captured .* \(\d+ samples\) \]\n$/,
      );
      const commands = [`report --stdio --header -i ${name}`, `script -i ${name}`];
      if (/events|group|clock/.test(what)) commands.push(`evlist -v -i ${name}`);
      const pairs = await pairwise(
        commands,
        async (command) => [await at.gperf(command), await perf(command)] as const,
      );
      for (const [own, real] of pairs) {
        expect(real.stderr).to.equal('');
        expect({ ...own, stdout: withoutTip(own.stdout) }).to.deep.equal({ ...real, stdout: withoutTip(real.stdout) });
        expect(own.stdout.length).to.be.greaterThan(50);
      }

      const json = await perf(`data convert --to-json ${name}.json -i ${name}`);
      const [, samples] = /\((\d+) samples\)/.exec(recorded.stderr)!;
      expect(json.status).to.equal(0);
      expect(json.stderr).to.not.match(/warn|fail|unknown/i);
      const { samples: converted } = z
        .object({ samples: z.array(z.unknown()) })
        .parse(JSON.parse(readFileSync(at.file(`${name}.json`), 'utf8')));
      expect(converted).to.have.length(Number(samples));

      if (what === 'page faults') return;
      const annotated = await perf(`annotate --stdio -s qux -i ${name}`);
      expect(annotated).to.include({ status: 0, stderr: '' });
      // perf starts the lines of a loop's jump with the address it jumps to.
      const jumps = [...annotated.stdout.matchAll(/^\s+[\d.]+\s.*:\s+([\da-f]+):\s+j\w+\s+([\da-f]+) <qux\+0x/gm)];
      const backward = jumps.filter(([, from, to]) => Number.parseInt(to!, 16) < Number.parseInt(from!, 16));
      expect(backward, annotated.stdout).to.have.lengthOf.at.least(1);
    });

  it('prints the header alone as perf does', async () => {
    await at.gperf([...'record -q --vpmu host -o header.data -e'.split(' '), '{cycles,branches}', 'true']);
    for (const info of ['', ' -I']) {
      const command = `report --header-only${info} -i header.data`;
      expect(await at.gperf(command)).to.deep.equal(await perf(command));
    }
  });

  it('is read from a pipe', async () => {
    const { stdout } = await at.gperf('record -q --vpmu host -o - noploop 0.01', { binary: true });
    at.write('pipe.data', Buffer.from(stdout, 'latin1'));
    expect(await at.gperf('script -i pipe.data')).to.deep.equal(await perf('script -i pipe.data'));
  });
});

describe('counts, judged by perf', function () {
  let at: Place;
  before(function () {
    if (perfVersion !== '6.1') this.skip();
    at = place();
  });
  after(() => at?.remove());

  const FORMS = [[], ['-x,'], ['-j']] as const;
  const SETS: Readonly<Record<string, readonly string[]>> = {
    'the default list': [],
    'two events': ['-e', 'cpu-cycles,branches'],
    '-d': ['-d'],
    '-dd': ['-dd'],
    '-ddd': ['-ddd'],
    groups: ['-e', '{cycles,instructions},{branches,branch-misses}'],
    modifiers: ['-e', 'cycles:u,instructions:u,cycles:k,instructions:k,branches:uk'],
    'an event that is not supported': ['-e', 'cycles,stalled-cycles-frontend,node-loads,instructions'],
    'more events than counters': ['-e', 'cycles,branches,branch-misses,cache-references,cache-misses,r1a8,r0c0'],
    'a group that never fits': ['-e', '{branches,branch-misses,cache-references,cache-misses,r1a8}'],
    'cache events': ['-e', 'L1-dcache-loads,L1-dcache-load-misses,LLC-loads,LLC-load-misses,dTLB-load-misses'],
    'software events': ['-e', 'cpu-clock,task-clock,faults,minor-faults,cs,migrations,dummy'],
    "the tool's own": ['-e', 'duration_time,user_time,system_time,cycles'],
  };

  /** perf stat report knows neither the measured command's words nor its user and system time. */
  const comparable = (text: string): string =>
    text
      .replace(/^ Performance counter stats for '.*':$/m, 'HEADER')
      .replace(/\n\n +[\d.]+ seconds user\n +[\d.]+ seconds sys\n/, '');

  const perf = (form: readonly string[], options?: RunOptions): Promise<Ended> =>
    at.run('perf', ['stat', ...form, 'report', '-i', 'stat.data'], options);

  for (const [what, events] of Object.entries(SETS))
    it(`prints ${what} as perf stat report does`, async () => {
      const record = ['stat', 'record', ...HOST, '-o', 'stat.data', ...events, 'noploop', '0.05'];
      const live = await at.gperf(record);
      expect(live).to.include({ status: 0, stdout: '' });
      const { result, cmdline } = readStatFile(at.file('stat.data'));
      const own = {
        text: statText(result, { target: { kind: 'recording', argv: cmdline } }),
        csv: statCsv(resultRows(result), ',', { runs: 1 }),
        json: statJson(resultRows(result), { runs: 1 }),
      };
      const [text, csv, json] = await Promise.all(FORMS.map(async (form) => perf(form)));
      expect(own).to.deep.equal({ text: text!.stderr, csv: csv!.stderr, json: json!.stderr });
      // A group that was never read has no counts: live they are <not counted>, in perf's report not supported.
      if (what !== 'a group that never fits') expect(comparable(live.stderr)).to.equal(comparable(own.text));
    });

  it('prints live what it prints of a recording, in every form', async () => {
    const options = ['-d', ...HOST, 'noploop', '0.05'];
    const plain = await at.gperf(['stat', ...options]);
    for (const form of FORMS) {
      const live = await at.gperf(['stat', 'record', ...form, '-o', 'stat.data', ...options]);
      const [own, real] = await Promise.all([at.gperf(['stat', ...form, 'report', '-i', 'stat.data']), perf(form)]);
      expect(own).to.deep.equal(real);
      expect(comparable(live.stderr)).to.equal(comparable(real.stderr));
      if (form.length === 0) expect(plain).to.deep.equal(live);
    }
  });

  it('prints every interval of a recording, and that a workload has no CPUs to tell apart', async () => {
    const two = ['--set', 'host.cpus=2', '--set', 'host.cores=2', '-a', '-A'];
    for (const options of [[], two]) {
      // perf divides by averages over the rounds so far; of these events it has no ratios.
      const record = ['stat', 'record', ...HOST, ...options, '-I', '40', '-o', 'stat.data'];
      const live = await at.gperf([...record, '-e', 'instructions,faults,cs', 'noploop', '0.15']);
      expect(live.stderr.match(/ instructions /g)).to.have.length(options.length === 0 ? 4 : 8);
      for (const form of FORMS)
        for (const by of [[], ['-A'], ['--per-core']]) {
          const words = ['stat', ...form, 'report', ...by, '-i', 'stat.data'];
          const [own, real] = await Promise.all([at.gperf(words), at.run('perf', words)]);
          expect(own, words.join(' ')).to.deep.equal(real);
          if (form.length === 0 && by.length === 0) expect(own.stderr).to.equal(live.stderr);
        }
      const rates = await at.gperf([...record, '-e', 'instructions,cycles,cpu-clock', 'noploop', '0.15']);
      expect(rates.stderr).to.contain('# ');
      expect((await at.gperf('stat report -i stat.data')).stderr).to.equal(rates.stderr);
    }
  });

  it('separates thousands where the locale does', async function () {
    const locales = at.file('locale');
    mkdirSync(locales);
    spawnSync('localedef', ['-i', 'en_US', '-f', 'UTF-8', `${locales}/en_US.UTF-8`]);
    if (!existsSync(`${locales}/en_US.UTF-8`)) this.skip();
    const env = { LC_ALL: 'en_US.UTF-8', LOCPATH: locales };
    const live = await at.gperf(['stat', 'record', ...HOST, '-o', 'stat.data', 'noploop', '0.05'], { env });
    expect(live.stderr).to.match(/ \d{3},\d{3},\d{3} {6}cycles /);
    expect(comparable(live.stderr)).to.equal(comparable((await perf([], { env })).stderr));
    const form = ['--no-big-num'];
    expect(await at.gperf(['stat', ...form, 'report', '-i', 'stat.data'], { env })).to.deep.equal(
      await perf(form, { env }),
    );
  });

  it('says "pipe" of counts that come through one', async () => {
    const { stdout } = await at.gperf(['stat', 'record', ...HOST, '-o', '-', 'true'], { binary: true });
    at.write('stat.pipe', Buffer.from(stdout, 'latin1'));
    const [own, real] = await Promise.all(
      [`'${process.execPath}' '${process.cwd()}/dist/bundle/cli/main.js'`, 'perf'].map((program) =>
        at.run('sh', ['-c', `cat stat.pipe | ${program} stat report`]),
      ),
    );
    expect(real!.stderr).to.contain("stats for 'pipe'");
    expect(own).to.deep.equal(real);
  });
});

/** perf's own shell tests, which run any perf on the PATH, without the lines that need what gperf does not model. */
describe("perf's tests", function () {
  const TESTS = '/usr/lib/perf-core/tests/shell';
  let at: Place;
  before(function () {
    if (!existsSync(`${TESTS}/stat.sh`)) this.skip();
    at = place();
    mkdirSync(at.file('bin'));
    symlinkSync(`${TESTS}/lib`, at.file('lib'));
    at.write('bin/perf', `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
    chmodSync(at.file('bin/perf'), 0o755);
  });
  after(() => at?.remove());

  const passes = async (name: string, adapt: (text: string) => string): Promise<string> => {
    at.write(name, adapt(readFileSync(`${TESTS}/${name}`, 'utf8')));
    const env = { GPERF_VPMU: 'host', PATH: `${at.file('bin')}:${at.env['PATH']}`, TMPDIR: at.path };
    const { status, stdout, stderr } = await at.run('bash', [at.file(name)], { env });
    expect(status, stdout + stderr).to.equal(0);
    return stdout;
  };
  /** Calls of checks of a whole system, and what asks for its topology. */
  const oneTask = (text: string): string =>
    text
      .replaceAll(/^\t?check_(?:system_wide|per_)\w*$/gm, '')
      .replace(/^if \[ \$skip_test -ne 1 \]\nthen$/m, 'if false\nthen :');

  it('stat.sh', async () => {
    const told = await passes('stat.sh', (text) => text);
    for (const what of ['Basic stat command', 'stat record and report', 'stat repeat weak groups'])
      expect(told).to.contain(`${what} test [Success]`);
  });

  it('stat+csv_output.sh', async () => {
    expect(await passes('stat+csv_output.sh', oneTask)).to.match(
      /no args \[Success\]\n.*interval \[Success\]\n.*event \[Success\]/,
    );
  });

  it('stat+json_output.sh', async () => {
    expect(await passes('stat+json_output.sh', oneTask)).to.match(
      /no args \[Success\]\n.*interval \[Success\]\n.*event \[Success\]/,
    );
  });
});
