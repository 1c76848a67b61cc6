/**
 * Two profiles side by side: every figure of a comparison, as numbers.
 *
 * Either side may be truth (`exact: true`): tests are then one-sample tests, and floors count only the other side's
 * noise. Shares and distances are fractions of 1, not percent. The effective samples of truth are Infinity.
 *
 * Not modelled: names. Symbols are equal if their keys are; mapping names, merging libraries and hiding symbols is
 * done on the weights beforehand.
 */
import { distrust } from './distrust.ts';
import {
  hellinger,
  jensenShannon,
  jensenShannonFloor,
  noiseFloor,
  overlap,
  totalVariation,
  type NoiseFloor,
} from './distance.ts';
import { goodnessOfFit, homogeneity, type Test } from './homogeneity.ts';
import { goodman, wilson, type Interval } from './intervals.ts';
import { leastShift, minimumDetectableShift, nonCentrality, shiftBetween } from './power.ts';
import { rankAgreement, topAgreement, type RankAgreement } from './ranks.ts';
import { distanceDifferences, totalVariationInterval, type DistanceDifference, type Resampling } from './resample.ts';
import { alignShares, evidenceOf, pooled, type Evidence, type Shares } from './shares.ts';
import { holm, proportionAgainst, twoProportions, type SymbolTest } from './symbols.ts';
import { ALPHA, driversOf, isMaterial, verdictKind, type Driver, type Merge, type Verdict } from './verdict.ts';
import type { Warning } from './warnings.ts';

/** One symbol on one side. */
interface ShareEstimate {
  readonly share: number;
  /** Wilson interval, 95 %. */
  readonly interval: Interval;
  /** Goodman interval: 95 % for all symbols of the side together. */
  readonly simultaneous: Interval;
}

/** One row of the table. */
export interface ComparedSymbol extends SymbolTest {
  readonly symbol: string;
  readonly a: ShareEstimate;
  readonly b: ShareEstimate;
  /** a.share - b.share. */
  readonly delta: number;
  /** p adjusted for all symbols of the table (Holm). */
  readonly holm: number;
  /** holm < 0.05. */
  readonly differs: boolean;
}

export interface Comparison {
  readonly a: Evidence;
  readonly b: Evidence;
  /** Largest share of either side first. */
  readonly symbols: readonly ComparedSymbol[];
  readonly tvd: {
    readonly value: number;
    readonly floor: NoiseFloor;
    /** value / floor.mean; without noise, Infinity if there is a difference and 0 if there is none. */
    readonly ratio: number;
    /** 95 %, if options.bootstrap was given. */
    readonly interval?: Interval | undefined;
  };
  readonly overlap: number;
  readonly jensenShannon: {
    /** Divergence in bits. */
    readonly divergence: number;
    /** Its square root, a metric. */
    readonly distance: number;
    /** Mean divergence of perfect profiles. */
    readonly floor: number;
  };
  readonly hellinger: number;
  /** As Test, with symbol names in place of indices. */
  readonly test: Omit<Test, 'pooled'> & { readonly pooled: readonly string[] };
  readonly ranks: RankAgreement & {
    /** Fraction of the five hottest symbols that both sides share. */
    readonly top5: number;
  };
  /** Smallest shifts found with power 80 % at level 5 %. */
  readonly detectable: {
    /** Whatever symbols it moves between. */
    readonly any: number;
    /** Between the two hottest symbols. */
    readonly hottest: { readonly symbols: readonly [string, string]; readonly shift: number } | undefined;
  };
  readonly verdict: Verdict;
  readonly warnings: readonly Warning[];
}

export interface CompareSharesOptions {
  /** Asks for an interval of the total variation distance. */
  readonly bootstrap?: Resampling | undefined;
}

/** The test that fits what is known of the two sides. */
function testOf(p: readonly number[], q: readonly number[], n1: number, n2: number): Test {
  if (n1 < Infinity && n2 < Infinity) return homogeneity(p, q, n1, n2);
  if (n1 < Infinity) return goodnessOfFit(p, q, n1);
  if (n2 < Infinity) return goodnessOfFit(q, p, n2);
  // Truth against truth has no noise: any difference is real.
  const same = totalVariation(p, q) < 1e-12;
  const df = p.length - 1;
  const statistic = same ? 0 : Infinity;
  return {
    kind: 'goodness-of-fit',
    chiSquare: statistic,
    df,
    p: same ? 1 : 0,
    g: statistic,
    gp: same ? 1 : 0,
    effect: statistic,
    pooled: [],
  };
}

function symbolTest(p: number, q: number, n1: number, n2: number): SymbolTest {
  if (n1 < Infinity && n2 < Infinity) return twoProportions(p, q, n1, n2);
  if (n1 < Infinity) return proportionAgainst(p, q, n1);
  if (n2 < Infinity) {
    const { z, p: pValue } = proportionAgainst(q, p, n2);
    return { z: -z, p: pValue };
  }
  return p === q ? { z: 0, p: 1 } : { z: p > q ? Infinity : -Infinity, p: 0 };
}

