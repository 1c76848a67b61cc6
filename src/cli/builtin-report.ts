/** gperf report: the profile in a perf.data file, as perf report --stdio prints it. */
import { headerLines } from '../report/header.ts';
import { ReportError } from '../report/report-options.ts';
import { reportStats, reportTasks } from '../report/report-stats.ts';
import { reportStdio } from '../report/report.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { InputError, UsageError } from './errors.ts';
import { optionUsage } from './help.ts';
import { REPORT } from './options/report.ts';
import { openRecording, printLines } from './recording.ts';
import { withFileErrors } from './simulation.ts';
import { parseSeparator, parseWords } from './values.ts';

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest } = parseArgs(REPORT, argv, context.terminal.env);
  if (rest.length > 0) throw new UsageError(`gperf report takes no arguments, got '${rest.join(' ')}'`);
  const { session, symbols, capturedOn } = await openRecording(o.input, o.symfs, context);
  try {
    await withFileErrors(async () => {
      const header =
        o.header === true || o['header-only'] === true
          ? [...headerLines(session, { capturedOn, full: o['show-info'] === true })]
          : undefined;
      if (o['header-only'] === true) return printLines(header!);
      if (o.stats === true) return printLines(reportStats(session, symbols));
      if (o.tasks === true || o.mmaps === true) return printLines(reportTasks(session, symbols, o.mmaps === true));
      return printLines(
        reportStdio(session, symbols, { ...reportOptions(o), ...(header === undefined ? {} : { header }) }),
      );
    });
  } catch (error) {
    if (error instanceof ReportError) throw new UsageError(error.message, optionUsage(REPORT, 'sort'));
    throw error;
  } finally {
    session.close();
  }
  return 0;
}

type Options = ReturnType<typeof parseArgs<typeof REPORT.options>>['options'];

/** Options as the report takes them: what was not given is absent. */
function reportOptions(o: Options): Parameters<typeof reportStdio>[2] {
  const limit = o['percent-limit'];
  if (limit !== undefined && !Number.isFinite(Number(limit)))
    throw new InputError(`--percent-limit ${limit}: must be a number`, 129);
  const widths = parseWords(o['column-widths'])?.map(Number);
  const given = {
    sort: o.sort,
    fields: o.fields,
    showNrSamples: o['show-nr-samples'],
    showTotalPeriod: o['show-total-period'],
    showCpuUtilization: o['show-cpu-utilization'],
    quiet: o.quiet,
    verbose: o.verbose > 0 ? true : undefined,
    fieldSeparator: o['field-separator'] === undefined ? undefined : parseSeparator(o['field-separator']),
    percentLimit: limit === undefined ? undefined : Number(limit),
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
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
