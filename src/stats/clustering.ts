/**
 * The design effect: by how much samples that come in bursts say less than as many scattered ones.
 *
 * A throttled event is stopped until the next tick, so a slow handler yields its samples in pairs, a few cycles of the
 * program apart, at every tick. Whether the second of a pair says anything new depends on the program: a loop of
 * nanoseconds has forgotten the first by then, a phase of milliseconds has not. So it is measured, not assumed.
 *
 * A burst is what an event samples on one CPU from one start (UNTHROTTLE) to the next. An event that runs on has none: it
 * spreads its samples evenly, and to take those of one tick for a burst would call every phase of the program a lack of
 * evidence.
 *
 * With e the indicator of a symbol less its share, w the weight, and bursts c,
 *
 *   deff = sum over symbols and bursts of (sum_{s in c} w e)^2  /  sum over symbols and samples of (w e)^2
 *        = 1 + (m - 1) rho
 *
 * where rho is the correlation of two samples of one burst, pooled over symbols (each counts by p (1 - p), as in analysis of
 * variance), and m = sum_c (sum w)^2 / sum w^2 the size of the burst that a sample finds itself in (L. Kish, Survey
 * Sampling, 1965, 5.4). Both sums are taken around estimated shares and divided by what that costs them, so the estimate
 * is unbiased when bursts do not matter. Dividing n by it keeps the level of chi-square when all symbols have one rho (J. N.
 * K. Rao and A. J. Scott, JASA 76, 1981). Their weights, 1/p, are not used: a dozen samples of start-up code in the first
 * tick would then be the whole of the estimate.
 *
 * The value used is never below 1: samples spread more evenly than chance keep the plain n, because one run cannot show
 * that they will again.
 * Not modelled: unequal correlation of different symbols (second-order correction); correlation between bursts.
 */

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

/** Bursts below which their spread says nothing: the effect is then 1, with a boundless error. */
const FEW = 10;

/** Sums over the samples of one burst that do not ask for their symbol. */
interface Sizes {
  sum: number;
  squares: number;
  /** sum of w sum of w^2, over bursts. */
  mixed: number;
  /** (sum of w)^2, over bursts. */
  size: number;
}

/** What the sum of squares around estimated shares is short of the one around true shares, if bursts do not matter. */
const kept = ({ sum, squares, mixed, size }: Sizes): number => 1 - (2 * mixed) / (sum * squares) + size / (sum * sum);

/** What one symbol adds to the estimate; x is its weight in a burst, W that of the burst. */
export interface SymbolSums {
  /** Its weight, and the sum of its samples' squared weights. */
  readonly sum: number;
  readonly squares: number;
  /** sum_c x^2, and sum_c x W. */
  readonly burstSquares: number;
  readonly burstCross: number;
}

/** What all samples together add to it. */
export interface BurstSums {
  readonly bursts: number;
  /** sum_s w, w^2 and w^3. */
  readonly sum: number;
  readonly squares: number;
  readonly cubes: number;
  /** sum_c W^2, and sum_c W sum w^2. */
  readonly burstSquares: number;
  readonly burstCross: number;
  /** sum_c of w^2 v^2 over its pairs of samples. */
  readonly pairs: number;
}

/** The design effect out of sums, which are added up as bursts end: no sample has to be kept. */
export function designEffectOf(symbols: readonly SymbolSums[], all: BurstSums): DesignEffect {
  const { bursts, sum, squares, cubes, burstSquares, burstCross, pairs } = all;
  // Sums over symbols of p^2 and p^3; sum_i (x_i - p_i W)^2 opens into sums over the symbols that a burst has.
  let [p2, p3, between, within] = [0, 0, 0, 0];
  for (const symbol of symbols) {
    const p = symbol.sum / sum;
    p2 += p * p;
    p3 += p * p * p;
    between += symbol.burstSquares - 2 * p * symbol.burstCross;
    within += symbol.squares * (1 - 2 * p);
  }
  between += p2 * burstSquares;
  within += p2 * squares;
  const alone: Sizes = { sum, squares, mixed: cubes, size: squares };
  const together: Sizes = { sum, squares, mixed: burstCross, size: burstSquares };
  const size = together.size / together.squares;
  const left = kept(together);
  const unknown = { value: 1, estimate: 1, rho: 0, bursts, size };
  if (pairs === 0) return { ...unknown, rhoError: 0 };
  if (!(within > 0) || !(left > 0) || bursts < FEW) return { ...unknown, rhoError: Infinity };
  const estimate = (between / left) * (kept(alone) / within);
  // Two independent samples have e e' of variance trace(covariance^2) = p2 - 2 p3 + p2^2.
  const error = (2 * Math.sqrt(pairs * (p2 - 2 * p3 + p2 * p2))) / (alone.squares * (1 - p2));
  return {
    value: Math.max(1, estimate),
    estimate,
    rho: (estimate - 1) / (size - 1),
    rhoError: error / (size - 1),
    bursts,
    size,
  };
}
