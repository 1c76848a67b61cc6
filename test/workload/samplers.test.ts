/** The draws: frozen bits, and distributions against exact probabilities with fixed seeds. */
import { expect } from 'chai';
import { lnFactorial } from '../../src/sim/math.ts';
import {
  binomial,
  hypergeometric,
  keyOfText,
  lnHypergeometric,
  mixed,
  mixKey,
  next32,
  next53,
  normal,
  SEED_CONTRACT,
  seedRng,
} from '../../src/workload/samplers.ts';

/** Chi-square of draws against a probability function, as standard deviations from its mean. */
function chiSquare(draw: () => number, from: number, to: number, p: (x: number) => number, n: number): number {
  const seen = new Map<number, number>();
  for (let i = 0; i < n; i++) {
    const x = draw();
    if (x < from || x > to) throw new Error(`${x} is impossible`);
    seen.set(x, (seen.get(x) ?? 0) + 1);
  }
  let sum = 0;
  let df = -1;
  let expected = 0;
  let observed = 0;
  for (let x = from; x <= to; x++) {
    expected += p(x) * n;
    observed += seen.get(x) ?? 0;
    if (expected < 10) continue;
    sum += (observed - expected) ** 2 / expected;
    df++;
    expected = observed = 0;
  }
  return df > 0 ? (sum - df) / Math.sqrt(2 * df) : 0;
}

/** Many such numbers are distributed as they should be: mean 0, deviation 1, no outlier. */
function plausible(zs: readonly number[]): void {
  const mean = zs.reduce((a, b) => a + b, 0) / zs.length;
  const square = zs.reduce((a, b) => a + b * b, 0) / zs.length;
  expect(Math.abs(mean)).to.be.lessThan(3 / Math.sqrt(zs.length));
  expect(square).to.be.within(0.6, 1.5);
  expect(Math.max(...zs)).to.be.lessThan(4.5);
}

describe('samplers', () => {
  it('keep the seed contract', () => {
    const rows: string[] = [`contract ${SEED_CONTRACT}`];
    keyOfText('gperf');
    rows.push(`key ${mixed.join()}`);
    mixKey(1, 2, 3);
    rows.push(`mix ${mixed.join()}`);
    seedRng(0x12345678, 0x9abcdef0 | 0);
    rows.push(`bits ${next32()},${next32()}`, `uniform ${next53()}`, `normal ${normal()},${normal()}`);
    for (const [M, c, L] of SHAPES) {
      mixKey(M | 0, c, L);
      seedRng(mixed[0]!, mixed[1]!);
      rows.push(`hypergeometric ${M},${c},${L}: ${Array.from({ length: 6 }, () => hypergeometric(M, c, L)).join()}`);
    }
    for (const [n, p] of TRIALS) {
      mixKey(n | 0, 77, 0);
      seedRng(mixed[0]!, mixed[1]!);
      rows.push(`binomial ${n},${p}: ${Array.from({ length: 4 }, () => binomial(n, p)).join()}`);
    }
    expect(rows).to.deep.equal(GOLDEN);
  });

  it('draw hypergeometric counts as the exact law has them', () => {
    const zs = SHAPES.flatMap(([M, c, L]) =>
      [1, 2, 3].map((seed) => {
        mixKey(M | 0, c, seed);
        seedRng(mixed[0]!, mixed[1]!);
        const p = (x: number): number => Math.exp(lnHypergeometric(M, c, L, x));
        return chiSquare(() => hypergeometric(M, c, L), Math.max(0, L + c - M), Math.min(c, L), p, 30_000);
      }),
    );
    plausible(zs);
  });

  it('draw binomial counts as the exact law has them', () => {
    const zs = TRIALS.flatMap(([n, p]) =>
      [1, 2, 3].map((seed) => {
        seedRng(seed, n | 0);
        const lnP = (x: number): number =>
          lnFactorial(n) - lnFactorial(x) - lnFactorial(n - x) + x * Math.log(p) + (n - x) * Math.log1p(-p);
        const sd = Math.sqrt(n * p * (1 - p));
        const from = Math.max(0, Math.floor(n * p - 9 * sd - 9));
        const to = Math.min(n, Math.ceil(n * p + 9 * sd + 9));
        return chiSquare(
          () => binomial(n, p),
          from,
          to,
          (x) => Math.exp(lnP(x)),
          20_000,
        );
      }),
    );
    plausible(zs);
  });

  it('draw normal deviates with the right moments and tails', () => {
    seedRng(11, 12);
    const n = 400_000;
    const sums = [0, 0, 0, 0];
    let tail = 0;
    for (let i = 0; i < n; i++) {
      const z = normal();
      sums.forEach((_, k) => (sums[k]! += z ** (k + 1)));
      if (Math.abs(z) > 3.6541528853610088) tail++;
    }
    const [m1, m2, m3, m4] = sums.map((s) => s / n) as [number, number, number, number];
    for (const z of [m1, (m2 - 1) / Math.sqrt(2), m3 / Math.sqrt(15), (m4 - 3) / Math.sqrt(96)])
      expect(Math.abs(z) * Math.sqrt(n)).to.be.lessThan(3.5);
    expect(tail).to.be.within(60, 150);
  });
});

