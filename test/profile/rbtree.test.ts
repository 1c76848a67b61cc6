import { expect } from 'chai';
import fc from 'fast-check';
import { treeSorted } from '../../src/profile/rbtree.ts';

const beats = (a: number, b: number): boolean => (a - b + 7) % 7 > 3;

describe('treeSorted', () => {
  it('sorts stably', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat())), (pairs) => {
        const sorted = treeSorted(pairs, ([a], [b]) => a < b);
        expect(sorted).to.deep.equal(pairs.toSorted(([a], [b]) => a - b));
      }),
    );
  });

  it('stays shallow: a sorted input of 4096 takes at most 2 log2 n comparisons an insertion', () => {
    let comparisons = 0;
    treeSorted(
      Array.from({ length: 4096 }, (_, i) => i),
      (a, b) => {
        comparisons++;
        return a < b;
      },
    );
    expect(comparisons).to.be.lessThan(4096 * 24);
  });

  it('keeps every value under an order that goes in circles', () => {
    const values = Array.from({ length: 50 }, (_, i) => i % 7);
    expect(treeSorted(values, beats).toSorted((a, b) => a - b)).to.deep.equal(values.toSorted((a, b) => a - b));
  });
});
