/** gperf reproduce's options: a command perf cannot have. */
import { EXPORT_OPTIONS, MACHINE_OPTIONS, WORKERS_OPTION } from './machine.ts';
import type { CommandTable, OptionSpec } from './option.ts';

const OPTIONS = [
  { name: 'seeds', kind: 'unsigned', arg: 'n', help: 'runs of each experiment (default: 10)' },
  ...EXPORT_OPTIONS.filter(({ name }) => name !== 'export-csv'),
  WORKERS_OPTION,
  ...MACHINE_OPTIONS.filter(({ name }) => name === 'seed'),
] as const satisfies readonly OptionSpec[];

export const REPRODUCE: CommandTable<typeof OPTIONS> = {
  name: 'reproduce',
  usage: ['[<options>] rfc-v2'],
  options: OPTIONS,
  stopAtNonOption: false,
  epilogue: ` rfc-v2  the tables (1) to (5), the recordings and the profiles of "[RFC] [PATCH v2 0/5] Intel Virtual PMU Optimization"
         (23 March 2019), every figure beside the published one, with what class of result it is and why`,
};
