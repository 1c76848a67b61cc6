/**
 * Call stacks as trees, from which flame graphs are drawn.
 *
 * Siblings are ordered by name, so that the trees of several profiles can be compared by eye.
 *
 * Not modelled: files and offsets of frames; folding of recursion.
 */

/** Weight by stack: "comm;outermost;…;innermost" as in stackcollapse-perf.pl, with semicolons in names made colons. */
export type Stacks = ReadonlyMap<string, number>;

/** Joins names into the key of a stack. */
export const stackKey = (frames: readonly string[]): string =>
  frames.map((frame) => frame.replaceAll(';', ':')).join(';');

/** A frame in several profiles at once, with its weight in each, including all it called. */
export interface StackFrame {
  readonly name: string;
  /** Parallel to the profiles, as fractions of the whole. */
  readonly shares: readonly number[];
  readonly children: readonly StackFrame[];
}

interface Growing {
  readonly weights: Float64Array;
  readonly children: Map<string, Growing>;
}

/** The name of the bottom frame. */
export const ROOT = 'all';

/** One tree of the stacks of several profiles. A profile without weight has no shares. */
export function stackTree(profiles: readonly Stacks[]): StackFrame {
  const grow = (): Growing => ({ weights: new Float64Array(profiles.length), children: new Map() });
  const root = grow();
  const add = (frame: Growing, i: number, weight: number): void => {
    frame.weights[i] = frame.weights[i]! + weight;
  };
  for (const [i, stacks] of profiles.entries())
    for (const [stack, weight] of stacks) {
      let frame = root;
      add(frame, i, weight);
      for (const name of stack.split(';')) {
        let child = frame.children.get(name);
        if (!child) frame.children.set(name, (child = grow()));
        add(child, i, weight);
        frame = child;
      }
    }
  const finished = (name: string, { weights, children }: Growing): StackFrame => ({
    name,
    shares: [...weights].map((weight, i) => (weight === 0 ? 0 : weight / root.weights[i]!)),
    children: [...children]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([child, growing]) => finished(child, growing)),
  });
  return finished(ROOT, root);
}

/** Most frames on top of each other, without the root and the program's name: 1 if there are no call chains. */
export function stackDepth(stacks: Stacks): number {
  let deepest = 0;
  for (const stack of stacks.keys()) deepest = Math.max(deepest, stack.split(';').length);
  return deepest - 1;
}
