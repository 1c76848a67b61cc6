/** gperf list: the events a machine can open, and what machines, designs, workloads and spec keys there are. */
import { SetUpError, canOpen, catalogue, type MachineSpec } from '../experiment/setup.ts';
import { SPEC_NOTE, specRows } from '../experiment/spec-list.ts';
import { given } from '../given.ts';
import { listText } from '../report/list/text.ts';
import { listWorkloads } from '../workload/registry.ts';
import { parseArgs } from './args.ts';
import type { CommandContext } from './commands.ts';
import { UsageError } from './errors.ts';
import { LIST } from './options/list.ts';
import { machineOf } from './simulation.ts';

export async function run(argv: readonly string[], context: CommandContext): Promise<number> {
  const { options: o, rest } = parseArgs(LIST, argv, context.terminal.env);
  const spec = await machineOf(o);
  const { topics, words } = specWords(rest);
  const workloads = listWorkloads().map(({ name, about }) => ({ name, description: about }));
  const sections = [
    { topic: 'vpmu', title: 'vPMU designs (--vpmu)', entries: catalogue.vpmu() },
    { topic: 'machine', title: 'Machines (--machine)', entries: catalogue.machine() },
    { topic: 'workload', title: 'Workloads', entries: workloads },
    given({
      topic: 'spec',
      title: 'Spec keys (--set KEY=VALUE)',
      entries: specEntries(spec, words),
      note: words.length === 0 ? SPEC_NOTE : undefined,
    }),
  ];
  process.stdout.write(
    listText(topics, { canOpen: (attr) => canOpen(spec, attr), rawDump: o['raw-dump'] === true, sections }),
  );
  return 0;
}

/** The words after `list spec` name keys, up to the name of another of gperf's lists. */
function specWords(rest: readonly string[]): { readonly topics: readonly string[]; readonly words: readonly string[] } {
  const topics: string[] = [];
  const words: string[] = [];
  let inSpec = false;
  for (const word of rest) {
    const isList = word === 'spec' || Object.hasOwn(catalogue, word) || word === 'workload';
    if (isList) inSpec = word === 'spec';
    (inSpec && !isList ? words : topics).push(word);
  }
  return { topics, words };
}

function specEntries(spec: MachineSpec, words: readonly string[]): ReturnType<typeof specRows> {
  try {
    return specRows(spec, words);
  } catch (error) {
    if (error instanceof SetUpError) throw new UsageError(error.message);
    throw error;
  }
}
