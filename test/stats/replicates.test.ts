import { expect } from 'chai';
import { splitBiasNoise } from '../../src/stats/replicates.ts';
import type { ExactShares, SampledShares } from '../../src/stats/shares.ts';
import { draw, random } from './draw.ts';
import { near, rfcCounts, sharesOf, weightsOf } from './golden.ts';

const HOST = sharesOf(rfcCounts('host'));
const truth: ExactShares = { exact: true, weights: weightsOf(HOST) };
const shifted = (by: number): number[] => HOST.map((x, i) => (i === 1 ? x + by : i === 2 ? x - by : x));

function runs(shares: readonly number[], seeds: number, n: number, path: string): SampledShares[] {
  const next = random(path);
  return Array.from({ length: seeds }, () => ({ weights: weightsOf(draw(shares, n, next)), samples: n }));
}
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

describe('stats: bias and noise', () => {
  it('finds a bias that every run has, and the symbols that have it', () => {
    const split = splitBiasNoise(runs(shifted(0.02), 20, 10_000, 'biased'), truth);
    expect(split.bias).to.be.closeTo(0.02, 0.002);
    near(split.noise, split.multinomial, 0.15);
    const found = split.symbols.filter((row) => row.holm < 0.05).map((row) => row.symbol);
    expect(found.toSorted()).to.deep.equal(['bar', 'foo']);
    expect(split.symbols[0]!.bias).to.be.closeTo(split.symbols[0]!.symbol === 'foo' ? 0.02 : -0.02, 0.003);
  });

  it('leaves less of noise for a bias than the mean profile does', () => {
    const splits = Array.from({ length: 60 }, (_, i) => splitBiasNoise(runs(HOST, 5, 5000, `none ${i}`), truth));
    const uncorrected = mean(splits.map((split) => split.uncorrected));
    near(mean(splits.map((split) => split.floor)), uncorrected, 0.1);
    expect(mean(splits.map((split) => split.bias))).to.be.below(0.6 * uncorrected);
    near(mean(splits.map((split) => split.noise)), mean(splits.map((split) => split.multinomial)), 0.05);
    // Squares are split without bias.
    const squares = mean(splits.map((split) => split.squares.bias));
    expect(Math.abs(squares)).to.be.below(0.1 * mean(splits.map((split) => split.squares.noise)));
    expect(splits.filter((split) => split.symbols.some((row) => row.holm < 0.05)).length).to.be.at.most(6);
  });

  it('compares runs of the same seeds pair by pair', () => {
    const a = runs(HOST, 6, 8000, 'one');
    const same = splitBiasNoise(a, a);
    expect([same.bias, same.noise, same.uncorrected]).to.deep.equal([0, 0, 0]);
    expect(same.symbols.every((row) => row.p === 1)).to.equal(true);
    const differ = splitBiasNoise(a, runs(shifted(-0.03), 6, 8000, 'other'));
    expect(differ.bias).to.be.closeTo(0.03, 0.006);
    const mirrored = splitBiasNoise(runs(shifted(-0.03), 6, 8000, 'other'), a);
    near(mirrored.bias, differ.bias, 1e-12);
  });

  it('sees samples spread more evenly than chance', () => {
    const even = Array.from({ length: 5 }, (_, i) => ({
      weights: weightsOf(HOST.map((x, s) => Math.round(x * 10_000) + ((i + s) % 3) - 1)),
      samples: 10_000,
    }));
    const split = splitBiasNoise(even, truth);
    expect(split.noise).to.be.below(0.1 * split.multinomial);
  });

  it('does not take a symbol that no run saw to be absent', () => {
    const rare = { exact: true, weights: new Map([...weightsOf(HOST), ['rare', 1e-6]]) } as const;
    const split = splitBiasNoise(runs(HOST, 4, 5000, 'rare'), rare);
    expect(split.symbols.find((row) => row.symbol === 'rare')!.p).to.be.above(0.5);
  });

  it('is certain of what fifty runs of hardly a sample each have in common, and of no more', () => {
    const many = runs([0.9, 0.1], 50, 2, 'hardly');
    const half: ExactShares = { exact: true, weights: weightsOf([0.5, 0.5]) };
    expect(splitBiasNoise(many, half).symbols.map(({ holm }) => holm < 0.001)).to.deep.equal([true, true]);
    // A symbol that none of a hundred samples hit, though one was to be expected.
    const rare: ExactShares = { exact: true, weights: new Map([...weightsOf([0.891, 0.099]), ['rare', 0.01]]) };
    const { symbols } = splitBiasNoise(many, rare);
    expect(symbols.find(({ symbol }) => symbol === 'rare')!.p).to.be.above(0.2);
  });

  it('needs two runs, and as many on either side', () => {
    const one = runs(HOST, 1, 100, 'one');
    expect(() => splitBiasNoise(one, truth)).to.throw(RangeError, 'two are the least');
    expect(() => splitBiasNoise([...one, ...one], one)).to.throw(RangeError, '2 runs and 1 of the other side');
  });
});
