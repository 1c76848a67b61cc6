/**
 * Bad input: each is answered by one clear sentence (or perf's own lines) and perf's exit code, and nothing else: no
 * stack trace, no half-written file, nothing left beside it.
 */
import { expect } from 'chai';
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { loadBuiltin } from '../../src/cli/builtins.ts';
import { reportError } from '../../src/cli/errors.ts';
import { MAIN, pairwise, place, type Ended, type Place } from './e2e.ts';

/** The words typed, the exit code, and the beginning of standard error; a string is all of it. */
type Case = readonly [words: string, status: number, stderr: string | RegExp];

const YAML_FAULTS: Readonly<Record<string, readonly [text: string, told: string]>> = {
  syntax: ['about: x\nfunctions:\n  main: [load\n', 'syntax.yaml:4:1: Flow sequence'],
  key: [
    'about: x\ninclude: glibc\nfunctons: {}\nfunctions:\n  main: [load]\n',
    'key.yaml:3:1: unknown key "functons" (did you mean "functions"?)',
  ],
  type: ['about: 7\ninclude: glibc\nfunctions:\n  main: [load]\n', 'type.yaml:1:8: about: expected a string, got 7'],
  word: [
    'about: x\ninclude: glibc\nfunctions:\n  main: [pussh]\n',
    'word.yaml:4:10: "pussh" is not an instruction (did you mean "push"?)',
  ],
  call: [
    'about: x\ninclude: glibc\nfunctions:\n  main: [{ call: foo }]\n',
    'call.yaml:4:12: function main: there is no function "foo"',
  ],
  value: [
    'about: x\ninclude: glibc\nfunctions:\n  main: [{ loop: -5, body: [load] }]\n',
    'value.yaml:4:12: function main: loop: -5 is not a whole number',
  ],
  parameter: [
    'about: x\ninclude: glibc\nfunctions:\n  main: [{ loop: "${n}", body: [load] }]\n',
    'parameter.yaml:4:12: function main: unknown parameter "n"',
  ],
};

const TOP = `       The limit can be raised via /proc/sys/kernel/perf_event_max_sample_rate.
       The kernel will lower it when perf's interrupts take too long.
`;

const LONG = 'x'.repeat(300);

