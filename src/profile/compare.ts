/**
 * Compares profiles: rows side by side, every figure of every pair, and what is known about each operand, as data.
 * Text, web page and exports only print this.
 *
 * Each operand is compared with the reference, and with truth if truth is among them. The parts: the result's types,
 * compareProfiles(), and the notes on how each operand was sampled.
 */
import { compareDistances, type ComparedSymbol, compareShares, type Comparison } from '../stats/compare.ts';
import { type Interval, wilson } from '../stats/intervals.ts';
import { type BiasNoise, splitBiasNoise } from '../stats/replicates.ts';
import type { DistanceDifference, Random } from '../stats/resample.ts';
import { evidenceOf, type Circumstances, type Evidence, type Shares } from '../stats/shares.ts';
import { canonicalEvent } from './events.ts';
import { poolRuns } from './pool.ts';
import { isExact, type Granularity, parseProfileKey, type Profile, type Sampling, totalWeight } from './profile.ts';
import { alignRows, type RowMerge, poolRare, type Row, unversioned } from './rows.ts';

export interface CompareProfilesOptions {
  readonly by?: Granularity;
  readonly merges?: readonly RowMerge[];
  /** Index of the operand to compare the others with; default the first. */
  readonly reference?: number;
  /** Opens the random stream for resampling, the same each time; without it there is no Nearness. */
  readonly chance?: () => Random;
}

/** One of the profiles, and how much evidence it holds. */
export interface ComparedOperand {
  readonly label: string;
  readonly exact: boolean;
  /** Absent if the number of samples is unknown: then there is no test. */
  readonly evidence?: Evidence;
  readonly profile: Profile;
  /** Independent runs behind it. */
  readonly runs: number;
  /** Fraction of the time in which sampling was not stopped by throttling; absent if unknown. */
  readonly duty?: number;
}

/** Operand `a` against operand `b`. */
export interface ComparedPair {
  readonly a: number;
  readonly b: number;
  /** Symbols are keyed by rowKey(). */
  readonly comparison: Comparison;
  /** False if the number of samples of a side is unknown, so that only distances mean something. */
  readonly tested: boolean;
  /** Bias and noise, separated; only if both sides have several runs, paired by seed. */
  readonly split?: BiasNoise;
}

/** Whether operand `a` or operand `b` is nearer to a third, with which both were compared. */
export interface Nearness extends Omit<DistanceDifference, 'first' | 'second'> {
  readonly a: number;
  readonly b: number;
  readonly reference: number;
  /** The nearer one; undefined if the interval (95 %) has both signs. */
  readonly nearer: number | undefined;
}

/** Doubts about an operand that come from how its samples were taken, besides what the statistics find. */
export type Note =
  /** The number of samples is unknown. */
  | { readonly kind: 'UnknownSamples'; readonly operand: number }
  /** Counters read lower than before: periods are 2^64 minus the fall. */
  | { readonly kind: 'FallingCounts'; readonly operand: number }
  /** The counts of folded stacks are not samples. */
  | { readonly kind: 'Weights'; readonly operand: number; readonly smallest: number; readonly largest: number }
  /** The same, although the number of samples was given: the weight of each sample is unknown. */
  | { readonly kind: 'UnknownWeights'; readonly operand: number; readonly samples: number }
  /** The counts are multiples of one period. */
  | { readonly kind: 'CommonPeriod'; readonly operand: number; readonly period: number; readonly samples: number }
  /** The number of samples was abbreviated ("5K"). */
  | { readonly kind: 'AbbreviatedSamples'; readonly operand: number; readonly samples: number }
  /** So many sixteenths of every tick are hardly sampled. */
  | { readonly kind: 'TickPhase'; readonly operand: number; readonly blind: number }
  /** The same for an event that was not throttled: its samples are as far apart as ticks are. */
  | { readonly kind: 'TickPlaces'; readonly operand: number; readonly blind: number }
  /** Frequency feedback did not settle: throttled at a period of a few events. */
  | { readonly kind: 'CollapsedPeriod'; readonly operand: number; readonly period: number }
  /** All periods together are only this part of what the workload counted, by truth: for the rest the event was off. */
  | { readonly kind: 'PartCounted'; readonly operand: number; readonly part: number }
  /** Runs are further from each other than independent samples make them. */
  | { readonly kind: 'RunsDiffer'; readonly operand: number; readonly noise: number; readonly chance: number }
  /** This share of its weight is in files whose functions are unknown. */
  | { readonly kind: 'Nameless'; readonly operand: number; readonly share: number }
  /** A fixed period, and all samples at a few addresses. */
  | { readonly kind: 'FewPlaces'; readonly operand: number; readonly period: number; readonly addresses: number };

