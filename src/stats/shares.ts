/**
 * The input of a comparison: weight by symbol, and how much evidence stands behind it.
 *
 * A share is p = (weight of the symbol) / (total weight). If samples weigh unequally (frequency mode: the weight is
 * the period), n samples say as much as Kish's (sum w)^2 / sum w^2 equal ones; samples that come in bursts say less
 * again, by the design effect of clustering.ts. The quotient is the effective n behind every interval and test here.
 *
 * Not modelled: dependence between bursts (program phases longer than the gap between samples); only more seeds show
 * it.
 */
import type { DesignEffect } from './clustering.ts';

/** A profile from samples. */
export interface SampledShares {
  readonly exact?: false | undefined;
  /** Weight by symbol: sum of sample periods, or count of samples; only the proportions matter. */
  readonly weights: ReadonlyMap<string, number>;
  /** Samples taken. */
  readonly samples: number;
  /** Sum of weight, and of squared weight, over the samples; absent where all samples weigh the same. */
  readonly moments?: { readonly sum: number; readonly sumOfSquares: number } | undefined;
  /** How far bursts lower the evidence; absent if single samples are not known. */
  readonly clustering?: DesignEffect | undefined;
  /** What else is known about how the profile was made; only warnings read it. */
  readonly circumstances?: Circumstances | undefined;
}

/** Ground truth: shares without error. */
export interface ExactShares {
  readonly exact: true;
  readonly weights: ReadonlyMap<string, number>;
  readonly circumstances?: Circumstances | undefined;
}

export type Shares = SampledShares | ExactShares;

/**
 * What a clock counts, in events, while the sampled program stands still: at each sample, and in each event besides.
 */
export interface Held {
  readonly perSample: number;
  readonly perEvent: number;
}

/** Facts about a recording that bear on whether to believe its shares. */
export interface Circumstances {
  /** Event name with modifiers, as recorded. */
  readonly event?: string | undefined;
  /** Samples the kernel dropped (LOST, LOST_SAMPLES). */
  readonly lost?: number | undefined;
  /** THROTTLE records. */
  readonly throttled?: number | undefined;
  /** Sampling period where it is fixed (-c), in events. */
  readonly fixedPeriod?: number | undefined;
  /** Length of the program's inner loop in events, where known. */
  readonly loop?: number | undefined;
  /** Events that pass while the program stands still, where known. */
  readonly held?: Held | undefined;
  /**
   * Samples return to the same places after every lap of so many ns, in step with the tick; `certain` if the program
   * also keeps step with the tick.
   */
  readonly lockStep?: { readonly lap: number; readonly places: number; readonly certain: boolean } | undefined;
  /** Seeds (independent runs) behind the shares; default 1. */
  readonly seeds?: number | undefined;
}

/** How much evidence stands behind the shares of one side. */
export interface Evidence {
  readonly exact: boolean;
  /** Samples taken; Infinity for truth. */
  readonly samples: number;
  /** Kish's effective number for unequal weights. */
  readonly kish: number;
  /** Design effect of bursts, at least 1. */
  readonly designEffect: number;
  /** kish / designEffect: equal, independent samples that would say as much. The n in every figure. */
  readonly effective: number;
  /** Number of symbols with weight. */
  readonly symbols: number;
}

/** Kish's effective number of samples, (sum w)^2 / sum w^2. */
function kish({ samples, moments }: Pick<SampledShares, 'samples' | 'moments'>): number {
  if (moments === undefined || moments.sumOfSquares === 0) return samples;
  return Math.min(samples, (moments.sum * moments.sum) / moments.sumOfSquares);
}

/** Weighs the evidence; throws RangeError if a weight is invalid or there is no weight at all. */
export function evidenceOf(shares: Shares): Evidence {
  let [total, symbols] = [0, 0];
  for (const [symbol, weight] of shares.weights) {
    if (!(weight >= 0 && weight < Infinity)) throw new RangeError(`the weight of ${symbol} is ${weight}`);
    total += weight;
    if (weight > 0) symbols++;
  }
  if (total === 0) throw new RangeError('a profile without weight has no shares');
  if (shares.exact)
    return { exact: true, samples: Infinity, kish: Infinity, designEffect: 1, effective: Infinity, symbols };
  if (!(shares.samples > 0)) throw new RangeError('a profile without samples has no shares');
  const plain = kish(shares);
  const effect = shares.clustering?.value ?? 1;
  return {
    exact: false,
    samples: shares.samples,
    kish: plain,
    designEffect: effect,
    effective: plain / effect,
    symbols,
  };
}

/** Shares by symbol; they sum to 1. */
function normalised(weights: ReadonlyMap<string, number>): Map<string, number> {
  let total = 0;
  for (const weight of weights.values()) total += weight;
  return new Map([...weights].map(([symbol, weight]) => [symbol, weight / total]));
}

/** Shares of several profiles over one list of symbols: all with weight anywhere, largest share first, then by name. */
export function alignShares(profiles: readonly ReadonlyMap<string, number>[]): {
  readonly symbols: readonly string[];
  /** By profile, then by symbol. */
  readonly shares: readonly (readonly number[])[];
} {
  const shares = profiles.map(normalised);
  const hottest = new Map<string, number>();
  for (const profile of shares)
    for (const [symbol, share] of profile)
      if (share > 0) hottest.set(symbol, Math.max(hottest.get(symbol) ?? 0, share));
  const symbols = [...hottest.keys()].toSorted((x, y) => hottest.get(y)! - hottest.get(x)! || (x < y ? -1 : 1));
  return { symbols, shares: shares.map((profile) => symbols.map((symbol) => profile.get(symbol) ?? 0)) };
}

/** Best estimate of the shares common to two profiles, weighted by effective samples: truth outweighs everything. */
export const pooled = (p: readonly number[], q: readonly number[], n1: number, n2: number): number[] =>
  p.map((x, i) => {
    if (n1 === n2) return (x + q[i]!) / 2;
    return n1 === Infinity ? x : n2 === Infinity ? q[i]! : (x * n1 + q[i]! * n2) / (n1 + n2);
  });
