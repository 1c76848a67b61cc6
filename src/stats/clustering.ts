/**
 * The design effect: by how much samples that come in bursts say less than as many scattered ones.
 *
 * A throttled event is stopped until the next tick, so a slow handler yields its samples in pairs, a few cycles of the
 * program apart, at every tick. Whether the second of a pair says anything new depends on the program: a loop of
 * nanoseconds has forgotten the first by then, a phase of milliseconds has not. So it is measured, not assumed.
 *
 * A burst is what an event samples in a tick in which it is throttled; profile/bursts.ts finds them. All other samples
 * stand alone. An event that is not throttled spreads its samples evenly: if its samples of one tick counted as a
 * burst, every phase of the program would look like a lack of evidence. For the same reason the samples of a burst are
 * compared with those of the bursts before and after it, not with the whole profile: in a phase of many ticks, two
 * samples of one burst agree no more often than two of neighbouring bursts, and the bursts cost no evidence.
 *
 * With A the fraction of sample pairs within bursts that share a symbol, B that fraction for pairs from neighbouring
 * bursts, and s2 = 1 - sum p^2 the fraction of independent pairs whose symbols differ,
 *
 *   rho = (A - B) / s2        deff = 1 + (m - 1) rho        m = sum_c W^2 / sum w^2
 *
 * where W is the weight of a burst (a sample that stands alone is a burst of its own) and m is the size of the burst a
 * random sample belongs to (L. Kish, Survey Sampling, 1965, 5.4; neighbours in place of the mean: K. M. Wolter,
 * Introduction to Variance Estimation, 2007, 8.2). Each burst counts by its pairs, which is how much it lowers the
 * evidence. The estimate is unbiased when bursts do not matter, and does not depend on how much they differ
 * in size. Dividing n by the effect keeps the level of chi-square when all symbols share one rho (J. N. K. Rao and A.
 * J. Scott, JASA 76, 1981).
 *
 * The value used is never below 1: samples spread more evenly than chance keep the plain n, because one run cannot show
 * that they will again.
 * Not modelled: unequal correlation of different symbols (second-order correction); correlation between bursts.
 */

export interface DesignEffect {
  /** What the number of samples is divided by; at least 1. */
  readonly value: number;
  /** The estimate itself, which chance may take below 1. */
  readonly estimate: number;
  /** Correlation of two samples of one burst, over that of two of neighbouring ones; 0 if no burst has two samples. */
  readonly rho: number;
  /** Standard error of rho if bursts did not matter: a rho below twice this may be chance. */
  readonly rhoError: number;
  /** Number of bursts, samples that stand alone included. */
  readonly bursts: number;
  /** Size, by weight, of the burst that a random sample belongs to. */
  readonly size: number;
}

/** With fewer pairs of neighbouring bursts than this, the effect is 1 and its error infinite. */
const FEW = 9;

/** One burst: the weights w of its samples by symbol, and the sums of their powers. */
export interface Burst<S> {
  readonly weights: ReadonlyMap<S, number>;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
  readonly w4: number;
}

/** Weight of the ordered pairs of different samples in a burst. */
const pairsIn = ({ w1, w2 }: Burst<unknown>): number => Math.max(0, w1 * w1 - w2);

/** Bursts that follow each other on one CPU, added one at a time to sums that all CPUs share. */
export class BurstChain<S> {
  readonly #sums: BurstSums;
  #last: Burst<S> | undefined;
  /** For the last burst: its neighbours so far, and the sum over them of the pairs within both. */
  #neighbours = 0;
  #shared = 0;

  constructor(sums: BurstSums) {
    this.#sums = sums;
  }

