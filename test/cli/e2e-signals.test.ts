/**
 * Interrupted runs: by signals, by readers that have seen enough, with closed streams; and what a person sees at a
 * terminal.
 */
import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { perfVersion } from '../perfdata/real-perf.ts';
import { MAIN, place, type Ended, type Place } from './e2e.ts';

/** A workload too long to wait for. */
const LONG = 'noploop 70000';

describe('a signal', function () {
  let at: Place;
  before(() => (at = place()));
  after(() => at.remove());

  const left = (): string[] => readdirSync(at.path).filter((name) => name.startsWith('.'));
  /** Runs a command and sends it signals once `file` shows that it is under way. */
  const signalled = (words: string, file: string, ...send: NodeJS.Signals[]): Promise<Ended> =>
    at.gperf(words, { signals: { once: new RegExp(String.raw`^(\.${file}\..*|${file})$`), send } });

  it('ends record, which keeps what was gathered', async () => {
    const [once, twice, term] = await Promise.all([
      signalled(`record --vpmu host -F 1000 -o int.data ${LONG}`, 'int.data', 'SIGINT'),
      signalled(`record --vpmu host -F 1000 -o twice.data ${LONG}`, 'twice.data', 'SIGINT', 'SIGINT'),
      signalled(`record --vpmu host -F 1000 -o term.data ${LONG}`, 'term.data', 'SIGTERM'),
    ]);
    expect([once.status, twice.status, term.status]).to.deep.equal([130, 130, 143]);
    expect(left()).to.deep.equal([]);
    for (const name of ['int', 'twice', 'term']) {
      const { status, stdout, stderr } = await at.gperf(`report -q -i ${name}.data`);
      expect([status, stderr]).to.deep.equal([0, '']);
      expect(stdout).to.match(/^ +(?:9\d|100)\.\d\d% {2}noploop {2}noploop +\[\.\] noploop/);
    }
    if (perfVersion !== undefined)
      expect(await at.run('perf', ['script', '-i', 'int.data'])).to.deep.equal(await at.gperf('script -i int.data'));
  });

  it('ends stat and stat record, which print and store what was counted', async () => {
    const [stat, stored] = await Promise.all([
      signalled(`stat --vpmu host -e cycles -o counts.txt ${LONG}`, 'counts.txt', 'SIGINT'),
      signalled(`stat record --vpmu host -e cycles -o stat.data ${LONG}`, 'stat.data', 'SIGHUP'),
    ]);
    expect([stat.status, stored.status]).to.deep.equal([130, 129]);
    expect(stat.stderr).to.equal('noploop: Interrupt\n');
    const text = /\n Performance counter stats for 'noploop 70000':\n\n +(\d+) {6}cycles/;
    expect(at.read('counts.txt').toString()).to.match(text);
    expect(stored.stderr).to.match(text);
    const [, counted] = text.exec(stored.stderr)!;
    expect((await at.gperf('stat report -i stat.data')).stderr).to.contain(`${counted}      cycles`);
    expect(left()).to.deep.equal([]);
  });
});

describe('a pipe', function () {
  let at: Place;
  before(async () => {
    at = place();
    await at.gperf('record -q --vpmu host -c 10000 -o a.data noploop 0.05');
  });
  after(() => at.remove());

  const GPERF = `'${process.execPath}' '${MAIN}'`;
  const shell = (command: string): Promise<Ended> => at.run('sh', ['-c', command.replaceAll('gperf', GPERF)]);

  it('that is closed early is no error', async () => {
    for (const command of ['script -i a.data', 'report -i a.data', 'list']) {
      const { status, stdout, stderr } = await shell(`gperf ${command} | head -n 1`);
      expect({ status, stderr }, command).to.deep.equal({ status: 0, stderr: '' });
      expect(stdout.split('\n')).to.have.length(2);
    }
  });

  it('that is closed while stat record prints leaves nothing half done', async () => {
    const words = `stat record --vpmu host -I 10 -o stat.data ${LONG}`;
    expect((await shell(`gperf ${words} 2>&1 | head -n 1`)).stdout).to.match(/^# +time/);
    expect(readdirSync(at.path).toSorted()).to.deep.equal(['a.data', 'home']);
  });

  it('carries a recording from record to report', async () => {
    const { status, stdout, stderr } = await shell('gperf record --vpmu host -F 500 noploop 0.05 | gperf report -q');
    expect(status).to.equal(0);
    expect(stdout).to.match(/^ +\d+\.\d\d% {2}noploop/);
    expect(stderr).to.match(
      /^\[ perf record: Woken up 1 times .*\n\[ perf record: Captured and wrote 0\.000 MB - \]\n$/,
    );
  });

  it('may be missing, and so may standard input, output and error', async () => {
    expect((await shell('gperf record --vpmu host -o b.data true <&- >&- 2>&-')).status).to.equal(0);
    expect((await shell('gperf report -i b.data >&-')).status).to.equal(0);
  });
});

describe('a terminal', function () {
  let at: Place;
  before(async function () {
    at = place();
    const { stdout } = await at.run('sh', ['-c', 'command -v script']);
    if (stdout === '') this.skip();
  });
  after(() => at.remove());

  /** What a command writes to a terminal, escapes included. */
  const typed = async (words: string, env: Record<string, string> = {}): Promise<string> => {
    const command = `'${process.execPath}' '${MAIN}' ${words}`;
    const { stdout } = await at.run('script', ['-qec', command, '/dev/null'], { env: { TERM: 'xterm', ...env } });
    return stdout;
  };
  const escapes = (text: string): string[] => text.split('\u001B').slice(1);

  it('shows progress and erases it', async () => {
    const text = await typed('stat --vpmu host -e cycles noploop 1000');
    expect(text).to.contain('s simulated');
    const last = escapes(text).at(-1)!;
    expect(last).to.match(/^\[2K\r\n Performance counter stats for 'noploop 1000':\r\n/);
  });

  it('sees no progress where it would be in the way', async () => {
    for (const env of [{ CI: '1' }, { TERM: 'dumb' }])
      expect(escapes(await typed('stat --vpmu host -e cycles noploop 0.01', env))).to.deep.equal([]);
    expect(escapes(await typed('stat --vpmu host -I 10 -e cycles noploop 0.03'))).to.deep.equal([]);
  });

  it('is the only place for colours', async () => {
    const words = 'stat --vpmu host -e cache-references,cache-misses datasym 0.01';
    const colored = /^\[3[135]m +[\d.]+ %$/;
    expect(escapes(await typed(words)).some((text) => colored.test(text))).to.equal(true);
    const plain = escapes(await typed(words, { NO_COLOR: '1' }));
    expect(plain.some((text) => colored.test(text))).to.equal(false);
    expect(escapes((await at.gperf(words)).stderr)).to.deep.equal([]);
    await typed(words.replace('stat', 'stat -o counts.txt'));
    expect(escapes(at.read('counts.txt').toString())).to.deep.equal([]);
  });
});
