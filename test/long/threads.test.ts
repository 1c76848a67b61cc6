/**
 * Threads of a program: what each does to others, in order; where it starts; and that what it executes depends on its
 * lineage only.
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { stringify } from 'yaml';
import type { Trap } from '../../src/arch/cpu.ts';
import { cloneOf, FIRST_THREAD, type ThreadStart } from '../../src/arch/dso.ts';
import { CYCLES, eventVector, TRAPS } from '../../src/arch/events.ts';
import { executable } from '../../src/experiment/executable.ts';
import type { Cursor } from '../../src/workload/cursor.ts';
import {
  barrier,
  branch,
  call,
  exit,
  fork,
  func,
  join,
  lock,
  loop,
  mutex,
  type Node,
  type ObjectSpec,
  op,
  pipe,
  post,
  program,
  type Program,
  read,
  semaphore,
  seq,
  sleep,
  spawn,
  take,
  unlock,
  wait,
  write,
} from '../../src/workload/build.ts';
import { expectedTotals } from '../../src/workload/expected.ts';
import { parseText } from '../../src/workload/parse.ts';
import type { Instruction } from '../../src/workload/program.ts';
import { Scout } from '../../src/workload/scout.ts';
import { expectedCycles, threadRuns } from '../../src/workload/thread-runs.ts';
import { compile, link } from '../workload/compiled.ts';
import { Dice } from '../workload/programs.ts';
import { checkEveryStop } from '../workload/oracle/witness.ts';

const OBJECTS: readonly ObjectSpec[] = [mutex('m'), barrier('b', 2), semaphore('s', 1), pipe('q', 100)];
const M = { kind: 'mutex', name: 'm' };
const S = { kind: 'semaphore', name: 's', value: 1 };
const Q = { kind: 'pipe', name: 'q', capacity: 100 };

/** The C library's functions for threads, without a program. */
const library = link(
  program({
    name: 'threads',
    about: 'threads without start-up',
    include: ['pthread'],
    objects: OBJECTS,
    entry: 'begin',
    functions: [],
  }),
);

/** A program whose first function is `main`, without the start-up of the C library. */
async function bare(functions: Readonly<Record<string, readonly Node[]>>): Promise<Program> {
  const rest = await library;
  const own = Object.entries(functions).map(([name, body]) => func(name, body));
  return { ...rest, functions: [func('begin', [call('main')]), ...own, ...rest.functions] };
}

/** What a thread does that others may notice, to its end, and when; page faults and the like are left out. */
function timedActs(cursor: Cursor): { at: number; trap: Trap }[] {
  const all: { at: number; trap: Trap }[] = [];
  cursor.arm([CYCLES, TRAPS]);
  while (cursor.advance(Float64Array.of(Infinity, cursor.counts[1]! + 1)) >= 0) {
    const trap = cursor.trap!;
    if (trap.kind === 'sync' || (trap.kind === 'syscall' && /sleep|exit/.test(trap.name)))
      all.push({ at: cursor.counts[0]!, trap });
  }
  return all;
}
const acts = (cursor: Cursor): Trap[] => timedActs(cursor).map(({ trap }) => trap);

const NEVER = Float64Array.of(Infinity);
function total(cursor: Cursor): number {
  cursor.arm([CYCLES]);
  cursor.advance(NEVER);
  return cursor.totals(eventVector())[CYCLES]!;
}

