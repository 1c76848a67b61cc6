/**
 * Real perf as the judge of recordings of many CPUs: it reads them without a warning, in whatever order their records
 * are, and opens the same events itself.
 */
import { expect } from 'chai';
import { cpus } from 'node:os';
import { canRecord, perfVersion } from '../perfdata/real-perf.ts';
import { place, type Place } from './e2e.ts';

const FOUR = '--vpmu host --set host.cores=4 --set host.cpus=4';
/** A guest with four vCPUs on two cores, beside another one that does the same. */
const BESIDE = '--vpmu legacy --vcpus 4 --set host.cores=2 --set host.guests=1 --set host.guests_perf=on';
/** perf closes with a tip of the day. */
const withoutTip = (text: string): string => text.replace(/\n# \(Tip: .*\)\n/, '\n');

describe('recordings of many CPUs, judged by perf', function () {
  let at: Place;
  before(function () {
    if (perfVersion !== '6.1') this.skip();
    at = place();
  });
  after(() => at?.remove());

  /** The smallest buffers and a high rate: rounds of different CPUs lie as close as they can. */
  const BUSY = '-m 1 -F 50000';
  const RECORDINGS: Readonly<Record<string, string>> = {
    'threads that compute, more than there are CPUs': `${BUSY} --sample-cpu ftest-threads 6 0.03`,
    'all CPUs, and what each thread counted': `${BUSY} -a -s -e cycles,instructions -g server 4 100`,
    'threads that take turns': `${BUSY} -a lockbound 4 400`,
    'two that wake each other up': `${BUSY} --sample-cpu -e cycles:u pingpong 400`,
    'one CPU of them': '-C 1 lockbound 4 400',
    'threads of a process, each over all CPUs': `${BUSY} --per-thread -T -p 1001 --sample-cpu ftest-threads 6 0.03`,
    'the same without times': `${BUSY} --per-thread -p 1001 -e cycles,instructions ftest-threads 6 0.03`,
    'threads of a process, by CPU': `${BUSY} -p 1001 -g ftest-threads 6 0.03`,
    'two of its threads': '-t 1003,1004 -F 20000 ftest-threads 6 0.03',
    'a guest beside another one': `${BESIDE} -F 50000 -m 1 --sample-cpu ftest-threads 6 0.03`,
    'its threads, each over all vCPUs': `${BESIDE} -F 50000 -m 1 --per-thread -T -p 1001 ftest-threads 6 0.1`,
  };
  const COMMANDS = [
    'report --stdio -q --sort cpu,pid',
    'report --stdio --header -I --sort pid,cpu,sym',
    'script -F comm,pid,tid,cpu,time,event,ip,sym --show-task-events --show-mmap-events --show-lost-events --ns',
    'evlist -v',
  ];
  for (const [what, words] of Object.entries(RECORDINGS))
    it(`${what}: no round is out of order, and all is printed as perf does`, async () => {
      const where = words.includes('--vpmu') ? '' : `${FOUR} `;
      const recorded = await at.gperf(`record ${where}-o cpus.data ${words}`);
      expect(Number(/\((\d+) samples\)/.exec(recorded.stderr)![1])).to.be.greaterThan(20);
      // Without --sample-cpu, perf refuses to print the CPU of a sample.
      const timed = !/--per-thread(?! -T)/.test(words);
      const withCpu = /-a|-C|--sample-cpu/.test(words);
      for (const of of COMMANDS) {
        if (!withCpu && of.includes('--sort')) continue;
        const command = of
          .replace('cpu,time,', `${withCpu ? 'cpu,' : ''}${timed ? 'time,' : ''}`)
          .replace(/pid,cpu,sym/, 'pid,sym');
        const [own, real] = [
          await at.gperf(`${command} -i cpus.data`),
          await at.run('perf', [...command.split(' '), '-i', 'cpus.data']),
        ];
        // What was lost is no fault of the file. perf would say "out of order events recorded".
        expect(
          real.stderr.replace(
            /^Warning:\nProcessed \d+ events and lost \d+ chunks!\n\nCheck IO\/CPU overload!\n\n/m,
            '',
          ),
          command,
        ).to.equal('');
        expect(withoutTip(own.stdout), command).to.equal(withoutTip(real.stdout));
        expect(own.stdout.length).to.be.greaterThan(50);
      }
      const dump = await at.run('perf', ['report', '-D', '-i', 'cpus.data']);
      expect(dump.stdout.match(/PERF_RECORD_FINISHED_ROUND/g)!.length).to.be.greaterThan(0);
    });

  for (const options of ['', '-a', '-C 1', '-i', '-s', '-a -s --sample-cpu', '--per-thread', '--per-thread -T -s'])
    it(`perf itself opens the same attrs, one event for each CPU: record ${options}`, async function () {
      const n = cpus().length;
      if (!canRecord || n < 2) this.skip();
      const events = '-e cpu-clock,task-clock';
      const words = `record ${options} ${events}`.split(/ +/);
      const real = await at.run('perf', [...words, '-o', 'real.data', 'true']);
      if (real.status !== 0) this.skip();
      await at.gperf([
        ...words,
        '--vpmu',
        'host',
        '--set',
        `host.cpus=${n}`,
        '--set',
        `host.cores=${n}`,
        '-o',
        'own.data',
        'true',
      ]);
      const of = async (file: string): Promise<{ attrs: string; ids: number[] }> => {
        const header = (await at.run('perf', ['report', '--header-only', '-i', file])).stdout;
        return {
          attrs: (await at.run('perf', ['evlist', '-v', '-i', file])).stdout,
          ids: [...header.matchAll(/^# event : .* id = \{([^}]*)\}/gm)].map(([, ids]) => ids!.split(',').length),
        };
      };
      const own = await of('own.data');
      expect(own).to.deep.equal(await of('real.data'));
      expect(own.ids).to.deep.equal(
        Array(own.attrs.trim().split('\n').length).fill(/-C 1|--per-thread/.test(options) ? 1 : n),
      );
    });

  for (const options of ['-p', '-t', '-p --per-thread', '-t --per-thread -T', '-p -i', '-p -s'])
    it(`perf itself opens the same attrs: record ${options} of what runs already`, async function () {
      if (!canRecord) this.skip();
      const of = async (command: 'perf' | 'gperf', id: number): Promise<string> => {
        const words = `record ${options.replace(/-[pt]/, `$& ${id}`)} -e cpu-clock,task-clock -o ${command}.data`;
        const { status } = await (command === 'gperf'
          ? at.gperf(`${words} --vpmu host true`.replace('true', 'ftest-threads 2 0.02'))
          : at.run('perf', [...words.split(' '), 'true']));
        if (status !== 0) this.skip();
        return (await at.run('perf', ['evlist', '-v', '-i', `${command}.data`])).stdout;
      };
      expect(await of('gperf', 1001)).to.equal(await of('perf', process.pid));
    });

  const BY_CPU = ['-a', '-a -A', '-a --per-core', '-a --per-socket', '-C 0,1 -A', '-a -I 5 -A'];
  const BY_THREAD = [
    '--per-thread -p 1001 --started 1',
    '--per-thread -a --started 1',
    '--per-thread -t 1002,1003 --started 1',
  ];
  for (const options of [...BY_CPU, ...BY_THREAD])
    it(`stat record ${options}: stat report prints all CPUs, cores, sockets and threads as perf does`, async () => {
      const events = '-e cycles,instructions,cpu-clock,cs';
      // perf knows the names of no more CPUs than its own machine has.
      const workload = options.includes('--per-thread') ? 'ftest-threads 3 0.02' : 'lockbound 2 40';
      const machine = '--vpmu host --set host.cores=2 --set host.cpus=2';
      const live = await at.gperf(`stat record ${options} ${events} ${machine} -o cpus.stat ${workload}`);
      expect(live.status).to.equal(0);
      for (const by of ['', '-A', '--per-core', '--per-die', '--per-socket', '--per-node']) {
        if (/-I|--per-thread/.test(options) && by !== '') continue;
        const words = ['stat', 'report', ...by.split(' ').filter(Boolean), '-i', 'cpus.stat'];
        const [own, real] = [await at.gperf(words), await at.run('perf', words)];
        expect(real.stderr).not.to.contain('warning');
        expect(own, words.join(' ')).to.deep.equal(real);
      }
    });
});