/** One line of the table. */
export interface ComparedRow {
  readonly name: string;
  readonly dso: string;
  /** Number of functions in it, whatever version of their file they come from. */
  readonly members: number;
  /** By operand. */
  readonly shares: readonly { readonly share: number; readonly interval: Interval }[];
  /** By pair; absent in the row of rare functions, which is not tested as one. */
  readonly tests: readonly (ComparedSymbol | undefined)[];
}

export interface ComparedProfiles {
  readonly event: string;
  readonly by: Granularity;
  readonly reference: number;
  readonly operands: readonly ComparedOperand[];
  readonly pairs: readonly ComparedPair[];
  /** By reference, then by operand; without operands whose samples are unknown. */
  readonly nearness: readonly Nearness[];
  readonly rows: readonly ComparedRow[];
  readonly notes: readonly Note[];
}

/** Beyond this many, rows are pooled before any test: comparing ranks takes quadratic time. */
const MOST_ROWS = 2000;
/** Stands in for an unknown number of samples; nothing that depends on it is shown. */
const UNKNOWN = 1000;

/** The interval of a share from an unknown number of samples. */
const ANYTHING: Interval = { low: 0, high: 1 };

/** A row's key in the statistics. */
const rowKey = ({ name, dso }: Pick<Row, 'name' | 'dso'>): string => `${name}\0${dso}`;
/** The function in such a key. */
export const rowName = (key: string): string => key.slice(0, key.indexOf('\0'));
export const rowFile = (key: string): string => key.slice(key.indexOf('\0') + 1);

/**
 * Compares profiles of one event, each given as its runs: one, or as many as there are seeds. Throws RangeError if one
 * has no weight.
 */