describe('threads of a program', () => {
  it('do to each other what the items say, in that order', async () => {
    const image = compile(
      await bare({
        main: [spawn('worker', 2), fork('other'), write('q', 7), join(), wait(), sleep(5000)],
        worker: [loop(2, [lock('m'), op('alu'), unlock('m')]), wait('b'), post('s'), take('s'), call('deeper')],
        deeper: [read('q'), exit()],
        other: [read('q', 7)],
      }),
    );
    expect(acts(image.start('a'))).to.deep.equal([
      { kind: 'sync', op: 'spawn', entry: 'spawn worker' },
      { kind: 'sync', op: 'spawn', entry: 'spawn worker' },
      { kind: 'sync', op: 'fork', entry: 'fork other' },
      { kind: 'sync', op: 'write', object: Q, bytes: 7 },
      { kind: 'sync', op: 'join' },
      { kind: 'sync', op: 'wait' },
      { kind: 'syscall', name: 'nanosleep', args: { ns: 5000 } },
    ]);
    expect(acts(image.withEntry('spawn worker').start('a'))).to.deep.equal([
      { kind: 'sync', op: 'lock', object: M },
      { kind: 'sync', op: 'unlock', object: M },
      { kind: 'sync', op: 'lock', object: M },
      { kind: 'sync', op: 'unlock', object: M },
      { kind: 'sync', op: 'arrive', object: { kind: 'barrier', name: 'b', count: 2 } },
      { kind: 'sync', op: 'post', object: S },
      { kind: 'sync', op: 'take', object: S },
      { kind: 'sync', op: 'read', object: Q, bytes: 1 },
      { kind: 'sync', op: 'exit' },
    ]);
    expect(acts(image.withEntry('fork other').start('a'))).to.deep.equal([
      { kind: 'sync', op: 'read', object: Q, bytes: 7 },
      { kind: 'syscall', name: 'exit_group', args: { status: 0 } },
    ]);
  });

  it('end when their function returns: a thread in exit, a process in exit_group', async () => {
    const image = compile(await bare({ main: [spawn('f'), fork('f')], f: [op('alu')] }));
    expect(acts(image.withEntry('spawn f').start('a'))).to.deep.equal([{ kind: 'sync', op: 'exit' }]);
    expect(acts(image.withEntry('fork f').start('a'))).to.deep.equal([
      { kind: 'syscall', name: 'exit_group', args: { status: 0 } },
    ]);
  });

  it('start where the C library starts them, in code that is laid out once', async () => {
    const image = compile(await bare({ main: [spawn('worker'), fork('worker')], worker: [op('alu')] }));
    const symbolAt = (address: number): string => {
      const dso = image.dsos.find(({ base, text }) => address >= base && address < base + 0x1000 + text.length)!;
      const offset = address - dso.base;
      return dso.symbols.find((s) => offset >= s.offset && offset < s.offset + s.size)!.name;
    };
    for (const [entry, made, chain] of [
      ['spawn worker', '__clone', ['worker', 'start_thread', '__clone']],
      ['fork worker', '__libc_fork', ['worker', '__libc_fork']],
    ] as const) {
      const thread = image.withEntry(entry);
      expect(thread.dsos).to.equal(image.dsos);
      expect(image.withEntry(entry)).to.equal(thread);
      expect(symbolAt(thread.entry)).to.equal(made);
      const names = thread.start('a');
      names.advance(NEVER);
      const chains = names
        .truthByCallchain()
        .map(({ frames }) => frames.map((i) => image.layout.functions[i]!.symbol).toReversed());
      expect(chains).to.deep.include([...chain]);
    }
    expect(() => image.withEntry('spawn wurker')).to.throw('threads makes no thread "spawn wurker"');
  });

  it('execute what their lineage says, in whatever order they start', async () => {
    const code = await bare({
      main: [spawn('worker', 2), join()],
      worker: [loop(100, [op('load', { misses: { l1: 0.3 } }), branch(0.25, [op('div')])]), spawn('leaf')],
      leaf: [loop(100, [branch(0.25, [op('div')])])],
    });
    const image = compile(code);
    const run = executable({ program: code, image }, 'seed/run=0/program');
    const first = cloneOf(FIRST_THREAD, 0, 'spawn worker');
    const threads: ThreadStart[] = [
      FIRST_THREAD,
      first,
      cloneOf(FIRST_THREAD, 1, 'spawn worker'),
      cloneOf(first, 0, 'spawn leaf'),
    ];
    expect(threads.map(({ path }) => path)).to.deep.equal(['', '/clone=0', '/clone=1', '/clone=0/clone=0']);
    const forwards = threads.map((thread) => total(run.start(thread) as Cursor));
    const backwards = threads.toReversed().map((thread) => total(run.start(thread) as Cursor));
    expect(backwards.toReversed()).to.deep.equal(forwards);
    expect(new Set(forwards).size).to.equal(threads.length);
    expect(total(run.start() as Cursor)).to.equal(total(image.start('seed/run=0/program')));
  });

  it('are all in the truth: the sum over threads, each with the process it belongs to', async () => {
    const image = compile(
      await bare({
        main: [spawn('worker', 3), fork('other'), join(), wait()],
        worker: [loop(50, [branch(0.25, [op('div')])])],
        other: [spawn('worker'), loop(50, [branch(0.25, [op('div')])]), branch(0.5, [fork('leaf')]), join()],
        leaf: [op('alu')],
      }),
    );
    const cyclesOf = (cursor: Cursor): number => cursor.totals(eventVector())[CYCLES]!;
    const listed: (string | undefined)[][] = [];
    for (const { thread, process, image: own, cursor } of threadRuns(image, 'seed')) {
      listed.push([thread.entry, thread.path, process]);
      expect(cyclesOf(cursor)).to.equal(total(own.start(`seed${thread.path}`)));
    }
    const fixed: typeof listed = [
      [undefined, '', ''],
      ['spawn worker', '/clone=0', ''],
      ['spawn worker', '/clone=1', ''],
      ['spawn worker', '/clone=2', ''],
      ['fork other', '/clone=3', '/clone=3'],
      ['spawn worker', '/clone=3/clone=0', '/clone=3'],
    ];
    const leaf = ['fork leaf', '/clone=3/clone=1', '/clone=3/clone=1'];
    expect(listed).to.deep.equal(listed.length === fixed.length ? fixed : [...fixed, leaf]);
    const lengths = new Set(Array.from({ length: 20 }, (_, i) => [...threadRuns(image, `seed ${i}`)].length));
    expect(lengths).to.have.members([6, 7]);
    let mean = 0;
    for (let i = 0; i < 400; i++)
      for (const { cursor } of threadRuns(image, `mean ${i}`)) mean += cyclesOf(cursor) / 400;
    expect(mean / expectedCycles(image)).to.be.within(0.99, 1.01);
  });

  it('are expected without being listed: two that may each make two, sixty times over', async () => {
    const names = Array.from({ length: 60 }, (_, i) => `f${i}`);
    const never = names.map((name, i) => [name, [branch(0, [spawn(names[i + 1] ?? 'leaf', 2), spawn('leaf')])]]);
    const code = await bare({ main: [spawn('f0', 3)], ...Object.fromEntries(never), leaf: [op('alu')] });
    const image = compile(code);
    expect([...threadRuns(image, 'a')]).to.have.length(4);
    const mean = (entry: string): number => expectedTotals(image.withEntry(entry).tables)[CYCLES]!;
    expect(expectedCycles(image)).to.equal(mean('begin') + 3 * mean('spawn f0'));
  });

  it('are the same when they are printed as YAML and read, in random programs', () =>
    fc.assert(
      fc.asyncProperty(randomThreads, async (functions) => {
        const built = await bare(functions);
        const text = stringify({
          about: built.about,
          include: 'pthread',
          entry: 'begin',
          objects: Object.fromEntries(OBJECTS.map(({ name, kind, ...rest }) => [name, declared(kind, rest)])),
          functions: { begin: [{ call: 'main' }], ...printedBodies(functions) },
        });
        const parsed = await parseText('threads.yaml', text, { includeDir: 'workloads/include' });
        expect(parsed).to.deep.equal(built);
        expect(compile(parsed).dsos).to.deep.equal(compile(built).dsos);
      }),
      { numRuns: 4, seed: 9 },
    ));

  it('are seen by a scout from far, in random programs', () =>
    fc.assert(
      fc.asyncProperty(randomThreads, fc.string(), fc.nat(20), async (functions, seed, half) => {
        const image = compile(await bare(functions));
        for (const entry of ['begin', 'spawn f0', 'spawn f1', 'fork f2']) {
          const own = image.withEntry(entry);
          const end = { at: total(own.start(seed)), trap: undefined };
          const ahead = timedActs(own.start(seed));
          const last = ahead.at(-1)?.at === end.at ? ahead.at(-1) : end;
          let scout = new Scout(own, seed);
          for (const [i, act] of [...ahead, last, last].entries()) {
            expect(scout.next).to.deep.equal(act);
            if (i === half) scout = new Scout(own, scout.snapshot());
            if (i % 2 === 0) expect(scout.next).to.deep.equal(act);
            scout.pass();
          }
        }
      }),
      { numRuns: 15, seed: 8 },
    ));

  it('agree with the oracle at every stop, and go on from snapshots, in random programs', async () => {
    const dice = new Dice(13);
    let stops = 0;
    await fc.assert(
      fc.asyncProperty(randomThreads, fc.string(), async (functions, seed) => {
        const image = compile(await bare(functions));
        for (const entry of ['begin', 'spawn f0', 'spawn f1', 'fork f2'])
          stops += checkEveryStop(image.withEntry(entry), seed, dice, 1);
      }),
      { numRuns: 12, seed: 7 },
    );
    expect(stops).to.be.greaterThan(10_000);
  });
});

