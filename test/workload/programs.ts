/** Random programs for the tests of the engine: nested loops, branches of every kind, calls, traps, alike sites. */
import {
  branch,
  call,
  fault,
  func,
  jump,
  loop,
  type Node,
  op,
  type Op,
  program,
  type Program,
  seq,
  syscall,
} from '../../src/workload/build.ts';

/** A small generator of its own, so that the programs do not depend on the samplers under test. */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  uniform(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) | 0;
    return (this.#state >>> 0) / 4294967296;
  }
  /** A whole number from..to. */
  int(from: number, to: number): number {
    return from + Math.floor(this.uniform() * (to - from + 1));
  }
  pick<T>(xs: readonly T[]): T {
    return xs[this.int(0, xs.length - 1)]!;
  }
}

/** Few rates, so that alike sites meet and share classes; 0.5 is too likely to share. */
const MISSES = { rare: { l1: 0.02, l2: 0.3, llc: 0.4, tlb: 0.01 }, often: { l1: 0.5, l2: 0.5, tlb: 0.2 } };

export function randomProgram(seed: number): Program {
  const dice = new Dice(seed);
  const instruction = (): Node => {
    const name = dice.pick<Op>(['alu', 'load', 'store', 'mul', 'load', 'push', 'nop']);
    if (dice.int(0, 3) === 0)
      return op(name, { sites: [{ p: dice.pick([0.02, 0.3]), events: { cycles: 3.25, 'LLC-misses': 2 } }] });
    return dice.int(0, 1) === 0 ? op(name) : op(name, { misses: dice.pick(['rare', 'often']), cycles: 0.75 });
  };
  const block = (): Node => seq(...Array.from({ length: dice.int(1, 4) }, instruction));
  const functions: string[] = [];
  const node = (depth: number): Node => {
    switch (depth <= 0 ? 0 : dice.int(0, 6)) {
      case 1:
        return seq(...Array.from({ length: dice.int(1, 3) }, () => node(depth - 1)));
      case 2:
        return loop(dice.pick([0, 1, 2, 3, 8, 17, 40]), [block(), node(depth - 1)], { mispredict: 0.3 });
      case 3:
        return branch(
          dice.uniform() < 0.3 ? { every: dice.int(1, 7) } : dice.pick([0, 0.02, 0.25, 0.5, 0.9, 1]),
          [block(), node(depth - 1)],
          dice.int(0, 1) === 0 ? [node(depth - 1)] : [],
          { mispredict: dice.pick([0, 0.03, 0.4]) },
        );
      case 4:
        return functions.length > 0 ? call(dice.pick(functions)) : block();
      case 5:
        return dice.int(0, 1) === 0 ? fault('write') : syscall('brk', { n: depth });
      default:
        return block();
    }
  };
  const fetch = { l1: 0.03, l2: 0.5, stlb: 0.02, tlb: 0.01 };
  const specs = Array.from({ length: 3 }, (_, i) => {
    const spec = func(`f${i}`, [node(2), block()], { dso: dice.pick(['program', 'lib']), fetch });
    functions.push(spec.name);
    return spec;
  });
  const main = func('main', [block(), loop(dice.int(1, 60), [block(), node(3), node(3), block()]), block()]);
  const ending = dice.int(0, 2);
  return program({
    name: `random-${seed}`,
    about: 'a random program',
    misses: MISSES,
    dsos: [{ name: 'lib', path: '/usr/lib64/lib.so', base: 0x7ffff7a00000 }],
    functions: [
      main,
      ...specs,
      func('start', [call('main'), ending === 0 ? call('quit') : block(), ending === 1 ? jump('f0') : block()]),
      func('quit', [syscall('exit_group', { status: 0 })]),
    ],
    entry: 'start',
  });
}
