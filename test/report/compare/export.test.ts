/** compare's output for programs: complete, finite, and nothing that is not known. */
import { expect } from 'chai';
import { compareProfiles } from '../../../src/profile/compare.ts';
import { type Profile, profileKey } from '../../../src/profile/profile.ts';
import { compareJson } from '../../../src/report/compare/json.ts';
import { compareLines, compareMarkdown } from '../../../src/report/compare/text.ts';
import { comparePage } from '../../../src/report/compare/page.ts';
import { random } from '../../stats/draw.ts';
import { compareCsv } from '../../../src/report/compare/csv.ts';

const profile = (label: string, f: number, samples: number | undefined): Profile => ({
  event: 'cycles',
  label,
  samples,
  lost: 0,
  throttled: 0,
  weights: new Map([
    [profileKey({ comm: 'x', dso: 'a', symbol: 'f(int, "x")' }), f],
    [profileKey({ comm: 'x', dso: 'a', symbol: 'g|*' }), 100 - f],
  ]),
});
const about = { gperf: '9.9', command: ['gperf', 'compare'], merges: ['plt'] };
const compared = compareProfiles(
  [[profile('a', 50, 1000)], [profile('b', 60, 1000)], [profile('truth', 50, Infinity)], [profile('c', 55, undefined)]],
  { chance: () => random('exports') },
);

interface Json {
  readonly events: readonly {
    readonly reference: string;
    readonly profiles: readonly { readonly label: string; readonly evidence?: { readonly samples: number | null } }[];
    readonly pairs: readonly (Record<string, unknown> & { readonly a: string; readonly b: string })[];
  }[];
}

describe('exports of a comparison', () => {
  it('JSON has every pair, infinite numbers as null, and no test where samples are unknown', () => {
    const text = compareJson([compared], about);
    const json = JSON.parse(text) as Json & Record<string, unknown>;
    expect(json).to.include({ format: 'gperf compare', version: 1, gperf: '9.9' });
    const [{ reference, profiles, pairs }] = json.events as [Json['events'][number]];
    expect(reference).to.equal('a');
    expect(profiles.map(({ label, evidence }) => [label, evidence?.samples])).to.deep.equal([
      ['a', 1000],
      ['b', 1000],
      ['truth', null],
      ['c', undefined],
    ]);
    expect(pairs.map(({ a, b, tested }) => [a, b, tested])).to.deep.equal([
      ['b', 'a', true],
      ['c', 'a', false],
      ['a', 'truth', true],
      ['b', 'truth', true],
      ['c', 'truth', false],
    ]);
    expect(pairs[0]!['test']).to.include({ kind: 'homogeneity', df: 1 });
    expect(pairs[0]!['effective']).to.deep.equal([1000, 1000]);
    expect(pairs[1]).to.have.all.keys('a b tested sentence tvd overlap jensenShannon hellinger symbols'.split(' '));
    expect(text).not.to.match(/Infinity|NaN|\0/);
  });

  it('each but CSV tells which profile is nearer to which, of those whose samples are known', () => {
    const [event] = (JSON.parse(compareJson([compared], about)) as { events: Record<string, object[]>[] }).events;
    const [nearness, ...more] = event!['nearness'] as Record<string, unknown>[];
    expect(more).to.deep.equal([]);
    expect(nearness).to.include({ a: 'a', b: 'b', reference: 'truth', nearer: 'a' });
    expect(nearness!['value']).to.be.closeTo(-0.1, 1e-9);
    expect(nearness!['percentile']).to.have.all.keys('mean', 'low', 'high', 'further');
    const sentence = nearness!['sentence'] as string;
    expect(sentence).to.match(/^a is nearer to truth than b, by 10\.00 pp \(95 % interval \+\d.* to \+1\d.*\)\.$/);
    expect([...compareLines(compared)]).to.include(sentence);
    expect([...compareMarkdown(compared)]).to.include(sentence);
    const { findings } = comparePage([compared], { command: '', generator: '', reproduce: [] });
    expect(findings.at(-1)).to.deep.equal({
      about: 'a or b, beside truth',
      tone: 'material',
      word: 'a nearer',
      sentence,
    });
  });

  it('CSV has a line for each row, profile and pair, quoted where needed', () => {
    const lines = [...compareCsv([compared])];
    const columns = 13;
    expect(lines[0]!.split(',')).to.have.length(columns);
    // a against truth; b against a and truth; truth against none; c against a and truth.
    expect(lines).to.have.length(1 + 2 * (1 + 2 + 1 + 2));
    const line = lines.find((text) => text.includes(',b,0.6,') && text.includes(',a,0.09'));
    expect(line).to.match(
      /^cycles,"f\(int, ""x""\)",a,b,0\.6,0\.56\d*,0\.62\d*,a,0\.09\d*,4\.\d+,[\d.e-]+,[\d.e-]+,true$/,
    );
    expect(lines.filter((text) => /,c,0\.55,0,1,a,0\.05\d*,,,,$/.test(text))).to.have.length(1);
  });

  it('Markdown escapes what would be its own', () => {
    const text = [...compareMarkdown(compared)].join('\n');
    expect(text).to.include(String.raw`| g\|\* |`);
    for (const line of text.split('\n').filter((row) => row.startsWith('| 5')))
      expect(line.match(/(?<!\\)\|/g)).to.have.length(
        text
          .split('\n')
          .find((row) => row.startsWith('| truth'))!
          .match(/\|/g)!.length,
      );
  });
});
