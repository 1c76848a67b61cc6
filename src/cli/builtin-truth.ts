/** gperf truth: the exact profile and counts of a workload, in perf report's layout. */
import { NoTruthError, groundTruth } from '../experiment/truth.ts';
import { parseEventList } from '../perf-events/parse-events.ts';
import type { Profile } from '../profile/profile.ts';
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
import { TRUTH } from './options/truth.ts';
import { pageOptions } from './page-options.ts';
import { printLines } from './recording.ts';
import { commandLine, machineOf, reproduceLine, workloadOf } from './simulation.ts';

/** What --sort makes of rows. */
const ROWS = { symbol: 'symbol', dso: 'dso', pid: 'process', tid: 'thread' } as const satisfies Record<
  string,
  TruthRows
>;

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest, typed } = parseArgs(TRUTH, argv, context.terminal.env);
  const spec = await machineOf(o);
  const workload = await workloadOf(rest, spec, commandHelp(TRUTH));
  const named = rest.join(' ');
  const by = ROWS[(o.sort ?? 'symbol') as keyof typeof ROWS];
  let profiles: readonly Profile[] = [];
  const text = (lines: Iterable<string>): string => `${[...lines].join('\n')}\n`;
  const exports = new Exports(
    [
      [o['export-json'], () => truthJson(profiles, named, by)],
      [o['export-markdown'], () => text(truthMarkdown(profiles, named, by))],
      [o['export-csv'], () => text(truthCsv(profiles, by))],
      [o['export-html'], () => pageHtml(truthPage(profiles, named, by, pageOptions('truth', typed, context)))],
    ],
    filesRead(rest, o),
  );
  try {
    const evlist = withEventErrors(TRUTH, () => parseEventList(o.event.length === 0 ? ['cycles'] : o.event, 'stat'));
    profiles = groundTruth(spec, workload, evlist, { by, stacks: o['export-html'] !== undefined });
  } catch (error) {
    exports.abort();
    if (error instanceof NoTruthError) throw new UsageError(error.message);
    throw error;
  }
  await printLines(truthLines(profiles, { by, workload: named, quiet: o.quiet === true }));
  exports.write();
  if (o.verbose > 0) process.stderr.write(reproduceLine(commandLine('truth', typed, spec, context)));
  return 0;
}
