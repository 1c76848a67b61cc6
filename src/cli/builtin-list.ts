/** gperf list: the events a machine can open, and what machines, designs, workloads and spec keys there are. */
import { canOpen, catalogue } from '../experiment/setup.ts';
import { listText } from '../report/list.ts';
import { listWorkloads } from '../workload/registry.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { LIST } from './options/list.ts';
import { machineOf } from './simulation.ts';

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest } = parseArgs(LIST, argv, context.terminal.env);
  const spec = await machineOf({ ...o, vcpus: undefined, workers: undefined, seed: undefined });
  const workloads = (await listWorkloads()).map(({ name, about }) => ({ name, description: about }));
  const sections = [
    { topic: 'vpmu', title: 'vPMU designs (--vpmu)', entries: catalogue.vpmu() },
    { topic: 'machine', title: 'Machines (--machine)', entries: catalogue.machine() },
    { topic: 'workload', title: 'Workloads', entries: workloads },
    { topic: 'spec', title: 'Spec keys (--set KEY=VALUE)', entries: catalogue.spec(spec) },
  ];
  process.stdout.write(
    listText(rest, { canOpen: (attr) => canOpen(spec, attr), rawDump: o['raw-dump'] === true, sections }),
  );
  return 0;
}
