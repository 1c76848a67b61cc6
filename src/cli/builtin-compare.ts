/** gperf compare: how far apart profiles are, and whether that is more than noise. */
import { compareProfiles, type ComparedProfiles } from '../profile/compare.ts';
import { MatchError, matchEvents } from '../profile/events.ts';
import { isExact, type Granularity, type Profile } from '../profile/profile.ts';
import { parseMerge } from '../profile/rows.ts';
import { compareLines } from '../report/compare.ts';
import { nearest } from '../nearest.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { UsageError } from './errors.ts';
import { commandHelp, optionUsage } from './help.ts';
import { readOperands } from './operands.ts';
import { COMPARE, type CompareOptions } from './options/compare.ts';
import { printLines } from './recording.ts';

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest } = parseArgs(COMPARE, argv, context.terminal.env);
  if (rest.length === 0) throw new UsageError('nothing to compare', commandHelp(COMPARE));
  if (o.event.length > 1) throw new UsageError('-e chooses one event', optionUsage(COMPARE, 'event'));
  const operands = await readOperands(rest, o, context);
  const total = operands.length;
  if (total < 2) throw new UsageError(`${operands[0]?.[0]?.label ?? 'nothing'} has nothing to be compared with`);
  const compared = compareAll(operands, o);
  await printLines(allLines(compared, o.quiet === true));
  return 0;
}

function compareAll(operands: readonly (readonly Profile[])[], o: CompareOptions): ComparedProfiles[] {
  try {
    return matchEvents(operands, o.event[0]).map((profiles) =>
      compareProfiles(profiles, {
        by: granularity(o),
        merges: o.merge.map(parseMerge),
        reference: referenceOf(profiles, o.reference),
      }),
    );
  } catch (error) {
    if (error instanceof MatchError) throw new UsageError(error.message);
    throw error;
  }
}

export const granularity = ({ by = 'symbol' }: Pick<CompareOptions, 'by'>): Granularity => by as Granularity;

function referenceOf(profiles: readonly Profile[], name: string | undefined): number {
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
