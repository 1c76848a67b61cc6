/** A slice of the damaged texts; `node dist/test/fuzz/texts.js` tries as many as one likes. */
import { expect } from 'chai';
import { tried } from './texts.ts';

describe('damaged reports and folded stacks', () => {
  it('are read, or refused in a sentence', () => {
    expect([...tried('slice', 0, 300)].filter((wrong) => wrong !== undefined)).to.deep.equal([]);
  });
});
