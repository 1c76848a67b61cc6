import { expect } from 'chai';
import { inCommonTerms } from '../../src/profile/common-terms.ts';
import { parseProfileKey, type Profile, profileKey } from '../../src/profile/profile.ts';
import { ReportTextParser } from '../../src/profile/report-text.ts';
import { TextError } from '../../src/profile/text-error.ts';

const recorded = (symbols: Readonly<Record<string, number>>): Profile => ({
  event: 'cycles',
  label: 'a.data',
  samples: 100,
  lost: 0,
  throttled: 0,
  weights: new Map(
    Object.entries(symbols).map(([symbol, weight]) => [profileKey({ comm: 'a', dso: 'a', symbol }), weight]),
  ),
});
const printed = (symbols: Readonly<Record<string, string>>): Profile => {
  const parser = new ReportTextParser('a.txt');
  for (const line of [
    '# Overhead  Command  Shared Object  Symbol',
    `# ........  .......  .............  ${'.'.repeat(40)}`,
  ])
    parser.feed(line);
  for (const [symbol, share] of Object.entries(symbols))
    parser.feed(`${`${share}%`.padStart(10)}  a        a              [.] ${symbol}`);
  return parser.profiles('a.txt')[0]!;
};
const names = (profile: Profile): string[] => [...profile.weights.keys()].map((key) => parseProfileKey(key).symbol);

describe('profiles in common terms', () => {
  it('pools in all of them what one leaves out', () => {
    const text = printed({ f: '60.00', g: '30.00' });
    const [own, other] = inCommonTerms([text, recorded({ f: 60, g: 31, h: 5, i: 4 })], 'symbol');
    expect(names(own!)).to.deep.equal(['f', 'g', '[not shown]']);
    expect(names(other!)).to.deep.equal(['f', 'g', '[not shown]']);
    expect([...other!.weights.values()]).to.deep.equal([60, 31, 9]);
  });

  it('demangles what is mangled on one side, or says how to print the other', () => {
    const mangled = { _ZN1a1fEv: 60, g: 40 };
    const plain = { 'a::f': '60.00', g: '40.00' };
    const common = inCommonTerms([printed(plain), recorded(mangled)], 'symbol', (name) =>
      name === '_ZN1a1fEv' ? 'a::f' : undefined,
    );
    expect(common.map(names)).to.deep.equal([
      ['a::f', 'g'],
      ['a::f', 'g'],
    ]);
    expect(() => inCommonTerms([printed(plain), recorded(mangled)], 'symbol')).to.throw(
      TextError,
      "a.txt has names demangled that are mangled in a.data: print 'perf report --stdio --no-demangle'",
    );
    expect(() =>
      inCommonTerms([printed({ _ZN1a1fEv: '60.00', g: '40.00' }), recorded({ 'a::f': 60, g: 40 })], 'symbol'),
    ).to.throw(
      TextError,
      "a.txt has names mangled that are not in a.data: print 'perf report --stdio' without --no-demangle",
    );
  });

  it('makes one row in all of a file whose functions one does not know, if that is a small part', () => {
    const row = (dso: string, symbol: string): string => profileKey({ comm: 'a', dso, symbol });
    const data = {
      ...recorded({}),
      weights: new Map([
        [row('a', 'f'), 70],
        [row('k', '[unknown]'), 30],
      ]),
    };
    const { printed: how } = printed({ f: '100.00' });
    const text = {
      ...recorded({}),
      ...(how && { printed: how }),
      weights: new Map([
        [row('a', 'f'), 70],
        [row('k', 'g'), 20],
        [row('k', 'h'), 10],
      ]),
    };
    for (const { weights } of inCommonTerms([text, data], 'symbol'))
      expect([...weights.values()]).to.deep.equal([70, 30]);
  });

  it('says so where a recording has no symbols that its text has', () => {
    expect(() => inCommonTerms([printed({ f: '100.00' }), recorded({ '[unknown]': 100 })], 'symbol')).to.throw(
      TextError,
      'no symbols of a were found (100.00 % of a.data), and a.txt has them: give --symfs, or compare by file (--by dso)',
    );
  });
});
