/** perf stat's options. */
import { COLOR_OPTION, MACHINE_OPTIONS, STARTED_OPTION, THREADS_OPTION } from './machine.ts';
import { type CommandTable, type OptionSpec, refuse } from './option.ts';

/** How counts of CPUs are put together. */
const NO_AGGR = {
  name: 'no-aggr',
  short: 'A',
  kind: 'flag',
  help: 'print the counts of each CPU (with -a or -C)',
} as const;
const PER = [
  { name: 'per-socket', kind: 'flag', help: 'print the counts of each socket (with -a or -C)' },
  { name: 'per-die', kind: 'flag', help: 'print the counts of each die (with -a or -C)' },
  { name: 'per-core', kind: 'flag', help: 'print the counts of each core (with -a or -C)' },
  { name: 'per-node', kind: 'flag', help: 'print the counts of each NUMA node (with -a or -C)' },
] as const;

const OPTIONS = [
  { name: 'event', short: 'e', kind: 'list', arg: 'event', help: "events to count; 'gperf list' shows what there is" },
  { name: 'no-inherit', short: 'i', kind: 'flag', help: "leave out the workload's other threads and its children" },
  {
    name: 'pid',
    short: 'p',
    kind: 'text',
    arg: 'pid',
    help: 'count these processes, which run already; of the workload, started before, it is 1001',
  },
  { name: 'tid', short: 't', kind: 'text', arg: 'tid', help: 'count these threads, which run already' },
  {
    name: 'all-cpus',
    short: 'a',
    kind: 'flag',
    help: 'count everything that runs on the machine while the workload does',
  },
  { name: 'group', short: 'g', kind: 'flag', help: 'put all events into one group' },
  { name: 'scale', kind: 'flag', help: 'extrapolate counts of multiplexed events; --no-scale prints them raw' },
  { name: 'verbose', short: 'v', kind: 'count', help: 'tell more: raw counts, and how to reproduce the run' },
  {
    name: 'repeat',
    short: 'r',
    kind: 'integer',
    arg: 'n',
    help: 'run n times and print means with their spread (at most 100)',
  },
  { name: 'truth', kind: 'flag', help: 'print beside each count what the workload really retired (text only)' },
  { name: 'table', kind: 'flag', help: "show each repetition's time (with -r)" },
  { name: 'null', short: 'n', kind: 'flag', help: 'count nothing, only measure the time' },
  { name: 'detailed', short: 'd', kind: 'count', help: 'add cache events; -dd and -ddd add more' },
  { name: 'cpu', short: 'C', kind: 'text', arg: 'cpu', help: 'count on these CPUs only, a list like 0,2-3' },
  NO_AGGR,
  { name: 'big-num', short: 'B', kind: 'flag', help: 'separate thousands' },
  {
    name: 'field-separator',
    short: 'x',
    kind: 'text',
    arg: 'separator',
    help: 'print for programs, with this separator between fields',
  },
  {
    name: 'json-output',
    short: 'j',
    kind: 'flag',
    help: 'print a JSON object for each event',
    conflicts: ['field-separator'],
  },
  { name: 'output', short: 'o', kind: 'text', arg: 'file', help: 'write the counts to a file', conflicts: ['log-fd'] },
  { name: 'append', kind: 'flag', help: 'add to the file of -o' },
  { name: 'log-fd', kind: 'integer', arg: 'n', help: 'write the counts to this file descriptor' },
  { name: 'interval-print', short: 'I', kind: 'unsigned', arg: 'n', help: 'print what was counted every n ms' },
  { name: 'interval-count', kind: 'integer', arg: 'n', help: 'stop printing after n intervals (with -I)' },
  { name: 'timeout', kind: 'unsigned', arg: 'n', help: 'end the workload after n ms (at least 10)' },
  PER[0],
  PER[1],
  PER[2],
  { name: 'per-thread', kind: 'flag', help: 'print the counts of each thread (with -p, -t or -a)' },
  PER[3],
  { name: 'metric-only', kind: 'flag', help: 'print metrics without the counts behind them' },
  { name: 'all-kernel', kind: 'flag', help: 'count in the kernel only' },
  { name: 'all-user', kind: 'flag', help: 'count in user space only' },
  { name: 'summary', kind: 'flag', help: 'print totals after the intervals (with -I)' },
  { name: 'no-csv-summary', kind: 'flag', help: "leave out the word 'summary' (with -x and --summary)" },
  { name: 'quiet', kind: 'flag', help: 'print nothing' },
  COLOR_OPTION,
  STARTED_OPTION,
  THREADS_OPTION,
  ...MACHINE_OPTIONS,
] as const satisfies readonly OptionSpec[];

export const STAT: CommandTable<typeof OPTIONS> = {
  name: 'stat',
  usage: [
    '[<options>] <workload> [<args>]',
    'record [-o <file>] [<options>] <workload> [<args>]',
    'report [-i <file>]',
  ],
  options: OPTIONS,
  refused: [
    ...refuse('hardware transactions', 'T:transaction'),
    ...refuse('event filters', 'filter'),
    ...refuse('events of a whole core', 'percore-show-thread'),
    ...refuse('file systems', 'S:sync'),
    ...refuse('events that are merged', 'no-merge', 'hybrid-merge'),
    ...refuse('cgroups', 'G:cgroup', 'for-each-cgroup'),
    ...refuse('commands around the measured one', 'pre', 'post'),
    ...refuse('a screen to clear', 'interval-clear'),
    ...refuse('a delayed start', 'D:delay'),
    ...refuse('metric groups', 'M:metrics', 'metric-no-group', 'metric-no-merge'),
    ...refuse('top-down analysis', 'topdown', 'td-level'),
    ...refuse('system management interrupts', 'smi-cost'),
    ...refuse('hybrid processors', 'cputype'),
    ...refuse('control descriptors', 'control'),
    ...refuse('uncore PMUs', 'iostat'),
  ],
  stopAtNonOption: true,
};

const REPORT_OPTIONS = [
  { name: 'input', short: 'i', kind: 'text', arg: 'file', help: 'file of gperf stat record (default: perf.data)' },
  ...PER,
  NO_AGGR,
] as const satisfies readonly OptionSpec[];

/** Options after the word "report"; those of stat come before it. */
export const STAT_REPORT: CommandTable<typeof REPORT_OPTIONS> = {
  name: 'stat report',
  usage: ['[<options>]'],
  options: REPORT_OPTIONS,
  stopAtNonOption: false,
};