/** One of each method and border: few, half, near half, tabulated, moderate, large, and their complements. */
const SHAPES: readonly (readonly [M: number, c: number, L: number])[] = [
  [2, 1, 1],
  [7, 3, 4],
  [20, 5, 10],
  [20, 5, 7],
  [64, 32, 32],
  [50, 25, 25],
  [33, 16, 11],
  [64, 7, 31],
  [128, 40, 64],
  [128, 64, 64],
  [100, 24, 49],
  [200, 33, 100],
  [300, 30, 149],
  [1000, 30, 500],
  [1000, 8, 480],
  [1000, 20, 111],
  [1000, 970, 333],
  [4096, 25, 2048],
  [4096, 60, 1500],
  [4096, 2048, 2048],
  [65536, 44, 32768],
  [65536, 500, 30000],
  [1e6, 31, 5e5],
  [1e6, 3, 2e5],
  [1e8, 12, 3e7],
  [1e8, 5e3, 5e7],
  [1e8, 40, 2.5e7],
];
const TRIALS: readonly (readonly [n: number, p: number])[] = [
  [1, 0.3],
  [10, 0.5],
  [1000, 1e-3],
  [1000, 0.02],
  [50, 0.97],
  [1000, 0.4],
  [1e6, 2e-5],
  [1e6, 0.001],
  [1e9, 1e-6],
];

const GOLDEN: readonly string[] = [
  'contract 1',
  'key 857722017,-841688945',
  'mix -836247956,460293040',
  'bits 221055337,189852504',
  'uniform 0.677066235149208',
  'normal -0.05741820002473317,0.41793915821272326',
  'hypergeometric 2,1,1: 0,1,0,0,1,1',
  'hypergeometric 7,3,4: 1,2,2,3,2,2',
  'hypergeometric 20,5,10: 2,3,4,3,2,1',
  'hypergeometric 20,5,7: 1,1,1,0,2,2',
  'hypergeometric 64,32,32: 16,15,16,14,19,19',
  'hypergeometric 50,25,25: 10,13,14,12,14,12',
  'hypergeometric 33,16,11: 5,3,8,7,4,5',
  'hypergeometric 64,7,31: 1,5,1,5,1,4',
  'hypergeometric 128,40,64: 21,21,19,22,19,19',
  'hypergeometric 128,64,64: 37,29,33,31,30,29',
  'hypergeometric 100,24,49: 14,9,11,10,11,15',
  'hypergeometric 200,33,100: 13,17,15,14,23,14',
  'hypergeometric 300,30,149: 11,14,14,13,21,14',
  'hypergeometric 1000,30,500: 16,14,18,15,13,18',
  'hypergeometric 1000,8,480: 5,3,2,7,5,5',
  'hypergeometric 1000,20,111: 2,5,2,4,5,1',
  'hypergeometric 1000,970,333: 316,326,320,321,325,318',
  'hypergeometric 4096,25,2048: 12,16,14,14,12,16',
  'hypergeometric 4096,60,1500: 20,20,24,16,22,20',
  'hypergeometric 4096,2048,2048: 1022,997,998,1035,1020,1041',
  'hypergeometric 65536,44,32768: 23,19,22,20,18,24',
  'hypergeometric 65536,500,30000: 235,232,225,251,217,236',
  'hypergeometric 1000000,31,500000: 18,15,13,14,16,12',
  'hypergeometric 1000000,3,200000: 0,0,1,2,0,0',
  'hypergeometric 100000000,12,30000000: 5,3,6,4,4,3',
  'hypergeometric 100000000,5000,50000000: 2489,2483,2529,2493,2501,2530',
  'hypergeometric 100000000,40,25000000: 6,10,8,10,11,14',
  'binomial 1,0.3: 1,0,0,1',
  'binomial 10,0.5: 2,7,5,5',
  'binomial 1000,0.001: 1,0,0,1',
  'binomial 1000,0.02: 19,17,15,20',
  'binomial 50,0.97: 49,50,48,48',
  'binomial 1000,0.4: 397,380,383,408',
  'binomial 1000000,0.00002: 17,13,21,13',
  'binomial 1000000,0.001: 975,1011,1014,991',
  'binomial 1000000000,0.000001: 1052,1031,1028,945',
];
