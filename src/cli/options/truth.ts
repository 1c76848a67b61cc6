/** gperf truth's options: a command perf cannot have. */
import { EXPORT_OPTIONS, MACHINE_OPTIONS } from './machine.ts';
import type { CommandTable, OptionSpec } from './option.ts';

const OPTIONS = [
  {
    name: 'event',
    short: 'e',
    kind: 'list',
    arg: 'event',
    help: "events to give the exact profile of (default: cycles); 'gperf list' shows what there is",
  },
  {
    name: 'sort',
    short: 's',
    kind: 'text',
    arg: 'key',
    choices: ['symbol', 'dso', 'pid', 'tid', 'cpu'],
    help: 'rows: symbol (default), dso, pid (processes), tid (threads) or cpu (of a run without events)',
  },
  { name: 'verbose', short: 'v', kind: 'count', help: 'tell more, and how to reproduce the run' },
  { name: 'quiet', short: 'q', kind: 'flag', help: 'print the rows only' },
  ...EXPORT_OPTIONS,
  ...MACHINE_OPTIONS,
] as const satisfies readonly OptionSpec[];

export const TRUTH: CommandTable<typeof OPTIONS> = {
  name: 'truth',
  usage: ['[<options>] <workload> [<args>]'],
  options: OPTIONS,
  stopAtNonOption: true,
};