const CASES: readonly Case[] = [
  // Workloads.
  ['record nosuch', 255, 'nosuch: there is no such workload; `gperf list workload` shows the built-in ones\n'],
  ['stat ./workloads/ftst', 255, /^\.\/workloads\/ftst: there is no such workload \(did you mean "ftest"\?\)/],
  ['record ./elf', 255, /^\.\/elf: is an executable, and gperf simulates: [^\n]+\n$/],
  ['stat ./directory', 255, './directory: is a directory, not a workload\n'],
  ['stat ./throws.mjs', 255, './throws.mjs:2:7: Error: boom\n'],
  ['stat ./empty.mjs', 255, /^\.\/empty\.mjs: does not export a Program by default[^\n]*\n$/],
  [
    'stat ./aliases.yaml',
    255,
    /^\.\/aliases\.yaml:1:1: its aliases expand to too many nodes, or to themselves\n1 \| [^\n]*\n {2}\| \^\n$/,
  ],
  ['truth noploop many', 255, /^noploop: seconds \(how long to spin\) must be a number [^\n]*"many"\n$/],
  ['record true true', 255, 'true: takes no arguments, got "true"\n'],
  ['stat', 129, /^no workload given\n\n Usage: gperf stat /],
  ...Object.entries(YAML_FAULTS).map(([name, [, told]]): Case => [
    `stat ./${name}.yaml`,
    255,
    new RegExp(String.raw`^\./${told.replaceAll(/[()[\]?.]/g, String.raw`\$&`)}[^\n]*\n *\d+ \| [^\n]*\n +\| +\^+\n`),
  ]),
  // Events.
  [
    'record -e nosuch true',
    129,
    /^event syntax error: 'nosuch'\n +\\___ parser error\nRun 'gperf list' for a list of valid events\n/,
  ],
  ['stat -e cycles,brnches true', 129, /\\___ parser error\nDid you mean 'branches'\?\n/],
  ['truth -e cs true', 129, /^there is no ground truth for 'cs': [^\n]+\n$/],
  [
    'record -e cycles:S true',
    255,
    "Error:\nInvalid event (cycles:S) in per-thread mode, enable system wide with '-a'.\nLinux before 6.13 cannot tell in samples what a workload with its threads has counted (:S): use -i, or a group.\n",
  ],
  [
    'record -a -e cycles:S true',
    255,
    /^Error:\nThe sys_perf_event_open\(\) syscall returned with 22 \(Invalid argument\) for event \(cycles:S\)\.\n/,
  ],
  // Options.
  ['record --frq 3 true', 129, /^ {2}Error: unknown option `frq'\n {2}Did you mean `--freq'\?\n\n Usage: /],
  ['stat -Y true', 129, /^ {2}Error: unknown switch `Y'\n\n Usage: /],
  [
    'stat --per-thread true',
    234,
    /^The --per-thread option is only available when monitoring via -p -t -a options or only --per-thread\.\n\n Usage: /,
  ],
  [
    'stat -p 7 ftest-threads 1 0.02',
    234,
    /^Problems finding threads of monitor\nOf -p there are, when perf begins: 1000 perf, 1001 ftest-threads\.\n\n Usage: /,
  ],
  [
    'record -p 1001 true',
    244,
    "Couldn't create thread/CPU maps: No such process\nOf -p there are, when perf begins: 1000 perf.\n",
  ],
  [
    'record -t 1003 ftest-threads 1 0.02',
    255,
    'Error:\nThe sys_perf_event_open() syscall returned with 3 (No such process) for event (cycles).\nOf -t there are, when perf begins: 1000 perf, 1001 ftest-threads, 1002 ftest-threads.\n',
  ],
  ['record -p x true', 129, /^'x' is not a list of ids like 1001,1002\n\n Usage: /],
  [
    'stat --started 5 true',
    129,
    /^--started is for a workload that perf does not start: with -p, -t or -a\n\n Usage: /,
  ],
  ['stat -C 3-1 true', 234, /^failed to parse CPUs map: '3-1' is not a list like 0,2-3\n\n Usage: /],
  ['stat -C 0,0 true', 234, /^failed to parse CPUs map: '0,0' is not a list/],
  ['stat -C 0,88 --vpmu host true', 234, /^CPU 88 of -C 0,88: the machine has CPUs 0-87\n\n Usage: /],
  ['record -C x true', 129, /^failed to parse CPUs map: 'x' is not a list/],
  ['stat -A true', 234, /^both cgroup and no-aggregation modes only available in system-wide mode\n\n Usage: /],
  // The machine.
  ['stat --vpmu hots true', 129, /^no such vPMU design: hots \(did you mean host\?\)\n$/],
  ['stat --machine brodwell-ep true', 129, 'no such machine: brodwell-ep (did you mean broadwell-ep?)\n'],
  ['stat --set host.hx=1 true', 129, 'no such spec key: host.hx (did you mean host.hz?)\n'],
  ['stat --set constructor=1 true', 129, /^no such spec key: constructor \(/],
  ['stat --set host.hz=fast true', 129, 'host.hz=fast: must be a whole number from 100 to 1000\n'],
  [
    'stat --machine machine.yaml true',
    129,
    /^machine\.yaml:2:3: no such spec key: host\.hx \(did you mean host\.hz\?\)\n$/,
  ],
  ['compare --vpmu host,v2 --workers 0 true', 129, '--workers 0: must be a number above 0, or auto\n'],
  ['reproduce --workers x rfc-v2', 129, '--workers x: must be a number above 0, or auto\n'],
  ['compare --workers 2 a b', 129, /^--workers is for designs that are run \(--vpmu\)\n/],
  ['stat --workers x true', 129, '--workers x: must be a number above 0, or auto\n'],
  ['record --cores 1 true', 129, /^ {2}Error: unknown option `cores'\n/],
  // Rates and buffers.
  [
    'record --vpmu host -F 1000000 --strict-freq true',
    234,
    `error: Maximum frequency rate (100,000 Hz) exceeded.\n${TOP}`,
  ],
  ['record -F 0 true', 234, 'frequency and count are zero, aborting\n'],
  ['record -c 0 true', 234, 'frequency and count are zero, aborting\n'],
  ['record -F 10 -c 10 true', 234, 'cannot set frequency and period at the same time\n'],
  ['record -c many true', 129, /^ Error: switch `c' expects a numerical value\n Usage: /],
  ['record -m many true', 129, /^Invalid argument for --mmap_pages\/-m\n\n Usage: /],
  ['record --call-graph dwarf true', 129, 'gperf does not model --call-graph dwarf.\n'],
  ['stat record -r 2 true', 255, 'Cannot use -r option with perf stat record.\n'],
  ['stat -r -1 true', 234, /^Run count must be a positive number\n\n Usage: /],
  ['stat --timeout 5 true', 234, /^timeout must be >= 10ms\.\n\n Usage: /],
  ['stat --interval-count 2 true', 234, /^interval-count option should be used together with interval-print\.\n\n/],
  // Output.
  ['record -o none/x.data true', 255, 'failed to open none/x.data: No such file or directory\n'],
  ['record -o directory true', 255, 'failed to open directory: Is a directory\n'],
  ['record -o /dev/full true', 255, 'failed to write /dev/full: No space left on device\n'],
  ['stat -o none/x true', 255, 'failed to create output file: No such file or directory\n'],
  ['stat -o /dev/full true', 255, 'failed to write /dev/full: No space left on device\n'],
  ['stat -o new.txt nosuch', 255, /^nosuch: /],
  ['stat --log-fd 77 true', 234, 'Failed opening logfd: Bad file descriptor\n'],
  // What the system refuses.
  ['stat ./loop', 255, './loop: Too many levels of symbolic links\n'],
  ['stat --machine loop.yaml true', 129, 'cannot read the machine file loop.yaml: Too many levels of symbolic links\n'],
  ['stat -o loop true', 255, 'failed to create output file: Too many levels of symbolic links\n'],
  ['record -o loop true', 255, 'failed to open loop: Too many levels of symbolic links\n'],
  ['report -i loop', 255, 'failed to open loop: Too many levels of symbolic links\n'],
  ['compare loop loop', 255, 'failed to open loop: Too many levels of symbolic links\n'],
  ['truth --export-csv loop true', 255, 'failed to open loop: Too many levels of symbolic links\n'],
  [`compare ${LONG} ${LONG}`, 255, `failed to open ${LONG}: File name too long\n`],
  [`stat ./${LONG}`, 255, `./${LONG}: File name too long\n`],
  [`record -o ${LONG} true`, 255, `failed to open ${LONG}: File name too long\n`],
  ['script -i empty/x', 255, 'failed to open empty/x: Not a directory\n'],
  ['truth --export-json none/x true', 255, 'failed to open none/x: No such file or directory\n'],
  // Recordings.
  ['report', 255, "failed to open perf.data: No such file or directory  (try 'gperf record' first)\n"],
  ['stat report', 255, "failed to open perf.data: No such file or directory  (try 'gperf record' first)\n"],
  ['script -i none.data', 255, 'failed to open none.data: No such file or directory\n'],
  ['report -i empty', 255, 'zero-sized data (empty), nothing to do!\n'],
  ['evlist -i garbage', 255, 'incompatible file format (rerun with -v to learn more)\n'],
  ['stat report -i good.data', 255, "good.data has no counts: it is no file of 'gperf stat record'\n"],
  ['report -i good.data -s bogus', 129, /^Error:\nUnknown --sort key: `bogus'\n Usage: [^]*--sort/],
  ['report -i good.data -F bogus', 129, /^Error:\nUnknown --fields key: `bogus'\n Usage: [^]*--fields/],
  ['report -i good.data -g', 255, /^Error:\nSelected -g or --branch-history\.\n[^\n]*\n[^\n]*\n$/],
  ['script -i good.data -F bogus', 129, /^Invalid field requested\.\n Usage: [^]*--fields/],
  [
    'script -i good.data -F +cpu',
    255,
    "Samples for 'cycles' event do not have CPU attribute set. Cannot print 'cpu' field.\n",
  ],
];

/** Settled before a command is loaded. */
const PROCESS_CASES: readonly Case[] = [
  [
    'recrod true',
    1,
    /^gperf: 'recrod' is not a gperf-command\. See 'gperf --help'\.\n\nDid you mean this\?\n\trecord\n$/,
  ],
  ['top', 129, "gperf does not model 'perf top'.\n"],
];

describe('bad input', function () {
  let at: Place;
  let there: readonly string[];
  before(async () => {
    at = place();
    at.write('elf', Buffer.from('\u007FELF\u0002\u0001\u0001', 'latin1'));
    at.write('empty', '');
    at.write('garbage', 'x'.repeat(500));
    at.write('throws.mjs', '// A module.\nthrow new Error("boom");\n');
    at.write('empty.mjs', '');
    const level = (name: string, of: string): string => `${name}: &${name} [${Array(9).fill(of).join()}]\n`;
    at.write('aliases.yaml', ['x', '*a', '*b', '*c', '*d', '*e'].map((of, i) => level('abcdef'[i]!, of)).join(''));
    at.write('machine.yaml', 'host:\n  hx: 1\n');
    for (const [name, [text]] of Object.entries(YAML_FAULTS)) at.write(`${name}.yaml`, text);
    mkdirSync(at.file('directory'));
    symlinkSync('loop', at.file('loop'));
    symlinkSync('loop.yaml', at.file('loop.yaml'));
    await at.gperf('record -q --vpmu host -o good.data noploop 0.01');
    there = readdirSync(at.path).toSorted();
  });
  after(() => at.remove());

  /** What gperf's process would answer, without the cost of starting one. */
  async function answer(words: string): Promise<Ended> {
    const [name = '', ...args] = words.split(' ');
    const heard = { stdout: '', stderr: '' };
    const stream = (of: keyof typeof heard): { write(text: string): void } => ({
      write: (text) => {
        heard[of] += text;
      },
    });
    try {
      const terminal = { stdout: process.stdout, stderr: process.stderr, env: at.env };
      const status = await (await loadBuiltin(name)).run(args, { terminal });
      return { ...heard, status };
    } catch (error) {
      const status = reportError(error, { stdout: stream('stdout'), stderr: stream('stderr') }, at.env);
      return { ...heard, status };
    }
  }

  function check([words, status, told]: Case, answered: Ended): void {
    const what = `gperf ${words}`;
    if (typeof told === 'string') expect(answered.stderr, what).to.equal(told);
    else expect(answered.stderr, what).to.match(told);
    expect(answered.stderr, what).to.not.match(/^ {4}at |internal error/m);
    expect(answered, what).to.include({ status, stdout: '' });
  }

  it('gets one answer for each mistake', async () => {
    const here = process.cwd();
    process.chdir(at.path);
    try {
      for (const one of CASES) check(one, await answer(one[0]));
    } finally {
      process.chdir(here);
    }
    expect(readdirSync(at.path).toSorted()).to.deep.equal(there);
  });

  it('is answered by the process in the same way', async () => {
    const some = [...PROCESS_CASES, ...CASES.filter((_, i) => i % 12 === 0)];
    const answers = await pairwise(some, async ([words]) => at.gperf(words));
    for (const [i, one] of some.entries()) check(one, answers[i] as Ended);
    expect(readdirSync(at.path).toSorted()).to.deep.equal(there);
  });

  it("lowers a rate above the limit, and rounds a buffer, with perf's words", async () => {
    const { stderr, status } = await at.gperf('record --vpmu host -m 3 -F 1000000 -o high.data true');
    expect(status).to.equal(0);
    expect(stderr).to.match(
      /^warning: Maximum frequency rate \(100,000 Hz\) exceeded, throttling from 1,000,000 Hz to 100,000 Hz\.\n( {9}[^\n]*\n){3}rounding mmap pages size to 16K \(4 pages\)\n\[ perf record: /,
    );
    expect((await at.gperf('evlist -F -i high.data')).stdout).to.equal('cycles: sample_freq=100000\n');
  });

  it('tells where a recording is cut off, wherever that is', async () => {
    const whole = at.read('good.data');
    const offsets = [100, 300, 1000, whole.length - 1];
    const cut = async (offset: number, command: string): Promise<Ended> => {
      at.write(`cut-${offset}.data`, whole.subarray(0, offset));
      return at.gperf(`${command} -i cut-${offset}.data`);
    };
    const answers = await pairwise(offsets, async (offset) => [
      await cut(offset, 'report'),
      await cut(offset, 'script'),
      await cut(offset, 'evlist'),
    ]);
    for (const [i, offset] of offsets.entries()) {
      const [report, script, evlist] = answers[i] as [Ended, Ended, Ended];
      for (const { status, stderr } of [report, script]) {
        expect(status, `${offset}`).to.equal(255);
        expect(stderr).to.match(
          /^(cut-\d+\.data is truncated[^\n]*|incompatible file format \(rerun with -v to learn more\))\n$/,
        );
      }
      // The list of events precedes the data, and is whole if these are.
      if (evlist.status === 0) expect(`${evlist.stdout}${evlist.stderr}`).to.match(/^cycles(:HG)?\n$/);
      else expect(evlist.stderr).to.equal(report.stderr);
    }
  });

  it('in a working directory that is gone is only what names a file there or needs threads', async () => {
    const missing = (what: string): string => `failed to open ${what}: No such file or directory`;
    const told: Readonly<Record<string, string>> = {
      'list vpmu': '',
      'stat -o /dev/null true': '',
      report: `${missing('perf.data')}  (try 'gperf record' first)\n`,
      'record -o x true': `${missing('x')}\n`,
      'bench --workers=1 true': 'failed to find the working directory: No such file or directory\n',
      'compare a b': `${missing('a')}  (to run a workload, name designs: --vpmu host,v2)\n`,
    };
    for (const [words, stderr] of Object.entries(told)) {
      const command = `mkdir gone; cd gone; rmdir ../gone; exec '${process.execPath}' '${MAIN}' ${words}`;
      const answered = await at.run('sh', ['-c', command]);
      expect({ status: answered.status, stderr: answered.stderr }, words).to.deep.equal({
        status: stderr === '' ? 0 : 255,
        stderr,
      });
    }
  });

  it('leaves an older recording alone when the disk is full', async () => {
    const old = at.read('good.data');
    const limited = `trap '' XFSZ; ulimit -f 40; exec '${process.execPath}' '${MAIN}' "$@"`;
    for (const words of [
      'record --vpmu host -N -c 100000 -o good.data noploop 0.1',
      'stat --vpmu host -o new.txt true',
    ]) {
      const { status, stderr } = await at.run('sh', [
        '-c',
        words.startsWith('stat') ? limited.replace('40', '0') : limited,
        'sh',
        ...words.split(' '),
      ]);
      expect(stderr).to.match(/^failed to write (good\.data|new\.txt): File too large\n$/);
      expect(status).to.equal(255);
    }
    expect(at.read('good.data').equals(old)).to.equal(true);
    expect(readdirSync(at.path).filter((name) => name.startsWith('.') || name.startsWith('new'))).to.deep.equal([]);
  });

  it('says so when standard output is full', async () => {
    for (const command of ['list', 'report -i good.data'])
      expect(await at.run('sh', ['-c', `'${process.execPath}' '${MAIN}' ${command} >/dev/full`])).to.deep.equal({
        status: 255,
        stdout: '',
        stderr: 'failed to write standard output: No space left on device\n',
      });
  });
});

describe('the build-id cache', function () {
  let at: Place;
  before(() => (at = place()));
  after(() => at.remove());

  const record = async (home: string | undefined): Promise<string> => {
    const { status, stderr } = await at.gperf('record --vpmu host -o a.data true', { env: { HOME: home } });
    expect(status).to.equal(0);
    return stderr.split('\n').slice(2).join('\n');
  };

  it('is not needed, and its absence is told in one sentence', async () => {
    expect(await record(undefined)).to.match(/^# symbols: [^\n]*true, [^\n]*: no build-id cache, HOME is not set\n$/);
    expect(await record('')).to.match(/^# symbols: [^\n]*: no build-id cache, HOME is not set\n$/);
    at.write('file', '');
    expect(await record(at.file('file'))).to.match(
      /^# symbols: [^\n]*: cannot write to the build-id cache [^\n]*: Not a directory\n$/,
    );
    const { status, stdout } = await at.gperf('report -i a.data', { env: { HOME: undefined } });
    expect([status, stdout.length > 100]).to.deep.equal([0, true]);
  });

  it("of somebody else's stays as it is", async () => {
    const home = at.file('home');
    expect(await record(home)).to.equal('');
    const [buildId] = readdirSync(join(home, '.debug/usr/local/bin/true'));
    const elf = `home/.debug/usr/local/bin/true/${buildId}/elf`;
    chmodSync(at.file(elf), 0o644);
    at.write(elf, 'mine');
    expect(await record(home)).to.match(
      /^# symbols: [^\n]*true: [^\n]* exists with other content and was left as it is\n$/,
    );
    expect(at.read(elf).toString()).to.equal('mine');
  });

  it('may be a link', async () => {
    mkdirSync(at.file('real'));
    mkdirSync(at.file('linked'));
    symlinkSync(at.file('real'), at.file('linked/.debug'));
    expect(await record(at.file('linked'))).to.equal('');
    expect(existsSync(at.file('real/.build-id'))).to.equal(true);
  });
});
