/**
 * Times that spread: a part that is always the same, and a log-normal part on top, drawn from a table.
 *
 * The table holds the log-normal quantiles, with mean 1, of CELLS equal shares of the draws, and the last of these
 * again in as many, so that the longest draw is the one in 2^20. A draw takes 32 bits, which are a hash of a counter
 * that each purpose has for itself (a Weyl sequence through the finalizer of MurmurHash3, as in SplitMix): it allocates
 * nothing, and no purpose's draws depend on what others do.
 * Not modelled: draws that depend on each other.
 */
import { exp, probit } from './math.ts';
import type { Stream } from './rng.ts';

/** A distribution around a mean that is given elsewhere. */
export interface Spread {
  /** The least time in shares of the mean. */
  readonly least: number;
  /** Standard deviation of the logarithm of what comes on top. */
  readonly sigma: number;
}

const BITS = 10;
const CELLS = 1 << BITS;
/** 2^32 divided by the golden ratio, odd. */
const WEYL = 0x9e3779b9;

/** Quantiles of a log-normal variable with mean 1: the cells, then those of the last cell. */
export function logNormalTable(sigma: number): Float64Array {
  const table = new Float64Array(2 * CELLS);
  for (let i = 0; i < CELLS; i++) {
    table[i] = exp(sigma * probit((i + 0.5) / CELLS));
    table[CELLS + i] = exp(sigma * probit(1 - (CELLS - i - 0.5) / (CELLS * CELLS)));
  }
  table[CELLS - 1] = table.subarray(CELLS).reduce((sum, quantile) => sum + quantile, 0) / CELLS;
  const mean = table.subarray(0, CELLS).reduce((sum, quantile) => sum + quantile, 0) / CELLS;
  return table.map((quantile) => quantile / mean);
}

/** Where in a table a draw of 32 bits falls. */
export function cellOf(bits: number): number {
  const cell = bits >>> (32 - BITS);
  return cell === CELLS - 1 ? CELLS + ((bits >>> (32 - 2 * BITS)) & (CELLS - 1)) : cell;
}

/** 32 bits of which each depends on all of `n`. */
function hash(n: number): number {
  let h = Math.imul(n ^ (n >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** The next draw of purpose `i`, 32 bits. */
export const nextBits = (draws: Int32Array, i: number): number => hash((draws[i] = (draws[i]! + WEYL) | 0));

/** Counters for so many purposes, by name: which others there are, and in which order, does not matter. */
export function countersOf(stream: Stream, names: readonly string[]): Int32Array {
  const seed = Math.floor(stream.uniform() * 2 ** 32) | 0;
  return Int32Array.from(names, (name) => {
    let h = seed;
    for (let i = 0; i < name.length; i++) h = Math.imul(hash(h ^ name.charCodeAt(i)), 0x01000193);
    return hash(h);
  });
}
