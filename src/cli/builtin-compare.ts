/** gperf compare: how far apart profiles are, and whether that is more than noise. */
import { resamplingChance } from '../experiment/chance.ts';
import { GPERF_VERSION } from '../experiment/version.ts';
import { nearest } from '../nearest.ts';
import { withoutParameters } from '../perfdata/demangle/demangle.ts';
import { inCommonTerms } from '../profile/common-terms.ts';
import { compareProfiles, type ComparedProfiles } from '../profile/compare.ts';
import { MatchError, matchEvents } from '../profile/events.ts';
import { isExact, type Granularity, type Profile } from '../profile/profile.ts';
import { TextError } from '../profile/text-error.ts';
import { mergesAny, parseMerge } from '../profile/rows.ts';
import { compareCsv } from '../report/compare/csv.ts';
import { compareJson } from '../report/compare/json.ts';
import { comparePage } from '../report/compare/page.ts';
import { compareLines, compareMarkdown } from '../report/compare/text.ts';
import { pageHtml } from '../report/html/page.ts';
import { printableText } from '../report/shared/printable.ts';
import { isTyped, parseArgs, type Typed } from './args.ts';
import type { CommandContext } from './commands.ts';
import { runDesigns } from './compare-live.ts';
import { ConditionError, parseCondition } from './condition.ts';
import { EXIT, InputError, UsageError } from './errors.ts';
import { Exports, filesRead } from './export.ts';
import { commandHelp, optionUsage } from './help.ts';
import { readOperands } from './operands.ts';
import { COMPARE, type CompareOptions } from './options/compare.ts';
import { pageOptions, significant } from './page-options.ts';
import { printLines } from './recording.ts';
import { Interrupted } from './runs.ts';
import { reproduceLine } from './simulation.ts';

/** Options that mean something only if the designs are run. */
const LIVE_ONLY = ['freq', 'count', 'all-user', 'g', 'seeds', 'workers'] as const;
const FILES_ONLY = ['samples', 'symfs'] as const;
/** Options that choose a machine for the runs. */
const MACHINE_ONLY = ['machine', 'set', 'seed'] as const;

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest, typed } = parseArgs(COMPARE, argv, context.terminal.env);
  if (rest.length === 0) throw new UsageError('nothing to compare', commandHelp(COMPARE));
  const by = (o.by ?? 'symbol') as Granularity;
  const failIf = conditionOf(o['fail-if']);
  if (o.merge.includes('')) throw new UsageError('--merge: nothing to merge', optionUsage(COMPARE, 'merge'));
  const merges = o.merge.map(parseMerge);
  /** What stopped the reading of damaged files. */
  const faults: string[] = [];
  let compared: ComparedProfiles[] = [];
  const about = { gperf: GPERF_VERSION, command: ['gperf', 'compare', ...significant(typed)], merges: o.merge };
  const text = (lines: (one: ComparedProfiles) => Iterable<string>) => (): string =>
    `${compared.flatMap((one) => [...lines(one)]).join('\n')}\n`;
  const page = (): string => {
    const workload = o.vpmu === undefined ? undefined : rest.join(' ');
    return pageHtml(comparePage(compared, { ...pageOptions('compare', typed, context), workload }));
  };
  const exports = new Exports(
    [
      [o['export-json'], () => compareJson(compared, about)],
      [o['export-markdown'], text(compareMarkdown)],
      [o['export-csv'], () => `${[...compareCsv(compared)].join('\n')}\n`],
      [o['export-html'], page],
    ],
    filesRead(rest, o),
  );
  try {
    const sets =
      o.vpmu === undefined ? await filesOf(typed, rest, o, by, context, faults) : await liveOf(rest, o, by, context);
    for (const [i, merge] of merges.entries())
      if (!sets.some((operands) => mergesAny(merge, operands.flat())))
        throw new UsageError(`--merge '${o.merge[i]!}': no function is called so`, optionUsage(COMPARE, 'merge'));
    compared = sets.map((operands) =>
      compareProfiles(operands, {
        by,
        merges,
        reference: referenceOf(operands, o.reference),
        chance: resamplingChance,
      }),
    );
  } catch (error) {
    exports.abort();
    if (error instanceof Interrupted) return error.exitCode;
    throw error;
  }
  await printLines(allLines(compared, o.quiet === true));
  exports.write();
  if (o.verbose > 0) process.stderr.write(reproduceLine(about.command));
  // Only now: a wrong profile name in --fail-if must not cost the tables, which took long to make.
  const failures = failIf(compared);
  for (const failure of failures) process.stderr.write(`${printableText(failure)}\n`);
  for (const fault of faults) process.stderr.write(`${printableText(fault)}\n`);
  if (faults.length > 0) return EXIT.INPUT;
  return failures.length > 0 ? EXIT.CONDITION : EXIT.OK;
}

