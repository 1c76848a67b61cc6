/** Comparisons of the letter's three tables, against figures worked out by hand (Monte Carlo where a floor is concerned). */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { compareProfiles, rowName } from '../../src/profile/compare.ts';
import { matchEvents, MatchError } from '../../src/profile/events.ts';
import { type Profile, profileKey } from '../../src/profile/profile.ts';
import { ReportTextParser } from '../../src/profile/report-text.ts';
import { parseMerge } from '../../src/profile/rows.ts';
import { verdictSentence } from '../../src/report/compare/verdict.ts';

function table(name: string): Profile {
  const parser = new ReportTextParser(name);
  for (const line of readFileSync(`fixtures/compare/rfc-${name}.txt`, 'utf8').split('\n')) parser.feed(line);
  return parser.profiles(name)[0]!;
}

describe('the tables of the letter', () => {
  const [legacy, v2, host] = ['legacy', 'v2', 'host'].map(table) as [Profile, Profile, Profile];

  for (const { a, b, tvd, floor, p95, divergence, chi2, p, v, kind } of [
    {
      a: legacy,
      b: host,
      tvd: 3.31,
      floor: 1.38,
      p95: 2.19,
      divergence: 2.0e-3,
      chi2: 47.7,
      p: 1.3e-8,
      v: 0.043,
      kind: 'materially-different',
    },
    {
      a: v2,
      b: host,
      tvd: 4.07,
      floor: 0.86,
      p95: 1.36,
      divergence: 1.77e-3,
      chi2: 105.5,
      p: 1.8e-20,
      v: 0.049,
      kind: 'materially-different',
    },
    {
      a: v2,
      b: legacy,
      tvd: 3.01,
      floor: 1.37,
      p95: 2.16,
      divergence: 1.37e-3,
      chi2: 30.9,
      p: 2.6e-5,
      v: 0.033,
      kind: 'materially-different',
    },
  ])
    it(`${a.label} and ${b.label}`, () => {
      const { pairs } = compareProfiles([[b], [a]]);
      const [{ comparison }] = pairs as [(typeof pairs)[number]];
      expect(100 * comparison.tvd.value).to.be.closeTo(tvd, 0.006);
      expect(100 * comparison.tvd.floor.mean).to.be.closeTo(floor, 0.01);
      expect(100 * comparison.tvd.floor.p95).to.be.closeTo(p95, 0.03);
      expect(comparison.jensenShannon.divergence).to.be.closeTo(divergence, 0.02 * divergence);
      // Shares of two decimals: counts are a few samples off.
      expect(comparison.test.chiSquare).to.be.closeTo(chi2, 0.3);
      expect(comparison.test.df).to.equal(6);
      expect(Math.log(comparison.test.p)).to.be.closeTo(Math.log(p), 0.2);
      expect(comparison.test.effect).to.be.closeTo(v, 0.001);
      expect(comparison.verdict.kind).to.equal(kind);
    });

  it('deviates of single functions, files of two versions being one', () => {
    const { rows } = compareProfiles([[host], [legacy], [v2]]);
    const z = Object.fromEntries(
      rows.map(({ name, tests }) => [name, tests.map((test) => test && Number(test.z.toFixed(2)))]),
    );
    expect(z).to.deep.include({
      qux: [-1.22, -2.63],
      foo: [-0.18, -4.15],
      bar: [6.38, 5.93],
      main: [-1.65, -1.79],
      __random: [-0.07, 7.19],
      __random_r: [-2.14, -2.37],
      'random@plt': [-2.22, -1.45],
    });
  });

  it("bar's surplus over the host is missing from foo and qux; random() differs even as a whole", () => {
    const compared = compareProfiles([[host], [v2]], { merges: [parseMerge('libc*:__random*')] });
    const merged = compared.rows.find(({ name }) => name === 'libc*:__random*')!;
    expect(merged.members).to.equal(2);
    expect(merged.shares.map(({ share }) => (100 * share).toFixed(2))).to.deep.equal(['19.44', '20.91']);
    const [{ comparison }] = compared.pairs as [(typeof compared.pairs)[number]];
    expect(comparison.verdict.drivers.map(({ symbol }) => rowName(symbol)).slice(0, 2)).to.deep.equal([
      'bar',
      'libc*:__random*',
    ]);
    expect(verdictSentence(compared, compared.pairs[0]!)).to.match(
      /^v2 and host are materially different, driven by bar/,
    );
  });

  it('truth is a profile with which every other is compared, whatever the reference', () => {
    const truth = { ...host, samples: Infinity, label: 'truth' };
    const compared = compareProfiles([[host], [truth], [v2]]);
    expect(compared.pairs.map(({ a, b }) => [a, b])).to.deep.equal([
      [2, 0],
      [0, 1],
      [2, 1],
    ]);
    const last = compared.pairs[2]!.comparison;
    expect(last.test.kind).to.equal('goodness-of-fit');
    expect(100 * last.tvd.floor.mean).to.be.closeTo(0.59, 0.01);
  });

  it('without a number of samples there are distances and no test', () => {
    const compared = compareProfiles([[host], [{ ...v2, samples: undefined }]]);
    expect(compared.pairs[0]!.tested).to.equal(false);
    expect(compared.operands[1]!.evidence).to.equal(undefined);
    expect(verdictSentence(compared, compared.pairs[0]!)).to.equal(
      'v2 and host are 4.07 pp apart; without the number of samples nobody knows whether that is noise.',
    );
    expect(compared.notes).to.deep.equal([{ kind: 'UnknownSamples', operand: 1 }]);
  });

  it('what was throttled and stands for a small part of truth says so, and so do runs that differ', () => {
    const truth = { ...host, samples: Infinity, label: 'truth' };
    const times = (profile: Profile, by: (i: number) => number): Profile => ({
      ...profile,
      weights: new Map([...profile.weights].map(([key, weight], i) => [key, weight * by(i)])),
    });
    const tenth = times(host, () => 0.1);
    const notesOf = (runs: readonly Profile[], against = [truth]) =>
      compareProfiles([runs, against]).notes.map(({ kind }) => kind);
    expect(notesOf([{ ...tenth, throttled: 7 }])).to.deep.equal(['PartCounted']);
    expect(notesOf([tenth])).to.deep.equal([]);
    expect(notesOf([{ ...times(host, () => 0.6), throttled: 7 }])).to.deep.equal([]);
    const runs = [2, 3, 5].map((n) => times(host, (i) => (i % n === 0 ? 2 : 1)));
    expect(notesOf(runs, [truth, truth, truth])).to.deep.equal(['RunsDiffer']);
    expect(notesOf([host, host, host], [truth, truth, truth])).to.deep.equal([]);
  });
});

