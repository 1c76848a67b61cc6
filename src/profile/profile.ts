/**
 * Weight by symbol: what every comparison works on.
 *
 * Ground truth (samples: Infinity, hence intervals of no width) and a recording are the same type, so one compare()
 * answers both "how far from the truth?" and "which design is nearer?".
 */

/** A function as a profile knows it, apart from its address. */
export interface ProfileKey {
  readonly comm: string;
  /** Short name of the file. */
  readonly dso: string;
  /** Function, or the address if it has no name. */
  readonly symbol: string;
}

export interface Profile {
  /** Name of the event that was sampled or counted. */
  readonly event: string;
  /** What it is called beside others: a file, a design, "truth". */
  readonly label: string;
  /** Samples taken; Infinity for ground truth. */
  readonly samples: number;
  /** Samples the kernel dropped for want of room. */
  readonly lost: number;
  /** Times the kernel stopped the event because samples came too fast. */
  readonly throttled: number;
  /** Event counts by profileKey(). */
  readonly weights: ReadonlyMap<string, number>;
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
export function totalWeight(profile: Profile): number {
  let total = 0;
  for (const weight of profile.weights.values()) total += weight;
  return total;
}
