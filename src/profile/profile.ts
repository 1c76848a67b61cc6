/**
 * Weight by symbol: what every comparison works on.
 *
 * Ground truth (samples: Infinity, hence intervals of no width), a recording and a table somebody printed are the same
 * type, so one comparison answers both "how far from the truth?" and "which design is nearer?".
 */
import type { DesignEffect } from '../stats/clustering.ts';
import type { Held } from '../stats/shares.ts';
import type { Nanos } from '../units.ts';
import type { CountUnit } from './folded-counts.ts';
import type { LockStep } from './lock-step.ts';
import type { Stacks } from './stacks.ts';

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
  /** Rings it was counted in, as modifiers ("u", "k", "uk"); absent if only the name says. */
  readonly rings?: string;
  /** What it is called beside others: a file, a design, "truth". */
  readonly label: string;
  /** Samples taken; Infinity for ground truth; undefined if nothing says. */
  readonly samples: number | undefined;
  /** `samples` was read off an abbreviation ("5K"): there are at least that many. */
  readonly samplesAbbreviated?: boolean;
  /** What weights count, if it is known not to be samples or periods that a recording tells. */
  readonly unit?: CountUnit;
  /** Samples the kernel dropped for want of room. */
  readonly lost: number;
  /** Times the kernel stopped the event because samples came too fast. */
  readonly throttled: number;
  /** Event counts by profileKey(). */
  readonly weights: ReadonlyMap<string, number>;
  /** Events in an iteration of the program's main loop, if all are alike; only truth knows. */
  readonly loop?: number;
  /** Events of a clock that pass without work of the program; only truth knows. */
  readonly held?: Held;
  /** How the samples were taken; only recordings know. */
  readonly sampling?: Sampling;
  /** Weight by call stack, if asked for; only recordings and folded stacks know. */
  readonly stacks?: Stacks;
  /** What perf report's text says of itself, if it is made of one. */
  readonly printed?: Printed;
  /** What was simulated; only gperf's recordings and truth know. */
  readonly origin?: Origin;
}

/** What is known of rows that were printed, besides what they say. */
export interface Printed {
  readonly path: string;
  /** Nothing was left out. */
  readonly whole: boolean;
  /** Its columns have titles. */
  readonly headed: boolean;
  /** A row is one function of one file in one command. */
  readonly finest: boolean;
  /** Rows are told apart by more than that: processes, CPUs, callers. */
  readonly finer: boolean;
  /** All rows have this in common, because perf was asked for no others. */
  readonly filters: { readonly comm?: string; readonly dso?: string; readonly symbol?: string };
  /** Names that fill their column: the longest, or cut. */
  readonly full: { readonly dso: ReadonlySet<string>; readonly symbol: ReadonlySet<string> };
  /** The character that is printed as a point in names. */
  readonly replaced?: string;
}

/** The taking of samples, as far as it bears on how much they can be trusted. */
export interface Sampling {
  /** Sum of the squared weights of the samples: with their total it gives Kish's effective number. */
  readonly sumOfSquares: number;
  /** By how much samples that a throttled event takes together say less than as many scattered ones. */
  readonly clustering: DesignEffect;
  /** ns of a tick, and samples by where in a tick they fell, a sixteenth of it each; absent if the recording does not know. */
  readonly tick?: Nanos;
  readonly phases?: readonly number[];
  /** ns from the first to the last sample. */
  readonly span: Nanos;
  /** ns of it in which the event was stopped by throttling. */
  readonly stopped: Nanos;
  readonly periods: Periods;
  /** The same over time; absent without samples. */
  readonly time?: SampledTime;
  /** A few ticks as they were; absent if nobody knows how ticks lie. */
  readonly closeUp?: SampledTicks;
  /** Samples keep step with the tick, and so does the program, or may; absent if not. */
  readonly lockStep?: LockStep;
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

/** Equally wide bins of time, from the first sample's on. */
export interface SampledTime {
  readonly start: Nanos;
  /** Of the last sample, or stop; the last bin reaches beyond it. */
  readonly end: Nanos;
  readonly width: Nanos;
  /** By bin: samples, the sum of their periods, and ns in which the event was stopped by throttling. */
  readonly samples: readonly number[];
  readonly periods: readonly number[];
  readonly stopped: readonly number[];
}

/** Ticks that follow each other, with all that fell into them. */
export interface SampledTicks {
  readonly start: Nanos;
  readonly tick: Nanos;
  readonly ticks: number;
  /** ns from the start: each sample, and from when to when the event was stopped by throttling. */
  readonly samples: readonly number[];
  readonly stops: readonly (readonly [from: number, to: number])[];
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

/** Ground truth: shares without error. */
export const isExact = ({ samples }: Pick<Profile, 'samples'>): boolean => samples === Infinity;

/** Sum of all weights. */
export function totalWeight(profile: Pick<Profile, 'weights'>): number {
  let total = 0;
  for (const weight of profile.weights.values()) total += weight;
  return total;
}

/** What is counted apart: whole files, functions, instructions, or the calls that led there. */
const GRANULARITIES = ['symbol', 'dso', 'callchain', 'instruction'] as const;
export type Granularity = (typeof GRANULARITIES)[number];