/** --fail-if, parsed before anything runs; the condition holds if it holds for any event. */
function conditionOf(text: string | undefined): (compared: readonly ComparedProfiles[]) => string[] {
  if (text === undefined) return () => [];
  const blamed = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof ConditionError)) throw error;
      const prefix = 'condition error: ';
      throw new UsageError(
        `${prefix}'${text}'\n${' '.repeat(prefix.length + 1 + error.at)}\\___ ${error.message}`,
        optionUsage(COMPARE, 'fail-if'),
      );
    }
  };
  const condition = blamed(() => parseCondition(text));
  return (compared) => blamed(() => [...new Set(compared.flatMap(condition))]);
}

/** For each event, the profiles of the files; each file is one run. */
async function filesOf(
  typed: readonly Typed[],
  rest: readonly string[],
  o: CompareOptions,
  by: Granularity,
  context: CommandContext,
  faults: string[],
): Promise<Profile[][][]> {
  const wrong = LIVE_ONLY.find((name) => o[name] !== undefined);
  if (wrong !== undefined)
    throw new UsageError(
      `${wrong === 'g' ? '-g' : `--${wrong}`} is for designs that are run (--vpmu)`,
      optionUsage(COMPARE, wrong),
    );
  if (o.event.length > 1) throw new UsageError('-e chooses one event', optionUsage(COMPARE, 'event'));
  if (!rest.some((word) => word.startsWith('truth:'))) {
    // The environment may name a machine for any command; only typed options are refused.
    const idle = MACHINE_ONLY.find((name) => isTyped(typed, name));
    if (idle !== undefined)
      throw new UsageError(
        `--${idle} is for designs that are run (--vpmu), or for 'truth:WORKLOAD'`,
        optionUsage(COMPARE, idle),
      );
  }
  const operands = await readOperands(rest, o, context, faults);
  if (operands.length < 2) throw new UsageError(`${operands[0]![0]!.label} has nothing to be compared with`);
  try {
    return matchEvents(operands, o.event[0]).map((set) =>
      inCommonTerms(set, by, withoutParameters).map((profile) => [profile]),
    );
  } catch (error) {
    if (error instanceof MatchError) throw new UsageError(error.message);
    if (error instanceof TextError) throw new InputError(error.message);
    throw error;
  }
}

async function liveOf(
  rest: readonly string[],
  o: CompareOptions,
  by: Granularity,
  context: CommandContext,
): Promise<Profile[][][]> {
  const wrong = FILES_ONLY.find((name) => o[name] !== undefined);
  if (wrong !== undefined)
    throw new UsageError(`--${wrong} is for files, not for designs that are run`, optionUsage(COMPARE, wrong));
  return runDesigns(rest, o, by, context);
}

function referenceOf(operands: readonly (readonly Profile[])[], name: string | undefined): number {
  const profiles = operands.map(([first]) => first!);
  if (name === undefined)
    return Math.max(
      0,
      profiles.findIndex((profile) => !isExact(profile)),
    );
  const labels = profiles.map(({ label }) => label);
  const index = labels.indexOf(name);
  if (index >= 0) return index;
  const near = nearest(name, labels);
  throw new UsageError(
    `--reference ${name}: no such profile (${near === undefined ? `there is ${labels.join(', ')}` : `did you mean ${near}?`})`,
  );
}

function* allLines(compared: readonly ComparedProfiles[], quiet: boolean): Generator<string> {
  for (const [i, one] of compared.entries()) {
    if (i > 0) yield '';
    yield* compareLines(one, { quiet });
  }
}
