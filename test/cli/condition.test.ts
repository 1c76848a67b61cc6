import { expect } from 'chai';
import { ConditionError, METRICS, parseCondition } from '../../src/cli/condition.ts';
import { compareProfiles } from '../../src/profile/compare.ts';
import { type Profile, profileKey } from '../../src/profile/profile.ts';

const profile = (label: string, f: number, samples = 1000): Profile => ({
  event: 'cycles',
  label,
  samples,
  lost: label === 'b' ? 3 : 0,
  throttled: 0,
  weights: new Map([
    [profileKey({ comm: '', dso: 'x', symbol: 'f' }), f],
    [profileKey({ comm: '', dso: 'x', symbol: 'g' }), 100 - f],
  ]),
});
// b is 10 points from a, c is 1 point from it; truth is where a is.
const compared = compareProfiles([
  [profile('a', 50)],
  [profile('b', 60)],
  [profile('c d', 51)],
  [profile('truth', 50, Infinity)],
]);
const holds = (text: string): boolean => parseCondition(text)(compared).length > 0;

describe('conditions of --fail-if', () => {
  for (const [text, expected] of [
    ['tvd > 9%', true],
    ['tvd > 9pp', true],
    ['tvd>0.09', true],
    ['tvd(b) > 11%', false],
    ['tvd(c d) > 0.9% and tvd(c d) < 1.1 %', true],
    ['tvd(a, truth) > 0', false],
    ['tvd(truth, b) >= 9.99%', true],
    ['tvd(truth) > 9%', true],
    ['max_error(b) > 9.9% and overlap(b) <= 90%', true],
    ['p(b) < 1e-4 and ratio(b) > 2 and v(b) > .05', true],
    ['p(c d) < 5%', false],
    ['material and different', true],
    ['material(c d) or different(c d)', false],
    ['(tvd > 50% or lost(b) > 2) and samples > 999', true],
    ['lost(a) > 0', false],
    ['chi2 > 1 and jsd > 0 and top5 < 1', false],
    ['detects < 10% and floor < 2% and p95 < 5%', true],
    ['effective(b) >= 1000', true],
  ] as const)
    it(`${text}: ${expected}`, () => {
      expect(holds(text)).to.equal(expected);
    });

  it('print no infinite figure where no shift can be detected or noise makes no distance', () => {
    const few = compareProfiles([[profile('a', 50, 3)], [profile('b', 60, 3)]]);
    expect(parseCondition('detects > 1%')(few)).to.deep.equal(['detects(b, a) is boundless, which is > 1%']);
    const exact = compareProfiles([[profile('a', 50, Infinity)], [profile('b', 60, Infinity)]]);
    expect(parseCondition('ratio > 2 or v > 1')(exact)).to.deep.equal([
      'ratio(b, a) is boundless, which is > 2',
      'v(b, a) is boundless, which is > 1',
    ]);
  });

  it('say why they hold', () => {
    expect(parseCondition('tvd > 2% or lost > 0')(compared)).to.deep.equal([
      'tvd(b, a) is 10%, which is > 2%',
      'lost(b) is 3, which is > 0',
    ]);
    expect(parseCondition('material')(compared)).to.deep.equal(['b, a: material']);
  });

  for (const [text, message, at] of [
    ['', 'expected a metric', 0],
    ['tdv > 1%', 'no such metric (did you mean tvd?)', 0],
    ['tvd 1%', "expected '<', '<=', '>' or '>='", 4],
    ['tvd > x', 'expected a number', 6],
    ['tvd > 2', 'tvd is a share: 2% or 0.02', 6],
    ['ratio > 2pp', 'ratio is no share: points mean nothing', 8],
    ['(tvd > 2%', "expected ')'", 9],
    ['tvd > 2% ratio', "expected 'and', 'or' or the end", 9],
    ['tvd() > 2%', 'expected the name of a profile', 4],
    ['lost(a, b) > 2', 'lost is of one profile', 8],
  ] as const)
    it(`refuse '${text}'`, () => {
      expect(() => parseCondition(text))
        .to.throw(ConditionError, message)
        .with.property('at', at);
    });

  it('refuse profiles that are not there and unknown metrics', () => {
    expect(() => holds('tvd(z) > 1%')).to.throw(ConditionError, 'no such profile (there is a, b, c d, truth)');
    expect(() => holds('bias > 1%')).to.throw(ConditionError, 'bias(b, a) is not known');
  });

  it('know every metric', () => {
    for (const metric of METRICS) expect(() => parseCondition(metric), metric).not.to.throw(ConditionError, 'no such');
  });
});