const declared = (kind: string, rest: object): unknown => {
  const [number] = Object.values(rest) as number[];
  return number === undefined ? kind : { [kind]: number };
};
const printedBodies = (functions: Readonly<Record<string, readonly Node[]>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(functions).map(([name, body]) => [name, body.map(printed)]));

/** A node as a file would have it. */
function printed(node: Node): unknown {
  switch (node.kind) {
    case 'block': {
      const [{ op: name, ...rest }] = node.instructions as [Instruction];
      return { [name]: node.instructions.length, ...rest };
    }
    case 'seq':
      return { seq: node.body.map(printed) };
    case 'loop': {
      const { kind: _, times, body, ...rest } = node;
      return { loop: times, body: body.map(printed), ...rest };
    }
    case 'branch':
      // oxlint-disable-next-line no-thenable -- a key of the file
      return { branch: node.p, then: node.then.map(printed), else: node.else.map(printed) };
    case 'call':
      return { call: node.target };
    case 'sync': {
      const { kind: _, op: name, ...rest } = node;
      if ('object' in rest) {
        const { object, ...more } = rest;
        return { [name === 'arrive' ? 'wait' : name]: object, ...more };
      }
      if ('target' in rest) return { [name]: rest.target, times: rest.times };
      return 'ns' in rest ? { sleep: rest.ns } : name;
    }
    case 'jump':
    case 'syscall':
    case 'fault':
    case 'act':
    case 'child':
    case 'start':
      throw new Error(`no random program has a ${node.kind}`);
  }
}

