import { expect } from 'chai';
import fc from 'fast-check';
import { type CallchainNode, CallchainRoot, cumulHits, flatChains } from '../../src/profile/callchain.ts';
import type { CallFrame } from '../../src/profile/machine-maps.ts';
import { address } from '../../src/units.ts';

const frame = (key: number): CallFrame => ({ key, ip: address(key), map: undefined, sym: undefined, kernel: false });
const path = (node: CallchainNode): number[] => [
  ...(node.parent ? path(node.parent) : []),
  ...node.frames.map(({ key }) => key),
];

describe('CallchainRoot', () => {
  const chains = fc.array(
    fc.tuple(fc.array(fc.nat(3), { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 9 })),
  );

  it('holds every chain with its weight', () => {
    fc.assert(
      fc.property(chains, (list) => {
        const root = new CallchainRoot();
        const expected = new Map<string, number>();
        for (const [keys, period] of list) {
          root.append(keys.map(frame), 0, period);
          const name = keys.join();
          expected.set(name, (expected.get(name) ?? 0) + period);
        }
        const found = flatChains(root.node, 0).map((node) => [path(node).join(), node.hit]);
        expect(found).to.have.deep.members([...expected]);
        expect(root.maxDepth).to.equal(Math.max(0, ...list.map(([keys]) => keys.length)));
      }),
    );
  });

  it('a node weighs what ends in it and below, and siblings differ in their first frame', () => {
    fc.assert(
      fc.property(chains, (list) => {
        const root = new CallchainRoot();
        for (const [keys, period] of list) root.append(keys.map(frame), 0, period);
        const check = (node: CallchainNode): void => {
          let below = 0;
          for (const [key, child] of node.children) {
            expect(child.parent).to.equal(node);
            expect(child.frames[0]?.key).to.equal(key);
            below += cumulHits(child);
            check(child);
          }
          expect(node.childrenHit).to.equal(below);
        };
        check(root.node);
      }),
    );
  });

  it('starts where it is told', () => {
    const root = new CallchainRoot();
    root.append([1, 2, 3].map(frame), 1, 5);
    root.append([1, 2, 3].map(frame), 3, 5);
    expect(flatChains(root.node, 0).map(path)).to.deep.equal([[2, 3]]);
  });

  it('holds chains of any depth: one of 100,000 frames, and one that ends at each of 100,000', () => {
    const deep = Array.from({ length: 100_000 }, (_, key) => frame(key));
    const root = new CallchainRoot();
    root.append(deep, 0, 1);
    root.append(deep.slice(0, 50_000), 0, 2);
    expect(flatChains(root.node, 0).map(({ frames, hit }) => [frames.length, hit])).to.deep.equal([
      [50_000, 2],
      [50_000, 1],
    ]);
    let end = new CallchainRoot().node;
    const top = end;
    for (const one of deep) {
      const below = { ...new CallchainRoot().node, parent: end, frames: [one], hit: 1, count: 1 };
      end.children.set(one.key, below);
      end = below;
    }
    const ends = flatChains(top, 0);
    expect(ends).to.have.lengthOf(100_000);
    expect([ends[0], ends.at(-1)]).to.deep.equal([end, top.children.get(0)]);
  });
});
