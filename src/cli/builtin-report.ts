/** gperf report: the profile in a perf.data file, as perf report --stdio prints it. */
import { given } from '../given.ts';
import { reportStats, reportTasks } from '../report/report/stats.ts';
import { reportStdio } from '../report/report/text.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { UsageError } from './errors.ts';
import { optionUsage } from './help.ts';
import { REPORT } from './options/report.ts';
import { printRecording } from './recording.ts';
import { parseNumbers, parseSeparator, parseTasks, parseWords } from './values.ts';

/** Widest column accepted: more than any line is read across. */
const WIDEST = 9999;

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest } = parseArgs(REPORT, argv, context.terminal.env);
  if (rest.length > 0) throw new UsageError(`gperf report takes no arguments, got '${rest.join(' ')}'`);
  return printRecording(o, context, REPORT, 'Error:\n', 'report', ({ session, symbols }, header) => {
    if (o.stats === true) return reportStats(session, symbols);
    if (o.tasks === true || o.mmaps === true) return reportTasks(session, symbols, o.mmaps === true);
    return reportStdio(session, symbols, { ...reportOptions(o), ...header });
  });
}

type Options = ReturnType<typeof parseArgs<typeof REPORT.options>>['options'];

function reportOptions(o: Options): Parameters<typeof reportStdio>[2] {
  const limit = o['percent-limit'];
  if (limit !== undefined && (limit.trim() === '' || !Number.isFinite(Number(limit))))
    throw new UsageError(`--percent-limit '${limit}': must be a number\n`, optionUsage(REPORT, 'percent-limit'));
  const name = 'column-widths';
  const widths = parseNumbers(o[name], WIDEST, name, optionUsage(REPORT, name));
  return given({
    sort: o.sort,
    fields: o.fields,
    showNrSamples: o['show-nr-samples'],
    showTotalPeriod: o['show-total-period'],
    showCpuUtilization: o['show-cpu-utilization'],
    quiet: o.quiet,
    threads: o.threads,
    verbose: o.verbose > 0 ? true : undefined,
    fieldSeparator: o['field-separator'] === undefined ? undefined : parseSeparator(o['field-separator']),
    percentLimit: limit === undefined ? undefined : Number(limit),
    relative: o.percentage === 'relative' ? true : undefined,
    showEmpty: o['skip-empty'] === false ? true : undefined,
    columnWidths: widths,
    callGraph: o['call-graph'],
    inverted: o.inverted,
    children: o.children,
    group: o.group,
    hierarchy: o.hierarchy,
    hideUnresolved: o['hide-unresolved'],
    maxStack: o['max-stack'],
    parent: o.parent,
    excludeOther: o['exclude-other'],
    comms: parseWords(o.comms),
    dsos: parseWords(o.dsos),
    symbols: parseWords(o.symbols),
    pids: parseTasks(o.pid, 'pid', REPORT),
    tids: parseTasks(o.tid, 'tid', REPORT),
    cpus: o.cpu,
    times: o.time,
  });
}
