/** perf evlist's options. */
import { type CommandTable, type OptionSpec, refuse } from './option.ts';
import { FORCE, INPUT } from './recorded.ts';

const OPTIONS = [
  INPUT,
  { name: 'freq', short: 'F', kind: 'flag', help: 'show frequency or period' },
  { name: 'verbose', short: 'v', kind: 'count', help: 'show every field of the attr' },
  { name: 'group', short: 'g', kind: 'flag', help: 'show groups in braces' },
  FORCE,
] as const satisfies readonly OptionSpec[];

export const EVLIST: CommandTable<typeof OPTIONS> = {
  name: 'evlist',
  usage: ['[<options>]'],
  options: OPTIONS,
  refused: refuse('tracepoints', 'trace-fields'),
  stopAtNonOption: false,
};
