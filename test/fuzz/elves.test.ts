/** A slice of the damaged ELF files; `node dist/test/fuzz/elves.js` tries as many as one likes. */
import { expect } from 'chai';
import { tried } from './elves.ts';

describe('damaged ELF files', () => {
  it('have symbols or none, and never an error', () => {
    expect([...tried('slice', 0, 400)].filter((wrong) => wrong !== undefined)).to.deep.equal([]);
  });
});
