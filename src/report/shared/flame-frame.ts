/** A tree of call stacks as the frames of a flame graph. */
import type { StackFrame } from '../../profile/stacks.ts';
import type { Frame } from '../html/model.ts';
import { points } from './format.ts';

export const nameOf = ({ name }: StackFrame): string => (name === '' ? '[unknown]' : name);

/** One profile's part of the tree. */
export const frameOf = (frame: StackFrame, i: number): Frame => ({
  name: nameOf(frame),
  share: frame.shares[i]!,
  detail: `${points(frame.shares[i]!)} %`,
  children: frame.children.filter(({ shares }) => shares[i]! > 0).map((child) => frameOf(child, i)),
});