export function compareProfiles(
  operandRuns: readonly (readonly Profile[])[],
  options: CompareProfilesOptions = {},
): ComparedProfiles {
  const { by = 'symbol', merges = [], reference = 0, chance } = options;
  const profiles = operandRuns.map(poolRuns);
  const every = alignRows(operandRuns.flat(), merges);
  const aligned = every.map((row) => ({ ...row, weights: sumsBy(row.weights, operandRuns) }));
  const rows = aligned.length > MOST_ROWS ? poolRare(aligned, profiles, MOST_ROWS) : aligned;
  const exact = profiles.find(isExact);
  const shares = profiles.map((profile, i) => {
    const weights = new Map(rows.map((row) => [rowKey(row), row.weights[i]!]));
    return sharesOf(profile, weights, operandRuns[i]!.length, exact);
  });
  let at = 0;
  const runShares = operandRuns.map((runs) =>
    runs.map((run) => {
      const column = at++;
      return sharesOf(run, new Map(every.map((row) => [rowKey(row), row.weights[column]!])), 1, exact);
    }),
  );
  const operands = profiles.map((profile, i): ComparedOperand => {
    const duty = dutyOf(profile.sampling);
    return {
      label: profile.label,
      exact: isExact(profile),
      profile,
      runs: operandRuns[i]!.length,
      ...(profile.samples !== undefined && { evidence: evidenceOf(shares[i]!) }),
      ...(duty !== undefined && { duty }),
    };
  });
  const truth = profiles.findIndex(isExact);
  const references = new Set([reference, ...(truth >= 0 ? [truth] : [])]);
  const pairs: ComparedPair[] = [];
  for (const b of references)
    for (const [a, profile] of profiles.entries()) {
      if (a === b || (a === truth && b === reference)) continue;
      const seeds = Math.min(operandRuns[a]!.length, operandRuns[b]!.length);
      pairs.push({
        a,
        b,
        ...(seeds > 1 && { split: splitBiasNoise(runShares[a]!.slice(0, seeds), runShares[b]!.slice(0, seeds)) }),
        comparison: compareShares(shares[a]!, shares[b]!, { bootstrap: chance && { random: chance() } }),
        tested: profile.samples !== undefined && profiles[b]!.samples !== undefined,
      });
    }
  return {
    event: profiles[reference]!.event,
    by,
    reference,
    operands,
    pairs,
    nearness: chance === undefined ? [] : [...references].flatMap((to) => nearnessOf(to, pairs, shares, chance())),
    rows: tableRows(poolRare(rows, profiles), operands, pairs),
    notes: [
      ...profiles.flatMap(notesOf),
      ...(exact === undefined ? [] : operands.flatMap((one, i) => partOf(one, operands[truth]!, i))),
      ...pairs.filter(({ b }) => b === (truth >= 0 ? truth : reference)).flatMap(runsDiffer),
      ...(by === 'symbol' ? profiles.flatMap(namelessOf) : []),
    ],
  };
}

/** Rounding error of sums of shares: profiles without a common function may be 1 apart plus the last binary digit. */
const ROUNDING = 1e-12;

function nearnessOf(
  reference: number,
  pairs: readonly ComparedPair[],
  shares: readonly Shares[],
  random: Random,
): Nearness[] {
  const held = pairs.filter(({ b, tested }) => b === reference && tested).map(({ a }) => a);
  if (held.length < 2) return [];
  const sides = held.map((i) => shares[i]!);
  return compareDistances(sides, shares[reference]!, { random }).map(({ first, second, ...difference }) => {
    const [a, b] = [held[first]!, held[second]!];
    const nearer = difference.low > ROUNDING ? b : difference.high < -ROUNDING ? a : undefined;
    return Object.assign(difference, { a, b, reference, nearer });
  });
}

/** A sixteenth of a tick with less than this part of its due is hardly sampled; how many such are reported. */
const HARDLY = 0.25;
const BLIND = 2;
/** A mean period so short that no program's events can be told apart. */
const COLLAPSED = 1000;
/** With fewer addresses, a fixed period may keep step with a loop; samples needed to suspect it. */
const FEW_ADDRESSES = 3;
const SUSPICIOUS_SAMPLES = 100;

function notesOf(profile: Profile, operand: number): Note[] {
  const notes: Note[] = [];
  const { samples, sampling, throttled, unit } = profile;
  if (unit?.kind === 'weights')
    notes.push(
      samples === undefined ? { ...unit, kind: 'Weights', operand } : { kind: 'UnknownWeights', operand, samples },
    );
  else if (unit?.kind === 'falls') notes.push({ kind: 'FallingCounts', operand });
  else if (unit?.kind === 'period' && samples !== undefined)
    notes.push({ kind: 'CommonPeriod', operand, period: unit.period, samples });
  else if (samples === undefined) notes.push({ kind: 'UnknownSamples', operand });
  else if (profile.samplesAbbreviated) notes.push({ kind: 'AbbreviatedSamples', operand, samples });
  if (!sampling || samples === undefined || samples < SUSPICIOUS_SAMPLES) return notes;
  const { phases = [], periods, addresses } = sampling;
  const blind = phases.filter((n) => n * phases.length < HARDLY * samples).length;
  if (blind >= BLIND) notes.push({ kind: throttled > 0 ? 'TickPhase' : 'TickPlaces', operand, blind });
  if (periods.frequency !== undefined && throttled > 0 && periods.mean < COLLAPSED)
    notes.push({ kind: 'CollapsedPeriod', operand, period: periods.mean });
  if (periods.frequency === undefined && addresses < FEW_ADDRESSES)
    notes.push({ kind: 'FewPlaces', operand, period: periods.first, addresses });
  return notes;
}

