/** perf list's options. */
import { MACHINE_OPTIONS } from './machine.ts';
import { type CommandTable, type OptionSpec, refuse } from './option.ts';

const OPTIONS = [
  { name: 'raw-dump', kind: 'flag', help: 'print bare names on one line', hidden: true },
  ...MACHINE_OPTIONS.filter(({ name }) => name === 'vpmu' || name === 'machine' || name === 'set'),
] as const satisfies readonly OptionSpec[];

export const LIST: CommandTable<typeof OPTIONS> = {
  name: 'list',
  usage: ['[<options>] [hw|sw|cache|pmu|event_glob]', '[<options>] vpmu|machine|workload|spec [<word>]'],
  options: OPTIONS,
  refused: [
    ...refuse('descriptions of events', 'd:desc', 'v:long-desc', 'details', 'deprecated', 'debug'),
    ...refuse('hybrid processors', 'cputype'),
  ],
  stopAtNonOption: false,
};
