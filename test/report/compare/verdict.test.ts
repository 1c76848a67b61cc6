/** Sentences of a comparison: they are true, and no two rows share a name. */
import { expect } from 'chai';
import { resamplingChance } from '../../../src/experiment/chance.ts';
import { compareProfiles } from '../../../src/profile/compare.ts';
import type { Profile } from '../../../src/profile/profile.ts';
import { verdictSentences } from '../../../src/report/compare/verdict.ts';
import { madeUpProfile } from '../../profile/made-up.ts';

const profile = (label: string, rows: Record<string, number>, samples = 10_000): Profile =>
  madeUpProfile(label, rows, samples);

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

  it('name what differs by itself where all together do not, unless that is rounded off', () => {
    const sentenceOf = (samples: number, rare: number): string => {
      const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`x f${i}`, samples / 40]));
      const [a, b] = [profile('a', many, samples), profile('b', { ...many, 'x rare': rare }, samples)];
      return verdictSentences(compareProfiles([[a], [b]]))[0]!;
    };
    expect(sentenceOf(1e5, 16)).to.match(/ \(p = [\d.]+\); yet by itself rare \(\+0\.02\) differs\.$/);
    expect(sentenceOf(1e6, 20)).to.match(/ \(p = [\d.]+\)\.$/);
  });

  it('call nothing alike where the functions of most samples are not known', () => {
    const [a, b] = [profile('a', { 'x [unknown]': 90, 'y g': 10 }), profile('b', { 'x [unknown]': 90, 'y g': 10 })];
    const compared = compareProfiles([[a], [b]]);
    expect(compared.notes.map(({ kind }) => kind)).to.include('Nameless');
    expect(verdictSentences(compared)[0]).to.match(
      /^Whether b and a differ cannot be told by function, as most samples of a and b have no names: by file they are 0\.00 pp apart/,
    );
    const named = profile('c', { 'x [unknown]': 20, 'x f': 70, 'y g': 10 });
    expect(verdictSentences(compareProfiles([[named], [named]]))[0]).to.include('indistinguishable');
  });

  it('leave out the middle of a name that is as long as a paragraph', () => {
    const long = `std::map<${'int,'.repeat(100)}>::find`;
    const [sentence] = verdictSentences(
      compareProfiles([[profile('a', { [`x ${long}`]: 50, 'x g': 50 })], [profile('b', { 'x g': 100 })]]),
    );
    expect(sentence).to.match(/ std::map<(int,)+i?n? \.\. (nt|t|int|,)[int,]*>::find \(-50\.00\)/);
    expect(sentence!.length).to.be.below(500);
  });

  it('are not certain of what is rounded off, and say so of what they round off themselves', () => {
    const exact = (label: string, rows: Record<string, number>): Profile => profile(label, rows, Infinity);
    const nearness = (...others: Profile[]): string[] =>
      verdictSentences(
        compareProfiles([[exact('to', { 'x f': 1 })], ...others.map((other) => [other])], { chance: () => () => 0.5 }),
      ).slice(others.length);
    // Tenths and thirds do not add up to 1 alike.
    const tenths = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`y f${i}`, 0.1]));
    const sevenths = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`z f${i}`, 1]));
    expect(nearness(exact('a', tenths), exact('b', sevenths))).to.deep.equal([
      'Neither b nor a is nearer to to for certain: they look equally near (95 % interval +0.00 to +0.00).',
    ]);
    expect(nearness(exact('a', { 'x f': 99_999, 'y g': 1 }), exact('b', { 'x f': 99_998, 'y g': 2 }))).to.deep.equal([
      'a is nearer to to than b, by less than 0.01 pp (95 % interval +0.00 to +0.00).',
    ]);
  });

  it('put three profiles and more in order by their distance, and say what of it is certain', () => {
    const to = profile('truth', { 'x f': 50, 'x g': 50 }, Infinity);
    const others = (samples: number): Profile[] => [
      profile('near', { 'x f': 51, 'x g': 49 }, samples),
      profile('far', { 'x f': 70, 'x g': 30 }, samples),
      profile('beside', { 'x f': 51.1, 'x g': 48.9 }, samples),
    ];
    const ranked = (...held: Profile[]): string =>
      verdictSentences(compareProfiles([[to], ...held.map((one) => [one])], { chance: resamplingChance })).at(-1)!;
    expect(ranked(...others(10_000))).to.equal(
      'By their distance from truth, in pp: near 1.00, beside 1.10, far 20.00; certain is that near and beside are nearer than far.',
    );
    expect(ranked(...others(10))).to.match(/; nothing of that order is certain\.$/);
  });
});
