/** -a: perf watches a CPU instead of a task. Real perf reads the recordings. */
import { expect } from 'chai';
import { perfVersion } from '../perfdata/real-perf.ts';
import { place, type Place } from './e2e.ts';

const SIX = 'branches,cpu-cycles,L1-icache-load-misses,branch-load-misses,branch-loads,dTLB-load-misses';
const TEN = `${SIX},instructions,cache-misses,cache-references,dTLB-loads`;

describe('system-wide', function () {
  let at: Place;
  before(() => (at = place()));
  after(() => at.remove());

  const records = async (file: string): Promise<string[]> => {
    const { stdout } = await at.gperf(['script', '-i', file, '--show-task-events', '--show-mmap-events']);
    return stdout.split('\n').map((line) => line.trim().replace(/ +/g, ' '));
  };

  it('record samples the workload, perf and the kernel, and says who was there before', async () => {
    const { status } = await at.gperf('record -a -F 4000 -o a.data noploop 0.2');
    expect(status).to.equal(0);
    const lines = await records('a.data');
    expect(lines.slice(1, 7).map((line) => /PERF_RECORD_\S+(?: \S+\d)?/.exec(line)![0])).to.deep.equal([
      'PERF_RECORD_FORK(1000:1000):(1:1)',
      'PERF_RECORD_COMM: perf:1000/1000',
      'PERF_RECORD_MMAP2 1000/1000',
      'PERF_RECORD_FORK(1001:1001):(1000:1000)',
      'PERF_RECORD_COMM: perf-exec:1001/1001',
      'PERF_RECORD_MMAP2 1001/1001',
    ]);
    const samples = lines.filter((line) => / cycles: /.test(line));
    const of = (comm: RegExp): number => samples.filter((line) => comm.test(line)).length;
    expect(of(/^noploop 1001 \[000\]/)).to.be.within(780, 900);
    expect(of(/^perf 1000 /)).to.be.greaterThan(0);
    expect(of(/\[kernel\.kallsyms\]/)).to.be.greaterThan(3);
    const { stdout } = await at.gperf('evlist -i a.data');
    expect(stdout).to.equal('cycles\ndummy:HG\n');
  });

  it('record opens every CPU; only the simulated one has anything to tell', async () => {
    await at.gperf('record -a -F 1000 -e cpu-clock,cycles --set guest.cpus=4 -o cpus.data noploop 0.05');
    const { stdout } = await at.gperf('report -q --sort cpu -i cpus.data');
    expect(stdout.split('\n').filter((line) => line !== '')).to.satisfy((rows: string[]) =>
      rows.every((row) => /^ +100\.00% {2}000 *$/.test(row)),
    );
    const ids = (await at.gperf('script -i cpus.data --header')).stdout.match(/# event : .* id = \{([^}]*)\}/g)!;
    expect(ids.map((line) => line.split(',').filter((part) => /^[ {]*\d+ ?\}?$|\{ \d+/.test(part)).length)).to.satisfy(
      (counts: number[]) => counts.length === 3,
    );
  });

  it('record takes six and ten events in turns', async () => {
    for (const [name, events] of [
      ['six', SIX],
      ['ten', TEN],
    ] as const) {
      const { stderr } = await at.gperf(`record -a -F 1000 -e ${events} -o ${name}.data noploop 0.3`);
      expect(Number(/\((\d+) samples\)/.exec(stderr)![1])).to.be.greaterThan(events.split(',').length * 50);
    }
  });

  it('real perf prints the same of all of them', async function () {
    if (perfVersion === undefined) this.skip();
    for (const file of ['a.data', 'cpus.data', 'six.data', 'ten.data'])
      for (const words of [['script'], ['report', '--stdio', '-q', '--sort', 'comm,dso,sym'], ['evlist', '-v']]) {
        const [ours, theirs] = [await at.gperf([...words, '-i', file]), await at.run('perf', [...words, '-i', file])];
        expect(ours.stdout, `${words.join(' ')} ${file}`).to.equal(theirs.stdout);
      }
  });

  it('stat counts everybody, on as many CPUs as there are', async () => {
    const count = async (words: string): Promise<Map<string, number>> => {
      const { stderr } = await at.gperf(`stat -x, -e cpu-clock,instructions:u,context-switches ${words}`);
      return new Map(
        stderr
          .trim()
          .split('\n')
          .map((line) => [line.split(',')[2]!, Number(line.split(',')[0])]),
      );
    };
    const one = await count('noploop 0.5');
    const all = await count('-a --set guest.cpus=3 noploop 0.5');
    expect(all.get('instructions:u')).to.be.greaterThan(one.get('instructions:u')!);
    expect(all.get('cpu-clock')! / one.get('cpu-clock')!).to.be.closeTo(3, 0.2);
    expect(all.get('context-switches')).to.be.greaterThan(one.get('context-switches')!);
    const { stderr } = await at.gperf('stat -a true');
    expect(stderr).to.match(/^\n Performance counter stats for 'system wide':\n\n +[\d.]+ msec cpu-clock /);
    expect(stderr).to.match(/seconds time elapsed\n\n\n?$/);
  });

  it('-C records and counts on these CPUs only', async () => {
    const cpus = '--set guest.cpus=4';
    expect((await at.gperf(`record -C 0,2-3 ${cpus} -o some.data true`)).status).to.equal(0);
    const all = await at.gperf(`record -a ${cpus} -o all.data true`);
    expect(all.status).to.equal(0);
    const samples = async (file: string): Promise<number> =>
      (await at.gperf(['script', '-i', file, '-F', 'cpu,ip'])).stdout.trim().split('\n').length;
    expect(await samples('some.data')).to.be.closeTo(await samples('all.data'), 3);
    expect((await at.gperf(`record -C 1,2 ${cpus} -o idle.data true`)).status).to.equal(0);
    expect((await at.gperf(['script', '-i', 'idle.data'])).stdout).to.equal('');
    const counts = await at.gperf(`stat -x, -C 0,2-3 -A -e instructions:u,cs ${cpus} true`);
    expect(counts.stderr.split('\n').map((line) => line.split(',')[0])).to.deep.equal(
      'CPU0 CPU2 CPU3 CPU0 CPU2 CPU3 '.split(' '),
    );
    const own = await at.gperf(`stat -x, -a -A -e duration_time,cs ${cpus} true`);
    expect(own.stderr.match(/^CPU.*duration_time/gm)).to.have.length(1);
    const values = counts.stderr.split('\n').map((line) => Number(line.split(',')[1]));
    expect(values[0]).to.be.greaterThan(1000);
    expect(values.slice(1, 3)).to.deep.equal([0, 0]);
    if (perfVersion === undefined) return;
    for (const file of ['some.data', 'idle.data']) {
      const read = await at.run('perf', ['script', '-i', file, '--show-mmap-events']);
      expect(read.stderr).to.equal('');
      expect((await at.gperf(['script', '-i', file, '--show-mmap-events'])).stdout).to.equal(read.stdout);
    }
  });

  it('is refused where it may not be, or what is asked for is missing or not modelled', async () => {
    const cases = [
      ['record -a -o x.data --set guest.paranoid=1 true', /paranoid/],
      ['stat -a --set guest.paranoid=1 true', /paranoid/],
      ['record -a', /no workload given/],
      ['record -C 1 --set guest.cpus=1 true', /^CPU 1 of -C 1: the machine has only CPU 0\n/],
    ] as const;
    for (const [words, text] of cases) {
      const { status, stderr } = await at.gperf(words);
      expect(stderr, words).to.match(text);
      expect(status, words).to.be.greaterThan(128);
    }
  });
});
