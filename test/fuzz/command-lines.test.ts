/** A slice of the random command lines; `node dist/test/fuzz/command-lines.js` tries as many as one likes. */
import { expect } from 'chai';
import { tried } from './command-lines.ts';

describe('random command lines', () => {
  it('end with an exit code and, unless it is 0, say what is wrong', async () => {
    const wrong: string[] = [];
    for await (const one of tried('slice', 0, 100)) if (one !== undefined) wrong.push(one);
    expect(wrong).to.deep.equal([]);
  });
});
