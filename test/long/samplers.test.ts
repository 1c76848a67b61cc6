/** The draws, the engine's and the oracle's: frozen bits, and distributions against exact probabilities with fixed seeds. */
import { expect } from 'chai';
import { exp, lnFactorial, log } from '../../src/sim/math.ts';
import { SEED_CONTRACT } from '../../src/workload/seed-contract.ts';
import { checkedEngine, draws } from '../workload/checked-engine.ts';
import { Dice } from '../workload/programs.ts';
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
  seedRng,
} from '../workload/oracle/samplers.ts';

/** Both forms of the draws. Keys are 64-bit numbers, their first half the low one. */
interface Samplers {
  keyOfText(text: string): bigint;
  mixKey(key: bigint, tag: number): bigint;
  seed(key: bigint): void;
  next32(): number;
  next53(): number;
  normal(): number;
  hypergeometric(M: number, c: number, L: number): number;
  binomial(n: number, p: number): number;
}
const pair = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
const halves = (key: bigint): [number, number] => [
  Number(key & 0xffffffffn) | 0,
  Number((key >> 32n) & 0xffffffffn) | 0,
];

const oracle: Samplers = {
  next32,
  next53,
  normal,
  hypergeometric,
  binomial,
  keyOfText(text) {
    keyOfText(text);
    return pair(mixed[0]!, mixed[1]!);
  },
  mixKey(key, tag) {
    mixKey(...halves(key), tag);
    return pair(mixed[0]!, mixed[1]!);
  },
  seed: (key) => seedRng(...halves(key)),
};

/** Those of the engine, with access checks. */
function engine(): Samplers & Pick<ReturnType<typeof draws>, 'log' | 'exp' | 'lnFactorial'> {
  const run = draws(checkedEngine());
  return {
    ...run,
    // Unsigned numbers leave WebAssembly as signed ones.
    next32: () => run.next32() >>> 0,
    keyOfText(text) {
      const at = run.scratch(2 * text.length);
      const units = new Uint16Array(run.memory.buffer, at, text.length);
      units.forEach((_, i) => (units[i] = text.charCodeAt(i)));
      return run.keyOfText(at, text.length);
    },
  };
}

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
  const both = (): [string, Samplers][] => [
    ['oracle', oracle],
    ['engine', engine()],
  ];

  it('keep the seed contract, the engine and the oracle alike', () => {
    for (const [name, s] of both()) {
      const rows: string[] = [`contract ${SEED_CONTRACT}`];
      rows.push(`key ${halves(s.keyOfText('gperf')).join()}`);
      rows.push(`mix ${halves(s.mixKey(pair(1, 2), 3)).join()}`);
      s.seed(pair(0x12345678, 0x9abcdef0));
      rows.push(`bits ${s.next32()},${s.next32()}`, `uniform ${s.next53()}`, `normal ${s.normal()},${s.normal()}`);
      for (const [M, c, L] of SHAPES) {
        s.seed(s.mixKey(pair(M, c), L));
        rows.push(
          `hypergeometric ${M},${c},${L}: ${Array.from({ length: 6 }, () => s.hypergeometric(M, c, L)).join()}`,
        );
      }
      for (const [n, p] of TRIALS) {
        s.seed(s.mixKey(pair(n, 77), 0));
        rows.push(`binomial ${n},${p}: ${Array.from({ length: 4 }, () => s.binomial(n, p)).join()}`);
      }
      expect(rows, name).to.deep.equal(GOLDEN);
    }
  });

  it('are the same in the engine and the oracle, draw by draw and bit by bit', () => {
    const s = engine();
    const dice = new Dice(3);
    const key = pair(dice.int(0, 1e9), dice.int(0, 1e9));
    s.seed(key);
    oracle.seed(key);
    for (let i = 0; i < 200_000; i++) {
      const M = Math.floor(2 + dice.uniform() ** 6 * 1e9);
      const c = dice.int(1, M - 1);
      const L = dice.int(0, 1) === 0 ? dice.int(1, M - 1) : Math.max(1, M >> 1);
      const x = s.hypergeometric(M, c, L);
      if (x !== hypergeometric(M, c, L)) throw new Error(`hypergeometric ${M},${c},${L}`);
      if (i % 50 === 0 && s.binomial(M, c / M) !== binomial(M, c / M)) throw new Error(`binomial ${M},${c / M}`);
    }
    expect(s.next32()).to.equal(next32());
  });

  it('have the logarithms, exponentials and factorials of the other floors, to the last bit', () => {
    const s = engine();
    const dice = new Dice(4);
    for (let i = 0; i < 20_000; i++) {
      const x = dice.uniform() * 10 ** dice.int(-300, 300);
      const y = (dice.uniform() - 0.5) * 1400;
      const k = Math.floor(dice.uniform() * 10 ** dice.int(0, 12));
      if (s.log(x) !== log(x)) throw new Error(`log ${x}`);
      if (s.exp(y) !== exp(y)) throw new Error(`exp ${y}`);
      if (s.lnFactorial(k) !== lnFactorial(k)) throw new Error(`ln ${k}!`);
    }
  });

  it('draw hypergeometric counts as the exact law has them', () => {
    const s = engine();
    const zs = SHAPES.flatMap(([M, c, L]) =>
      [1, 2, 3].map((seed) => {
        s.seed(s.mixKey(pair(M, c), seed));
        const p = (x: number): number => Math.exp(lnHypergeometric(M, c, L, x));
        return chiSquare(() => s.hypergeometric(M, c, L), Math.max(0, L + c - M), Math.min(c, L), p, 30_000);
      }),
    );
    plausible(zs);
  });

  it('draw binomial counts as the exact law has them', () => {
    const s = engine();
    const zs = TRIALS.flatMap(([n, p]) =>
      [1, 2, 3].map((seed) => {
        s.seed(pair(seed, n));
        const lnP = (x: number): number =>
          lnFactorial(n) - lnFactorial(x) - lnFactorial(n - x) + x * Math.log(p) + (n - x) * Math.log1p(-p);
        const sd = Math.sqrt(n * p * (1 - p));
        const from = Math.max(0, Math.floor(n * p - 9 * sd - 9));
        const to = Math.min(n, Math.ceil(n * p + 9 * sd + 9));
        return chiSquare(
          () => s.binomial(n, p),
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
    const s = engine();
    s.seed(pair(11, 12));
    const n = 400_000;
    const sums = [0, 0, 0, 0];
    let tail = 0;
    for (let i = 0; i < n; i++) {
      const z = s.normal();
      sums.forEach((_, k) => (sums[k]! += z ** (k + 1)));
      if (Math.abs(z) > 3.6541528853610088) tail++;
    }
    const [m1, m2, m3, m4] = sums.map((sum) => sum / n) as [number, number, number, number];
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
