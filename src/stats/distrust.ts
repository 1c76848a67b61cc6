/**
 * Finds reasons to distrust a comparison in what is known about its sides.
 *
 * Not modelled: reasons that leave no trace in a profile (another build of the program, another machine).
 */
import { samplesToDetect } from './power.ts';
import { FEW_SEEDS, type Warning, type Which } from './warnings.ts';
import type { Evidence, Shares } from './shares.ts';

/** Weights are called unequal if Kish's number is below this fraction of the samples. */
const UNEQUAL = 0.5;
/** A design effect from here on is reported, if it is also beyond chance. */
const CLUSTERED = 1.1;
/** Shift that a comparison should be able to find: where differences begin to be material. */
const SHIFT = 0.02;
/** Weight of symbols without a counterpart from which they are reported. */
const UNSHARED = 0.01;
/** A loop sampled at this many places or more is sampled well enough. */
const PLACES = 32;

export interface Side {
  readonly shares: Shares;
  readonly evidence: Evidence;
  /** Shares, aligned with the other side's. */
  readonly normalised: readonly number[];
}

/**
 * How many places of a loop a fixed period ever samples; undefined if there are enough.
 *
 * After q samples the position in the loop has moved by q period/loop laps. If that is nearly a whole number for a
 * small q, samples fall on q places and drift so slowly that n samples do not fill the gap (1/q of a lap) between two.
 */
export function resonance(period: number, loop: number, samples: number): number | undefined {
  if (!(loop > 1)) return undefined;
  const step = (period % loop) / loop;
  for (let q = 1; q < Math.min(PLACES, loop); q++) {
    const moved = q * step;
    if (samples * Math.abs(moved - Math.round(moved)) < 1) return q;
  }
  return undefined;
}

function ofSide(which: Which, { shares, evidence }: Side, needed: number): Warning[] {
  if (shares.exact) return [];
  const warnings: Warning[] = [];
  const { samples, effective, designEffect } = evidence;
  const { lost = 0, throttled = 0, fixedPeriod, loop, held, lockStep, seeds = 1 } = shares.circumstances ?? {};
  if (effective < needed) warnings.push({ kind: 'TooFewSamples', which, effective, needed });
  if (throttled > 0) warnings.push({ kind: 'Throttled', which, times: throttled });
  if (lost > 0) warnings.push({ kind: 'LostRecords', which, lost, part: lost / (lost + samples) });
  if (evidence.kish < UNEQUAL * samples) warnings.push({ kind: 'UnequalWeights', which, samples, kish: evidence.kish });
  const { rho = 0, rhoError = 0 } = shares.clustering ?? {};
  if (designEffect >= CLUSTERED && rho > 2 * rhoError) warnings.push({ kind: 'Clustered', which, designEffect, rho });
  if (fixedPeriod !== undefined && loop !== undefined) {
    const stands = held === undefined ? 0 : held.perSample + held.perEvent * fixedPeriod;
    const places = resonance(fixedPeriod - stands, loop, samples);
    if (places !== undefined) warnings.push({ kind: 'Resonance', which, period: fixedPeriod, loop, places });
  }
  if (lockStep !== undefined) {
    const { lap, places, certain } = lockStep;
    warnings.push({ kind: 'LockStep', which, lap, places, certain });
  }
  if (seeds === 1) warnings.push({ kind: 'OneSeed', which });
  else if (seeds < FEW_SEEDS) warnings.push({ kind: 'FewSeeds', which, seeds, advised: FEW_SEEDS });
  return warnings;
}

function unshared(which: Which, side: Side, other: Side): Warning[] {
  let [symbols, share] = [0, 0];
  side.normalised.forEach((x, i) => {
    if (x === 0 || other.normalised[i] !== 0) return;
    symbols++;
    share += x;
  });
  return share >= UNSHARED ? [{ kind: 'UnsharedSymbols', which, symbols, share }] : [];
}

/**
 * A symbol missing on one side only was not sampled there; names differ only if each side has symbols the other lacks.
 */
function renamed(a: Side, b: Side): Warning[] {
  const [ofA, ofB] = [unshared('a', a, b), unshared('b', b, a)];
  return ofA.length > 0 && ofB.length > 0 ? [...ofA, ...ofB] : [];
}

/** Reasons, side a first; lambda is the non-centrality that is found, shape that of the hardest shift (power.ts). */
export function distrust(a: Side, b: Side, lambda: number, shape: number): Warning[] {
  const needed = samplesToDetect(lambda, shape, SHIFT, a.shares.exact || b.shares.exact ? 'truth' : 'profile');
  const events = [a.shares.circumstances?.event, b.shares.circumstances?.event] as const;
  const [first, second] = events;
  return [
    ...ofSide('a', a, needed),
    ...ofSide('b', b, needed),
    ...renamed(a, b),
    ...(first !== undefined && second !== undefined && first !== second
      ? [{ kind: 'DifferentEvents', events: [first, second] } as const]
      : []),
  ];
}
