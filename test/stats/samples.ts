/**
 * Profiles from samples kept one by one: computes again, slowly, what profile/bursts.ts sums as samples come.
 */
import { BurstChain, BurstSums, designEffectOf, type DesignEffect } from '../../src/stats/clustering.ts';
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
  /** CPU of each sample: bursts are neighbours on one CPU only. Absent: all are of one. */
  readonly chain?: ArrayLike<number> | undefined;
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

/** Measures how far bursts lower the evidence, pair of samples by pair of samples. A negative label: the sample stands alone. */
export function designEffect({ symbols, symbol, weight, burst, chain }: Samples): DesignEffect {
  const n = symbol.length;
  const w = (s: number): number => weight?.[s] ?? 1;
  const groups = new Map<string, { cpu: number; label: number; members: number[] }>();
  for (let s = 0; s < n; s++) {
    if (burst === undefined || burst[s]! < 0) continue;
    const [cpu, label] = [chain?.[s] ?? 0, burst[s]!];
    const group = groups.get(`${cpu} ${label}`) ?? { cpu, label, members: [] };
    groups.set(`${cpu} ${label}`, group);
    group.members.push(s);
  }
  const bursts = [...groups.values()].toSorted((x, y) => x.cpu - y.cpu || x.label - y.label);
  const next = (i: number): readonly number[] | undefined =>
    bursts[i + 1]?.cpu === bursts[i]?.cpu ? bursts[i + 1]?.members : undefined;
  const total = (members: readonly number[]): number => members.reduce((sum, s) => sum + w(s), 0);
  const within = (members: readonly number[]): number =>
    members.reduce((sum, s) => sum + members.reduce((rest, t) => rest + (s === t ? 0 : w(s) * w(t)), 0), 0);
  const sums = new BurstSums();
  sums.bursts = bursts.length;
  for (const { members } of bursts) sums.pairs += within(members);
  // Coefficient of each pair of samples in the excess; what it leaves of single samples follows.
  const single = new Map<number, number>();
  const pair = (s: number, t: number, coefficient: number): void => {
    if (symbol[s] === symbol[t]) sums.excess += coefficient;
    for (const one of [s, t]) single.set(one, (single.get(one) ?? 0) + coefficient);
  };
  for (const [i, { members }] of bursts.entries()) {
    const after = next(i);
    const neighbours = Number(i > 0 && next(i - 1) === members) + Number(after !== undefined);
    for (const [at, s] of members.entries())
      for (const t of members.slice(at + 1)) {
        pair(s, t, neighbours * w(s) * w(t));
        sums.cross += (neighbours * w(s) * w(t)) ** 2;
      }
    if (after === undefined) continue;
    const both = (within(members) + within(after)) / 2;
    sums.neighbours++;
    sums.compared += both;
    for (const s of members)
      for (const t of after) {
        const coefficient = (both * w(s) * w(t)) / (total(members) * total(after));
        pair(s, t, -coefficient);
        sums.cross += coefficient ** 2;
      }
  }
  for (const coefficient of single.values()) sums.linear += coefficient ** 2;
  const all = Array.from({ length: n }, (_, s) => s);
  return designEffectOf(sums, {
    weights: symbols.map((_, i) => total(all.filter((s) => symbol[s] === i))),
    samples: n,
    inBursts: bursts.flatMap(({ members }) => members).length,
    sum: total(all),
    squares: all.reduce((sum, s) => sum + w(s) ** 2, 0),
  });
}

/** The same as recordings have it, burst by burst: labels ascend, and all samples are of one CPU. */
function added({ symbols, symbol, weight, burst }: Samples): DesignEffect {
  const sums = new BurstSums();
  const chain = new BurstChain<number>(sums);
  const totals = new Float64Array(symbols.length);
  let [inBursts, sum, squares] = [0, 0, 0];
  let open = { weights: new Map<number, number>(), w1: 0, w2: 0, w3: 0, w4: 0 };
  for (let s = 0; s < symbol.length; s++) {
    const [i, w] = [symbol[s]!, weight?.[s] ?? 1];
    totals[i]! += w;
    sum += w;
    squares += w * w;
    if (burst === undefined || burst[s]! < 0) continue;
    inBursts++;
    open.weights.set(i, (open.weights.get(i) ?? 0) + w);
    open.w1 += w;
    open.w2 += w * w;
    open.w3 += w ** 3;
    open.w4 += w ** 4;
    if (burst[s + 1] === burst[s]) continue;
    chain.add(open);
    open = { weights: new Map(), w1: 0, w2: 0, w3: 0, w4: 0 };
  }
  chain.end();
  return designEffectOf(sums, { weights: totals, samples: symbol.length, inBursts, sum, squares });
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
  return { weights, samples: symbol.length, moments: { sum, sumOfSquares }, clustering: added(samples) };
}