/** Below this part of what truth has, a throttled event says little of the rest. */
const PART = 0.5;

function partOf({ profile, runs, exact }: ComparedOperand, truth: ComparedOperand, operand: number): Note[] {
  if (exact || profile.throttled === 0 || profile.event !== truth.profile.event) return [];
  const part = totalWeight(profile) / runs / (totalWeight(truth.profile) / truth.runs);
  return part < PART ? [{ kind: 'PartCounted', operand, part }] : [];
}

/** Noise between runs is reported if it is material, and this many times what chance makes. */
const MATERIAL = 0.02;
const BEYOND_CHANCE = 2;

function runsDiffer({ a, split }: ComparedPair): Note[] {
  if (split === undefined) return [];
  const { noise, multinomial: chance } = split;
  return noise >= MATERIAL && noise >= BEYOND_CHANCE * chance
    ? [{ kind: 'RunsDiffer', operand: a, noise, chance }]
    : [];
}

/** A share of weight without names that makes comparing functions pointless. */
const NAMELESS = 0.5;

function namelessOf(profile: Profile, operand: number): Note[] {
  let nameless = 0;
  for (const [key, weight] of profile.weights) if (parseProfileKey(key).symbol === '[unknown]') nameless += weight;
  const share = nameless / totalWeight(profile);
  return share >= NAMELESS ? [{ kind: 'Nameless', operand, share }] : [];
}

function dutyOf(sampling: Sampling | undefined): number | undefined {
  return sampling === undefined || sampling.span === 0 ? undefined : Math.max(0, 1 - sampling.stopped / sampling.span);
}

/** Sums of the runs' weights, by operand. */
function sumsBy(weights: readonly number[], operandRuns: readonly (readonly Profile[])[]): number[] {
  let at = 0;
  return operandRuns.map((runs) => runs.reduce((sum) => sum + weights[at++]!, 0));
}

function sharesOf(
  profile: Profile,
  weights: ReadonlyMap<string, number>,
  seeds: number,
  exact: Profile | undefined,
): Shares {
  const { event, lost, throttled, samples = UNKNOWN, sampling } = profile;
  const periods = sampling?.periods;
  const circumstances: Circumstances = {
    event: event === '' ? undefined : canonicalEvent(profile),
    lost,
    throttled,
    fixedPeriod: periods && periods.frequency === undefined ? periods.first : undefined,
    loop: exact?.loop,
    held: exact?.held,
    lockStep: sampling?.lockStep,
    seeds,
  };
  if (isExact(profile)) return { exact: true, weights, circumstances };
  return {
    weights,
    samples,
    circumstances,
    ...(sampling && {
      moments: { sum: totalWeight(profile), sumOfSquares: sampling.sumOfSquares },
      clustering: sampling.clustering,
    }),
  };
}

function tableRows(
  rows: readonly Row[],
  operands: readonly ComparedOperand[],
  pairs: readonly ComparedPair[],
): ComparedRow[] {
  const totals = operands.map(({ profile }) => totalWeight(profile));
  const tested = pairs.map(({ comparison }) => new Map(comparison.symbols.map((row) => [row.symbol, row])));
  return rows.map((row) => ({
    name: row.name,
    dso: row.dso,
    members: new Set(row.members.map(({ dso, symbol }) => `${unversioned(dso)}\0${symbol}`)).size,
    shares: operands.map(({ evidence }, i) => {
      const share = row.weights[i]! / totals[i]!;
      return { share, interval: evidence ? wilson(share, evidence.effective) : ANYTHING };
    }),
    tests: tested.map((byKey) => byKey.get(rowKey(row))),
  }));
}
