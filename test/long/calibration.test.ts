/**
 * Perfect profiles differ in 5 % of comparisons, whatever they are made of: p is uniform. 1,000 pairs each, seeded.
 */
import { expect } from 'chai';
import { compareShares } from '../../src/stats/compare.ts';
import type { Shares } from '../../src/stats/shares.ts';
import { draw, drawSymbol, random, uniformP } from '../stats/draw.ts';
import { golden, rfcCounts, sharesOf, weightsOf } from '../stats/golden.ts';
import { sharesOfSamples } from '../stats/samples.ts';

const HOST = sharesOf(rfcCounts('host'));
const PAIRS = 1000;

/** p-values of pairs, the part of verdicts other than "indistinguishable", and of tables with any symbol flagged. */
function calibrate(pair: (i: number) => readonly [Shares, Shares]): {
  p: number[];
  different: number;
  flagged: number;
} {
  const p: number[] = [];
  let [different, flagged] = [0, 0];
  for (let i = 0; i < PAIRS; i++) {
    const c = compareShares(...pair(i));
    p.push(c.verdict.p);
    if (c.verdict.kind !== 'indistinguishable') different += 1 / PAIRS;
    if (c.symbols.some((row) => row.differs)) flagged += 1 / PAIRS;
  }
  return { p, different, flagged };
}

function expectLevel({ p, different, flagged }: ReturnType<typeof calibrate>): void {
  expect(different, 'said to differ').to.be.within(0.035, 0.065);
  expect(flagged, 'some symbol flagged').to.be.at.most(0.065);
  expect(uniformP(p), 'uniform p').to.be.above(0.01);
}

const counted = (counts: readonly number[]): Shares => ({
  weights: weightsOf(counts),
  samples: counts.reduce((sum, x) => sum + x, 0),
});
const truth: Shares = { exact: true, weights: weightsOf(HOST) };

describe('stats: calibration on perfect profiles', () => {
  it("ftest's shares, as many samples as the RFC's", () => {
    const next = random('rfc');
    expectLevel(calibrate(() => [counted(draw(HOST, 5198, next)), counted(draw(HOST, 20652, next))]));
  });

  it('against truth', () => {
    const next = random('truth');
    expectLevel(
      calibrate((i) => (i % 2 ? [counted(draw(HOST, 5198, next)), truth] : [truth, counted(draw(HOST, 900, next))])),
    );
  });

  it('few samples', () => {
    const next = random('few');
    expectLevel(calibrate(() => [counted(draw(HOST, 150, next)), counted(draw(HOST, 300, next))]));
  });

  it('a hundred rare symbols', () => {
    const next = random('rare');
    const shares = sharesOf([...HOST.map((x) => 1000 * x), ...Array.from({ length: 100 }, (_, i) => 6 / (i + 2))]);
    expectLevel(calibrate(() => [counted(draw(shares, 3000, next)), counted(draw(shares, 3000, next))]));
    expectLevel(calibrate(() => [counted(draw(shares, 3000, next)), { exact: true, weights: weightsOf(shares) }]));
  });

  it('periods as weights', () => {
    const next = random('weights');
    const side = (): Shares => {
      const symbol = Array.from({ length: 800 }, () => drawSymbol(HOST, next));
      // A ramp of tiny periods, then some that vary fivefold.
      const weight = symbol.map((_, s) => (s < 50 ? 1 + s : 1000 * (1 + 4 * next())));
      return sharesOfSamples({ symbols: golden.symbols, symbol, weight });
    };
    expectLevel(calibrate(() => [side(), side()]));
  });

  for (const [name, rho] of [
    ['pairs that say the same twice', 1],
    ['pairs of which one in three does', 1 / 3],
    ['pairs that are independent', 0],
  ] as const)
    it(name, () => {
      const next = random(name);
      const side = (n: number): Shares => {
        const symbol: number[] = [];
        for (let s = 0; s < n; s++) symbol.push(s % 2 && next() < rho ? symbol[s - 1]! : drawSymbol(HOST, next));
        return sharesOfSamples({ symbols: golden.symbols, symbol, burst: symbol.map((_, s) => s >> 1) });
      };
      expectLevel(calibrate(() => [side(500), side(700)]));
    });

  it('a burst that is throttled, then calm: few bursts of one place, and pairs that say the same twice', () => {
    const next = random('burst and calm');
    const side = (n: number): Shares => {
      const [symbol, burst] = [[] as number[], [] as number[]];
      for (let s = 0; s < n; s++) {
        const paired = s < n / 3;
        symbol.push(paired && s % 2 ? symbol[s - 1]! : drawSymbol(HOST, next));
        burst.push(paired ? s >> 1 : -1);
      }
      return sharesOfSamples({ symbols: golden.symbols, symbol, burst });
    };
    expectLevel(calibrate(() => [side(600), side(900)]));
  });

  it('bursts of any size', () => {
    const next = random('sizes');
    const side = (bursts: number): Shares => {
      const [symbol, burst] = [[] as number[], [] as number[]];
      for (let b = 0; b < bursts; b++) {
        const [first, size] = [drawSymbol(HOST, next), 1 + Math.floor(12 * next())];
        for (let s = 0; s < size; s++) {
          symbol.push(next() < 0.4 ? first : drawSymbol(HOST, next));
          burst.push(b);
        }
      }
      return sharesOfSamples({ symbols: golden.symbols, symbol, burst });
    };
    expectLevel(calibrate(() => [side(150), side(200)]));
  });

  it('a phase of start-up that is throttled is no evidence against a program', () => {
    const next = random('start-up phase');
    const symbols = [...golden.symbols, 'start'];
    const side = (): Shares => {
      const symbol = Array.from({ length: 680 }, () => symbols.length - 1);
      const burst = symbol.map((_, s) => Math.floor(s / 20));
      for (let s = 0; s < 2000; s++) {
        symbol.push(drawSymbol(HOST, next));
        burst.push(-1);
      }
      return sharesOfSamples({ symbols, symbol, burst });
    };
    // The start takes the same part of every run: that much surer than chance is the test.
    const { different, flagged } = calibrate(() => [side(), side()]);
    expect(different).to.be.within(0.02, 0.065);
    expect(flagged).to.be.at.most(0.065);
  });

  it('would fail without the design effect', () => {
    const next = random('naive');
    const twice = (): Shares => counted(draw(HOST, 500, next).map((x) => 2 * x));
    expect(calibrate(() => [twice(), twice()]).different).to.be.above(0.3);
  });
});
