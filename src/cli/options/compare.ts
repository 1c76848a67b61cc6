/** gperf compare's options: a command perf cannot have. */
import { MACHINE_OPTIONS } from './machine.ts';
import type { CommandTable, OptionSpec, OptionValues } from './option.ts';

const OPTIONS = [
  {
    name: 'event',
    short: 'e',
    kind: 'list',
    arg: 'event',
    help: 'compare this event (default: every event that all have; live: cycles)',
  },
  {
    name: 'by',
    kind: 'text',
    arg: 'what',
    choices: ['symbol', 'dso', 'callchain', 'instruction'],
    help: 'rows: symbol (default), dso, callchain or instruction',
  },
  {
    name: 'merge',
    kind: 'list',
    arg: 'what',
    help: "count rows as one: dso, plt (stubs and what they call), or a pattern ('random*', 'libc*:mem*'); may repeat",
  },
  { name: 'reference', kind: 'text', arg: 'name', help: 'what the others are held against (default: the first)' },
  {
    name: 'truth',
    kind: 'flag',
    help: 'compare with the exact profile of what gperf recorded or ran as well (default: of what is run)',
  },
  {
    name: 'samples',
    kind: 'text',
    arg: 'n[,n...]',
    help: 'how many samples the printed reports were made of, in order',
  },
  { name: 'symfs', kind: 'text', arg: 'directory', help: 'look for files with symbols below this directory' },
  { name: 'verbose', short: 'v', kind: 'count', help: 'tell more, and how to reproduce the runs' },
  { name: 'quiet', short: 'q', kind: 'flag', help: 'print the verdicts only' },
  ...MACHINE_OPTIONS,
] as const satisfies readonly OptionSpec[];

export type CompareOptions = OptionValues<typeof OPTIONS>;

export const COMPARE: CommandTable<typeof OPTIONS> = {
  name: 'compare',
  usage: ['[<options>] <profile> <profile>...'],
  options: OPTIONS,
  stopAtNonOption: false,
  epilogue: ` A profile is a perf.data file of gperf or of real perf, what 'perf report --stdio' printed (in a file, also as quoted in
 a mail), folded stacks, or 'truth': the exact profile of the execution that the first of gperf's recordings observed;
 'truth:WORKLOAD ARGS' that of a workload.`,
};
