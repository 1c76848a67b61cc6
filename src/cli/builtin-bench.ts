/** gperf bench: what PMU operations cost under several designs, what perf costs the workload, and where the time went. */
import { benchDesign, specRequest, type BenchRequest, type BenchRun } from '../experiment/bench.ts';
import { isDesignFile } from '../experiment/design-file.ts';
import { given } from '../given.ts';
import { parseOptions, sampleRateLimit, type MachineSpec } from '../experiment/setup.ts';
import { benchPage } from '../report/bench/page.ts';
import { benchCsv, benchLines, benchMarkdown } from '../report/bench/text.ts';
import { pageHtml } from '../report/html/page.ts';
import { recordAttrs, statAttrs } from '../perf-events/evsel-config.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import { parseEventList } from '../perf-events/parse-events.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { EXIT, InputError } from './errors.ts';
import { checkRate, withEventErrors } from './events.ts';
import { Exports, filesRead } from './export.ts';
import { commandHelp } from './help.ts';
import { simulationFailure } from './open-failure.ts';
import { BENCH } from './options/bench.ts';
import { pageOptions } from './page-options.ts';
import { printLines } from './recording.ts';
import { Interrupted, runsOf, seedsOf, threadsOf } from './runs.ts';
import { commandLine, machineOf, refuseUnmodelled, reproduceLine, shellWord, workloadOf } from './simulation.ts';
import { parseFreq } from './values.ts';
import type { BenchDesign, BenchReport } from '../results/bench.ts';

const DEFAULT_DESIGNS = 'legacy,v2';
/** What is counted without -e: the letter's six events, one more than there are counters. */
const SIX = 'branches,cpu-cycles,L1-icache-load-misses,branch-load-misses,branch-loads,dTLB-load-misses';

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest, typed } = parseArgs(BENCH, argv, context.terminal.env);
  const seeds = seedsOf(o.seeds, BENCH);
  const specs: MachineSpec[] = [];
  for (const vpmu of (o.vpmu ?? DEFAULT_DESIGNS).split(',')) specs.push(await machineOf(o, { vpmu }));
  const mode = o.freq === undefined && o.count === undefined ? 'stat' : 'record';
  const systemWide = o['all-cpus'] === true;
  const evlist = events(o, mode, specs);
  refuseUnmodelled(evlist, ...specs);
  // A workload that cannot be loaded is reported before threads start.
  await workloadOf(rest, specs[0]!, commandHelp(BENCH));
  const threads = threadsOf(o.workers);
  let report: BenchReport | undefined;
  const text = (lines: (report: BenchReport) => Iterable<string>): (() => string) => {
    return () => `${[...lines(report!)].join('\n')}\n`;
  };
  const exports = new Exports(
    [
      [o['export-json'], () => `${JSON.stringify(report, undefined, 2)}\n`],
      [o['export-markdown'], text(benchMarkdown)],
      [o['export-csv'], text(benchCsv)],
      [o['export-html'], () => pageHtml(benchPage(report!, pageOptions('bench', typed, context)))],
    ],
    filesRead(rest, o),
  );
  try {
    const measured = await simulate(specs, { words: rest, mode, systemWide, evlist }, seeds, threads, context);
    report = { command: commandOf(mode, o, rest), seeds, ...measured, ...(await brokenOf(specs)) };
  } catch (error) {
    exports.abort();
    if (error instanceof Interrupted) return error.exitCode;
    throw simulationFailure(error);
  }
  if (report.designs.length === 0) {
    exports.abort();
    throw new InputError(report.liveLocked[0]!.why, EXIT.LIVE_LOCK);
  }
  await printLines(benchLines(report, o.verbose > 0));
  exports.write();
  if (o.verbose > 0) process.stderr.write(reproduceLine(commandLine('bench', typed, specs[0]!, context)));
  return EXIT.OK;
}

type Options = ReturnType<typeof parseArgs<(typeof BENCH)['options']>>['options'];

