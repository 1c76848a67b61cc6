import { expect } from 'chai';
import fc from 'fast-check';
import { type Profile, totalWeight } from '../../src/profile/profile.ts';
import { alignRows, OTHER, parseMerge, poolRare, unversioned } from '../../src/profile/rows.ts';
import { madeUpProfile } from './made-up.ts';

const profile = (rows: Record<string, number>, samples: number | undefined = 1000): Profile =>
  madeUpProfile('x', rows, samples);
const shown = (rows: ReturnType<typeof alignRows>): Record<string, readonly number[]> =>
  Object.fromEntries(rows.map(({ dso, name, weights }) => [`${dso} ${name}`, weights]));

describe('profiles side by side', () => {
  it('know a file whatever its version', () => {
    expect(['libc-2.17.so', 'libc-2.27.so', 'libc.so.6'].map(unversioned)).to.deep.equal(Array(3).fill('libc.so'));
    expect(['ld-2.27.so', 'ld-linux-x86-64.so.2'].map(unversioned)).to.deep.equal(['ld.so', 'ld.so']);
    expect(
      ['ftest', 'libstdc++.so.6.0.25', '[kernel.kallsyms]', 'python3.11', 'lib-x.so'].map(unversioned),
    ).to.deep.equal(['ftest', 'libstdc++.so', '[kernel.kallsyms]', 'python3.11', 'lib-x.so']);
    const rows = alignRows([profile({ 'libc-2.17.so f': 1 }), profile({ 'libc-2.27.so f': 2, 'b f': 1 })]);
    expect(shown(rows)).to.deep.equal({ 'libc.so f': [1, 2], 'b f': [0, 1] });
  });

  it('go by name alone beside a profile that knows no files', () => {
    const rows = alignRows([profile({ 'a f': 1, 'b f': 2 }), profile({ ' f': 5 })]);
    expect(shown(rows)).to.deep.equal({ ' f': [3, 5] });
  });

  it('merge files, patterns and PLT stubs', () => {
    const one = profile({
      'a f': 4,
      'a random@plt': 1,
      'libc.so.6 __random': 2,
      'libc.so.6 __random_r': 3,
      'a x@plt': 7,
    });
    const merged = (...merges: string[]): unknown => shown(alignRows([one], merges.map(parseMerge)));
    expect(merged('dso')).to.deep.equal({ 'a a': [12], 'libc.so.6 libc.so': [5] });
    expect(merged('*random*')).to.deep.equal({ 'a f': [4], 'a x@plt': [7], ' *random*': [6] });
    expect(merged('libc*:*random*', 'plt')).to.deep.equal({ 'a f': [4], 'a x@plt': [7], ' libc*:*random*': [6] });
    expect(merged('plt')).to.deep.include({ ' __random': [3], 'a x@plt': [7] });
  });

  it('pool what is too rare, last', () => {
    const one = profile({ 'a f': 900, 'a g': 96, 'a h': 3, 'a i': 1, 'a j': 0 });
    const rows = poolRare(alignRows([one]), [one]);
    expect(rows.map(({ name, weights }) => [name, weights[0]])).to.deep.equal([
      ['f', 900],
      ['g', 96],
      [OTHER, 4],
    ]);
    expect(rows.at(-1)!.members.map(({ symbol }) => symbol)).to.deep.equal(['h', 'i', 'j']);
  });

  it('keep in sight what leads, however few samples the smallest profile has', () => {
    const names = (profiles: readonly Profile[]): string[] =>
      poolRare(alignRows(profiles), profiles).map(({ name }) => name);
    const many = profile({ 'a f': 12_000, 'a g': 7900, 'a h': 98, 'a i': 2 }, 20_000);
    const few = profile({ 'a f': 3, 'a g': 1, 'a x': 1 }, 5);
    expect(names([many, few])).to.deep.equal(['f', 'g', 'x', 'h', OTHER]);
    expect(names([few, few])).to.deep.equal(['f', 'g', 'x']);
    const flat = profile(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`a f${i}`, 1])), 300);
    expect(names([flat])).to.have.length(20 + 1);
  });

  it('pool what is beyond the most that are wanted', () => {
    const one = profile({ 'a f': 600, 'a g': 300, 'a h': 100 });
    expect(poolRare(alignRows([one]), [one], 2).map(({ name, weights }) => [name, weights[0]])).to.deep.equal([
      ['f', 600],
      ['g', 300],
      [OTHER, 100],
    ]);
  });

  it('drop nothing: weights add up to the profiles, whatever is merged and pooled', () => {
    const names = fc.constantFrom('a f', 'a f@plt', 'libc-2.17.so f', 'libc.so.6 g', 'b [unknown]', ' h', 'a b::c');
    const some = fc.dictionary(names, fc.integer({ min: 0, max: 1 << 20 }), { maxKeys: 7 });
    const merges = fc.subarray(['dso', 'plt', 'f*', 'libc*:*', '?']);
    fc.assert(
      fc.property(
        fc.array(some, { minLength: 1, maxLength: 3 }),
        merges,
        fc.integer({ min: 1, max: 100 }),
        (all, m, n) => {
          const profiles = all.map((rows) => profile(rows, n));
          const rows = poolRare(alignRows(profiles, m.map(parseMerge)), profiles);
          for (const [i, p] of profiles.entries())
            expect(rows.reduce((sum, { weights }) => sum + weights[i]!, 0)).to.equal(totalWeight(p));
        },
      ),
    );
  });
});
