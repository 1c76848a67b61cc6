import { expect } from 'chai';
import { stackDepth, stackKey, stackTree } from '../../src/profile/stacks.ts';

describe('stackTree', () => {
  const a = new Map([
    ['p;main;foo', 3],
    ['p;main', 1],
  ]);
  const b = new Map([
    ['p;main;foo', 1],
    ['p;main;bar', 3],
  ]);

  it('makes one tree of several profiles, siblings by name, a frame with all it called', () => {
    expect(stackTree([a, b])).to.deep.equal({
      name: 'all',
      shares: [1, 1],
      children: [
        {
          name: 'p',
          shares: [1, 1],
          children: [
            {
              name: 'main',
              shares: [1, 1],
              children: [
                { name: 'bar', shares: [0, 0.75], children: [] },
                { name: 'foo', shares: [0.75, 0.25], children: [] },
              ],
            },
          ],
        },
      ],
    });
  });

  it('a profile without weight has no shares', () => {
    expect(stackTree([new Map()]).shares).to.deep.equal([0]);
  });

  it('keeps semicolons out of names', () => {
    expect(stackKey(['comm', 'operator;', 'f'])).to.equal('comm;operator:;f');
  });

  it('knows whether there are call chains', () => {
    expect(stackDepth(a)).to.equal(2);
    expect(stackDepth(new Map([['p;main', 1]]))).to.equal(1);
  });
});
