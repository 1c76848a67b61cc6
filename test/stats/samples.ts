/**
 * Profiles of samples that are kept one by one: what profile/tally.ts adds up as samples come, worked out again at leisure.
 */
import { designEffectOf, type DesignEffect } from '../../src/stats/clustering.ts';
import type { SampledShares } from '../../src/stats/shares.ts';

/** Samples one by one, as columns of equal length. */
export interface Samples {
  /** Symbols; `symbol` indexes it. */
  readonly symbols: readonly string[];
  /** Symbol of each sample. */
  readonly symbol: ArrayLike<number>;
  /** Weight of each sample (its period); absent: all 1. */
  readonly weight?: ArrayLike<number> | undefined;
  /** Label of the burst of each sample (see burstLabels); equal labels belong together. Absent: no two samples do. */
  readonly burst?: ArrayLike<number> | undefined;
}

/**
 * Labels samples by the starts of their event on their CPU (UNTHROTTLE records) that they follow.
 *
 * Both lists ascend, in one unit of time. Without starts there are no bursts (undefined). Samples before the first start
 * share a label. With several CPUs, label each CPU's samples and shift its labels past the last CPU's.
 */
export function burstLabels(times: ArrayLike<number>, starts: ArrayLike<number>): Uint32Array | undefined {
  if (starts.length === 0) return undefined;
  const labels = new Uint32Array(times.length);
  let label = 0;
  for (let s = 0; s < times.length; s++) {
    while (label < starts.length && starts[label]! <= times[s]!) label++;
    labels[s] = label;
  }
  return labels;
}

/** Measures how far bursts lower the evidence in a profile. */
export function designEffect({ symbols, symbol, weight, burst }: Samples): DesignEffect {
  const n = symbol.length;
  const sums = symbols.map(() => ({ sum: 0, squares: 0, burstSquares: 0, burstCross: 0 }));
  const all = { bursts: 0, sum: 0, squares: 0, cubes: 0, burstSquares: 0, burstCross: 0, pairs: 0 };
  const order = Uint32Array.from({ length: n }, (_, s) => s);
  if (burst !== undefined) order.sort((x, y) => burst[x]! - burst[y]! || x - y);
  const inBurst = new Float64Array(symbols.length);
  for (let from = 0; from < n; all.bursts++) {
    let to = from + 1;
    if (burst !== undefined) for (const label = burst[order[from]!]; to < n && burst[order[to]!] === label;) to++;
    let [w1, w2, w4] = [0, 0, 0];
    for (let at = from; at < to; at++) {
      const s = order[at]!;
      const w = weight?.[s] ?? 1;
      const own = sums[symbol[s]!]!;
      own.sum += w;
      own.squares += w * w;
      inBurst[symbol[s]!]! += w;
      w1 += w;
      w2 += w * w;
      w4 += w * w * w * w;
      all.cubes += w * w * w;
    }
    for (let at = from; at < to; at++) {
      const i = symbol[order[at]!]!;
      const x = inBurst[i]!;
      sums[i]!.burstSquares += x * x;
      sums[i]!.burstCross += x * w1;
      inBurst[i] = 0;
    }
    all.sum += w1;
    all.squares += w2;
    all.burstSquares += w1 * w1;
    all.burstCross += w1 * w2;
    all.pairs += (w2 * w2 - w4) / 2;
    from = to;
  }
  return designEffectOf(sums, all);
}

/** Sums samples up into shares, with their moments and design effect. */
export function sharesOfSamples(samples: Samples): SampledShares {
  const { symbols, symbol, weight } = samples;
  const sums = new Float64Array(symbols.length);
  let [sum, sumOfSquares] = [0, 0];
  for (let s = 0; s < symbol.length; s++) {
    const w = weight?.[s] ?? 1;
    sums[symbol[s]!]! += w;
    sum += w;
    sumOfSquares += w * w;
  }
  const weights = new Map<string, number>();
  symbols.forEach((name, i) => weights.set(name, (weights.get(name) ?? 0) + sums[i]!));
  return { weights, samples: symbol.length, moments: { sum, sumOfSquares }, clustering: designEffect(samples) };
}
