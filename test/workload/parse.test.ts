/**
 * Workload files: the same image as when built in code; and the messages about faulty ones. UPDATE=1 rewrites the
 * schema for editors.
 */
import { expect } from 'chai';
import {
  barrier,
  branch,
  call,
  exit,
  fault,
  fork,
  func,
  join,
  jump,
  lock,
  loop,
  mutex,
  op,
  ops,
  pipe,
  post,
  program,
  read,
  semaphore,
  sleep,
  spawn,
  syscall,
  take,
  unlock,
  wait,
  write,
} from '../../src/workload/build.ts';
import { expectKept } from '../kept.ts';
import { compile, link } from './compiled.ts';
import { faultText, WorkloadError } from '../../src/workload/fault.ts';
import { parseText } from '../../src/workload/parse.ts';
import type { Program } from '../../src/workload/program.ts';
import { jsonSchema } from '../../src/workload/schema.ts';

const parse = (text: string): Promise<Program> => parseText('demo.yaml', text, { includeDir: 'workloads/include' });

/** The first lines of what is said about a file. */
async function complaints(text: string): Promise<string[]> {
  try {
    await parse(text);
  } catch (e) {
    if (!(e instanceof WorkloadError)) throw e;
    return e.faults.map((f) => faultText(f).split('\n')[0]!);
  }
  return [];
}

const YAML = `
about: every form of an item
entry: start
params:
  times: { default: 20, about: how often }
misses:
  hot: { l1: 0.01, l2: 0.1 }
dsos:
  libx: { path: '/usr/lib64/libx-\${libc}.so', base: 0x7ffff7a00000 }
functions:
  start:
    - call: main
    - syscall: exit_group
      args: { status: 0 }
  main:
    fetch: { l1: 0.1, stlb: 0.01 }
    body:
      - push
      - { load: 3, misses: hot, cycles: 0.75 }
      - loop: \${times * 2}
        mispredict: 0.5
        body:
          - { store: 1, misses: { tlb: 0.001 } }
          - branch: 0.25
            mispredict: 0.1
            then: [alu, { call: f@plt }]
            else: &cold [{ fault: write }]
          - branch: { every: 7 }
            then: *cold
      - { nop: 2, events: { LLC-misses: 1 }, sites: [{ p: 0.5, events: { cycles: 2.5 } }] }
      - seq: [lea, mov]
  f@plt: [{ jump: f, cycles: 2 }]
  f:
    dso: libx
    symbol: __f
    body: [{ syscall: brk, cycles: 30 }, { sqrt: 1 }]
`;

const BUILT = program({
  name: 'demo',
  about: 'every form of an item',
  entry: 'start',
  params: [{ name: 'times', default: 20, about: 'how often' }],
  misses: { hot: { l1: 0.01, l2: 0.1 } },
  dsos: [{ name: 'libx', path: '/usr/lib64/libx-${libc}.so', base: 0x7ffff7a00000 }],
  functions: [
    func('start', [call('main'), syscall('exit_group', { status: 0 })]),
    func(
      'main',
      [
        op('push'),
        ops(3, 'load', { misses: 'hot', cycles: 0.75 }),
        loop(
          '${times * 2}',
          [
            op('store', { misses: { tlb: 0.001 } }),
            branch(0.25, [op('alu'), call('f@plt')], [fault('write')], { mispredict: 0.1 }),
            branch({ every: 7 }, [fault('write')]),
          ],
          { mispredict: 0.5 },
        ),
        ops(2, 'nop', { events: { 'LLC-misses': 1 }, sites: [{ p: 0.5, events: { cycles: 2.5 } }] }),
        { kind: 'seq', body: [op('lea'), op('mov')] },
      ],
      { fetch: { l1: 0.1, stlb: 0.01 } },
    ),
    func('f@plt', [jump('f', { cycles: 2 })]),
    func('f', [syscall('brk', {}, { cycles: 30 }), op('sqrt')], { dso: 'libx', symbol: '__f' }),
  ],
});

const THREADS = `
about: every item about threads
include: pthread
params:
  n: { default: 3, about: how many }
objects:
  m: mutex
  b: { barrier: '\${n}' }
  s: semaphore
  t: { semaphore: 2 }
  q: pipe
  r: { pipe: 16 }
functions:
  main:
    - { spawn: worker, times: '\${n}' }
    - fork: other
    - { write: q, bytes: 10 }
    - join
    - wait
    - sleep: 1000
  worker: [{ lock: m }, alu, { unlock: m }, { wait: b }, { post: s }, { take: t }, exit]
  other: [{ read: q, bytes: 10 }, { read: r }]
`;

