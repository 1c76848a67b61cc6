/**
 * Weight by symbol: the input of every comparison.
 *
 * Ground truth (infinitely many samples, hence intervals of zero width), a recording and a printed table are the same
 * type, so one comparison answers both "how far from the truth?" and "which design is nearer?".
 */
import type { DesignEffect } from '../stats/clustering.ts';
import type { Held } from '../stats/shares.ts';
import type { Nanos } from '../units.ts';
import type { CountUnit } from './folded-counts.ts';
import type { LockStep } from './lock-step.ts';
import type { Stacks } from './stacks.ts';

/** A function in a profile, without its address. */
export interface ProfileKey {
  readonly comm: string;
  /** Short name of the file; '' if the profile does not tell files apart. */
  readonly dso: string;
  /** Function, or address if it has no name; or what else the profile counts separately, such as "clone 2". */
  readonly symbol: string;
}

export interface Profile {
  /** Name of the event that was sampled or counted; '' if unknown. */
  readonly event: string;
  /** Rings in which it was counted, as modifiers ("u", "k", "uk"); absent if only the event's name says. */
  readonly rings?: string;
  /** Its name beside others: a file, a design, "truth". */
  readonly label: string;
  /** Samples taken; Infinity for ground truth; undefined if unknown. */
  readonly samples: number | undefined;
  /** `samples` comes from an abbreviation ("5K"): there are at least that many. */
  readonly samplesAbbreviated?: boolean;
  /** What the weights count, if neither samples nor the periods of a recording. */
  readonly unit?: CountUnit;
  /** Samples the kernel dropped for lack of room. */
  readonly lost: number;
  /** Times the kernel stopped the event because samples came too fast. */
  readonly throttled: number;
  /** Event counts, keyed by profileKey(). */
  readonly weights: ReadonlyMap<string, number>;
  /** Events per iteration of the program's main loop, if all are alike; only truth knows. */
  readonly loop?: number;
  /** Events of a clock that pass while the program stands still; only truth knows. */
  readonly held?: Held;
  /** How the samples were taken; only recordings know. */
  readonly sampling?: Sampling;
  /** Weight by call stack, if asked for; only recordings and folded stacks know. */
  readonly stacks?: Stacks;
  /** What perf report's text says about itself, if the profile comes from one. */
  readonly printed?: Printed;
  /** What was simulated; only gperf's recordings and truth know. */
  readonly origin?: Origin;
}

/** The row of what a printed table leaves out. */
export const NOT_SHOWN = '[not shown]';

/** What is known about printed rows, besides their content. */
export interface Printed {
  readonly path: string;
  /** Nothing was left out. */
  readonly whole: boolean;
  /** Its columns have titles. */
  readonly headed: boolean;
  /** Each row is one function of one file in one command. */
  readonly finest: boolean;
  /** Rows are split further: by process, CPU or caller. */
  readonly finer: boolean;
  /** Common to all rows, because perf was asked for no others. */
  readonly filters: { readonly comm?: string; readonly dso?: string; readonly symbol?: string };
  /** Names that fill their column: the longest ones, or cut. */
  readonly full: { readonly dso: ReadonlySet<string>; readonly symbol: ReadonlySet<string> };
  /** The character that names show as a point. */
  readonly replaced?: string;
}

/** How samples were taken, as far as it affects how much to trust them. */
export interface Sampling {
  /** Sum of the squared sample weights: with their total it gives Kish's effective number. */
  readonly sumOfSquares: number;
  /** How much less the samples that a throttled event takes together say than scattered ones. */
  readonly clustering: DesignEffect;
  /** ns of a tick, and samples by sixteenth of the tick they fell into; absent if unknown. */
  readonly tick?: Nanos;
  readonly phases?: readonly number[];
  /** ns from the first to the last sample. */
  readonly span: Nanos;
  /** ns of it in which the event was stopped by throttling; if samples name several CPUs, the mean of these. */
  readonly stopped: Nanos;
  readonly periods: Periods;
  /** The same over time; absent without samples. */
  readonly time?: SampledTime;
  /** A few ticks in full; absent if it is unknown where ticks begin. */
  readonly closeUp?: SampledTicks;
  /** Who was sampled on which CPU; absent if samples do not name several. */
  readonly lanes?: CpuLanes;
  /** Samples keep step with the tick, and so does the program, or may; absent otherwise. */
  readonly lockStep?: LockStep;
  /** Share of samples at the very address of the sample before. */
  readonly repeats: number;
  /** The number of addresses that would give this spread if hit evenly: 1 / Σ share². */
  readonly addresses: number;
}

/** The periods of the samples. */
export interface Periods {
  /** Samples per second that were asked for; undefined for a fixed period of `first` events. */
  readonly frequency: number | undefined;
  readonly first: number;
  readonly smallest: number;
  readonly largest: number;
  readonly mean: number;
  /** Every `stride`-th period in order of time, a few hundred at most. */
  readonly trace: readonly number[];
  readonly stride: number;
}

/** Time bins of equal width, from the first sample on. */
export interface SampledTime {
  readonly start: Nanos;
  /** Time of the last sample or stop; the last bin extends beyond it. */
  readonly end: Nanos;
  readonly width: Nanos;
  /** By bin: samples, the sum of their periods, and ns in which throttling had stopped the event. */
  readonly samples: readonly number[];
  readonly periods: readonly number[];
  readonly stopped: readonly number[];
}

/** Who was on which CPU, in time bins of equal width. */
export interface CpuLanes {
  readonly start: Nanos;
  /** Of what is known; the last bin extends beyond it. */
  readonly end: Nanos;
  readonly width: Nanos;
  /** Names of the threads, in the order in which they came. */
  readonly threads: readonly string[];
  /** By number of the CPU. */
  readonly cpus: readonly CpuLane[];
}

export interface CpuLane {
  readonly cpu: number;
  /** From `start` on; a lane may end before others. */
  readonly bins: readonly {
    /** By index of the thread: ns, or samples if the lanes are sampled. */
    readonly threads: readonly (readonly [thread: number, share: number])[];
    readonly samples: number;
    /** ns in which throttling had stopped the event there. */
    readonly stopped: number;
  }[];
}

/** Consecutive ticks with everything that fell into them. */
export interface SampledTicks {
  readonly start: Nanos;
  readonly tick: Nanos;
  readonly ticks: number;
  /** ns from the start: each sample, and each interval in which throttling had stopped the event. */
  readonly samples: readonly number[];
  readonly stops: readonly (readonly [from: number, to: number])[];
}

/** Where a simulated profile came from. */
export interface Origin {
  /** Version of gperf, which is the model's. */
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

/** What is counted separately: functions, whole files, the calls that led there, instructions, processes or threads. */
const GRANULARITIES = ['symbol', 'dso', 'callchain', 'instruction', 'process', 'thread'] as const;
export type Granularity = (typeof GRANULARITIES)[number];
