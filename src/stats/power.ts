/**
 * How small a difference would have been found: the power of the chi-square test.
 *
 * If shares really differ by u, chi-square is non-central with lambda = sum u^2/m / (1/n1 + 1/n2). A shift of weight d
 * from symbol i to symbol j has sum u^2/m = d^2 (1/m_i + 1/m_j), where 1/m is the mean of 1/p and 1/q before the shift
 * is divided between the sides: two symbols of unequal share count by their harmonic mean. A shift between any two
 * sets of symbols has at least 4 d^2, reached when each set holds half the weight; if one symbol holds more than half,
 * the least is d^2 (1/m + 1/(1 - m)).
 *
 * Not modelled: the pooling of rare cells, which costs degrees of freedom that were counted.
 */
import { chiSquareQuantile, fallsTo, nonCentralTail } from './special.ts';

export interface Power {
  /** Level of the test. */
  readonly alpha: number;
  /** Probability of finding the difference. */
  readonly power: number;
}

const POWER: Power = { alpha: 0.05, power: 0.8 };

/** By degrees of freedom, for POWER: comparing many profiles needs the same few again and again. */
const usual = new Map<number, number>();

/** Non-centrality at which a chi-square test with df degrees of freedom has the given power. */
export function nonCentrality(df: number, power: Power = POWER): number {
  if (df < 1) return Infinity;
  const known = power === POWER ? usual.get(df) : undefined;
  if (known !== undefined) return known;
  const lambda = solve(df, power);
  if (power === POWER) usual.set(df, lambda);
  return lambda;
}

function solve(df: number, { alpha, power }: Power): number {
  const critical = chiSquareQuantile(alpha, df);
  const missed = (lambda: number): number => 1 - nonCentralTail(critical, df, lambda);
  let high = 1;
  while (missed(high) > 1 - power) high *= 2;
  return fallsTo(1 - power, 0, high, missed);
}

/** sum u^2/m of a shift of weight 1 between two symbols of the given shares. */
export const shiftBetween = (from: number, to: number): number => 1 / from + 1 / to;

/** sum u^2/m of a shift of weight 1 from a symbol of the given share to all others, in proportion to their shares. */
export const shiftFrom = (share: number): number => 1 / share + 1 / (1 - share);

/** Least sum u^2/m of a shift of weight 1, whatever symbols it moves between. */
export function leastShift(shares: readonly number[]): number {
  const largest = Math.max(...shares);
  return largest > 0.5 ? shiftFrom(largest) : 4;
}

/**
 * The smallest shift found; lambda is nonCentrality(), s2 is 1/n1 + 1/n2, or 1/n against truth. Infinity if not even a
 * shift of the whole weight would be found.
 */
export function minimumDetectableShift(lambda: number, shape: number, s2: number): number {
  if (s2 === 0) return 0;
  const shift = Math.sqrt((lambda * s2) / shape);
  return shift <= 1 ? shift : Infinity;
}

/** Effective samples needed to find a shift: on each side, or on the one side compared with truth. */
export const samplesToDetect = (lambda: number, shape: number, shift: number, against: 'profile' | 'truth'): number =>
  ((against === 'truth' ? 1 : 2) * (lambda / shape)) / (shift * shift);
