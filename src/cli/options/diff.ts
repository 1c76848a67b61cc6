/** perf diff's options. */
import { type CommandTable, type OptionSpec, refuse } from './option.ts';
import { FORCE, SYMFS, TASK_FILTERS } from './recorded.ts';

const OPTIONS = [
  { name: 'quiet', short: 'q', kind: 'flag', help: 'print the rows only' },
  {
    name: 'compute',
    short: 'c',
    kind: 'text',
    arg: 'delta,delta-abs,ratio,wdiff:w1,w2',
    help: 'how a change is measured (default: delta-abs)',
  },
  FORCE,
  { name: 'dsos', short: 'd', kind: 'text', arg: 'dso[,dso...]', help: 'show only these files' },
  { name: 'comms', short: 'C', kind: 'text', arg: 'comm[,comm...]', help: 'show only these commands' },
  { name: 'symbols', short: 'S', kind: 'text', arg: 'symbol[,symbol...]', help: 'show only these symbols' },
  ...TASK_FILTERS,
  { name: 'cpu', kind: 'text', arg: 'cpu[-cpu][,...]', help: 'show only samples of these CPUs' },
  {
    name: 'sort',
    short: 's',
    kind: 'text',
    arg: 'key[,key2...]',
    help: 'group by: pid, comm, dso, symbol, parent, cpu (default: dso,symbol)',
  },
  SYMFS,
  {
    name: 'percentage',
    kind: 'text',
    arg: 'absolute',
    choices: ['absolute'],
    help: 'take shares of everything, whether filtered or not (always)',
  },
] as const satisfies readonly OptionSpec[];

export const DIFF: CommandTable<typeof OPTIONS> = {
  name: 'diff',
  usage: ['[<options>] [old_file] [new_file]'],
  options: OPTIONS,
  refused: [
    ...refuse('this output of a diff', 'v:verbose', 'b:baseline-only', 'p:period', 'F:formula', 'o:order'),
    ...refuse('this output of a diff', 't:field-separator'),
    ...refuse('cycles of basic blocks', 'cycles-hist'),
    ...refuse('raw dumps', 'D:dump-raw-trace'),
    ...refuse('kernel images', 'm:modules', 'kallsyms'),
    ...refuse('this filter', 'time'),
    ...refuse('streams of call chains', 'stream'),
  ],
  stopAtNonOption: false,
  epilogue: " To learn whether a difference is more than noise: 'gperf compare'.",
};
