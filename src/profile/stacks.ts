/**
 * Call stacks as trees: what flame graphs are drawn from.
 *
 * Siblings stand in the order of their names, so that the trees of several profiles can be compared by eye.
 *
 * Not modelled: files and offsets of frames; recursion made one frame.
 */

/** Weight by stack: "comm;outermost;…;innermost" as stackcollapse-perf.pl has them, a semicolon in a name made a colon. */
export type Stacks = ReadonlyMap<string, number>;

/** Names joined to the key of a stack. */
export const stackKey = (frames: readonly string[]): string =>
  frames.map((frame) => frame.replaceAll(';', ':')).join(';');

/** A frame in several profiles at once: its weight, with all that it called, in each of them. */
export interface StackFrame {
  readonly name: string;
  /** Parallel to the profiles, as parts of the whole. */
  readonly shares: readonly number[];
  readonly children: readonly StackFrame[];
}

interface Growing {
  readonly weights: Float64Array;
  readonly children: Map<string, Growing>;
}

/** The name of the frame below all others. */
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

/** Frames that stand on each other at most, without the root and the program's name: 1 if there are no call chains. */
export function stackDepth(stacks: Stacks): number {
  let deepest = 0;
  for (const stack of stacks.keys()) deepest = Math.max(deepest, stack.split(';').length);
  return deepest - 1;
}
