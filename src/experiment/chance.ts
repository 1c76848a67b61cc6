/** Chance for judging results, with a fixed seed: the same figures have the same intervals anywhere. */
import { stream } from '../sim/rng.ts';
import type { Random } from '../stats/resample.ts';
import { DEFAULTS } from './setup.ts';

/** Opens the stream for resampling profiles. It does not depend on --seed: all runs are judged by the same draws. */
export function resamplingChance(): Random {
  const draws = stream(DEFAULTS.seed, 'compare/resampling');
  return () => draws.uniform();
}
