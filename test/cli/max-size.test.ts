/** record --max-size as real perf 6.1 has it, and how much of the tree one option of record concerns. */
import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { place, type Ended, type Place } from './e2e.ts';

describe('record --max-size', function () {
  let at: Place;
  before(() => (at = place()));
  after(() => at.remove());

  it('is known to three files of the source', () => {
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const tell = files.filter((name) => /max-size|maxSize/.test(readFileSync(join('src', name), 'utf8')));
    expect(tell.toSorted()).to.deep.equal(['cli/builtin-record.ts', 'cli/options/record.ts', 'tool/perf-record.ts']);
  });

  it('takes the sizes that perf takes', async () => {
    const ends = ({ status, stderr }: Ended): unknown => [status, stderr.startsWith('\n Usage: ')];
    for (const size of ['5B', '7K', '0M', '2G', '5', '0', '5k', '5KB', '1Q', 'x', '-1K', '1.5M', '']) {
      const words = ['record', '--dry-run', '-e', 'cpu-clock', '--max-size', size, 'true'];
      expect(ends(await at.gperf(words)), `'${size}'`).to.deep.equal(ends(await at.run('perf', words)));
    }
    expect(await at.gperf('record --no-max-size --dry-run true')).to.include({ status: 0, stderr: '' });
  });

  it('ends the session and the workload, in the words of perf', async () => {
    at.write('spin.sh', 'i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done\n');
    // On a busy machine perf adds what it lost, and reaches the limit before or after its first sample.
    const shape = ({ status, stderr }: Ended): unknown => [
      status,
      stderr
        .replaceAll(/ \(\d+ samples\)/g, '')
        .replaceAll(/\d+/g, 'N')
        .split('\n')
        .filter((line) => line.startsWith('[ perf record: ')),
    ];
    for (const options of ['-m 4 --max-size 20K', '-q -m 4 --max-size 20K', '--max-size 1B']) {
      const words = `record -e cpu-clock -F 20000 -o x.data ${options}`;
      const perfs = await at.run('perf', [...words.split(' '), 'sh', 'spin.sh']);
      const ours = await at.gperf(`${words} --set host.max_sample_rate=20000 --vpmu host noploop 10`);
      // At the end perf kills itself; another process can only report that.
      expect(perfs.status).to.equal('SIGTERM');
      expect(shape(ours), options).to.deep.equal(shape({ ...perfs, status: 128 + 15 }));
    }
  });

  it('leaves a whole file, not much larger', async () => {
    const { stderr } = await at.gperf('record --vpmu host -c 1000 -m 4 --max-size 64K -o x.data noploop 10');
    expect(stderr).to.match(/^\[ perf record: perf size limit reached \(\d+ KB\), stopping session \]\n/);
    expect(at.read('x.data').length).to.be.within(64 * 1024, 96 * 1024);
    const { stdout, stderr: trouble } = await at.run('perf', ['report', '--stdio', '-i', 'x.data', '--sort', 'sym']);
    expect(stdout, trouble).to.match(/^ +\d+\.\d+% .*noploop/m);
    expect((await at.gperf('record --vpmu host --max-size 1M -o x.data true')).status).to.equal(0);
  });
});
