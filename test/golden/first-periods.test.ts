/**
 * The periods of an event's first samples, kernel by kernel, compared exactly (fixtures/golden/first-periods.txt): where
 * frequency mode starts, and how it gets to the rate that was asked for.
 */
import { executable, prepareWorkload } from '../../src/experiment/executable.ts';
import { runRecord } from '../../src/experiment/run.ts';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { CHANGES, type Change } from '../../src/kernel/changes.ts';
import { recordAttrs } from '../../src/perf-events/evsel-config.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import type { PerfRecord } from '../../src/perf-events/tool-record.ts';
import { PERF_RECORD, type SampleRecord } from '../../src/uapi/perf-event.ts';
import { loadWorkload } from '../../src/workload/registry.ts';
import { expectKept } from '../kept.ts';

/** The kernel of host and guest, and the designs that such a host has. */
const KERNELS = [
  ['5.0.0', 'host', 'legacy', 'v2'],
  ['6.6.0', 'host', 'reuse-lazy'],
  ['6.6.84', 'host', 'reuse-lazy'],
  ['6.12.0', 'host', 'reuse-lazy'],
  ['7.0.0', 'host', 'reuse-lazy', 'mediated'],
] as const;
const FIRST = 10;
const SECONDS = 0.02;

async function firstPeriods(release: string, vpmu: string): Promise<readonly number[]> {
  const machine = vpmu === 'mediated' ? 'cascadelake-ap' : 'broadwell-ep';
  const sets = [`host.kernel=${release}`, `guest.kernel=${release}`, 'host.fresh=on', 'guest.fresh=on'];
  const spec = await setUpMachine({ machine, vpmu, seed: 'first periods', sets });
  const workload = prepareWorkload(await loadWorkload('noploop'), spec, { seconds: SECONDS });
  const records: PerfRecord[] = [];
  const sink = {
    opened: () => undefined,
    write: (batch: readonly PerfRecord[]) => {
      records.push(...batch);
      return 40 * batch.length;
    },
  };
  const evlist = recordAttrs(parseEventList(['cpu-cycles:u'], 'record'));
  await runRecord(spec, { evlist, executable: executable(workload, spec.seed) }, sink);
  const samples = records.filter((r): r is SampleRecord => r.type === PERF_RECORD.SAMPLE);
  return samples.slice(0, FIRST).map(({ period }) => Number(period));
}

function sourceOf({ commit, subject, mainline, stable }: Change): string {
  const taken = stable.map((release) => release.join('.')).join(', ');
  return `#   ${commit} ("${subject}")\n#     Linux ${mainline.join('.')}; stable: ${taken}\n`;
}

it('the first periods are fixtures/golden/first-periods.txt', async () => {
  let text = `# Periods of the first ${FIRST} samples of cpu-cycles:u at 4000 Hz in a busy loop.\n#\n`;
  text += `# ${'Linux'.padEnd(9)}${'--vpmu'.padEnd(12)}periods\n`;
  for (const [release, ...places] of KERNELS)
    for (const vpmu of places) {
      const periods = await firstPeriods(release, vpmu);
      text += `  ${release.padEnd(9)}${vpmu.padEnd(11)}${periods.map((n) => String(n).padStart(8)).join('')}\n`;
    }
  text += `#\n# What changed between them:\n${Object.values(CHANGES).map(sourceOf).join('')}`;
  expectKept('fixtures/golden/first-periods.txt', text);
});
