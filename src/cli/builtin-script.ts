/** gperf script: every sample of a perf.data file, as perf script prints it. */
import { given } from '../given.ts';
import { ignoredFields } from '../report/script/fields.ts';
import { scriptLines } from '../report/script/text.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { UsageError } from './errors.ts';
import { SCRIPT } from './options/script.ts';
import { printRecording } from './recording.ts';
import { parseTasks, parseWords } from './values.ts';

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest } = parseArgs(SCRIPT, argv, context.terminal.env);
  if (rest.length > 0) throw new UsageError(`gperf does not model perf script's scripts ('${rest[0]}').`);
  for (const sentence of ignoredFields(o.fields ?? '')) process.stderr.write(`${sentence}\n`);
  return printRecording(o, context, SCRIPT, '', 'script', ({ session, symbols }, header) =>
    scriptLines(session, symbols, { ...scriptOptions(o), ...header }),
  );
}

type Options = ReturnType<typeof parseArgs<typeof SCRIPT.options>>['options'];

function scriptOptions(o: Options): Parameters<typeof scriptLines>[2] {
  return given({
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
    pids: parseTasks(o.pid, 'pid', SCRIPT),
    tids: parseTasks(o.tid, 'tid', SCRIPT),
    cpus: o.cpu,
    times: o.time,
  });
}
