/** gperf evlist: the events of a perf.data file. */
import { evlistLines } from '../report/evlist/text.ts';
import { attrSizeOf } from '../report/header/text.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { UsageError } from './errors.ts';
import { EVLIST } from './options/evlist.ts';
import { openRecording, printLines } from './recording.ts';

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest } = parseArgs(EVLIST, argv, context.terminal.env);
  if (rest.length > 0) throw new UsageError(`gperf evlist takes no arguments, got '${rest.join(' ')}'`);
  const { session } = await openRecording(o.input, o, context);
  const options = { freq: o.freq === true, verbose: o.verbose > 0, group: o.group === true };
  await printLines(evlistLines(session.evlist, attrSizeOf(session), options));
  session.close();
  return 0;
}
