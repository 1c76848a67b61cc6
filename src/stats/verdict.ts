/**
 * The verdict on two profiles, as data.
 *
 * Different if chi-square on effective samples has p < 0.05. Materially so if the total variation distance is also at
 * least two points and at least twice its noise floor; otherwise the difference is real but small. p alone would not
 * do: with a million samples a difference of a tenth of a point has p = 1e-9.
 *
 * Unsettled if each side is one run whose samples are known to depend on each other (they keep step with the tick, as
 * the program does): p then says nothing, and no single pair of runs can tell a difference of programs from one of
 * phases.
 */

export type VerdictKind = 'indistinguishable' | 'different-but-small' | 'materially-different' | 'unsettled';

export interface Driver {
  readonly symbol: string;
  /** Share in the first profile minus share in the second. */
  readonly delta: number;
  /** |delta| / sum |delta| over all symbols. */
  readonly part: number;
}

/** What is left of the difference when two symbols count as one. */
export interface Merge {
  readonly symbols: readonly [string, string];
  readonly p: number;
  readonly tvd: number;
  /** Once merged, the profiles cannot be told apart, and are not far apart either. */
  readonly restores: boolean;
}

export interface Verdict {
  readonly kind: VerdictKind;
  readonly p: number;
  readonly tvd: number;
  /** Mean total variation distance of perfect profiles. */
  readonly floor: number;
  /** The smallest shift that would have been found (power 80 %), whatever symbols it moved between. */
  readonly minimumDetectableShift: number;
  /** Symbols that differ most, largest difference first; empty if nothing differs. */
  readonly drivers: readonly Driver[];
  /** The pair of drivers moving in opposite directions whose merging leaves least; absent if nothing differs. */
  readonly merge?: Merge | undefined;
}

/** Level of the test. */
export const ALPHA = 0.05;
/** Total variation distance from which a difference is material. */
const MATERIAL = 0.02;
/** Multiple of the noise floor from which a distance is material. */
const FLOORS = 2;

/**
 * Whether a distance is more than a trifle and more than noise. No distance is twice a floor above one half: if noise
 * alone makes over a third, halfway from the floor to a distance of 1 is enough.
 */
export const isMaterial = (tvd: number, floor: number): boolean =>
  tvd >= MATERIAL && tvd >= Math.min(FLOORS * floor, (1 + floor) / 2);

/** The rule alone; `independent` is false if samples are known to depend on each other. */
export function verdictKind(p: number, tvd: number, floor: number, independent = true): VerdictKind {
  if (!(p < ALPHA)) return 'indistinguishable';
  if (!independent) return 'unsettled';
  return isMaterial(tvd, floor) ? 'materially-different' : 'different-but-small';
}

/** The symbols that differ, largest difference first, at most `most`. */
export function driversOf(symbols: readonly string[], deltas: readonly number[], most = 5): Driver[] {
  const total = deltas.reduce((sum, d) => sum + Math.abs(d), 0);
  return symbols
    .map((symbol, i) => ({ symbol, delta: deltas[i]!, part: total > 0 ? Math.abs(deltas[i]!) / total : 0 }))
    .filter(({ delta }) => delta !== 0)
    .toSorted((x, y) => y.part - x.part)
    .slice(0, most);
}
