/** A recording of several CPUs: real perf reads it without a warning, and by CPU and thread as gperf does. */
import { expect } from 'chai';
import { perfEnv } from '../../src/experiment/env.ts';
import { specText } from '../../src/experiment/spec-text.ts';
import { machineSpec } from '../../src/machine/spec.ts';
import { openSink } from '../../src/perfdata/sink.ts';
import { PerfDataWriter } from '../../src/perfdata/writer.ts';
import { recordAll } from '../machine/recorded.ts';
import { perfVersion } from '../perfdata/real-perf.ts';
import { place, type Place } from './e2e.ts';

describe('a recording of several CPUs', function () {
  let at: Place;
  before(function () {
    if (perfVersion !== '6.1') this.skip();
    at = place();
    const { evlist, records } = recordAll(Infinity);
    const spec = machineSpec('broadwell-ep', 'host', 'test', ['host.cpus=3']);
    const options = { env: perfEnv(spec, ['gperf', 'record', '-a', 'threads']), spec: specText(spec) };
    const writer = new PerfDataWriter(openSink(at.file('perf.data')), evlist, options);
    writer.write(records);
    writer.finish();
  });
  after(() => at?.remove());

  const WORDS = [
    'script -F comm,pid,tid,cpu,time,event,ip',
    'script -F comm,tid,cpu,time,event --show-task-events --show-mmap-events',
    'report --stdio -q --sort cpu,pid',
    'report --stdio -q --sort pid,comm,cpu',
    'report --stdio -q -F overhead,sample,period,comm --sort cpu,comm',
    'evlist -v',
  ];
  for (const words of WORDS)
    it(words, async () => {
      const real = await at.run('perf', [...words.split(' '), '-i', 'perf.data']);
      expect(real).to.include({ status: 0, stderr: '' });
      expect((await at.gperf([...words.split(' '), '-i', 'perf.data'])).stdout).to.equal(real.stdout);
    });

  it('report --header -I says how many CPUs there are, and where', async () => {
    const { stdout, stderr } = await at.run('perf', ['report', '--header-only', '-I', '-i', 'perf.data']);
    expect(stderr).to.equal('');
    expect(stdout).to.match(/^# nrcpus online : 3\n# nrcpus avail : 3\n/m);
    expect(stdout).to.match(/^# CPU 0: Core ID 0, Die ID 0, Socket ID 0\n# CPU 1: /m);
  });

  it('stat report --per-core puts the two hardware threads of a core together', async () => {
    const machine = ['--vpmu', 'host', '--set', 'host.cores=4', '--set', 'host.cpus=4'];
    const counting = ['-a', '-e', 'instructions:u,cycles:u', ...machine];
    await at.gperf(['stat', 'record', ...counting, '-o', 'stat.data', 'ftest-threads', '3', '0.01']);
    const real = await at.run('perf', ['stat', 'report', '--per-core', '-i', 'stat.data']);
    const cores = /^S0-D0-C0 +2 .*instructions:u.*\n.*cycles:u.*\nS1-D0-C0 +2 /m;
    expect(real.stderr + real.stdout).to.match(cores);
    const ours = await at.gperf(['stat', 'report', '--per-core', '-i', 'stat.data']);
    expect(ours.stderr + ours.stdout).to.equal(real.stderr + real.stdout);
    const header = await at.run('perf', ['report', '--header-only', '-I', '-i', 'stat.data']);
    expect(header.stdout).to.include('# sibling threads : 0,2\n# sibling threads : 1,3\n');
  });
});

describe('truth --sort cpu', () => {
  it('says how much each CPU did, of which run, and draws who ran where', async () => {
    const at = place();
    try {
      const words = 'truth --vpmu host --set host.cores=3 --sort cpu -e instructions --export-html cpus.html';
      const { stdout, status } = await at.gperf(`${words} lockbound 4 30`);
      expect(status).to.equal(0);
      expect(stdout).to.match(/\n# Who ran on which CPU is of one run, without events: /);
      expect(stdout).to.match(/\n# Overhead +Count +Command +CPU\n/);
      expect(stdout.match(/^ +\d+\.\d\d% +\d+ {2}lockbound {2}00[012]$/gm)).to.have.length(3);
      const page = at.read('cpus.html').toString();
      expect(page.match(/<div class="track lane">/g)).to.have.length(3);
      for (const text of ['Who ran where', 'thread clone 1', 'CPU 2', 'Every CPU']) expect(page).to.contain(text);
    } finally {
      at.remove();
    }
  });
});

describe('a recording of a guest with several vCPUs', function () {
  let at: Place;
  before(async function () {
    if (perfVersion !== '6.1') this.skip();
    at = place();
    const words = ['--vcpus', '4', '--set', 'host.cores=2', '--sample-cpu', '-s', '-e', 'cycles:u,cpu-migrations'];
    expect((await at.gperf(['record', ...words, 'server', '4', '60'])).status).to.equal(0);
    const counted = ['stat', 'record', '--vcpus', '4', '-a', '-A', '-o', 'stat.data', '-e', 'instructions:u'];
    expect((await at.gperf([...counted, 'lockbound', '3', '100'])).status).to.equal(0);
  });
  after(() => at?.remove());

  const WORDS = [
    'script -F comm,pid,tid,cpu,time,event,ip -i perf.data',
    'script -F comm,tid,cpu,time,event --show-task-events --show-mmap-events -i perf.data',
    'report --stdio -q --sort cpu,pid -i perf.data',
    'report --stdio -q -T --sort pid,comm -i perf.data',
    'evlist -v -i perf.data',
    'stat report --per-core -i stat.data',
  ];
  for (const words of WORDS)
    it(words, async () => {
      const real = await at.run('perf', words.split(' '));
      const own = await at.gperf(words.split(' '));
      // perf stat prints to standard error.
      expect(real.status).to.equal(0);
      expect([own.stdout, own.stderr]).to.deep.equal([real.stdout, real.stderr]);
      if (!words.startsWith('stat')) expect(real.stderr).to.equal('');
    });
});
