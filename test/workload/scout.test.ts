/** A scout also says where a thread next enters the kernel, on the way to its next act. */
import { expect } from 'chai';
import { CYCLES, TRAPS } from '../../src/arch/events.ts';
import { func, loop, ops, program, syscall } from '../../src/workload/build.ts';
import type { Node } from '../../src/workload/program.ts';
import { cycles } from '../../src/units.ts';
import { Scout } from '../../src/workload/scout.ts';
import { compile } from './compiled.ts';

/** A scout of that program, and where all its traps are. */
function scoutOf(nodes: readonly Node[]) {
  const image = compile(program({ name: 'traps', about: 'a test', functions: [func('main', nodes)] }));
  const cursor = image.start('seed');
  cursor.arm([CYCLES, TRAPS]);
  const traps: number[] = [];
  for (let n = 1; cursor.advance(Float64Array.of(Infinity, n)) >= 0; n++) traps.push(cursor.counts[0]!);
  return { traps, image, scout: new Scout(image, 'seed') };
}

describe('workload/scout', () => {
  it('knows the traps before the next act', () => {
    const {
      traps,
      image,
      scout: first,
    } = scoutOf([
      loop(5, [ops(100, 'alu'), syscall('read')]),
      syscall('nanosleep', { ns: 1 }),
      loop(3, [ops(70, 'alu'), syscall('brk')]),
    ]);
    let scout = first;
    let before = 0;
    for (const trap of traps) {
      // So does one that goes on for it, on another thread of Node.
      scout = new Scout(image, structuredClone(scout.snapshot()));
      for (const done of [before, (before + trap) / 2, trap - 1 / 64])
        expect(scout.trapAfter(cycles(done))).to.equal(trap);
      if (scout.next.at === trap) scout.pass();
      before = trap;
    }
  });

  it('of very many, knows the first, and then that there may be one at any time', () => {
    const { traps, scout } = scoutOf([loop(1000, [ops(10, 'alu'), syscall('read')])]);
    expect(scout.trapAfter(cycles(traps[9]!))).to.equal(traps[10]);
    expect(scout.trapAfter(cycles(traps[900]!))).to.equal(traps[900]);
  });
});