/** Bodies with every item, random work between them, and threads that make threads. */
const randomThreads = (() => {
  const item = fc.constantFrom<Node>(
    lock('m'),
    unlock('m'),
    wait('b'),
    post('s'),
    take('s'),
    read('q', 5),
    write('q', 5),
    sleep(100),
    join(),
    wait(),
  );
  const work = fc.constantFrom<Node>(
    op('alu'),
    op('load', { misses: { l1: 0.3, tlb: 0.01 } }),
    branch(0.25, [op('div')], [op('mul')]),
    loop(9, [op('store'), branch({ every: 4 }, [op('alu')])], { mispredict: 0.1 }),
  );
  const body = (more: fc.Arbitrary<Node>): fc.Arbitrary<Node[]> =>
    fc.array(
      fc.oneof(
        item,
        work,
        more,
        fc.tuple(fc.integer({ min: 0, max: 5 }), item, work).map(([n, a, b]) => loop(n, [a, b])),
        fc.tuple(item, more).map(([a, b]) => branch(0.5, [a], [b])),
      ),
      { maxLength: 12 },
    );
  return fc.record({
    main: body(fc.constantFrom(spawn('f0', 3), fork('f2'), call('g'))).map((nodes) => [
      seq(spawn('f0'), spawn('f1'), fork('f2')),
      seq(...nodes),
    ]),
    f0: body(fc.constantFrom(spawn('f1'), call('g'))),
    f1: body(fc.constantFrom(fork('f2', 2), call('g'))),
    f2: body(fc.constant(call('g'))),
    g: body(work),
  });
})();