/** Designs from files that fail the contract; gperf's own are checked by its tests. */
async function brokenOf(specs: readonly MachineSpec[]): Promise<Pick<BenchReport, 'broken'>> {
  const files = specs.filter(({ vpmu }) => isDesignFile(vpmu));
  if (files.length === 0) return {};
  const { contractOf } = await import('../experiment/contract/contract.ts');
  const broken = files.map(contractOf).flatMap(({ vpmu, checks, failures }) => {
    const failed = new Set(failures.map(({ check }) => check)).size;
    return failed > 0 ? [{ vpmu, failed, checks }] : [];
  });
  return broken.length > 0 ? { broken } : {};
}

/** Runs every design with perf and without, for every seed, all at once. */
async function simulate(
  specs: readonly MachineSpec[],
  what: Omit<BenchRequest, 'spec' | 'run'>,
  seeds: number,
  threads: number,
  context: CommandContext,
): Promise<Pick<BenchReport, 'designs' | 'liveLocked'>> {
  const requests = (spec: MachineSpec): BenchRequest[] =>
    Array.from({ length: seeds }, (_, k) => ({ ...what, spec: specRequest(spec), run: k }));
  const bare = (request: BenchRequest): BenchRequest => ({ ...request, mode: 'stat', systemWide: false, evlist: [] });
  const inputs = specs.flatMap((spec) => [...requests(spec), ...requests(spec).map(bare)]);
  const outcomes = await runsOf('benchOutcome', inputs, threads, 'bench', context);
  const designs: BenchDesign[] = [];
  const liveLocked: { vpmu: string; why: string }[] = [];
  specs.forEach((spec, i) => {
    const runs: BenchRun[] = [];
    let why: string | undefined;
    for (const outcome of outcomes.slice(2 * seeds * i, 2 * seeds * (i + 1))) {
      if ('liveLock' in outcome) why ??= outcome.liveLock;
      else runs.push(outcome);
    }
    if (why === undefined) designs.push(benchDesign(spec, runs.slice(0, seeds), runs.slice(seeds)));
    else liveLocked.push({ vpmu: spec.vpmu, why });
  });
  return { designs, liveLocked };
}

function events(o: Options, mode: 'stat' | 'record', specs: readonly MachineSpec[]): Evsel[] {
  checkRate(o);
  const common = given({
    target: o['all-cpus'] === true ? ('cpu' as const) : undefined,
    all_user: o['all-user'],
    all_kernel: o['all-kernel'],
  });
  return withEventErrors(BENCH, () => {
    const words = o.event.length > 0 ? o.event : [mode === 'stat' ? SIX : 'cycles'];
    const parsed = parseEventList(words, mode, parseOptions(...specs));
    if (mode === 'stat') return statAttrs(parsed, common);
    const freq = o.freq === undefined ? undefined : frequency(o.freq, specs);
    return recordAttrs(parsed, { ...common, ...given({ freq, period: o.count }) });
  });
}

/** -F, within what all machines allow. */
function frequency(text: string, specs: readonly MachineSpec[]): number {
  const freq = parseFreq(text);
  const limit = Math.min(...specs.map(sampleRateLimit));
  if (freq !== 'max' && freq > limit)
    process.stderr.write(
      `warning: Maximum frequency rate (${limit} Hz) exceeded, throttling from ${freq} Hz to ${limit} Hz.\n`,
    );
  return freq === 'max' ? limit : Math.min(freq, limit);
}

/** The command that was measured, as one would type it. */
function commandOf(mode: 'stat' | 'record', o: Options, words: readonly string[]): string {
  const rate = o.freq === undefined ? (o.count === undefined ? [] : ['-c', String(o.count)]) : ['-F', o.freq];
  const rings = (['all-cpus', 'all-user', 'all-kernel'] as const)
    .filter((name) => o[name] === true)
    .map((name) => `--${name}`);
  const list = o.event.length > 0 ? o.event.join(',') : mode === 'stat' ? SIX : 'cycles';
  return ['perf', mode, '-e', list, ...rate, ...rings, ...words].map(shellWord).join(' ');
}
