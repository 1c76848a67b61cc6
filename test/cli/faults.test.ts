/**
 * Designs and workloads that do what no code should: each run ends with one sentence and its exit code, and leaves no file, no
 * thread and no process behind. Nothing here depends on how fast the machine is.
 */
import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { perfVersion } from '../perfdata/real-perf.ts';
import { MAIN, pairwise, place, type Ended, type Place } from './e2e.ts';

/** A workload too long to wait for. */
const LONG = 'noploop 70000';

/** reuse-lazy, but at its third KVM_REQ_PMU it does something else. */
const design = (deed: string): string => `export default ({ reusing }) => {
  const { attach, ...rest } = reusing({ release: 'never' });
  let served = 0;
  const faulty = (port) => {
    const vpmu = attach(port);
    const handleEvent = () => {
      if (++served > 2) { ${deed} }
      vpmu.handleEvent();
    };
    return { ...vpmu, handleEvent };
  };
  return { name: 'faulty', about: 'it has a fault', source: 'a test', ...rest, attach: faulty };
};
`;
const FS = "process.getBuiltinModule('fs')";
/** Shows that it has come so far, in the directory of the test. */
const here = `${FS}.writeFileSync('here', '');`;

const DEEDS = {
  string: "throw 'six';",
  undefined: 'throw undefined;',
  null: 'throw null;',
  error: "throw new RangeError('six is enough');",
  rejects: "Promise.reject(new RangeError('no'));",
  'rejects-six': "Promise.reject('six');",
  late: "setTimeout(() => { throw new RangeError('late'); }, 0);",
  exits: 'process.exit(3);',
  loops: 'for (;;);',
  fills: 'const [all, block] = [[], Array.from({ length: 1e6 }, Math.sqrt)]; for (;;) all.push(block.slice());',
  leaves: 'setInterval(() => undefined, 1000); new Promise(() => undefined);',
  sleeps: `${here} Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`,
  opens: `${here} ${FS}.readFileSync('fifo');`,
  nothing: '',
} as const;

const PLACE = String.raw`/\S*/`;
/** What is said of each, alone and by a thread of compare. */
const SENTENCES: readonly (readonly [deed: keyof typeof DEEDS, sentence: string, ofThread?: string])[] = [
  [
    'string',
    "./string.mjs threw 'six', which is no Error",
    "./string.mjs in a worker thread threw 'six', which is no Error",
  ],
  ['undefined', './undefined.mjs threw undefined, which is no Error'],
  ['null', './null.mjs threw null, which is no Error'],
  ['error', `${PLACE}error.mjs:7:33: six is enough`, `${PLACE}error.mjs:7:33: six is enough`],
  ['rejects', `${PLACE}rejects.mjs:7:42: no`, `${PLACE}rejects.mjs:7:42: no`],
  ['rejects-six', './rejects-six.mjs rejected a promise that nothing handles, with six, which is no Error'],
  ['late', `${PLACE}late.mjs:7:52: late`],
  [
    'exits',
    './exits.mjs ended the run: process.exit(3)',
    './exits.mjs in a worker thread failed: worker exited with code: 3',
  ],
  [
    'loops',
    './loops.mjs computes and does not come back: the simulation makes no progress',
    './loops.mjs in a worker thread computes and does not come back: the simulation makes no progress',
  ],
  [
    'fills',
    './fills.mjs ran out of memory: a shorter workload, or a longer period (-c), takes less',
    './fills.mjs in a worker thread ran out of memory: a shorter workload, or a longer period (-c), takes less',
  ],
];

