/** gperf stat [record|report]: what a simulated workload counted, in perf's three forms, now or from a file. */
import { appendFileSync, writeFileSync, writeSync } from 'node:fs';
import { LiveLock } from '../experiment/run.ts';
import { watchdogOf, type MachineSpec } from '../experiment/setup.ts';
import { countWorkload, readStatFile, writeStatFile, type Counted, type Reading } from '../experiment/stat.ts';
import { openSink } from '../perfdata/sink.ts';
import { strerror } from '../perfdata/errors.ts';
import {
  INTERVALS_PER_HEADER,
  intervalHeader,
  intervalStamp,
  rawCounts,
  resultRows,
  startedOn,
  statLines,
  statText,
  type StatTarget,
} from '../report/stat.ts';
import { statCsv } from '../report/stat-csv.ts';
import { statJson } from '../report/stat-json.ts';
import { since, statRows, unscaled, type StatRow } from '../report/stat-rows.ts';
import { EventSyntaxError } from '../uapi/event-syntax-error.ts';
import type { Evsel } from '../uapi/evsel.ts';
import { statAttrs, statDefaultEvents } from '../uapi/evsel-config.ts';
import { groupAll, parseEventList } from '../uapi/parse-events.ts';
import type { StatResult } from '../uapi/results.ts';
import { parseArgs, parseSubcommand } from './args.ts';
import type { CommandContext } from './commands.ts';
import { EXIT, InputError, UsageError, eventError } from './errors.ts';
import { commandHelp, optionUsage } from './help.ts';
import { STAT, STAT_REPORT } from './options/stat.ts';
import { INTERRUPTED, Watch, commandLine, machineOf, shellWord, withFileErrors, workloadOf } from './simulation.ts';
import { localeGroups, wantsColor } from './term.ts';
import { parseSeparator } from './values.ts';

/** The day every simulated run starts on, as ctime() words it. */
const EPOCH = 'Sat Mar 23 14:18:03 2019';
const DEFAULT_FILE = 'perf.data';
const NS_PER_MS = 1e6;
const MOST_REPEATS = 100;

type Options = ReturnType<typeof parseArgs<typeof STAT.options>>['options'];

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { env } = context.terminal;
  const plain = parseArgs(STAT, argv, env);
  if (plain.rest[0] === 'report') return report(plain.rest.slice(1), plain.options, context);
  const { options, rest, subcommand } = parseSubcommand(STAT, ['record'], argv, env);
  if (subcommand === undefined) return count(argv, options, rest, context, undefined);
  // The -o of stat record is the file of the counts; the text goes to stderr.
  return count(argv, { ...options, output: undefined }, rest, context, options.output ?? DEFAULT_FILE);
}

/** Runs the workload and prints; `file` is where stat record stores the counts. */
async function count(
  argv: readonly string[],
  o: Options,
  rest: readonly string[],
  context: CommandContext,
  file: string | undefined,
): Promise<number> {
  const repeat = o.repeat ?? 1;
  if (repeat < 1 || repeat > MOST_REPEATS)
    throw new UsageError(`-r ${repeat}: must be from 1 to ${MOST_REPEATS}`, optionUsage(STAT, 'repeat'));
  const spec = await machineOf(o);
  const evlist = events(o);
  const workload = await workloadOf(rest, spec, commandHelp(STAT));
  const cmdline = commandLine(['stat'], argv, spec, context);
  const out = new Output(o, context);
  const sink = file === undefined ? undefined : await withFileErrors(() => openSink(file));
  const readings: Reading[] = [];
  const watch = await Watch.start(context, 'stat');
  let counted: Counted;
  try {
    const interval = o['interval-print'];
    const intervals = new Intervals(o, out, evlist);
    counted = await countWorkload({
      spec,
      workload,
      evlist,
      repeat,
      breathe: watch.breathe,
      ...(o.timeout === undefined ? {} : { timeout: o.timeout * NS_PER_MS }),
      ...(interval === undefined
        ? {}
        : {
            interval: {
              ns: interval * NS_PER_MS,
              report: (time, counts) => {
                readings.push({ time, counts, final: false });
                intervals.print({ time, counts, final: false });
              },
            },
          }),
    });
    const last = counted.runs.at(-1)!;
    const final = { time: last.elapsed, counts: last.counts, final: true };
    readings.push(final);
    if (interval !== undefined) intervals.print(final);
    if (interval === undefined || o.summary === true)
      printResult(out, counted, o, { kind: 'command', argv: rest }, spec, context);
  } catch (error) {
    sink?.abort();
    if (error instanceof LiveLock) throw new InputError(error.message, EXIT.LIVE_LOCK);
    throw error;
  } finally {
    watch.stop();
  }
  if (o.verbose > 0) process.stderr.write(rawCounts(counted.evlist, counted.runs.at(-1)!.counts));
  out.close();
  if (sink !== undefined)
    await withFileErrors(() =>
      writeStatFile(sink, spec, cmdline, counted.evlist, counted.pid, o['interval-print'] ?? 0, readings),
    );
  if (o.verbose > 0) process.stderr.write(`# reproduce: ${cmdline.map(shellWord).join(' ')}\n`);
  return counted.report.interrupted ? INTERRUPTED : counted.runs.at(-1)!.status;
}

