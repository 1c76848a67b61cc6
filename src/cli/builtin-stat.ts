/** gperf stat [record|report]: what a simulated workload counted, in perf's three forms, live or from a file. */
import { specRequest } from '../experiment/bench.ts';
import { countWorkload, readStatFile, writeStatFile, type CountedWorkload, type Reading } from '../experiment/stat.ts';
import { parseOptions, watchdogOf, type MachineSpec } from '../experiment/setup.ts';
import { cpuPlaces, perfEnv } from '../experiment/env.ts';
import { sharesCores, trueCounts } from '../experiment/truth.ts';
import { given } from '../given.ts';
import { openSink } from '../perfdata/sink.ts';
import { printable } from '../report/shared/printable.ts';
import { rawCounts, type StatTarget } from '../report/stat/text.ts';
import type { AggrMode, StatRead } from '../results/stat.ts';
import { statTruthText } from '../report/stat/truth.ts';
import { statAttrs, statDefaultEvents, statDetailedEvents } from '../perf-events/evsel-config.ts';
import { groupAll, parseEventList } from '../perf-events/parse-events.ts';
import { NoSuchProcess } from '../experiment/run.ts';
import { parseArgs, parseSubcommand, type Typed } from './args.ts';
import type { CommandContext } from './commands.ts';
import { EXIT, InputError, UsageError } from './errors.ts';
import { withEventErrors } from './events.ts';
import { commandHelp, optionUsage } from './help.ts';
import { simulationFailure } from './open-failure.ts';
import { STAT, STAT_REPORT } from './options/stat.ts';
import { inputPath, openErrors } from './recording.ts';
import { helpersOf } from './runs.ts';
import { SIGNALLED } from './signals.ts';
import {
  Watch,
  commandLine,
  machineOf,
  refuseUnmodelled,
  reproduceLine,
  withFileErrors,
  workloadOf,
} from './simulation.ts';
import { StatOutput } from './stat-output.ts';
import { StatPrinter, type StatOptions } from './stat-printer.ts';
import { missing, watched, type Watched } from './targets.ts';

const DEFAULT_FILE = 'perf.data';
const NS_PER_MS = 1e6;
const MOST_REPEATS = 100;
/** Options that stat report heeds: those about how counts are printed. */
const OF_PRINTING: ReadonlySet<string> = new Set(
  'big-num color field-separator json-output metric-only scale output append log-fd quiet'.split(' '),
);
/** --timeout in ms: the least allowed, and the least without a warning. */
const TIMEOUT = { least: 10, advised: 100 } as const;
/** strsignal() of the signals that can end a workload. */
const SIGNAL_TEXT: Readonly<Record<number, string>> = { 2: 'Interrupt', 15: 'Terminated' };

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { env } = context.terminal;
  // Without the environment, which says where workloads run: the run of a recording is over.
  const plain = parseArgs(STAT, argv);
  if (plain.rest[0] === 'report') return report(plain.rest.slice(1), plain.options, context);
  const { options, rest, typed, subcommand } = parseSubcommand(STAT, ['record'], argv, env);
  if (subcommand === undefined) return count(typed, options, rest, context, undefined);
  if (options.repeat !== undefined && options.repeat !== 1)
    throw new InputError('Cannot use -r option with perf stat record.');
  if (options.append === true)
    throw new UsageError('a file of counts holds one run: nothing can be added to it (stat record --append)');
  // The -o of stat record names the file of counts; the text goes to stderr.
  return count(typed, { ...options, output: undefined }, rest, context, options.output ?? DEFAULT_FILE);
}

