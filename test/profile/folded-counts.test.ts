import { expect } from 'chai';
import fc from 'fast-check';
import { CountsSeen, type JudgedCounts } from '../../src/profile/folded-counts.ts';
import { random } from '../stats/draw.ts';

function judge(counts: Iterable<number>): JudgedCounts {
  const seen = new CountsSeen();
  for (const count of counts) seen.add(count);
  return seen.judge();
}
const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

/** How often `stacks` stacks of falling heat are seen in so many samples. */
function sampled(stacks: number, samples: number, path: string): number[] {
  const next = random(path);
  const counts = Array.from({ length: stacks }, () => 0);
  for (let s = 0; s < samples; s++) {
    const at = Math.floor(stacks ** next()) - 1;
    counts[at] = counts[at]! + 1;
  }
  return counts.filter((count) => count > 0);
}

describe('counts of folded stacks', () => {
  it('are samples where they look like it', () => {
    for (const counts of [
      [3, 2, 1, 4],
      [1],
      [1000],
      [5000, 5000],
      [30, 20, 10],
      // The letter's tables: seven functions, none of them rare.
      [1921, 815, 803, 640, 497, 461, 61],
      [8263, 3236, 3173, 2842, 2645, 2070, 321],
      sampled(400, 20_000, 'program'),
      sampled(3000, 200_000, 'server'),
    ])
      expect(judge(counts), String(counts.slice(0, 9))).to.deep.equal({ samples: sum(counts) });
  });

  it('are samples still where a recording is long: stacks that are rare were seen a few times', () => {
    const counts = [...sampled(1500, 2_000_000, 'long'), ...sampled(300, 400, 'started and stopped')];
    expect(judge(counts)).to.deep.equal({ samples: 2_000_400 });
    expect(judge([600_000, 300_000, 100_000, 2, 1])).to.deep.equal({ samples: 1_000_003 });
  });

  for (const period of [999, 1_001_001, 250_000, 10_000_000, 100_003])
    it(`give the samples back where each counts ${period}`, () => {
      const counts = sampled(60, 3000, `period ${period}`);
      expect(judge(counts.map((count) => count * period))).to.deep.equal({
        samples: 3000,
        unit: { kind: 'period', period },
      });
    });

  const next = random('weights');
  const anything = (n: number, from: number, to: number): number[] =>
    Array.from({ length: n }, () => Math.floor(from * (to / from) ** next()));
  for (const [what, counts] of [
    ['periods of cycles', anything(12, 142_747, 625_885_059)],
    ['microseconds off CPU', anything(300, 3, 4_000_000)],
    ['microseconds of a few stacks', [850_113, 420_977, 90_001, 12_004, 503]],
    ['microseconds of tens of stacks', anything(50, 200, 50_000)],
    ['nanoseconds', anything(40, 20_000, 9_000_000_000)],
    ['bytes', anything(500, 4, 1_000_000).map((bytes) => bytes * 16)],
    ['bytes of a few stacks', [4096, 65_536, 64, 1024, 2_097_152, 32, 96, 48, 160, 16]],
    ['milliseconds with a fraction', [12.5, 3.25, 1, 7]],
    ['a single sum of periods', [2_624_203_198]],
    ['periods of a loop', [561_889_091, 210_228_769]],
  ] as const)
    it(`are no samples: ${what}`, () => {
      const { samples, unit } = judge(counts);
      expect(samples).to.equal(undefined);
      expect(unit).to.deep.equal({ kind: 'weights', smallest: Math.min(...counts), largest: Math.max(...counts) });
    });

  it('never say more samples than they add up to, and nothing else in another order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1e12 }), { minLength: 1, maxLength: 60 }), (counts) => {
        const judged = judge(counts);
        if (judged.samples !== undefined) expect(judged.samples).to.be.at.most(sum(counts));
        expect(judge(counts.toReversed())).to.deep.equal(judged);
      }),
    );
  });
});