const BUILT_THREADS = program({
  name: 'demo',
  about: 'every item about threads',
  include: ['pthread'],
  params: [{ name: 'n', default: 3, about: 'how many' }],
  objects: [mutex('m'), barrier('b', '${n}'), semaphore('s'), semaphore('t', 2), pipe('q'), pipe('r', 16)],
  functions: [
    func('main', [spawn('worker', '${n}'), fork('other'), write('q', 10), join(), wait(), sleep(1000)]),
    func('worker', [lock('m'), op('alu'), unlock('m'), wait('b'), post('s'), take('t'), exit()]),
    func('other', [read('q', 10), read('r')]),
  ],
});

describe('parse', () => {
  it('a file gives the program, and the image, that the builder gives', async () => {
    const parsed = await parse(YAML);
    expect(parsed).to.deep.equal(BUILT);
    const [a, b] = [compile(parsed), compile(BUILT)];
    expect(a.tables).to.deep.equal(b.tables);
    expect(a.dsos).to.deep.equal(b.dsos);
    expect(a.layout.instructions).to.deep.equal(b.layout.instructions);
  });

  it('parameters reach loops, paths and system calls', async () => {
    const image = compile(await parse(YAML), { times: 3, libc: '2.27' });
    expect(image.dsos[1]!.path).to.equal('/usr/lib64/libx-2.27.so');
    expect([...image.tables.trip]).to.include(6);
  });

  it('a file with threads gives the program that the builder gives', async () => {
    const parsed = await parse(THREADS);
    const built = await link(BUILT_THREADS);
    expect(parsed).to.deep.equal(built);
    for (const entry of [parsed.entry, 'spawn worker', 'fork other'])
      expect(compile(parsed).withEntry(entry).tables).to.deep.equal(compile(built).withEntry(entry).tables);
  });

  it('says what is wrong with threads', async () => {
    const wrong = `about: faults of every kind
include: pthread
objects:
  m: mutex
  b: { barrier: 0 }
  p: { pipe: 4, mutex: 1 }
  q: { pipe: 16 }
  r: mutexx
  s: { semaphore: [] }
  t: barrier
functions:
  main:
    - lock: mm
    - lock: q
    - wait: m
    - take: q
    - { write: q, bytes: 0 }
    - { spawn: wurker, times: 3 }
    - { spawn: worker, times: 100000 }
    - { fork: worker, time: 3 }
    - joyn
    - { loop: 3, body: [exit] }
    - { sleep: -1 }
    - { act: futx }
  worker: [{ jump: pthread_exit }]
`;
    expect(await complaints(wrong)).to.deep.equal([
      'demo.yaml:5:8: barrier: 0 is not a whole number of at least 1',
      'demo.yaml:6:6: an object is of one kind only',
      'demo.yaml:8:6: "mutexx" is no kind of object (did you mean "mutex"?)',
      'demo.yaml:9:6: semaphore: expected a number, as in {semaphore: 4}',
      'demo.yaml:10:6: barrier: expected a number, as in {barrier: 4}',
      'demo.yaml:13:7: function main: there is no object "mm" (did you mean "m"?)',
      'demo.yaml:14:7: function main: lock needs a mutex; q is a pipe',
      'demo.yaml:15:7: function main: wait needs a barrier; m is a mutex',
      'demo.yaml:16:7: function main: take needs a semaphore; q is a pipe',
      'demo.yaml:17:19: function main: bytes: 0 is not a whole number of at least 1',
      'demo.yaml:18:9: function main: there is no function "wurker" (did you mean "worker"?)',
      'demo.yaml:19:24: function main: times: 100000 is more than 32768',
      'demo.yaml:20:23: unknown key "time" (did you mean "times"?)',
      'demo.yaml:21:7: "joyn" is not an instruction (did you mean "join"?)',
      'demo.yaml:22:25: function main: exit inside a loop is not modelled; end the thread after it',
      'demo.yaml:23:9: function main: sleep: -1 is not a whole number of at least 0',
      'demo.yaml:24:9: function main: "futx" is neither `atomic` nor a system call (did you mean "futex"?)',
    ]);
  });

  it('refuses threads that cannot exist', async () => {
    const functions = (text: string, include = 'pthread'): Promise<string[]> =>
      complaints(`about: x\n${include && `include: ${include}\n`}objects: { m: mutex }\nfunctions: { ${text} }`);
    expect(await functions('main: [{ lock: m }, join]', '')).to.deep.equal([
      'demo.yaml:3:23: function main: lock calls pthread_mutex_lock, which no file defines: include pthread',
      'demo.yaml:3:34: function main: join calls pthread_join, which no file defines: include pthread',
    ]);
    expect(
      await functions('main: [{ spawn: a }], a: [{ fork: b }], b: [{ loop: 2, body: [{ spawn: a }] }]'),
    ).to.deep.equal(['demo.yaml:4:78: threads without end: a -> b -> a']);
    expect(await functions('main: [{ spawn: a, times: 200 }], a: [{ spawn: b, times: 200 }], b: [alu]')).to.deep.equal([
      'demo.yaml:4:23: the program makes some 40200 threads and processes: at most 32768',
    ]);
    expect(await functions('main: [{ call: pthread_mutex_lock }]')).to.deep.equal([
      'demo.yaml:4:23: pthread_mutex_lock comes to an act: only `lock`, `spawn` and their like can call it',
    ]);
    expect(await functions('main: [{ act: atomic }, start]')).to.deep.equal([
      'demo.yaml:4:23: this is for functions that `lock`, `spawn` and their like call; main is not called by them',
      'demo.yaml:4:38: this is for functions that `lock`, `spawn` and their like call; main is not called by them',
    ]);
    const own = async (body: string): Promise<string[]> =>
      functions(`main: [{ lock: m }], pthread_mutex_lock: [${body}]`, '');
    expect(await own('{ act: atomic }')).to.deep.equal([]);
    expect(await own('alu')).to.deep.equal(['demo.yaml:3:23: pthread_mutex_lock comes to 0 `act` instead of one']);
    expect(await own('{ loop: 2, body: [{ act: atomic }] }')).to.deep.equal([
      'demo.yaml:3:23: pthread_mutex_lock comes to 0 `act` instead of one',
      'demo.yaml:3:76: act inside a loop or a branch is not modelled',
    ]);
    expect(await own('{ act: clone }, { child: [start] }')).to.deep.equal([
      'demo.yaml:3:74: function pthread_mutex_lock: a child must end: in `exit_group`, or `exit` for a thread',
    ]);
    expect(await own('{ act: clone }, { child: [{ syscall: exit }] }')).to.deep.equal([
      'demo.yaml:3:23: pthread_mutex_lock comes to 1 `child` instead of 0',
      'demo.yaml:3:74: a child comes to 0 `start` instead of one',
    ]);
    expect(
      await functions('main: [{ spawn: a }, { fork: a }], a: [{ call: b }], b: [{ lock: m }, { unlock: m }]'),
    ).to.deep.equal([]);
  });

  it('says what is wrong, all of it, and where', async () => {
    const wrong = `about: faults of every kind
misses:
  hot: { l1: 1.5 }
functions:
  main:
    - lod: 3
    - { load: 2, misses: hto }
    - loop: 10
      body: []
    - branch: 0.5
      than: [alu]
      then: [alu]
    - call: fooo
    - { alu: many }
    - { alu: 1, cycles: 0.3 }
    - stroe
    - loop
    - { nop: 1, events: { LLC-mises: 1 } }
    - branch: 2
      then: [alu]
    - syscall: mmapp
    - { fault: writ }
    - loop: \${secnds * 2}
      body: [alu]
  foo: [alu, { call: bar }]
  bar: [{ call: foo }]
  baz: 12
`;
    expect(await complaints(wrong)).to.deep.equal([
      'demo.yaml:3:14: l1: 1.5 is more than 1',
      'demo.yaml:6:7: "lod" is not an instruction or a kind of item (did you mean "load"?)',
      'demo.yaml:7:18: function main: there is no miss profile "hto" (did you mean "hot"?)',
      'demo.yaml:9:7: function main: the body of a loop is empty',
      'demo.yaml:11:7: unknown key "than" (did you mean "then"?)',
      'demo.yaml:13:7: function main: there is no function "fooo" (did you mean "foo"?)',
      'demo.yaml:14:14: alu: expected a number, got "many"',
      'demo.yaml:15:17: function main: cycles: 0.3 is not a multiple of 1/64 (the nearest is 0.296875)',
      'demo.yaml:16:7: "stroe" is not an instruction (did you mean "store"?)',
      'demo.yaml:17:7: "loop" is not an instruction: write `loop: ...`',
      'demo.yaml:18:27: unknown key "LLC-mises" (did you mean "LLC-misses"?)',
      'demo.yaml:19:15: branch: 2 is more than 1',
      'demo.yaml:21:7: function main: unknown system call "mmapp" (did you mean "mmap"?)',
      'demo.yaml:22:16: fault: expected read or write, got "writ" (did you mean "write"?)',
      'demo.yaml:23:7: function main: unknown parameter "secnds"',
      'demo.yaml:26:11: recursion is not modelled: foo -> bar -> foo',
      'demo.yaml:27:8: expected a mapping, got 12',
    ]);
  });

  it('lets a thread stay on CPUs that machines have', async () => {
    const of = (cpus: string): Promise<string[]> =>
      complaints(`about: x\nfunctions: { main: [{ syscall: sched_setaffinity, args: { cpus: "${cpus}" } }] }`);
    for (const cpus of ['0', '0,2-3', '8191']) expect(await of(cpus), cpus).to.deep.equal([]);
    for (const cpus of ['8192', '0-99999999999', '3-1', '0,,2', '-1', 'x', ''])
      expect((await of(cpus)).join('; '), cpus).to.contain(`cpus: "${cpus}" is no list of CPUs from 0 to 8191`);
  });

  it('shows the line', async () => {
    const error = await parse('about: x\nfunctions:\n  main:\n    - load: two\n').catch((e: unknown) => e);
    expect(error).to.be.instanceOf(WorkloadError);
    expect((error as Error).message).to.equal(
      'demo.yaml:4:13: load: expected a number, got "two"\n4 |     - load: two\n  |             ^^^',
    );
  });

  it('refuses what is no workload at all', async () => {
    expect(await complaints('a: [1, 2')).to.have.lengthOf(1);
    expect(await complaints('')).to.deep.equal(['demo.yaml:1:1: expected a mapping, got nothing']);
    expect(await complaints('- alu')).to.deep.equal(['demo.yaml:1:1: expected a mapping, got a list']);
    expect(await complaints('functions: {}')).to.deep.equal([
      'demo.yaml:1:1: about is missing',
      'demo.yaml:1:1: there is no function "main"',
    ]);
    expect(await complaints('about: x\nentry: man\nfunctions: { main: [alu] }')).to.deep.equal([
      'demo.yaml:2:1: there is no function "man" (did you mean "main"?)',
    ]);
    expect(await complaints('about: x\ninclude: glibx\nfunctions: { main: [alu] }')).to.deep.equal([
      'demo.yaml:2:10: cannot read the included file workloads/include/glibx.yaml: No such file or directory',
    ]);
  });

  it('knows what cannot be executed', async () => {
    const body = (text: string): Promise<string[]> =>
      complaints(`about: x\nfunctions:\n  main: [${text}]\n  bye: [{ syscall: exit_group }]`);
    expect(await body('{ branch: 0.5, then: [{ call: bye }] }')).to.have.lengthOf(1);
    expect(await body('{ loop: 3, body: [{ syscall: exit_group }] }')).to.have.lengthOf(1);
    expect(await body('{ jump: bye }, alu')).to.have.lengthOf(1);
    expect(await body('{ branch: 0.5, then: [] }')).to.have.lengthOf(1);
    expect(await body('{ loop: -1, body: [alu] }')).to.have.lengthOf(1);
    expect(await body('{ loop: 1e300, body: [alu] }')).to.have.lengthOf(1);
    expect(await body('{ loop: "${1 +}", body: [alu] }')).to.have.lengthOf(1);
    expect(await body('{ syscall: mmap, args: { dso: libd } }')).to.have.lengthOf(1);
    expect(await body('{ loop: "${(2 + 1) * 4 / -2 + 6}", body: [alu] }')).to.deep.equal([]);
  });

  it('the schema for editors is the one that files are checked against', () => {
    expectKept('workloads/schema.json', `${JSON.stringify(jsonSchema(), undefined, 2)}\n`);
  });
});
