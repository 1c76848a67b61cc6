/** gperf script: every sample of a perf.data file, as perf script prints it. */
import { headerLines } from '../report/header.ts';
import { ReportError } from '../report/report-options.ts';
import { scriptLines } from '../report/script.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { UsageError } from './errors.ts';
import { optionUsage } from './help.ts';
import { SCRIPT } from './options/script.ts';
import { openRecording, printLines } from './recording.ts';
import { withFileErrors } from './simulation.ts';
import { parseWords } from './values.ts';

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest } = parseArgs(SCRIPT, argv, context.terminal.env);
  if (rest.length > 0) throw new UsageError(`gperf does not model perf script's scripts ('${rest[0]}').`);
  const { session, symbols, capturedOn } = await openRecording(o.input, o.symfs, context);
  try {
    await withFileErrors(async () => {
      const header =
        o.header === true || o['header-only'] === true
          ? [...headerLines(session, { capturedOn, full: o['show-info'] === true })]
          : undefined;
      if (o['header-only'] === true) return printLines(header!);
      return printLines(
        scriptLines(session, symbols, { ...scriptOptions(o), ...(header === undefined ? {} : { header }) }),
      );
    });
  } catch (error) {
    if (error instanceof ReportError) throw new UsageError(error.message, optionUsage(SCRIPT, 'fields'));
    throw error;
  } finally {
    session.close();
  }
  return 0;
}

type Options = ReturnType<typeof parseArgs<typeof SCRIPT.options>>['options'];

function scriptOptions(o: Options): Parameters<typeof scriptLines>[2] {
  const numbers = (text: string | undefined): number[] | undefined => parseWords(text)?.map(Number);
  const given = {
    fields: o.fields,
    ns: o.ns,
    reltime: o.reltime,
    deltatime: o.deltatime,
    hideCallGraph: o['hide-call-graph'],
    maxStack: o['max-stack'],
    showMmapEvents: o['show-mmap-events'],
    showTaskEvents: o['show-task-events'],
    showSwitchEvents: o['show-switch-events'],
    showLostEvents: o['show-lost-events'],
    comms: parseWords(o.comms),
    dsos: parseWords(o.dsos),
    symbols: parseWords(o.symbols),
    pids: numbers(o.pid),
    tids: numbers(o.tid),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
