/** Sentences of a comparison: true, and no two rows by one name. */
import { expect } from 'chai';
import { compareProfiles } from '../../src/profile/compare.ts';
import { type Profile, profileKey } from '../../src/profile/profile.ts';
import { verdictSentences } from '../../src/report/verdict.ts';

const profile = (label: string, rows: Record<string, number>, samples = 10_000): Profile => ({
  event: 'cycles',
  label,
  samples,
  lost: 0,
  throttled: 0,
  weights: new Map(
    Object.entries(rows).map(([name, weight]) => {
      const [dso = '', symbol = ''] = name.split(' ');
      return [profileKey({ comm: 'x', dso, symbol }), weight];
    }),
  ),
});

describe('verdicts as sentences', () => {
  it('name the files of functions that share a name, and of those only', () => {
    const before = profile('before', { 'old f': 50, 'old g': 10, 'libc.so h': 40 });
    const after = profile('after', { 'new f': 45, 'new k': 15, 'libc.so h': 40 });
    const [sentence] = verdictSentences(compareProfiles([[before], [after]]));
    expect(sentence).to.include('driven by f of old (-50.00) and f of new (+45.00): ');
    expect(sentence).to.include('Counting f of new and f of old as one does not restore agreement');
    const [plain] = verdictSentences(compareProfiles([[before], [profile('c', { 'old f': 40, 'libc.so h': 60 })]]));
    expect(plain).to.include('driven by h (+20.00) and ');
  });

  it('leave out the middle of a name that is as long as a paragraph', () => {
    const long = `std::map<${'int,'.repeat(100)}>::find`;
    const [sentence] = verdictSentences(
      compareProfiles([[profile('a', { [`x ${long}`]: 50, 'x g': 50 })], [profile('b', { 'x g': 100 })]]),
    );
    expect(sentence).to.match(/ std::map<(int,)+i?n? \.\. (nt|t|int|,)[int,]*>::find \(-50\.00\)/);
    expect(sentence!.length).to.be.below(500);
  });
});
