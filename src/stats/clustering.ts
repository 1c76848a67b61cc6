/**
 * The design effect: by how much samples that come in bursts say less than as many scattered ones.
 *
 * A throttled event is stopped until the next tick, so a slow handler yields its samples in pairs, microseconds apart, at
 * every tick. Whether the second of a pair says anything new depends on the program: a loop of nanoseconds has forgotten the
 * first by then, a phase of milliseconds has not. So it is measured, not assumed.
 *
 * Estimator: with e the indicator of a symbol less its share, w the weight, and bursts c,
 *
 *   deff = mean over symbols, weighted by 1/p, of  sum_c (sum_{s in c} w e)^2 / (p sum w^2)
 *
 * which is 1 + (m - 1) rho with rho the pairwise intra-cluster correlation and m = sum_c (sum w)^2 / sum w^2 the size of the
 * burst that a sample finds itself in (L. Kish, Survey Sampling, 1965, 5.4). The weighting by 1/p is the one of chi-square:
 * this is the mean generalised design effect of J. N. K. Rao and A. J. Scott (JASA 76, 1981), by which n must be divided for
 * the test of homogeneity to keep its level. Symbols seen in fewer than five samples are pooled first. Sums of squares are
 * taken around estimated shares, so each is divided by 1 - sum_c (sum w)^2 / (sum w)^2, which makes it unbiased when bursts
 * do not matter.
 *
 * The value used is never below 1: samples spread more evenly than chance (systematic sampling does that) keep the plain
 * n, because one run cannot show that they will again.
 * Not modelled: second-order correction for unequal correlation of different symbols; correlation between bursts.
 */

/** Samples one by one, as columns of equal length. */
export interface Samples {
  /** Symbols; `symbol` indexes it. */
  readonly symbols: readonly string[];
  /** Symbol of each sample. */
  readonly symbol: ArrayLike<number>;
  /** Weight of each sample (its period); absent: all 1. */
  readonly weight?: ArrayLike<number> | undefined;
  /** Label of the burst of each sample; equal labels belong together. Absent: no two samples do. */
  readonly burst?: ArrayLike<number> | undefined;
}

export interface DesignEffect {
  /** What the number of samples is divided by; at least 1. */
  readonly value: number;
  /** The estimate itself, which chance or even spreading takes below 1. */
  readonly estimate: number;
  /** Correlation of two samples of one burst; 0 where no burst has two. */
  readonly rho: number;
  /** Standard error that rho would have if bursts did not matter: only a rho of twice it or more says that they do. */
  readonly rhoError: number;
  /** Number of bursts. */
  readonly bursts: number;
  /** Size of the burst that a sample finds itself in, by weight. */
  readonly size: number;
}

/** Samples of a symbol below which it is pooled with others of its kind. */
const RARE = 5;

/** Index of the pooled cell of each symbol, and the number of cells. */
function cells(samples: Samples): { cell: Int32Array; count: number } {
  const seen = new Float64Array(samples.symbols.length);
  for (let s = 0; s < samples.symbol.length; s++) seen[samples.symbol[s]!]! += 1;
  let count = 0;
  let rare = -1;
  const cell = Int32Array.from(seen, (n) => {
    if (n === 0) return -1;
    if (n >= RARE) return count++;
    if (rare < 0) rare = count++;
    return rare;
  });
  return { cell, count };
}

/** Measures how far bursts lower the evidence in a profile. */
export function designEffect(samples: Samples): DesignEffect {
  const n = samples.symbol.length;
  const { cell, count: k } = cells(samples);
  const weightOf = (s: number): number => samples.weight?.[s] ?? 1;
  const cellOf = (s: number): number => cell[samples.symbol[s]!]!;

  const total = new Float64Array(k);
  let [sum, squares] = [0, 0];
  for (let s = 0; s < n; s++) {
    const w = weightOf(s);
    total[cellOf(s)]! += w;
    sum += w;
    squares += w * w;
  }

  const burst = samples.burst;
  const order = Uint32Array.from({ length: n }, (_, s) => s);
  if (burst !== undefined) order.sort((x, y) => burst[x]! - burst[y]! || x - y);
  // sum_c over symbols of (S - p W)^2 / p  =  sum_i S_i^2 / p_i - W^2, as the S_i of a burst add up to its W.
  const inBurst = new Float64Array(k);
  let [bursts, between, sizeSquares, cross, crossSquares, pairs] = [0, 0, 0, 0, 0, 0];
  let [weightSquares, weightCubes] = [0, 0];
  for (let from = 0; from < n;) {
    let to = from + 1;
    if (burst !== undefined) for (const label = burst[order[from]!]; to < n && burst[order[to]!] === label;) to++;
    let [w1, w2, w4] = [0, 0, 0];
    for (let i = from; i < to; i++) {
      const s = order[i]!;
      const w = weightOf(s);
      inBurst[cellOf(s)]! += w;
      w1 += w;
      w2 += w * w;
      w4 += w * w * w * w;
      weightSquares += w * w;
      weightCubes += w * w * w;
    }
    for (let i = from; i < to; i++) {
      const c = cellOf(order[i]!);
      const p = total[c]! / sum;
      if (inBurst[c]! > 0) between += (inBurst[c]! * inBurst[c]!) / p;
      inBurst[c] = 0;
    }
    between -= w1 * w1;
    sizeSquares += w1 * w1;
    cross += w1 * w2;
    crossSquares += (w2 * w2 - w4) / 2;
    pairs += to - from > 1 ? 1 : 0;
    bursts++;
    from = to;
  }
  const unbiased = (sizes: number, mixed: number): number => 1 - (2 * mixed) / (sum * squares) + sizes / (sum * sum);
  const size = squares > 0 ? sizeSquares / squares : 1;
  const left = unbiased(sizeSquares, cross);
  if (k < 2 || bursts < 2 || left <= 0)
    return { value: 1, estimate: 1, rho: 0, rhoError: pairs > 0 ? Infinity : 0, bursts, size };
  const estimate = ((between / ((k - 1) * squares)) * unbiased(weightSquares, weightCubes)) / left;
  const error = (2 * Math.sqrt(crossSquares / (k - 1))) / squares;
  return {
    value: Math.max(1, estimate),
    estimate,
    rho: pairs > 0 ? (estimate - 1) / (size - 1) : 0,
    rhoError: pairs > 0 ? error / (size - 1) : 0,
    bursts,
    size,
  };
}
