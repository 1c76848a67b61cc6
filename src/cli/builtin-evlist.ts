/** gperf evlist: the events of a perf.data file. */
import { evlistLines } from '../report/evlist.ts';
import { attrSizeOf } from '../report/header.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { EVLIST } from './options/evlist.ts';
import { openRecording, printLines } from './recording.ts';

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o } = parseArgs(EVLIST, argv, context.terminal.env);
  const { session } = await openRecording(o.input, o, context);
  const options = { freq: o.freq === true, verbose: o.verbose > 0, group: o.group === true };
  await printLines(evlistLines(session.evlist, attrSizeOf(session), options));
  session.close();
  return 0;
}