  add(burst: Burst<S>): void {
    const [sums, last] = [this.#sums, this.#last];
    sums.bursts++;
    sums.pairs += pairsIn(burst);
    if (last === undefined) {
      this.#last = burst;
      return;
    }
    const both = (pairsIn(last) + pairsIn(burst)) / 2;
    const [few, many] = last.weights.size < burst.weights.size ? [last, burst] : [burst, last];
    let alike = 0;
    for (const [symbol, weight] of few.weights) alike += weight * (many.weights.get(symbol) ?? 0);
    const between = both / (last.w1 * burst.w1);
    sums.neighbours++;
    sums.compared += both;
    sums.excess += (agreeing(last) + agreeing(burst)) / 2 - between * alike;
    sums.cross += between * between * last.w2 * burst.w2;
    this.#neighbours++;
    this.#shared += both;
    this.#settle();
    this.#last = burst;
    this.#neighbours = 1;
    this.#shared = both;
  }

  /** Ends the chain: the last burst gets no further neighbour. */
  end(): void {
    if (this.#neighbours > 0) this.#settle();
    this.#last = undefined;
    this.#neighbours = this.#shared = 0;
  }

  /** Adds the last burst to the variance of `excess`: its own pairs, and what single samples leave if sizes differ. */
  #settle(): void {
    const { w1, w2, w3, w4 } = this.#last!;
    const sums = this.#sums;
    const times = this.#neighbours;
    sums.cross += (times * times * Math.max(0, w2 * w2 - w4)) / 2;
    const rest = times * w1 - this.#shared / w1;
    sums.linear += rest * rest * w2 - 2 * rest * times * w3 + times * times * w4;
  }
}

/** Weight of the ordered pairs of different samples in a burst that share a symbol. */
function agreeing({ weights, w2 }: Burst<unknown>): number {
  let sum = -w2;
  for (const weight of weights.values()) sum += weight * weight;
  return Math.max(0, sum);
}

/** What all bursts together add to the estimate. */
export class BurstSums {
  bursts = 0;
  /** Weight of the ordered pairs of samples within bursts. */
  pairs = 0;
  /** Pairs of neighbouring bursts, and the mean weight of the pairs within both, summed over them. */
  neighbours = 0;
  compared = 0;
  /** How much more of that weight shares a symbol than the neighbours lead one to expect. */
  excess = 0;
  /** The variance of `excess`: coefficients of the variance of e e' and of p e. */
  cross = 0;
  linear = 0;
}

/** The profile that the bursts are part of. */
export interface BurstProfile {
  /** Weight by symbol. */
  readonly weights: Iterable<number>;
  /** All samples, and those in bursts. */
  readonly samples: number;
  readonly inBursts: number;
  /** Sum of their weight, and of its squares. */
  readonly sum: number;
  readonly squares: number;
}

/** The design effect from sums that grow as bursts end, so that no sample has to be kept. */
export function designEffectOf(sums: BurstSums, profile: BurstProfile): DesignEffect {
  const { samples, inBursts, sum, squares } = profile;
  let [p2, p3] = [0, 0];
  for (const weight of profile.weights) {
    const p = weight / sum;
    p2 += p * p;
    p3 += p * p * p;
  }
  const bursts = sums.bursts + samples - inBursts;
  const size = samples === 0 ? 1 : 1 + sums.pairs / squares;
  const unknown = { value: 1, estimate: 1, rho: 0, bursts, size };
  if (!(sums.pairs > 0)) return { ...unknown, rhoError: 0 };
  // Estimated shares lie nearer to the samples than the true ones do.
  const differing = (1 - p2) / (1 - squares / (sum * sum));
  if (!(differing > 0) || !(sums.compared > 0) || sums.neighbours < FEW) return { ...unknown, rhoError: Infinity };
  const scale = sums.compared * differing;
  const rho = Math.min(1, sums.excess / scale);
  // Two independent samples have e e' of variance trace(covariance^2) = p2 - 2 p3 + p2^2.
  const variance = sums.cross * (p2 - 2 * p3 + p2 * p2) + sums.linear * (p3 - p2 * p2);
  const estimate = 1 + (size - 1) * rho;
  return {
    value: Math.max(1, estimate),
    estimate,
    rho,
    rhoError: Math.sqrt(Math.max(0, variance)) / scale,
    bursts,
    size,
  };
}
