/** Golden values of mpmath and scipy (fixtures/stats/golden.py makes them), and closeness to them. */
import { expect } from 'chai';
import { readFileSync } from 'node:fs';

type Row = readonly number[];

export interface Golden {
  readonly symbols: readonly string[];
  readonly rfc: Readonly<Record<RfcName, { readonly samples: number; readonly percent: Row }>>;
  readonly special: Readonly<
    Record<
      | 'lnGamma'
      | 'chiSquareTail'
      | 'gammaP'
      | 'twoSided'
      | 'chiSquareQuantile'
      | 'betaI'
      | 'binomialTail'
      | 'studentTwoSided'
      | 'nonCentralTail',
      readonly Row[]
    >
  >;
  readonly intervals: {
    readonly wilson: readonly Row[];
    readonly goodman: readonly (readonly [RfcName, number, readonly Row[]])[];
  };
  readonly pairs: readonly {
    readonly names: readonly [RfcName, RfcName];
    readonly counts: readonly [Row, Row];
    readonly tvd: number;
    readonly jensenShannon: number;
    readonly hellinger: number;
    readonly chiSquare: number;
    readonly p: number;
    readonly g: number;
    readonly gp: number;
    readonly v: number;
    readonly z: Row;
    readonly holm: Row;
    readonly kendall: number;
    readonly fit: { readonly chiSquare: number; readonly p: number; readonly g: number };
  }[];
  readonly floors: readonly (readonly [Row, number, number | null, number, number])[];
  readonly power: readonly Row[];
  /** Ranks of the ends of the 95 % interval; 0 or n + 1 where the values do not reach that far. */
  readonly medians: readonly { readonly values: Row; readonly median: number; readonly medianRanks: Row }[];
}

export type RfcName = 'legacy' | 'v2' | 'host';

export const golden = JSON.parse(readFileSync('fixtures/stats/golden.json', 'utf8')) as Golden;

/** Relative closeness; a golden value of 0 asks for 0. */
export function near(actual: number, wanted: number, relative: number, what = ''): void {
  expect(Math.abs(actual - wanted), `${what}: ${actual}, wanted ${wanted}`).to.be.at.most(relative * Math.abs(wanted));
}

/** Samples by symbol of one of the RFC's tables, whole numbers. */
export function rfcCounts(name: RfcName): number[] {
  const { samples, percent } = golden.rfc[name];
  const sum = percent.reduce((total, x) => total + x, 0);
  return percent.map((x) => Math.round((samples * x) / sum));
}

export const sharesOf = (counts: readonly number[]): number[] => {
  const sum = counts.reduce((total, x) => total + x, 0);
  return counts.map((x) => x / sum);
};

/** Weights by symbol, named as in the RFC or by index. */
export const weightsOf = (counts: readonly number[]): Map<string, number> =>
  new Map(counts.map((x, i) => [golden.symbols[i] ?? `s${i}`, x]));
