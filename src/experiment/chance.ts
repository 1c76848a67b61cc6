/** Chance for judging results, as seeded as that which made them: the same figures have the same intervals, anywhere. */
import { stream } from '../sim/rng.ts';
import type { Random } from '../stats/resample.ts';
import { DEFAULTS } from './setup.ts';

/** Opens the stream that profiles are resampled by. It is not of --seed: other runs are judged by the same draws. */
export function resamplingChance(): Random {
  const draws = stream(DEFAULTS.seed, 'compare/resampling');
  return () => draws.uniform();
}