/** The best of the pairs of drivers that move in opposite directions. */
function bestMerge(
  symbols: readonly string[],
  p: readonly number[],
  q: readonly number[],
  n1: number,
  n2: number,
  drivers: readonly Driver[],
): Merge | undefined {
  let best: (Merge & { readonly chiSquare: number }) | undefined;
  for (const x of drivers)
    for (const y of drivers) {
      if (!(x.delta > 0 && y.delta < 0)) continue;
      const [i, j] = [symbols.indexOf(x.symbol), symbols.indexOf(y.symbol)];
      const merged = (shares: readonly number[]): number[] => [
        ...shares.filter((_, at) => at !== i && at !== j),
        shares[i]! + shares[j]!,
      ];
      const [mp, mq] = [merged(p), merged(q)];
      const { p: pValue, chiSquare, df } = testOf(mp, mq, n1, n2);
      // A table of one row always agrees with itself.
      if (df === 0) continue;
      if (best !== undefined && (pValue < best.p || (pValue === best.p && chiSquare >= best.chiSquare))) continue;
      const tvd = totalVariation(mp, mq);
      // With few rows left the test loses power: check the distance too.
      const floor = noiseFloor(pooled(mp, mq, n1, n2), 1 / n1 + 1 / n2).mean;
      const restores = pValue >= ALPHA && !isMaterial(tvd, floor);
      best = { symbols: [x.symbol, y.symbol], p: pValue, tvd, restores, chiSquare };
    }
  if (best === undefined) return undefined;
  const { chiSquare: _, ...merge } = best;
  return merge;
}

/** Whether a side is a single run whose samples keep step with the tick, as its program does. */
const inStep = ({ circumstances: { lockStep, seeds = 1 } = {} }: Shares): boolean =>
  lockStep?.certain === true && seeds === 1;

/** Compares two profiles; throws RangeError if one has no samples or no weight. */
export function compareShares(a: Shares, b: Shares, options: CompareSharesOptions = {}): Comparison {
  const [sideA, sideB] = [evidenceOf(a), evidenceOf(b)];
  const [n1, n2] = [sideA.effective, sideB.effective];
  const { symbols, shares } = alignShares([a.weights, b.weights]);
  const [p, q] = [shares[0]!, shares[1]!];
  const m = pooled(p, q, n1, n2);
  const s2 = 1 / n1 + 1 / n2;

  const [wilsonA, wilsonB] = [p.map((x) => wilson(x, n1)), q.map((x) => wilson(x, n2))];
  const [goodmanA, goodmanB] = [goodman(p, n1), goodman(q, n2)];
  const tests = symbols.map((_, i) => symbolTest(p[i]!, q[i]!, n1, n2));
  const adjusted = holm(tests.map((test) => test.p));
  const rows = symbols.map((symbol, i): ComparedSymbol => ({
    symbol,
    a: { share: p[i]!, interval: wilsonA[i]!, simultaneous: goodmanA[i]! },
    b: { share: q[i]!, interval: wilsonB[i]!, simultaneous: goodmanB[i]! },
    delta: p[i]! - q[i]!,
    ...tests[i]!,
    holm: adjusted[i]!,
    differs: adjusted[i]! < ALPHA,
  }));

  const tvd = totalVariation(p, q);
  const floor = noiseFloor(m, s2);
  const test = testOf(p, q, n1, n2);
  const lambda = nonCentrality(test.df);
  const hardest = leastShift(m);
  const any = minimumDetectableShift(lambda, hardest, s2);
  const divergence = jensenShannon(p, q);
  const kind = verdictKind(test.p, tvd, floor.mean, !inStep(a) && !inStep(b));
  const drivers =
    kind === 'indistinguishable'
      ? []
      : driversOf(
          symbols,
          rows.map((row) => row.delta),
        );
  const verdict: Verdict = {
    kind,
    p: test.p,
    tvd,
    floor: floor.mean,
    minimumDetectableShift: any,
    drivers,
    merge: bestMerge(symbols, p, q, n1, n2, drivers),
  };
  return {
    a: sideA,
    b: sideB,
    symbols: rows,
    tvd: {
      value: tvd,
      floor,
      ratio: floor.mean > 0 ? tvd / floor.mean : tvd > 0 ? Infinity : 0,
      interval: options.bootstrap && totalVariationInterval(p, q, n1, n2, options.bootstrap),
    },
    overlap: overlap(p, q),
    jensenShannon: { divergence, distance: Math.sqrt(divergence), floor: jensenShannonFloor(symbols.length, s2) },
    hellinger: hellinger(p, q),
    test: { ...test, pooled: test.pooled.map((i) => symbols[i]!) },
    ranks: { ...rankAgreement(p, q, wilsonA, wilsonB), top5: topAgreement(p, q) },
    detectable: {
      any,
      hottest:
        symbols.length < 2
          ? undefined
          : {
              symbols: [symbols[0]!, symbols[1]!],
              shift: minimumDetectableShift(lambda, shiftBetween(m[0]!, m[1]!), s2),
            },
    },
    verdict,
    warnings: distrust(
      { shares: a, evidence: sideA, normalised: p },
      { shares: b, evidence: sideB, normalised: q },
      // No degrees of freedom: the rows are too rare to be told apart. More samples would give at least one.
      nonCentrality(Math.max(1, test.df)),
      hardest,
    ),
  };
}

/**
 * Which profile of each pair is nearer to the reference (usually truth) by total variation distance, with
 * intervals. Throws RangeError if one has no samples or no weight.
 */
export function compareDistances(
  profiles: readonly Shares[],
  reference: Shares,
  resampling: Resampling,
): DistanceDifference[] {
  const { shares } = alignShares([reference, ...profiles].map((side) => side.weights));
  const [common, ...others] = [reference, ...profiles].map((side, i) => ({
    shares: shares[i]!,
    n: evidenceOf(side).effective,
  }));
  return distanceDifferences(others, common!, resampling);
}
