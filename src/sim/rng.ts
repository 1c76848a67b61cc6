/**
 * Seeded random streams, one per purpose, addressed by a path ("run=0/host/skid").
 *
 * A stream depends only on its path and the root seed. So a new consumer does not shift the draws of others, and two
 * designs under one seed see the same draws where they do the same things. The generator is seedrandom's Alea, keyed
 * with a hash of the path (unhashed, neighbouring keys correlate slightly).
 */
import { createHash } from 'node:crypto';
import seedrandom from 'seedrandom';
import { log } from './math.ts';

export interface Stream {
  /** Uniform in [0, 1), 32 bits. */
  uniform(): number;
  /** Exponential with mean `mean`. */
  exponential(mean: number): number;
}

/** The stream of a path under a root seed. */
export function stream(seed: string, path: string): Stream {
  const key = createHash('sha256').update(`${seed}\0${path}`).digest('hex').slice(0, 32);
  const prng = seedrandom.alea(key);
  return { uniform: () => prng.quick(), exponential: (mean) => -mean * log(1 - prng.quick()) };
}
