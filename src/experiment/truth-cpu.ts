/**
 * The exact profile by CPU: what each CPU retired for the workload in ring 3, in a run without events.
 *
 * Not modelled: truth by CPU of a run with events, whose interrupts may let threads be dealt out otherwise.
 */
import type { MachineSpec } from '../machine/spec.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { profileKey, totalWeight, type CpuLanes, type Profile } from '../profile/profile.ts';
import { CpuWatch } from './cpu-watch.ts';
import { executable, workloadSeed, type Workload } from './executable.ts';
import { runStat, type Breathe } from './run.ts';
import { groundTruth, sourceOf } from './truth.ts';

export interface CpuTruth {
  readonly profiles: readonly Profile[];
  /** Who ran where; exact. */
  readonly lanes: CpuLanes | undefined;
  /** The run was given up before its end. */
  readonly interrupted: boolean;
}

/** Throws NoTruthError, and what a run of the workload throws. */
export async function truthByCpu(
  spec: MachineSpec,
  workload: Workload,
  evlist: readonly Evsel[],
  breathe?: Breathe,
): Promise<CpuTruth> {
  const whole = groundTruth(spec, workload, evlist, { by: 'process' });
  const where = new CpuWatch();
  const job = { evlist: [], executable: executable(workload, workloadSeed(spec, 0)) };
  const { interrupted } = await runStat(spec, job, { where, ...(breathe && { breathe }) });
  const { comm } = workload.image;
  const profiles: Profile[] = [];
  for (const [i, profile] of whole.entries()) {
    const { column, scale } = sourceOf(evlist[i]!, spec);
    const weights = new Map<string, number>();
    for (const [cpu, retired] of where.retired)
      weights.set(profileKey({ comm, dso: '', symbol: String(cpu).padStart(3, '0') }), retired[column]! * scale);
    const [sum, all] = [totalWeight({ weights }), totalWeight(profile)];
    if (sum !== all && !interrupted)
      throw new Error(`the CPUs' counts of '${profile.event}' do not add up: ${sum} of ${all}`);
    profiles.push({ ...profile, weights });
  }
  return { profiles, lanes: where.lanes(), interrupted };
}
