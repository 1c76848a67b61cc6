/**
 * Recordings made here by real perf, of small programs built in every way (fixtures/programs): gperf prints them as
 * perf does, byte for byte. Skipped if perf 6.1 is not installed or may not record; a program whose compiler is
 * missing is left out.
 */
import { expect } from 'chai';
import { resolve } from 'node:path';
import { canRecord, perfVersion, run } from '../perfdata/real-perf.ts';
import { pairwise, place, type Place } from './e2e.ts';

const SOURCES = resolve('fixtures/programs');
const FRAMES = ['-O1', '-g', '-fno-omit-frame-pointer'];

/** Program -> its compiler and its words. */
const PROGRAMS: Readonly<Record<string, readonly [compiler: string, ...words: string[]]>> = {
  spin: ['gcc', ...FRAMES, 'spin.c'],
  'spin-static': ['gcc', '-O1', '-static', 'spin.c'],
  'spin-fixed': ['gcc', '-O1', '-no-pie', 'spin.c'],
  'spin-bare': ['gcc', '-O1', '-s', 'spin.c'],
  'spin-gold': ['gcc', '-O1', '-static', '-fuse-ld=gold', 'spin.c'],
  threads: ['gcc', ...FRAMES, '-pthread', 'threads.c'],
  forker: ['gcc', ...FRAMES, 'forker.c'],
  templates: ['g++', ...FRAMES, 'templates.cpp'],
  shapes: ['rustc', '-O', '-C', 'force-frame-pointers=yes', 'shapes.rs'],
  'shapes-v0': ['rustc', '-O', '-C', 'symbol-mangling-version=v0', 'shapes.rs'],
};

const CLOCK = '-e cpu-clock -F 1999';

/** Recording -> perf's options and the command to run. */
const RECORDINGS: Readonly<Record<string, readonly [options: string, command: string]>> = {
  'a clock': [CLOCK, './spin'],
  'a fixed period': ['-e task-clock -c 300000', './spin'],
  'page faults': ['-e page-faults -c 1', './spin'],
  'two events': ['-e cpu-clock,page-faults -F 1999', './spin'],
  'a group': ['-e {cpu-clock,page-faults} -F 999', './spin'],
  'call chains': [`${CLOCK} -g`, './threads'],
  'all CPUs': ['-e cpu-clock -F 299 -a -g', 'sleep 0.1'],
  'threads, with their counts': [`${CLOCK} -s -T -d`, './threads'],
  'forks and an exec': [CLOCK, './forker ./spin'],
  'a shell': [`${CLOCK} -g`, 'sh -c ./spin;./forker'],
  'a static program': [`${CLOCK} -g`, './spin-static'],
  "gold's work": [CLOCK, './spin-gold'],
  'a program at a fixed address': [`${CLOCK} -g`, './spin-fixed'],
  'a stripped program': [CLOCK, './spin-bare'],
  'C++': [`${CLOCK} -g`, './templates'],
  Rust: [`${CLOCK} -g`, './shapes'],
  "Rust's new names": [CLOCK, './shapes-v0'],
  'compressed records': [`${CLOCK} -z -g`, './forker'],
  'a directory': ['-e cpu-clock -F 999 -a --threads', 'sleep 0.1'],
  tracepoints: ['-e sched:sched_switch,sched:sched_wakeup -a -g', 'sleep 0.02'],
  'system calls': ['-e raw_syscalls:sys_enter,raw_syscalls:sys_exit', './spin'],
  'counts of the software': ['-e context-switches,cpu-migrations,minor-faults,dummy -c 1', './forker'],
  'one thread each': ['-e cpu-clock -F 999 --per-thread', './spin'],
  'weights, addresses and times': ['-e cpu-clock -F 999 --sample-cpu -W -P -T -d', './spin'],
  switches: ['-e cpu-clock -F 999 --switch-events', './forker'],
  'no build-ids': [`${CLOCK} -B`, './spin'],
  'another clock': [`${CLOCK} -k CLOCK_MONOTONIC`, './spin'],
  registers: ['-e cpu-clock -F 999 --intr-regs=ax,bx,ip --user-regs=ip,sp', './spin'],
  'a pipe': [`${CLOCK} -o -`, './forker'],
};

const COMMANDS = [
  'report --stdio',
  'report --stdio --no-children -s comm,dso,sym -n',
  'report --stats',
  'report --header-only -I',
  'script',
  'script --header --show-mmap-events --show-task-events',
  'evlist -v',
];

/** Each program has tips of its own. */
const withoutTips = (text: string): string =>
  text.replaceAll(/^# (?:\((?:Tip: .*|Cannot load tips.txt.*)\)|Tip: .*)\n/gm, '');

describe('recordings of real perf, judged by it', function () {
  let at: Place;
  const built = new Set<string>();

  before(async function () {
    if (perfVersion !== '6.1' || !canRecord) this.skip();
    at = place();
    await pairwise(Object.entries(PROGRAMS), async ([name, [compiler, ...words]]) => {
      if (run(compiler, ['--version']).status !== 0) return;
      const sources = words.map((word) => (/\.\w+$/.test(word) ? `${SOURCES}/${word}` : word));
      // Compilers look for their files at home.
      const { status } = await at.run(compiler, [...sources, '-o', name], { env: { HOME: process.env['HOME'] } });
      if (status === 0) built.add(name);
    });
  });
  after(() => at?.remove());

  for (const [what, [options, command]] of Object.entries(RECORDINGS))
    it(`reads one of ${what}`, async function () {
      const [program] = command.split(' ');
      if (program!.startsWith('./') && !built.has(program!.slice(2))) this.skip();
      const name = `${what.replaceAll(/\W+/g, '-')}.data`;
      const piped = options.includes('-o -');
      const words = ['record', '-q', ...options.split(' '), ...(piped ? [] : ['-o', name])];
      const shell = command.startsWith('sh -c ') ? ['sh', '-c', command.slice('sh -c '.length)] : command.split(' ');
      const recorded = await at.run('perf', [...words, ...shell], { binary: true });
      expect(recorded.status, recorded.stderr).to.equal(0);
      if (piped) at.write(name, Buffer.from(recorded.stdout, 'latin1'));

      const pairs = await pairwise(COMMANDS, async (text) => {
        const asked = [...text.split(' '), '-i', name];
        const [own, real] = [await at.gperf(asked, { binary: true }), await at.run('perf', asked, { binary: true })];
        return [text, own, real] as const;
      });
      for (const [text, own, real] of pairs) {
        expect(withoutTips(own.stdout), text).to.equal(withoutTips(real.stdout));
        expect(own.status, text).to.equal(real.status);
        expect(real.stdout.length, text).to.be.greaterThan(20);
      }
    });

  it("says that nothing was sampled, with perf's exit code", async () => {
    expect((await at.run('perf', ['record', '-q', '-e', 'dummy', '-o', 'empty.data', 'true'])).status).to.equal(0);
    const asked = ['report', '--stdio', '-i', 'empty.data'];
    const [own, real] = [await at.gperf(asked), await at.run('perf', asked)];
    expect(own.stderr).to.equal('Error:\nThe empty.data data has no samples!\n');
    expect(real.stderr).to.contain(own.stderr);
    expect([own.status, own.stdout]).to.deep.equal([real.status, real.stdout]);
  });
});
