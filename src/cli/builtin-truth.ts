/** gperf truth: the exact profile and counts of a workload, in perf report's layout. */
import { NoTruthError, groundTruth } from '../experiment/truth.ts';
import { truthByCpu, type CpuTruth } from '../experiment/truth-cpu.ts';
import type { Workload } from '../experiment/executable.ts';
import type { MachineSpec } from '../experiment/setup.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { parseEventList } from '../perf-events/parse-events.ts';
import type { CpuLanes, Profile } from '../profile/profile.ts';
import { pageHtml } from '../report/html/page.ts';
import { truthCsv } from '../report/truth/csv.ts';
import { truthJson } from '../report/truth/json.ts';
import { truthPage } from '../report/truth/page.ts';
import { truthLines, truthMarkdown, type TruthRows } from '../report/truth/text.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { UsageError } from './errors.ts';
import { withEventErrors } from './events.ts';
import { Exports, filesRead } from './export.ts';
import { commandHelp } from './help.ts';
import { simulationFailure } from './open-failure.ts';
import { TRUTH } from './options/truth.ts';
import { pageOptions } from './page-options.ts';
import { printLines } from './recording.ts';
import { Watch, commandLine, machineOf, reproduceLine, workloadOf } from './simulation.ts';

/** What --sort makes of rows. */
const ROWS = { symbol: 'symbol', dso: 'dso', pid: 'process', tid: 'thread', cpu: 'cpu' } as const satisfies Record<
  string,
  TruthRows
>;

/** The truth by CPU needs a run; after a signal there is none. */
async function onCpus(
  spec: MachineSpec,
  workload: Workload,
  evlist: readonly Evsel[],
  context: CommandContext,
): Promise<Pick<CpuTruth, 'profiles' | 'lanes'> & { exitCode: number | undefined }> {
  const watch = await Watch.start(context, 'truth', () => undefined);
  try {
    const { profiles, lanes } = await truthByCpu(spec, workload, evlist, watch.breathe);
    return { profiles, lanes, exitCode: watch.exitCode };
  } finally {
    watch.stop();
  }
}

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest, typed } = parseArgs(TRUTH, argv, context.terminal.env);
  const spec = await machineOf(o);
  const workload = await workloadOf(rest, spec, commandHelp(TRUTH));
  const named = rest.join(' ');
  const by = ROWS[(o.sort ?? 'symbol') as keyof typeof ROWS];
  let profiles: readonly Profile[] = [];
  let lanes: CpuLanes | undefined;
  let exitCode: number | undefined;
  const text = (lines: Iterable<string>): string => `${[...lines].join('\n')}\n`;
  const exports = new Exports(
    [
      [o['export-json'], () => truthJson(profiles, named, by)],
      [o['export-markdown'], () => text(truthMarkdown(profiles, named, by))],
      [o['export-csv'], () => text(truthCsv(profiles, by))],
      [o['export-html'], () => pageHtml(truthPage(profiles, named, by, pageOptions('truth', typed, context), lanes))],
    ],
    filesRead(rest, o),
  );
  try {
    const evlist = withEventErrors(TRUTH, () => parseEventList(o.event.length === 0 ? ['cycles'] : o.event, 'stat'));
    if (by === 'cpu') ({ profiles, lanes, exitCode } = await onCpus(spec, workload, evlist, context));
    else profiles = groundTruth(spec, workload, evlist, { by, stacks: o['export-html'] !== undefined });
  } catch (error) {
    exports.abort();
    if (error instanceof NoTruthError) throw new UsageError(error.message);
    throw simulationFailure(error);
  }
  if (exitCode !== undefined) {
    exports.abort();
    return exitCode;
  }
  await printLines(truthLines(profiles, { by, workload: named, quiet: o.quiet === true }));
  exports.write();
  if (o.verbose > 0) process.stderr.write(reproduceLine(commandLine('truth', typed, spec, context)));
  return 0;
}
