/** What a selector with CMASK, INV and EDGE counts, where an event's most in a cycle decides. */
import { expect } from 'chai';
import { underMask } from '../../src/arch/counter-mask.ts';
import { EVENTSEL } from '../../src/arch/perfevtsel.ts';

const { EDGE, INV } = EVENTSEL;
const cmask = (n: number): number => n * 2 ** 24;

describe('arch/counter-mask', () => {
  const rows: readonly (readonly [what: string, counted: string | undefined, bits: number, answer: string])[] = [
    ['no mask', 'instructions', 0, 'event'],
    ['INV needs a mask to invert', 'instructions', INV, 'event'],
    ['cycles without 16 instructions are all', 'instructions', INV + cmask(16), 'cycles'],
    ['with 16, none', 'instructions', cmask(16), 'nothing'],
    ['with 1', 'instructions', cmask(1), 'unknown'],
    ['without 1', 'uops-retired', INV + cmask(1), 'unknown'],
    ['every cycle has one cycle', 'cycles', cmask(1), 'event'],
    ['none has two', 'cycles', cmask(2), 'nothing'],
    ['all have fewer than two', 'cycles', INV + cmask(2), 'cycles'],
    ['none has fewer than one', 'cycles', INV + cmask(1), 'nothing'],
    ['edges of a clock', 'cycles', EDGE + cmask(1), 'unknown'],
    ['each mispredicted branch is in a cycle of its own', 'branch-misses', cmask(1), 'event'],
    ['and an edge of its own', 'branch-misses', EDGE, 'event'],
    ['cycles without one', 'branch-misses', INV + cmask(1), 'unknown'],
    ['an event with no known most', 'LLC-references', cmask(1), 'unknown'],
    ['another clock', 'bus-cycles', cmask(1), 'unknown'],
    ['what never occurs, inverted, is every cycle', undefined, INV + cmask(1), 'cycles'],
    ['what never occurs', undefined, cmask(1), 'nothing'],
  ];
  for (const [what, counted, bits, answer] of rows)
    it(`${what}: ${answer}`, () => expect(underMask(counted, bits >>> 0)).to.equal(answer));
});
