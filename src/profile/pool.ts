/** Several runs of one program combined into one profile. */
import { nanos } from '../units.ts';
import type { Profile, Sampling } from './profile.ts';

/** The profile of all runs; a single run is returned as it is. */
export function poolRuns(runs: readonly Profile[]): Profile {
  const [first] = runs;
  if (first === undefined) throw new RangeError('no runs to pool');
  if (runs.length === 1) return first;
  const weights = summed(runs.map((run) => run.weights));
  const stacks = runs.flatMap((run) => run.stacks ?? []);
  const sum = (of: (run: Profile) => number): number => runs.reduce((total, run) => total + of(run), 0);
  const samplings = runs.flatMap(({ sampling }) => sampling ?? []);
  return {
    ...first,
    samples: runs.some(({ samples }) => samples === undefined) ? undefined : sum(({ samples }) => samples!),
    lost: sum(({ lost }) => lost),
    throttled: sum(({ throttled }) => throttled),
    weights,
    ...(stacks.length === runs.length && { stacks: summed(stacks) }),
    ...(samplings.length === runs.length && { sampling: poolSamplings(samplings, runs) }),
  };
}

function summed(all: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const weights of all) for (const [key, weight] of weights) sums.set(key, (sums.get(key) ?? 0) + weight);
  return sums;
}

/** Sums and means; what runs over time (periods, samples by time) is the first run's. */
function poolSamplings(all: readonly Sampling[], runs: readonly Profile[]): Sampling {
  const [first] = all as readonly [Sampling, ...Sampling[]];
  const lockStep = all.find((sampling) => sampling.lockStep)?.lockStep;
  const sum = (of: (sampling: Sampling, run: number) => number): number =>
    all.reduce((total, sampling, run) => total + of(sampling, run), 0);
  const samples = sum((_, run) => runs[run]!.samples ?? 0);
  const mean = (of: (sampling: Sampling) => number): number =>
    sum((sampling, run) => of(sampling) * (runs[run]!.samples ?? 0)) / samples;
  return {
    ...first,
    ...(lockStep && { lockStep }),
    sumOfSquares: sum(({ sumOfSquares }) => sumOfSquares),
    clustering: {
      value: mean(({ clustering }) => clustering.value),
      estimate: mean(({ clustering }) => clustering.estimate),
      rho: mean(({ clustering }) => clustering.rho),
      // Runs are independent, so their mean has a smaller error.
      rhoError: mean(({ clustering }) => clustering.rhoError) / Math.sqrt(all.length),
      bursts: sum(({ clustering }) => clustering.bursts),
      size: mean(({ clustering }) => clustering.size),
    },
    ...(first.phases && { phases: first.phases.map((_, i) => sum(({ phases }) => phases?.[i] ?? 0)) }),
    periods: {
      ...first.periods,
      smallest: Math.min(...all.map(({ periods }) => periods.smallest)),
      largest: Math.max(...all.map(({ periods }) => periods.largest)),
      mean: mean(({ periods }) => periods.mean),
    },
    span: nanos(sum(({ span }) => span)),
    stopped: nanos(sum(({ stopped }) => stopped)),
    repeats: mean(({ repeats }) => repeats),
    addresses: mean(({ addresses }) => addresses),
  };
}
