/**
 * struct callchain_root: the call chains of one histogram entry in a radix tree. Each node is a run of frames shared
 * by its chains, weighed by period.
 *
 * Source: tools/perf/util/callchain.c. Order of equal weights: perf keeps siblings by falling dso and function address
 * and sorts them stably; there dsos compare by memory address, here by order of creation.
 * Not modelled: chains made of branch records; keys other than function.
 */
import type { CallFrame } from './machine-maps.ts';
import { compareSums, moveAddress, unsignedSum } from '../units.ts';

/** struct callchain_node. */
export interface CallchainNode {
  frames: CallFrame[];
  parent: CallchainNode | undefined;
  /** By the key of their first frame. */
  children: Map<number, CallchainNode>;
  /** Weight and number of chains that end here. */
  hit: number;
  count: number;
  /** Weight and number of chains that end below. */
  childrenHit: number;
  childrenCount: number;
}

/** Unsigned; the sums themselves are kept as units.ts keeps sums that wrap. */
export const cumulHits = (node: CallchainNode): number => unsignedSum(node.hit + node.childrenHit);
export const cumulCounts = (node: CallchainNode): number => node.count + node.childrenCount;

const newNode = (
  parent: CallchainNode | undefined,
  frames: CallFrame[],
  hit: number,
  count: number,
): CallchainNode => ({ frames, parent, children: new Map(), hit, count, childrenHit: 0, childrenCount: 0 });

export class CallchainRoot {
  readonly node = newNode(undefined, [], 0, 0);
  /** Length of the longest chain. */
  maxDepth = 0;

  /** callchain_append(): adds frames[from..] with a weight. */
  append(frames: readonly CallFrame[], from: number, period: number): void {
    if (from >= frames.length) return;
    this.maxDepth = Math.max(this.maxDepth, frames.length - from);
    let node = this.node;
    for (let at = from; ;) {
      node.childrenHit += period;
      node.childrenCount++;
      const first = frames[at]!;
      const child = node.children.get(first.key);
      if (!child) {
        node.children.set(first.key, newNode(node, frames.slice(at), period, 1));
        return;
      }
      let same = 0;
      while (at < frames.length && child.frames[same]?.key === frames[at]?.key) {
        same++;
        at++;
      }
      if (same < child.frames.length) {
        split(child, same);
        if (at < frames.length) {
          child.children.set(frames[at]!.key, newNode(child, frames.slice(at), period, 1));
          child.childrenHit += period;
          child.childrenCount++;
        } else {
          child.hit = period;
          child.count = 1;
        }
        return;
      }
      if (at === frames.length) {
        child.hit += period;
        child.count++;
        return;
      }
      node = child;
    }
  }
}

/** Cuts a node after `keep` frames: the rest, with its chains and children, becomes its only child. */
function split(node: CallchainNode, keep: number): void {
  const rest = newNode(node, node.frames.slice(keep), node.hit, node.count);
  rest.childrenHit = node.childrenHit;
  rest.childrenCount = node.childrenCount;
  rest.children = node.children;
  for (const child of rest.children.values()) child.parent = rest;
  node.frames = node.frames.slice(0, keep);
  node.children = new Map([[rest.frames[0]!.key, rest]]);
  node.childrenHit = cumulHits(rest);
  node.childrenCount = cumulCounts(rest);
  node.hit = node.count = 0;
}

const falling = (a: CallFrame, b: CallFrame): number => {
  const dso = (b.map?.dso.index ?? -1) - (a.map?.dso.index ?? -1);
  if (dso) return dso;
  return a.sym && b.sym ? b.sym.start - a.sym.start : Number(moveAddress(b.ip, 0, a.ip));
};

/** Children in the order in which perf's input tree holds them. */
const inOrder = (node: CallchainNode): CallchainNode[] =>
  [...node.children.values()].toSorted((a, b) => falling(a.frames[0]!, b.frames[0]!));

/** sort_chain_graph_*(): children that weigh at least minHit, heaviest first. */
export const graphChildren = (node: CallchainNode, minHit: number): CallchainNode[] =>
  inOrder(node)
    .filter((child) => cumulHits(child) >= minHit)
    .toSorted((a, b) => cumulHits(b) - cumulHits(a));

/** sort_chain_flat(): every node where chains end with a weight of at least minHit, heaviest first. */
export function flatChains(root: CallchainNode, minHit: number): CallchainNode[] {
  const ends: CallchainNode[] = [];
  // perf visits what is below a node before the node. No recursion: chains may be as deep as records are long.
  const left = [root];
  for (let node; (node = left.pop());) {
    if (node.hit && unsignedSum(node.hit) >= minHit) ends.push(node);
    for (const child of inOrder(node)) left.push(child);
  }
  return ends.toReversed().toSorted((a, b) => compareSums(b.hit, a.hit));
}
