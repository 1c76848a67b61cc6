/** Outcomes of successive iterations are distributed like independent trials: means, correlations, windows, slots. */
import { expect } from 'chai';
import { COLUMN, type EventName } from '../../src/arch/events.ts';
import { branch, func, loop, op, program } from '../../src/workload/build.ts';
import { compile } from './compiled.ts';

/** Not a power of two, so that ranges are split unevenly. */
const N = 50_003;
const MARK: EventName = 'iTLB-load-misses';
const site = (p: number, name: EventName) => ({ sites: [{ p, events: { [name]: 1 } }] });
const says = (name: EventName) => ({ events: { [name]: 1 } });

/** Each outcome has a column of its own; `given` names the one without which it cannot happen (`not`: with which). */
const OUTCOMES: readonly { column: EventName; p: number; given?: number; not?: number }[] = [
  { column: 'LLC-misses', p: 0.02 },
  { column: 'LLC-loads', p: 0.3 },
  { column: 'near-calls', p: 0.5 },
  { column: 'dTLB-load-misses', p: 0.1, given: 2 },
  { column: 'dTLB-store-misses', p: 0.25, not: 2 },
  { column: 'near-returns', p: 0.8 },
  { column: 'LLC-references', p: 0.3, given: 5 },
  { column: 'L1-icache-load-misses', p: 0.05 },
];
const CLASS = Array.from({ length: 5 }, () => op('nop', site(0.01, 'L1-icache-load-misses')));
const image = compile(
  program({
    name: 'trials',
    about: 'sites of every kind',
    functions: [
      func('main', [
        loop(N, [
          op('alu', site(0.02, 'LLC-misses')),
          op('alu', site(0.3, 'LLC-loads')),
          branch(
            0.5,
            [op('alu', says('near-calls')), op('alu', site(0.1, 'dTLB-load-misses'))],
            [op('alu', site(0.25, 'dTLB-store-misses'))],
          ),
          branch(0.8, [op('alu', says('near-returns')), branch(0.3, [op('alu', says('LLC-references'))])]),
          ...CLASS,
          op('nop', says(MARK)),
        ]),
      ]),
    ],
  }),
);

/** Outcomes of every iteration: one row of zeros and ones for each column. */
function trials(seed: string): Uint8Array[] {
  const cursor = image.start(seed);
  cursor.arm([COLUMN.cycles, COLUMN[MARK], ...OUTCOMES.map((o) => COLUMN[o.column])]);
  const rows = OUTCOMES.map(() => new Uint8Array(N));
  const limits = new Float64Array(OUTCOMES.length + 2).fill(Infinity);
  const before = OUTCOMES.map(() => 0);
  for (let i = 0; i < N; i++) {
    limits[1] = i + 1;
    cursor.advance(limits);
    rows.forEach((row, k) => {
      const n = cursor.counts[k + 2]!;
      row[i] = n - before[k]!;
      before[k] = n;
    });
  }
  return rows;
}

/** Statistics of one sequence of trials of probability p, each a standard normal deviate if they are independent. */
function* deviates(x: readonly number[], p: number): Generator<number> {
  const n = x.length;
  const v = p * (1 - p);
  yield (x.reduce((a, b) => a + b, 0) - n * p) / Math.sqrt(n * v);
  for (const lag of [1, 2, 3, 4, 8, 16, 64, 256, 1024]) {
    let sum = 0;
    for (let i = lag; i < n; i++) sum += (x[i]! - p) * (x[i - lag]! - p);
    yield sum / (v * Math.sqrt(n - lag));
  }
  for (const window of [16, 256, 1024]) {
    const windows = Math.floor(n / window);
    if (windows < 30) continue;
    let sum = 0;
    for (let w = 0; w < windows; w++) {
      let k = 0;
      for (let i = 0; i < window; i++) k += x[w * window + i]!;
      sum += (k - window * p) ** 2 / (window * v);
    }
    yield (sum - windows) / Math.sqrt(windows * (2 + (1 - 6 * v) / (window * v)));
  }
}

describe('sequences', () => {
  it('of outcomes look independent', () => {
    const zs: number[] = [];
    for (const seed of ['one', 'two', 'three']) {
      const rows = trials(seed);
      OUTCOMES.forEach(({ p, given, not }, k) => {
        const tried = (i: number): boolean =>
          (given === undefined || rows[given]![i] === 1) && (not === undefined || rows[not]![i] === 0);
        zs.push(
          ...deviates(
            [...rows[k]!].filter((_, i) => tried(i)),
            p,
          ),
        );
        // What was not tried did not happen.
        expect(rows[k]!.some((x, i) => x !== 0 && !tried(i))).to.equal(false);
      });
      const free = OUTCOMES.flatMap((o, k) => (o.given === undefined && o.not === undefined ? [k] : []));
      for (const a of free)
        for (const b of free) {
          if (b <= a) continue;
          const [p, q] = [OUTCOMES[a]!.p, OUTCOMES[b]!.p];
          let sum = 0;
          for (let i = 0; i < N; i++) sum += (rows[a]![i]! - p) * (rows[b]![i]! - q);
          zs.push(sum / Math.sqrt(N * p * (1 - p) * q * (1 - q)));
        }
    }
    const square = zs.reduce((a, z) => a + z * z, 0) / zs.length;
    expect(zs.length).to.be.greaterThan(250);
    expect(square).to.be.within(0.75, 1.3);
    expect(zs.filter((z) => Math.abs(z) > 3).length).to.be.at.most(5);
  });

  it('of a class fall evenly to its slots, also where only a part has run', () => {
    const cursor = image.start('slots');
    cursor.arm([COLUMN.cycles, COLUMN[MARK]]);
    let square = 0;
    for (const part of [0.13, 0.5, 1]) {
      cursor.advance(Float64Array.of(Infinity, Math.ceil(N * part)));
      const column = COLUMN['L1-icache-load-misses'];
      const shares = cursor
        .truthByInstruction()
        .map((i) => i.totals[column]!)
        .filter((n) => n > 0);
      expect(shares).to.have.lengthOf(CLASS.length);
      const mean = N * part * 0.01;
      for (const n of shares) square += (n - mean) ** 2 / mean;
    }
    expect(square).to.be.within(3, 35);
  });
});