/** Runs the workload and prints; `file` is where stat record stores the counts. */
async function count(
  typed: readonly Typed[],
  o: StatOptions,
  rest: readonly string[],
  context: CommandContext,
  file: string | undefined,
): Promise<number> {
  const spec = await machineOf(o);
  const words = { usage: (...names: readonly string[]) => optionUsage(STAT, ...names), code: EXIT.INVALID };
  const { targets, kind, warnings } = watched(o, spec, words);
  check(o, kind);
  for (const warning of warnings) process.stderr.write(`${warning}\n`);
  const evlist = events(o, spec, kind);
  refuseUnmodelled(evlist, spec);
  const workload = await workloadOf(rest, spec, commandHelp(STAT));
  const cmdline = commandLine('stat', typed, spec, context);
  const out = new StatOutput(o);
  const mode = aggrMode(typed);
  const sink = file === undefined ? undefined : await withFileErrors(() => openSink(file));
  const abandon = (): void => {
    sink?.abort();
    out.abort();
  };
  const aggregates =
    mode === undefined ? undefined : { mode, placeOf: cpuPlaces(perfEnv(spec, []), 0), everyone: kind === 'cpu' };
  const printer = new StatPrinter(o, out, context.terminal, aggregates);
  // -I 0 means no interval.
  const ms = o['interval-print'] ?? 0;
  const readings: Reading[] = [];
  const interval = (time: Reading['time'], read: StatRead): void => {
    const reading = { time, ...read, final: false };
    readings.push(reading);
    printer.interval(evlist, reading);
  };
  const job = { evlist, ...targets };
  const command = { spec: specRequest(spec), program: workload.program, command: 'stat', job } as const;
  const helpers = await helpersOf(command, spec, workload, o.workers);
  // The lines of -I show progress themselves.
  const watch = await Watch.start(context, ms > 0 && out.live ? undefined : 'stat', abandon);
  let counted: CountedWorkload;
  let status: number;
  try {
    counted = await countWorkload(
      given({
        spec,
        workload,
        evlist,
        repeat: o.repeat ?? 1,
        ...targets,
        breathe: watch.breathe,
        help: helpers?.start,
        timeout: o.timeout === undefined ? undefined : o.timeout * NS_PER_MS,
        interval: ms === 0 ? undefined : { ns: ms * NS_PER_MS, report: interval },
      }),
    );
  } catch (error) {
    watch.stop();
    abandon();
    if (error instanceof NoSuchProcess)
      throw missing(error, 'stat', evlist[0]?.name ?? '', optionUsage(STAT, 'pid', 'tid'));
    throw simulationFailure(error, kind === 'cpu', watch.exitCode);
  } finally {
    await helpers?.close();
  }
  watch.stop();
  const last = counted.runs.at(-1)!;
  const { counts, cpus, threads } = last;
  readings.push({ time: last.elapsed, counts, cpus, threads, final: true });
  ({ status } = last);
  if (status > SIGNALLED) {
    // Like perf, whose exit code reports signals to itself, not one that ended the workload.
    process.stderr.write(`${rest[0]}: ${SIGNAL_TEXT[status - SIGNALLED] ?? `Signal ${status - SIGNALLED}`}\n`);
    status = EXIT.OK;
  }
  if (o.verbose > 0) process.stderr.write(rawCounts(counted.evlist, last.counts));
  if (ms > 0) printer.interval(counted.evlist, readings.at(-1)!);
  const watchdog = watchdogOf(spec);
  try {
    if (ms === 0 || o.summary === true) printer.result(counted, target(o, kind, rest), watchdog);
    if (o.truth === true) {
      const truth = trueCounts(spec, workload, counted.evlist, counted.runs.length);
      out.write(statTruthText(counted, { workload: rest[0]!, truth, sharedCores: sharesCores(spec) }));
    }
    out.close();
    if (sink !== undefined)
      await withFileErrors(() => writeStatFile(sink, spec, cmdline, counted.evlist, counted.pid, ms, readings, mode));
  } catch (error) {
    abandon();
    throw error;
  }
  if (o.verbose > 0) process.stderr.write(reproduceLine(cmdline));
  return watch.exitCode ?? status;
}

/** What was counted, for the heading. */
function target(o: StatOptions, kind: Watched['kind'], argv: readonly string[]): StatTarget {
  if (kind === undefined) return { kind: 'command', argv };
  if (kind !== 'cpu') return { kind, list: o[kind]! };
  return o['all-cpus'] === true ? { kind: 'system' } : { kind: 'cpus', list: o.cpu! };
}

const AGGR_OPTIONS: Readonly<Record<string, AggrMode>> = {
  'no-aggr': 'cpu',
  'per-socket': 'socket',
  'per-die': 'die',
  'per-core': 'core',
  'per-thread': 'thread',
  'per-node': 'node',
};

/** Of -A, --per-core and the like, the last one counts. */
const aggrMode = (typed: readonly Typed[]): AggrMode | undefined =>
  AGGR_OPTIONS[typed.flatMap(({ options }) => options).findLast((name) => name in AGGR_OPTIONS) ?? ''];

