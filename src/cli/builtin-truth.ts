/** gperf truth: the exact profile and counts of a workload, in perf report's layout. */
import { NoTruthError, groundTruth } from '../experiment/truth.ts';
import { truthLines } from '../report/truth.ts';
import { EventSyntaxError } from '../uapi/event-syntax-error.ts';
import { parseEventList } from '../uapi/parse-events.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { UsageError, eventError } from './errors.ts';
import { commandHelp, optionUsage } from './help.ts';
import { TRUTH } from './options/truth.ts';
import { printLines } from './recording.ts';
import { commandLine, machineOf, shellWord, workloadOf } from './simulation.ts';

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest } = parseArgs(TRUTH, argv, context.terminal.env);
  const spec = await machineOf(o);
  const workload = await workloadOf(rest, spec, commandHelp(TRUTH));
  try {
    const evlist = parseEventList(o.event.length === 0 ? ['cycles'] : o.event, 'stat');
    await printLines(
      truthLines(groundTruth(spec, workload, evlist), { workload: rest.join(' '), quiet: o.quiet === true }),
    );
  } catch (error) {
    if (error instanceof EventSyntaxError) throw eventError(error, optionUsage(TRUTH, 'event'));
    if (error instanceof NoTruthError) throw new UsageError(error.message);
    throw error;
  }
  if (o.verbose > 0)
    process.stderr.write(
      `# reproduce: ${commandLine(['truth'], argv, rest, spec, context).map(shellWord).join(' ')}\n`,
    );
  return 0;
}
