/** A slice of the damaged recordings; `node dist/test/fuzz/recordings.js` tries as many as one likes. */
import { expect } from 'chai';
import { tried } from './recordings.ts';

describe('damaged recordings of every form', () => {
  it('are read to the end or to a sentence', () => {
    expect([...tried('slice', 0, 700)].filter((wrong) => wrong !== undefined)).to.deep.equal([]);
  });
});
