/** gperf diff: the profiles of recordings side by side, as perf diff prints them. */
import { DEFAULT_SORT, diffLines, parseCompute } from '../report/diff/text.ts';
import { parseSortKeys, ReportError } from '../report/report/options.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { EXIT, UsageError } from './errors.ts';
import { optionUsage } from './help.ts';
import { DIFF } from './options/diff.ts';
import { type Opened, openRecording, printLines } from './recording.ts';
import { withFileErrors } from './simulation.ts';
import { parseTasks, parseWords } from './values.ts';

const OLD = 'perf.data.old';
const NEW = 'perf.data';

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest } = parseArgs(DIFF, argv, context.terminal.env);
  const files = rest.length > 1 ? rest : [OLD, rest[0] ?? NEW];
  const opened: Opened[] = [];
  try {
    const compute = parseCompute(o.compute ?? 'delta-abs');
    const sort = o.sort === undefined ? undefined : parseSortKeys(o.sort, DEFAULT_SORT);
    for (const file of files) opened.push(await openRecording(file, o, context));
    const inputs = opened.map(({ session, symbols }, i) => ({ name: files[i]!, recording: session, symbols }));
    await withFileErrors(() =>
      printLines(
        diffLines(inputs, {
          compute,
          sort,
          comms: parseWords(o.comms),
          dsos: parseWords(o.dsos),
          symbols: parseWords(o.symbols),
          pids: parseTasks(o.pid, 'pid', DIFF),
          tids: parseTasks(o.tid, 'tid', DIFF),
          cpus: o.cpu,
          quiet: o.quiet === true,
        }),
      ),
    );
  } catch (error) {
    if (error instanceof ReportError) throw new UsageError(error.message, optionUsage(DIFF, error.option ?? 'compute'));
    throw error;
  } finally {
    for (const { close } of opened) close();
  }
  return EXIT.OK;
}