describe('events of several recordings', () => {
  const of = (label: string, ...events: string[]): Profile[] =>
    events.map((event) => ({
      event,
      label,
      samples: 1,
      lost: 0,
      throttled: 0,
      weights: new Map([[profileKey({ comm: '', dso: '', symbol: 'f' }), 1]]),
    }));
  const matched = (operands: Profile[][], wanted?: string): string[][] =>
    matchEvents(operands, wanted).map((set) => set.map(({ event }) => event));

  it('are compared by name, aliases and modifiers aside', () => {
    expect(
      matched([of('a', 'cycles', 'instructions'), of('b', 'instructions', 'cpu-cycles:u', 'branches')]),
    ).to.deep.equal([
      ['cycles', 'cpu-cycles:u'],
      ['instructions', 'instructions'],
    ]);
    expect(matched([of('a', 'cycles'), of('b', 'cpu-clock')])).to.deep.equal([['cycles', 'cpu-clock']]);
    expect(matched([of('a', 'cycles', 'branches'), of('b', '')])).to.deep.equal([
      ['cycles', ''],
      ['branches', ''],
    ]);
  });

  it('are only the one that is named, if one is', () => {
    expect(matched([of('a', 'cycles', 'branches'), of('b', 'branches:u')], 'branches')).to.deep.equal([
      ['branches', 'branches:u'],
    ]);
    expect(() => matched([of('a', 'cycles'), of('b', 'cycles')], 'branches')).to.throw(
      MatchError,
      'a has no event branches',
    );
    expect(() => matched([of('a', 'x', 'y'), of('b', 'z', 'w')])).to.throw(MatchError, 'no event is in all of them');
  });
});