/** What perf stat refuses before it looks at the workload, in its words. */
function check(o: StatOptions, kind: Watched['kind']): void {
  const refuse = (message: string, ...names: readonly string[]): UsageError =>
    new UsageError(`${message}\n`, optionUsage(STAT, ...names), EXIT.INVALID);
  const { repeat, timeout } = o;
  const interval = o['interval-print'] ?? 0;
  const logFd = o['log-fd'];
  if (logFd !== undefined && logFd < 0) throw refuse('argument to --log-fd must be a > 0', 'log-fd');
  if (o['field-separator'] !== undefined && o['big-num'] === true)
    throw refuse('-B option not supported with -x', 'big-num', 'field-separator');
  if (repeat !== undefined && repeat < 0) throw refuse('Run count must be a positive number', 'repeat');
  if (repeat !== undefined && (repeat === 0 || repeat > MOST_REPEATS))
    throw new UsageError(`-r ${repeat}: must be from 1 to ${MOST_REPEATS}\n`, optionUsage(STAT, 'repeat'));
  if (o.truth === true && (o['field-separator'] !== undefined || o['json-output'] === true))
    throw refuse('--truth is only supported for text output', 'truth', 'field-separator', 'json-output');
  if (o.truth === true && (kind === 'pid' || kind === 'tid'))
    throw new UsageError(
      '--truth knows what the whole workload does, not what it does from some time on (-p, -t)',
      optionUsage(STAT, 'truth', 'pid', 'tid'),
    );
  const ofCpus = Object.keys(AGGR_OPTIONS).filter((name) => name !== 'per-thread');
  if (ofCpus.some((name) => o[name as 'no-aggr'] === true) && kind !== 'cpu')
    throw refuse('both cgroup and no-aggregation modes only available in system-wide mode', 'no-aggr', 'all-cpus');
  if (o['per-thread'] === true && (kind === undefined || o.cpu !== undefined))
    throw refuse(
      'The --per-thread option is only available when monitoring via -p -t -a options or only --per-thread.',
      'pid',
      'tid',
    );
  if (o.table === true && (repeat ?? 1) === 1) throw refuse('--table is only supported with -r', 'repeat', 'table');
  const intervals = o['interval-count'] ?? 0;
  if (intervals < 0) throw refuse('interval-count must be a positive number', 'interval-count');
  if (intervals > 0 && interval === 0)
    throw refuse(
      'interval-count option should be used together with interval-print.',
      'interval-count',
      'interval-print',
    );
  if (timeout === undefined || timeout === 0) return;
  if (timeout < TIMEOUT.least) throw refuse(`timeout must be >= ${TIMEOUT.least}ms.`, 'timeout');
  if (interval > 0) throw refuse('timeout option is not supported with interval-print.', 'timeout', 'interval-print');
  if (timeout < TIMEOUT.advised)
    process.stderr.write(
      `timeout < ${TIMEOUT.advised}ms. The overhead percentage could be high in some cases. Please proceed with caution.\n`,
    );
}

/** -e, or the default list as -d extends it. -n counts only what -e names. */
function events(o: StatOptions, spec: MachineSpec, kind: Watched['kind']): ReturnType<typeof statAttrs> {
  return withEventErrors(STAT, () => {
    const { detailed } = o;
    const systemWide = kind === 'cpu';
    const asked = parseEventList(o.event, 'stat', parseOptions(spec));
    if (o.null !== true)
      asked.push(
        ...(o.event.length === 0
          ? statDefaultEvents({ detailed, systemWide })
          : statDetailedEvents(asked.length, detailed)),
      );
    return statAttrs(
      o.group === true ? groupAll(asked) : asked,
      given({ target: kind, inherit: o['no-inherit'] !== true, all_user: o['all-user'], all_kernel: o['all-kernel'] }),
    );
  });
}

/** gperf stat report -i FILE */
async function report(argv: readonly string[], o: StatOptions, context: CommandContext): Promise<number> {
  const stray = STAT.options.find(({ name }) => !OF_PRINTING.has(name) && isGiven(o[name]));
  if (stray !== undefined)
    throw new UsageError(`--${stray.name} does not go with stat report, which runs nothing`, optionUsage(STAT_REPORT));
  const { options: ro, typed } = parseArgs(STAT_REPORT, argv, context.terminal.env);
  const path = inputPath(ro.input);
  const { result, intervals, cmdline, mode, placeOf } = await openErrors(ro.input, () => readStatFile(path));
  const out = new StatOutput(o);
  const evlist = result.evlist.map((evsel) => ({ ...evsel, name: printable(evsel.name), unit: printable(evsel.unit) }));
  const asked = aggrMode(typed);
  if (asked !== undefined && result.runs[0]!.cpus === undefined)
    process.stderr.write('warning: processing task data, aggregation mode not set\n');
  const aggr = asked ?? mode;
  const aggregates = aggr === undefined ? undefined : { mode: aggr, placeOf };
  const printer = new StatPrinter(o, out, context.terminal, aggregates);
  if (intervals === undefined)
    printer.result(
      { ...result, evlist },
      { kind: 'recording', argv: path === '-' ? ['pipe'] : cmdline.map(printable) },
    );
  else for (const reading of intervals) printer.interval(evlist, reading);
  out.close();
  return EXIT.OK;
}

/** Switches and texts that were not given are undefined, counters 0, lists empty. */
const isGiven = (value: unknown): boolean =>
  value !== undefined && value !== 0 && !(Array.isArray(value) && value.length === 0);
