/** Threads of a program: each starts with a function of its own, and what it executes depends on its lineage only. */
import { expect } from 'chai';
import { CYCLES, eventVector } from '../../src/arch/events.ts';
import { cloneOf, FIRST_THREAD, type ThreadStart } from '../../src/arch/dso.ts';
import { executable } from '../../src/experiment/executable.ts';
import type { Cursor } from '../../src/workload/cursor.ts';
import { branch, call, func, loop, op, ops, program } from '../../src/workload/build.ts';
import { compile } from './compiled.ts';

const RANDOM = program({
  name: 'random',
  about: 'two functions with random work',
  functions: [
    func('main', [loop(1000, [branch(0.5, [call('worker')])])]),
    func('worker', [loop(100, [ops(3, 'alu'), branch(0.25, [op('div')])])]),
  ],
});

const NEVER = Float64Array.of(Infinity);
function total(cursor: Cursor): number {
  cursor.advance(NEVER);
  return cursor.totals(eventVector())[CYCLES]!;
}

describe('threads of a program', () => {
  it('start with the function that was named, in code that is laid out once', () => {
    const image = compile(RANDOM);
    const worker = image.withEntry('worker');
    const [main, called] = image.dsos[0]!.symbols;
    expect([main!.name, called!.name]).to.deep.equal(['main', 'worker']);
    expect(image.entry - image.dsos[0]!.base).to.equal(main!.offset);
    expect(worker.entry - worker.dsos[0]!.base).to.equal(called!.offset);
    expect(worker.dsos).to.equal(image.dsos);
    expect(worker.start('a').ip).to.equal(worker.entry);
    expect(image.withEntry('worker')).to.equal(worker);
    expect(() => image.withEntry('wurker')).to.throw('random has no function "wurker"');
  });

  it('execute what their lineage says, in whatever order they start', () => {
    const image = compile(RANDOM);
    const run = executable({ program: RANDOM, image }, 'seed/run=0/program');
    const first = cloneOf(FIRST_THREAD, 0, 'worker');
    const threads: ThreadStart[] = [
      FIRST_THREAD,
      first,
      cloneOf(FIRST_THREAD, 1, 'worker'),
      cloneOf(first, 0, 'worker'),
    ];
    expect(threads.map(({ path }) => path)).to.deep.equal(['', '/clone=0', '/clone=1', '/clone=0/clone=0']);
    const forwards = threads.map((thread) => total(run.start(thread) as Cursor));
    const backwards = threads.toReversed().map((thread) => total(run.start(thread) as Cursor));
    expect(backwards.toReversed()).to.deep.equal(forwards);
    expect(new Set(forwards).size).to.equal(threads.length);
    expect(total(run.start() as Cursor)).to.equal(total(image.start('seed/run=0/program')));
  });
});
