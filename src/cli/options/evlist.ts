/** perf evlist's options. */
import { type CommandTable, type OptionSpec, refuse } from './option.ts';

const OPTIONS = [
  {
    name: 'input',
    short: 'i',
    kind: 'text',
    arg: 'file',
    help: 'input file (default: perf.data; - is standard input)',
  },
  { name: 'freq', short: 'F', kind: 'flag', help: 'show frequency or period' },
  { name: 'verbose', short: 'v', kind: 'count', help: 'show every field of the attr' },
  { name: 'group', short: 'g', kind: 'flag', help: 'show groups in braces' },
  { name: 'force', short: 'f', kind: 'flag', help: 'also read files that belong to others' },
] as const satisfies readonly OptionSpec[];

export const EVLIST: CommandTable<typeof OPTIONS> = {
  name: 'evlist',
  usage: ['[<options>]'],
  options: OPTIONS,
  refused: refuse('tracepoints', 'trace-fields'),
  stopAtNonOption: false,
};
