import { expect } from 'chai';
import { Distribution, medianOf } from '../../src/stats/distribution.ts';
import { random } from './draw.ts';
import { golden, near } from './golden.ts';

const of = (values: Iterable<number>): Distribution => {
  const d = new Distribution();
  for (const value of values) d.add(value);
  return d;
};
/** 1 to n, in an order of no meaning. */
function* shuffled(n: number): Generator<number> {
  for (let i = 0, x = 0; i < n; i++) yield (x = (x + 7_919_333) % n) + 1;
}

describe('a distribution', () => {
  it('has nearest-rank quantiles: values that came', () => {
    const d = of([30, 10, 20, 40]);
    expect([0, 0.25, 0.26, 0.5, 0.51, 0.99, 1].map((p) => d.quantile(p))).to.deep.equal([10, 10, 20, 20, 30, 40, 40]);
    expect([d.count, d.mean, d.min, d.max, d.exact]).to.deep.equal([4, 25, 10, 40, true]);
    expect(of([5]).quantile(0.99)).to.equal(5);
    expect(of([]).quantile(0.5)).to.satisfy(Number.isNaN);
  });

  it('is exact with as many values as one likes, if they repeat', () => {
    const d = of(Array.from({ length: 300_000 }, (_, i) => i % 1000));
    expect([d.exact, d.quantile(0.5), d.quantile(0.999)]).to.deep.equal([true, 499, 998]);
  });

  it('keeps eleven binary digits of too many different values, and says so', () => {
    const n = 400_003;
    const d = of(shuffled(n));
    expect(d.exact).to.equal(false);
    expect([d.count, d.min, d.max, d.mean]).to.deep.equal([n, 1, n, (n + 1) / 2]);
    for (const p of [0.001, 0.5, 0.99, 0.9999]) expect(d.quantile(p) / Math.ceil(p * n)).to.be.within(1, 1.001);
  });
});

describe('two distributions together', () => {
  it('are that of all their values, also beyond what is exact', () => {
    const shown = (d: Distribution): unknown[] => [
      d.count,
      d.sum,
      d.min,
      d.max,
      d.exact,
      ...[0, 0.01, 0.5, 0.99, 1].map((p) => d.quantile(p)),
    ];
    const many = [...shuffled(200_003)];
    for (const [a, b] of [
      [
        [30, 10],
        [20, 10, 40],
      ],
      [[], [7]],
      [[5], []],
      [many, [0, 3]],
      [[0, 3], many],
      [many.slice(0, 100_000), many.slice(100_000)],
    ] as const) {
      const together = of(a);
      together.addAll(of(b));
      expect(shown(together)).to.deep.equal(shown(of([...a, ...b])));
    }
  });
});

describe('the median of runs', () => {
  it('comes with the order statistics that cover it', () => {
    const ten = [9, 1, 8, 2, 7, 3, 6, 4, 5, 10];
    const { median, low, high, coverage } = medianOf(ten);
    expect([median, low, high]).to.deep.equal([5.5, 2, 9]);
    // 1 - 2 (1 + 10) / 1024
    expect(coverage).to.be.closeTo(1 - 22 / 1024, 1e-14);
    const three = medianOf([3, 1, 2]);
    expect([three.median, three.low, three.high]).to.deep.equal([2, 1, 3]);
    expect(three.coverage).to.be.closeTo(0.75, 1e-14);
    expect(medianOf([4])).to.deep.equal({ median: 4, low: 4, high: 4, coverage: 0 });
    // Two thousand values: 2^-2000 is no double, the interval is sqrt(2000) wide all the same.
    const many = medianOf(Array.from({ length: 2000 }, (_, i) => i + 1));
    expect([many.median, many.low, many.high]).to.deep.equal([1000.5, 956, 1045]);
    expect(many.coverage).to.be.closeTo(0.953447179508, 1e-12);
    expect(() => medianOf([])).to.throw(RangeError);
  });

  it("is numpy's, between the binomial's ranks or the extremes", () => {
    for (const { values, median, medianRanks } of golden.medians) {
      const found = medianOf(values);
      near(found.median, median, 1e-12);
      const sorted = values.toSorted((x, y) => x - y);
      const [low, high] = medianRanks as [number, number];
      expect([found.low, found.high]).to.deep.equal([sorted[low - 1] ?? sorted[0], sorted[high - 1] ?? sorted.at(-1)]);
    }
  });

  it('covers the median of a lopsided distribution', () => {
    const next = random('median');
    let covered = 0;
    for (let i = 0; i < 1000; i++) {
      const { low, high } = medianOf(Array.from({ length: 25 }, () => next() ** 4));
      if (low <= 0.0625 && 0.0625 <= high) covered++;
    }
    expect(covered / 1000).to.be.within(0.94, 0.98);
  });
});
