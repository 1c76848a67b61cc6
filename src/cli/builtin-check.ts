/** gperf check: a vPMU design held to the contract of a PMU. */
import { contractOf } from '../experiment/contract/contract.ts';
import { contractLines } from '../report/check/text.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { EXIT, UsageError } from './errors.ts';
import { optionUsage } from './help.ts';
import { CHECK } from './options/check.ts';
import { printLines } from './recording.ts';
import { machineOf } from './simulation.ts';

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest } = parseArgs(CHECK, argv, context.terminal.env);
  const [vpmu, ...more] = rest;
  const usage = optionUsage(CHECK);
  if (vpmu === undefined) throw new UsageError('check which design?', usage);
  if (more.length > 0) throw new UsageError(`check takes one design, not '${more[0]!}' too`, usage);
  const spec = await machineOf(o, { vpmu });
  if (spec.design === undefined)
    throw new UsageError(`${vpmu} is no design: what runs there has the processor itself`, usage);
  const report = contractOf(spec);
  await printLines(contractLines(report));
  return report.failures.length > 0 ? EXIT.BARE : EXIT.OK;
}
