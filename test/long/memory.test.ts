/** What cursors of the engine leave behind: nothing. */
import { expect } from 'chai';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { INSTRUCTIONS } from '../../src/arch/events.ts';
import { engineOf } from '../../src/workload/engine.ts';
import { compile } from '../workload/compiled.ts';
import { randomProgram } from '../workload/programs.ts';

describe('memory of the engine', () => {
  it('uses the memory of cursors that are gone again, and each starts as if it were the first', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const image = compile(randomProgram(14));
    const { memory } = engineOf(image.tables).run;
    const execute = (seed: string): string => {
      const cursor = image.start(seed);
      cursor.arm([0, INSTRUCTIONS]);
      for (let limit = 500; cursor.advance(Float64Array.of(limit, Infinity)) >= 0; limit += 500) cursor.snapshot();
      return JSON.stringify(cursor.truthByInstruction());
    };
    const first = execute('first');
    const before = memory.buffer.byteLength;
    let afterMany = 0;
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 50; i++) execute(`other ${i}`);
      if (round === 0) afterMany = memory.buffer.byteLength;
      expect(execute('first')).to.equal(first);
      gc();
      await setTimeout(5);
    }
    expect(afterMany).to.be.greaterThan(before);
    expect(memory.buffer.byteLength - before).to.be.lessThan(5 * (afterMany - before));
  });
});
