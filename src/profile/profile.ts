/**
 * Weight by symbol: what every comparison works on.
 *
 * Ground truth (samples: Infinity, hence intervals of no width), a recording and a table somebody printed are the same
 * type, so one comparison answers both "how far from the truth?" and "which design is nearer?".
 */
import type { Nanos } from '../units.ts';

/** A function as a profile knows it, apart from its address. */
export interface ProfileKey {
  readonly comm: string;
  /** Short name of the file; '' if the profile does not tell files apart. */
  readonly dso: string;
  /** Function, or the address if it has no name; finer or coarser as the profile's granularity is. */
  readonly symbol: string;
}

export interface Profile {
  /** Name of the event that was sampled or counted; '' if nothing says. */
  readonly event: string;
  /** What it is called beside others: a file, a design, "truth". */
  readonly label: string;
  /** Samples taken; Infinity for ground truth; undefined if nothing says. */
  readonly samples: number | undefined;
  /** `samples` was read off an abbreviation ("5K"): there are at least that many. */
  readonly samplesAbbreviated?: boolean;
  /** Samples the kernel dropped for want of room. */
  readonly lost: number;
  /** Times the kernel stopped the event because samples came too fast. */
  readonly throttled: number;
  /** Event counts by profileKey(). */
  readonly weights: ReadonlyMap<string, number>;
  /** How the samples were taken; only recordings know. */
  readonly sampling?: Sampling;
  /** What was simulated; only gperf's recordings and truth know. */
  readonly origin?: Origin;
}

/** The taking of samples, as far as it bears on how much they can be trusted. */
export interface Sampling {
  /** Sum of the squared weights of the samples: with their total it gives Kish's effective number. */
  readonly sumOfSquares: number;
  /**
   * Variance of the shares as the ticks have it, over what as many independent samples of these weights would have; 1 if
   * there are too few ticks to tell. Above 1 if samples of one tick resemble each other.
   */
  readonly designEffect: number;
  /** Ticks with samples (per CPU). */
  readonly ticks: number;
  /** ns of a tick. */
  readonly tick: Nanos;
  /** Samples by where in a tick they fell, a sixteenth of it each; absent if the recording does not say how ticks lie. */
  readonly phases?: readonly number[];
  /** ns from the first to the last sample. */
  readonly span: Nanos;
  /** ns of it in which the event was stopped by throttling. */
  readonly stopped: Nanos;
  readonly periods: Periods;
  /** Share of samples at the very address of the sample before. */
  readonly repeats: number;
  /** Addresses that as many samples fell on evenly: 1 / Σ share². */
  readonly addresses: number;
}

/** What the samples say of their period. */
export interface Periods {
  /** Samples a second that were asked for; undefined: every `first` events. */
  readonly frequency: number | undefined;
  readonly first: number;
  readonly smallest: number;
  readonly largest: number;
  readonly mean: number;
  /** Every `stride`-th period in order of time, no more than some hundred. */
  readonly trace: readonly number[];
  readonly stride: number;
}

/** Where a simulated profile came from. */
export interface Origin {
  /** Version of gperf, the model's. */
  readonly gperf: string;
  readonly machine: string;
  readonly vpmu: string;
  readonly seed: string;
  /** Repetition: draws come from the path "run=k". */
  readonly run: number;
}

const SEPARATOR = '\0';

/** comm, dso and symbol as one string, the key of Profile.weights. */
export const profileKey = ({ comm, dso, symbol }: ProfileKey): string => [comm, dso, symbol].join(SEPARATOR);

/** The inverse of profileKey(). */
export function parseProfileKey(key: string): ProfileKey {
  const [comm = '', dso = '', symbol = ''] = key.split(SEPARATOR);
  return { comm, dso, symbol };
}

/** Sum of all weights. */
export function totalWeight(profile: Pick<Profile, 'weights'>): number {
  let total = 0;
  for (const weight of profile.weights.values()) total += weight;
  return total;
}

/** What is counted apart: whole files, functions, instructions, or the calls that led there. */
export const GRANULARITIES = ['symbol', 'dso', 'callchain', 'instruction'] as const;
export type Granularity = (typeof GRANULARITIES)[number];
