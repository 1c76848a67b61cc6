/** Call stacks as drawings: a flame graph for each profile and a differential one for each pair, all from one tree. */
import type { ComparedProfiles } from '../../profile/compare.ts';
import { ROOT, type StackFrame, stackDepth, stackTree } from '../../profile/stacks.ts';
import type { Flame, Flames, Frame } from '../html/model.ts';
import { frameOf, nameOf } from '../shared/flame-frame.ts';
import { points } from '../shared/format.ts';
import { subjectOf } from '../shared/page-parts.ts';
import { signed } from './verdict.ts';

/** Difference of shares at which a frame has the full colour. */
const MOST_CHANGE = 0.05;

/** Flame graphs of all profiles with stacks, and of the differences of pairs. */
export function flameFigures({ operands, pairs }: ComparedProfiles): Flames[] {
  const sampled = operands.filter(({ exact, profile: { stacks } }) => !exact && stacks !== undefined);
  const deep = sampled.some(({ profile }) => stackDepth(profile.stacks!) > 1);
  // Truth has every chain: compared with recordings without chains, it would only seem to differ.
  const known = operands.filter(
    (operand) => sampled.includes(operand) || (deep && operand.exact && operand.profile.stacks),
  );
  if (known.length === 0) return [];
  const tree = stackTree(known.map(({ profile }) => profile.stacks!));
  const single = known.map((operand, i): Flame => {
    const { label, design } = subjectOf(operand);
    return { label, design, differential: false, root: frameOf(tree, i) };
  });
  const at = (i: number): number => known.indexOf(operands[i]!);
  const differences = pairs
    .filter(({ a, b }) => at(a) >= 0 && at(b) >= 0)
    .map(({ a, b }): Flame => ({
      label: `${operands[a]!.label} less ${operands[b]!.label}`,
      differential: true,
      root: differenceOf(tree, at(a), at(b)),
    }));
  return [
    { kind: 'flames', title: 'Flame graphs', graphs: single },
    ...(differences.length === 0
      ? []
      : [
          {
            kind: 'flames' as const,
            title: 'Differential flame graphs',
            graphs: differences,
            note: `Frames are as wide as the mean of both profiles and coloured by the difference, in full from ${points(MOST_CHANGE)} points on.`,
          },
        ]),
  ];
}

function differenceOf(frame: StackFrame, a: number, b: number): Frame {
  const [first, second] = [frame.shares[a]!, frame.shares[b]!];
  const change = first - second;
  return {
    name: nameOf(frame),
    share: (first + second) / 2,
    tone: points(Math.abs(change)) === points(0) ? 0 : Math.max(-1, Math.min(1, change / MOST_CHANGE)),
    detail:
      frame.name === ROOT
        ? `${points(first)} %`
        : `${signed(change)} points, ${points(first)} % less ${points(second)} %`,
    children: frame.children
      .filter(({ shares }) => shares[a]! > 0 || shares[b]! > 0)
      .map((child) => differenceOf(child, a, b)),
  };
}