describe('code of others', () => {
  let there: Place;
  let files: string[];
  const left = (): string[] => readdirSync(there.path).toSorted();

  before(async () => {
    there = place();
    for (const [name, deed] of Object.entries(DEEDS)) there.write(`${name}.mjs`, design(deed));
    there.write('loading.mjs', `${here} for (;;);`);
    await there.run('mkfifo', ['fifo']);
    files = left();
  });
  after(() => there.remove());
  afterEach(() => expect(left()).to.deep.equal(files));

  const one = (sentence: string): RegExp =>
    new RegExp(`^${sentence.replaceAll(/[.?()]/g, String.raw`\$&`).replaceAll(String.raw`\S*`, '.*')}\n$`);
  const signalled = (words: string, ...send: NodeJS.Signals[]): Promise<Ended> =>
    there.gperf(words, { signals: { once: /^(here|\.kept\.data\..*)$/, send } });
  const clear = async (...names: string[]): Promise<unknown> => there.run('rm', names);

  it('that fails ends a run in one sentence', async () => {
    const ends = await pairwise(SENTENCES, async ([deed]) =>
      there.gperf(`record --vpmu ./${deed}.mjs -o ${deed}.data noploop 0.1`),
    );
    for (const [i, [deed, sentence]] of SENTENCES.entries()) {
      expect(ends[i]!.stderr, deed).to.match(one(sentence));
      expect([ends[i]!.status, ends[i]!.stdout], deed).to.deep.equal([255, '']);
    }
  });

  it('that fails in a worker thread, too', async () => {
    const ofThreads = SENTENCES.flatMap(([deed, , sentence]) => (sentence === undefined ? [] : [{ deed, sentence }]));
    const ends = await pairwise(ofThreads, async ({ deed }) =>
      there.gperf(`compare --workers 2 --vpmu host,./${deed}.mjs noploop 0.1`),
    );
    for (const [i, { deed, sentence }] of ofThreads.entries()) {
      expect(ends[i]!.stderr, deed).to.match(one(sentence));
      expect([ends[i]!.status, ends[i]!.stdout], deed).to.deep.equal([255, '']);
    }
  });

  it('that loops ends stat, bench, check, and a run on several threads', async () => {
    for (const words of [
      'stat --vpmu ./loops.mjs -e cycles,branches,instructions,L1-dcache-loads,L1-dcache-load-misses,dTLB-loads noploop 1',
      'bench --vpmu ./loops.mjs -F 4000 noploop 0.1',
      'check ./loops.mjs',
      'record --vpmu ./loops.mjs --vcpus 2 --workers 2 -o x.data ftest-threads 2 0.1',
    ]) {
      const { stderr, stdout, status } = await there.gperf(words);
      expect(stderr, words).to.match(/^.\/loops.mjs (in a worker thread )?computes and does not come back: .*\n$/);
      expect([status, stdout], words).to.deep.equal([255, '']);
    }
  });

  it('may leave timers and promises pending', async () => {
    const { status } = await there.gperf('record --vpmu ./leaves.mjs -o leaves.data noploop 0.1');
    expect(status).to.equal(0);
    await clear('leaves.data');
  });

  it('cannot keep ^C from ending a run: while it is loaded, asleep, or inside a system call', async () => {
    const loading = await signalled('record --vpmu ./loading.mjs -o x.data true', 'SIGINT');
    expect(loading.stderr).to.match(/^.\/loading.mjs computes and does not come back: .*\n$/);
    expect(loading.status).to.equal(130);
    await clear('here');
    const workload = await signalled('truth ./loading.mjs', 'SIGTERM');
    expect(workload.stderr).to.equal('./loading.mjs computes and hears no signal: nothing was written\n');
    expect(workload.status).to.equal(143);
    await clear('here');
    for (const [deed, status] of [
      ['sleeps', 130],
      ['opens', 'SIGINT'],
    ] as const) {
      const end = await signalled(`record --vpmu ./${deed}.mjs -o x.data noploop 1`, 'SIGINT');
      expect(end.stderr, deed).to.match(/^.\/\w+.mjs sleeps and does not come back: .*\n$/);
      expect(end.status, deed).to.equal(status);
      await clear('here');
    }
  });

  for (const [how, options] of [
    ['on a thread of its own', '--vpmu ./nothing.mjs'],
    ['on two threads', '--vpmu ./nothing.mjs --vcpus 2 --workers 2'],
  ] as const)
    it(`lets ^C end record ${how}, which keeps what was gathered`, async () => {
      const end = await signalled(`record ${options} -F 1000 -o kept.data ${LONG}`, 'SIGINT', 'SIGINT');
      expect(end.status, end.stderr).to.equal(130);
      const { stdout, stderr } = await there.gperf('report -q -i kept.data');
      expect(stderr).to.equal('');
      expect(stdout).to.match(/^ +(?:9\d|100)\.\d\d% {2}noploop/);
      if (perfVersion !== undefined)
        expect(await there.run('perf', ['script', '-i', 'kept.data'])).to.deep.equal(
          await there.gperf('script -i kept.data'),
        );
      await clear('kept.data');
    });

  it('leaves nothing when its reader has seen enough', async () => {
    const { stdout } = await there.run('sh', [
      '-c',
      `'${process.execPath}' '${MAIN}' stat record --vpmu ./nothing.mjs -I 10 -o stat.data ${LONG} 2>&1 | head -n 1`,
    ]);
    expect(stdout).to.match(/^# +time/);
  });

  it('goes on to a whole file, and to its end, when the shell around record on two threads is killed', async () => {
    const words = `'${process.execPath}' '${MAIN}' record -q --vcpus 2 --workers 2 -o kept.data ftest-threads 2 20; true`;
    // It has ended when nobody holds its output any more.
    const shell = await there.run('sh', ['-c', words], { signals: { once: /^\.kept\.data\..*/, send: ['SIGKILL'] } });
    expect([shell.status, shell.stderr]).to.deep.equal(['SIGKILL', '']);
    expect(left()).to.deep.equal([...files, 'kept.data'].toSorted());
    expect((await there.gperf('report -q -i kept.data')).status).to.equal(0);
    await clear('kept.data');
  });

  it('that is killed leaves a hidden file, which the next run removes', async () => {
    const killed = await signalled(`record --vpmu ./nothing.mjs -o kept.data ${LONG}`, 'SIGKILL');
    expect(killed.status).to.equal('SIGKILL');
    expect(left().filter((name) => name.startsWith('.kept.data.'))).to.have.length(1);
    expect((await there.gperf('record --vpmu host -o kept.data true')).status).to.equal(0);
    await clear('kept.data');
  });
});
