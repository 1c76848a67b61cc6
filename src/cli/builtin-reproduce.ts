/** gperf reproduce: runs a published set of tables again, figure by figure. */
import { letterRequests, publishedTables, reproduction } from '../experiment/reproduce.ts';
import { DEFAULTS } from '../experiment/setup.ts';
import { nearest } from '../nearest.ts';
import { pageHtml } from '../report/html/page.ts';
import { reproducePage } from '../report/reproduce/page.ts';
import { reproductionLines, reproductionMarkdown } from '../report/reproduce/text.ts';
import type { Reproduction } from '../results/reproduction.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { EXIT, UsageError } from './errors.ts';
import { Exports } from './export.ts';
import { optionUsage } from './help.ts';
import { simulationFailure } from './open-failure.ts';
import { REPRODUCE } from './options/reproduce.ts';
import { pageOptions } from './page-options.ts';
import { printLines } from './recording.ts';
import { Interrupted, runsOf, seedsOf, threadsOf } from './runs.ts';

const PUBLICATIONS = ['rfc-v2'];
const DEFAULT_SEEDS = 10;

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest, typed } = parseArgs(REPRODUCE, argv, context.terminal.env);
  const usage = optionUsage(REPRODUCE);
  const [what, ...more] = rest;
  if (what === undefined) throw new UsageError(`reproduce what? ${PUBLICATIONS.join(', ')}`, usage);
  if (!PUBLICATIONS.includes(what)) {
    const near = nearest(what, PUBLICATIONS);
    const hint = near === undefined ? `there is ${PUBLICATIONS.join(', ')}` : `did you mean ${near}?`;
    throw new UsageError(`cannot reproduce '${what}' (${hint})`, usage);
  }
  if (more.length > 0) throw new UsageError(`reproduce ${what} takes no '${more[0]!}'`, usage);
  const seeds = seedsOf(o.seeds, REPRODUCE, DEFAULT_SEEDS);
  const threads = threadsOf(o.workers);
  const seed = o.seed ?? DEFAULTS.seed;
  let result: Reproduction | undefined;
  const exports = new Exports(
    [
      [o['export-json'], () => `${JSON.stringify(result, undefined, 2)}\n`],
      [o['export-html'], () => pageHtml(reproducePage(result!, pageOptions('reproduce', typed, context)))],
      [o['export-markdown'], () => `${[...reproductionMarkdown(result!)].join('\n')}\n`],
    ],
    [],
  );
  try {
    const runs = await runsOf('letterRun', await letterRequests(seed, seeds), threads, 'reproduce', context);
    result = await reproduction(publishedTables(), seed, seeds, runs);
  } catch (error) {
    exports.abort();
    if (error instanceof Interrupted) return error.exitCode;
    throw simulationFailure(error);
  }
  await printLines(reproductionLines(result));
  exports.write();
  return EXIT.OK;
}
