/** A slice of the damaged workloads; `node dist/test/fuzz/workloads.js` tries as many as one likes. */
import { expect } from 'chai';
import { tried } from './workloads.ts';

describe('damaged workloads and machine files', () => {
  it('are run, or refused in a sentence that says where', async () => {
    const wrong: string[] = [];
    for await (const one of tried('slice', 0, 300)) if (one !== undefined) wrong.push(one);
    expect(wrong).to.deep.equal([]);
  });
});
