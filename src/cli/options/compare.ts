/** gperf compare's options: a command perf cannot have. */
import { EXPORT_OPTIONS, MACHINE_OPTIONS, WORKERS_OPTION } from './machine.ts';
import type { CommandTable, OptionSpec, OptionValues } from './option.ts';
import { SYMFS } from './recorded.ts';

// The designs to compare come from the command line alone: the environment's design is for commands that run one.
const { env: _, help: __, arg: ___, ...vpmu } = MACHINE_OPTIONS[0];

const OPTIONS = [
  {
    name: 'event',
    short: 'e',
    kind: 'list',
    arg: 'event',
    help: 'compare this event (default: every event they have in common; live: cycles)',
  },
  {
    name: 'by',
    kind: 'text',
    arg: 'what',
    choices: ['symbol', 'dso', 'callchain', 'instruction', 'process', 'thread'],
    help: 'rows: symbol (default), dso, callchain, instruction, process or thread',
  },
  {
    name: 'merge',
    kind: 'list',
    arg: 'what',
    help: "count rows as one: dso, plt (stubs and what they call), or a pattern ('random*', 'libc*:mem*'); may repeat",
  },
  { name: 'reference', kind: 'text', arg: 'name', help: 'which one the others are compared with (default: the first)' },
  {
    name: 'truth',
    kind: 'flag',
    help: 'compare also with the exact profile of what gperf recorded (live: always, unless --no-truth)',
  },
  {
    name: 'samples',
    kind: 'text',
    arg: 'n[,n...]',
    help: 'how many samples each printed report or file of folded stacks was made of, in order (recordings know)',
  },
  { name: 'freq', short: 'F', kind: 'text', arg: "freq or 'max'", help: 'live: samples a second (default: 4000)' },
  { name: 'count', short: 'c', kind: 'unsigned', arg: 'n', help: 'live: sample every n events' },
  {
    name: 'all-user',
    kind: 'flag',
    help: 'live: sample in user space only (default, as truth knows nothing of the kernel; --no-all-user)',
  },
  { name: 'g', short: 'g', kind: 'flag', help: 'live: record call chains, for the flame graphs of --export-html' },
  {
    name: 'seeds',
    kind: 'unsigned',
    arg: 'n',
    help: 'live: run n times, each with other random draws, and tell bias from noise',
  },
  {
    name: 'fail-if',
    kind: 'text',
    arg: 'condition',
    help: "exit with 99 if it holds: 'tvd > 2%', 'p(v2) < 0.01 and ratio > 2' (below)",
  },
  SYMFS,
  { name: 'verbose', short: 'v', kind: 'count', help: 'tell more, and how to reproduce the runs' },
  { name: 'quiet', short: 'q', kind: 'flag', help: 'print the verdicts only' },
  ...EXPORT_OPTIONS,
  { ...vpmu, arg: 'design,...', help: 'run the workload under these designs and compare what perf record makes of it' },
  ...MACHINE_OPTIONS.slice(1),
  WORKERS_OPTION,
] as const satisfies readonly OptionSpec[];

export type CompareOptions = OptionValues<typeof OPTIONS>;

export const COMPARE: CommandTable<typeof OPTIONS> = {
  name: 'compare',
  usage: ['[<options>] <profile> <profile>...', '[<options>] --vpmu <design>,<design>... <workload> [<args>]'],
  options: OPTIONS,
  stopAtNonOption: false,
  epilogue: ` A profile is a perf.data file of gperf or of real perf, what 'perf report --stdio' printed (in a file, also as quoted in
 a mail), folded stacks, or 'truth': the exact profile of the execution that the first of gperf's recordings observed;
 'truth:WORKLOAD ARGS' that of a workload.

 Conditions: tvd, floor, p95, overlap, detects, max_error, bias, noise (shares: '2%' or '2pp'), ratio, jsd, chi2, p, v, top5,
 of a profile against the reference: tvd(v2), of a pair: tvd(v2, truth), or of any: tvd; samples, effective, lost, throttled,
 duty of a profile; and 'different', 'material' (the verdict); with <, <=, >, >=, 'and', 'or' and parentheses.`,
};