/** -e, or the default list as -d extends it. */
function events(o: Options): ReturnType<typeof statAttrs> {
  try {
    const parsed =
      o.event.length > 0
        ? parseEventList(o.event, 'stat')
        : o.null === true
          ? []
          : statDefaultEvents({ detailed: o.detailed });
    return statAttrs(o.group === true ? groupAll(parsed) : parsed, {
      inherit: o['no-inherit'] !== true,
      all_user: o['all-user'] === true,
      all_kernel: o['all-kernel'] === true,
    });
  } catch (error) {
    if (error instanceof EventSyntaxError) throw eventError(error, optionUsage(STAT, 'event'));
    throw error;
  }
}

/** gperf stat report -i FILE */
async function report(argv: readonly string[], o: Options, context: CommandContext): Promise<number> {
  const { options: ro } = parseArgs(STAT_REPORT, argv, context.terminal.env);
  const { result, cmdline } = await withFileErrors(() => readStatFile(ro.input ?? DEFAULT_FILE));
  const out = new Output(o, context);
  printResult(out, result, o, { kind: 'recording', argv: cmdline }, undefined, context);
  out.close();
  return 0;
}

function printResult(
  out: Output,
  counted: StatResult,
  o: Options,
  target: StatTarget,
  spec: MachineSpec | undefined,
  context: CommandContext,
): void {
  const runs = counted.runs.length;
  const scale = o.scale !== false;
  const separator = o['field-separator'];
  const metricOnly = o['metric-only'] === true;
  const summary = o.summary === true && o['interval-print'] !== undefined && o['no-csv-summary'] !== true;
  if (separator !== undefined) {
    const stamp = summary ? { stamp: '         summary' } : {};
    out.write(statCsv(resultRows(counted, { scale }), parseSeparator(separator), { runs, metricOnly, ...stamp }));
  } else if (o['json-output'] === true) out.write(statJson(resultRows(counted, { scale }), { runs, metricOnly }));
  else
    out.write(
      statText(counted, {
        target,
        bigNum: out.bigNum,
        color: wantsColor(context.terminal.stderr, context.terminal.env, colorChoice(o.color)),
        metricOnly,
        nullRun: o.null === true && o.event.length === 0,
        table: o.table === true,
        nmiWatchdog: spec !== undefined && watchdogOf(spec),
        scale,
      }),
    );
}

const colorChoice = (text: string | undefined): 'auto' | 'always' | 'never' =>
  text === 'always' || text === 'never' ? text : 'auto';

/** Where the counts go: stderr, -o FILE [--append], --log-fd N, nowhere with --quiet. */
class Output {
  readonly bigNum: boolean;
  readonly #o: Options;
  #text = '';

  constructor(o: Options, context: CommandContext) {
    this.#o = o;
    this.bigNum = o['big-num'] ?? localeGroups(context.terminal.env);
  }

  write(text: string): void {
    if (this.#o.quiet === true) return;
    const fd = this.#o['log-fd'];
    if (this.#o.output !== undefined) this.#text += text;
    else if (fd === undefined) process.stderr.write(text);
    else writeTo(`file descriptor ${fd}`, () => writeSync(fd, text));
  }

  /** A file is written whole, at the end. */
  close(): void {
    const { output, append } = this.#o;
    if (output === undefined || this.#o.quiet === true) return;
    const text = startedOn(EPOCH) + this.#text;
    writeTo(output, () => (append === true ? appendFileSync(output, text) : writeFileSync(output, text)));
  }
}

function writeTo(what: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    throw new InputError(`failed to write ${what}: ${strerror(error)}`);
  }
}

/** -I: what was counted between readings. */
class Intervals {
  readonly #o: Options;
  readonly #out: Output;
  readonly #evlist: readonly Evsel[];
  #before: Reading | undefined;
  #printed = 0;

  constructor(o: Options, out: Output, evlist: readonly Evsel[]) {
    this.#o = o;
    this.#out = out;
    this.#evlist = evlist;
  }

  print(reading: Reading): void {
    const limit = this.#o['interval-count'];
    if (limit !== undefined && this.#printed >= limit) return;
    const rows = this.#rows(reading);
    const stamp = intervalStamp(reading.time);
    const metricOnly = this.#o['metric-only'] === true;
    const separator = this.#o['field-separator'];
    if (separator !== undefined) {
      const sep = parseSeparator(separator);
      this.#out.write(statCsv(rows, sep, { runs: 1, stamp, metricOnly }));
    } else if (this.#o['json-output'] === true) this.#out.write(statJson(rows, { runs: 1, stamp, metricOnly }));
    else {
      if (this.#printed % INTERVALS_PER_HEADER === 0) this.#out.write(intervalHeader(undefined, metricOnly));
      this.#out.write(statLines(rows, { bigNum: this.#out.bigNum, metricOnly }, 1, `${stamp} `));
    }
    this.#printed++;
    this.#before = reading;
  }

  #rows({ time, counts }: Reading): StatRow[] {
    const wall = time - (this.#before?.time ?? 0);
    const part = { runs: [since(this.#before?.counts, counts)] };
    return statRows(this.#evlist, [this.#o.scale === false ? unscaled(part) : part], wall);
  }
}
