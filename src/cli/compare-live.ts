/** gperf compare --vpmu: the workload recorded under every design and seed, and the truth of each execution. */
import { specRequest } from '../experiment/bench.ts';
import type { SampleRequest } from '../experiment/sample.ts';
import { parseOptions, sampleRateLimit, type MachineSpec } from '../experiment/setup.ts';
import { given } from '../given.ts';
import type { Granularity, Profile } from '../profile/profile.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { recordAttrs } from '../perf-events/evsel-config.ts';
import { parseEventList } from '../perf-events/parse-events.ts';
import type { CommandContext } from './commands.ts';
import { InputError, UsageError } from './errors.ts';
import { checkRate, withEventErrors } from './events.ts';
import { commandHelp, optionUsage } from './help.ts';
import { simulationFailure } from './open-failure.ts';
import { COMPARE, type CompareOptions } from './options/compare.ts';
import { runsOf, seedsOf, threadsOf } from './runs.ts';
import { machineOf, refuseUnmodelled, workloadOf } from './simulation.ts';
import { parseFreq } from './values.ts';

/** Runs everything. Returns, per event, the runs of every design in order of --vpmu, truth last. Throws Interrupted. */
export async function runDesigns(
  words: readonly string[],
  o: CompareOptions,
  by: Granularity,
  context: CommandContext,
): Promise<Profile[][][]> {
  const seeds = seedsOf(o.seeds, COMPARE);
  const threads = threadsOf(o.workers);
  const designs = [...new Set(o.vpmu!.split(','))];
  const specs: MachineSpec[] = [];
  for (const vpmu of designs) specs.push(await machineOf(o, { vpmu }));
  const evlist = events(o, specs, by);
  refuseUnmodelled(evlist, ...specs);
  // A workload that cannot be loaded is reported before threads start.
  await workloadOf(words, specs[0]!, commandHelp(COMPARE));
  const truth = o.truth !== false;
  if (specs.length < 2 && !truth) throw new UsageError(`${designs[0]!} has nothing to be compared with`);
  const requests = specs.flatMap((spec, design) =>
    Array.from({ length: seeds }, (_, run): SampleRequest => ({
      spec: specRequest(spec),
      words,
      evlist,
      by,
      stacks: o['export-html'] !== undefined,
      run,
      // All designs observe the same execution, so the first one's truth serves all.
      truth: truth && design === 0,
    })),
  );
  try {
    const runs = await runsOf('sampleRun', requests, threads, 'compare', context);
    return evlist.map(({ name }, event) => {
      const profiles = specs.map((__, i) => runs.slice(i * seeds, (i + 1) * seeds).map((run) => run.profiles[event]!));
      for (const [i, ofDesign] of profiles.entries())
        if (ofDesign.some(({ samples }) => samples === 0))
          throw new InputError(`${designs[i]!} took no samples of ${name}`);
      const exact = runs.slice(0, seeds).flatMap((run) => run.truth.find((profile) => profile.event === name) ?? []);
      if (exact.length === seeds) return profiles.concat([exact]);
      if (specs.length < 2)
        throw new UsageError(`${designs[0]!} has nothing to be compared with: there is no truth of ${name}`);
      return profiles;
    });
  } catch (error) {
    throw simulationFailure(error);
  }
}

function events(o: CompareOptions, specs: readonly MachineSpec[], by: Granularity): Evsel[] {
  checkRate(o);
  return withEventErrors(COMPARE, () => {
    const parsed = parseEventList(o.event.length > 0 ? o.event : ['cycles'], 'record', parseOptions(...specs));
    const kernel = parsed.find(({ attr }) => attr.exclude_user);
    if (kernel !== undefined && o['all-user'] === undefined)
      throw new UsageError(
        `${kernel.name} is of the kernel, and user space alone is sampled: say --no-all-user`,
        optionUsage(COMPARE, 'all-user'),
      );
    return recordAttrs(
      parsed,
      given({
        all_user: o['all-user'] !== false,
        callgraph: by === 'callchain' || o.g === true,
        freq: o.freq === undefined ? undefined : frequency(o.freq, specs),
        period: o.count,
      }),
    );
  });
}

/** -F, within what all machines allow. */
function frequency(text: string, specs: readonly MachineSpec[]): number {
  const freq = parseFreq(text);
  const limit = Math.min(...specs.map(sampleRateLimit));
  return freq === 'max' ? limit : Math.min(freq, limit);
}
