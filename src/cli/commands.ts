/**
 * The commands there are. A command's option table is loaded for help about it; builtins.ts runs the command.
 */
import type { CommandTable } from './options/option.ts';
import type { Terminal } from './term.ts';

/** What main settles before a command runs. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** --buildid-dir. */
  readonly buildIdDir?: string;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly table?: () => Promise<CommandTable>;
  /** It only reads files: no engine runs. */
  readonly readsOnly?: true;
}

export const COMMANDS: readonly Command[] = [
  {
    name: 'bench',
    summary: "Measure what a guest's PMU operations cost under several vPMU designs",
    table: async () => (await import('./options/bench.ts')).BENCH,
  },
  {
    name: 'check',
    summary: 'Hold a vPMU design to the contract of a PMU',
    table: async () => (await import('./options/check.ts')).CHECK,
  },
  {
    name: 'compare',
    summary: 'Tell how far apart profiles are, and whether it is more than noise',
    table: async () => (await import('./options/compare.ts')).COMPARE,
  },
  {
    name: 'diff',
    summary: 'Display what became of the profile of one recording in others',
    table: async () => (await import('./options/diff.ts')).DIFF,
    readsOnly: true,
  },
  {
    name: 'evlist',
    summary: 'List the events of a recording',
    table: async () => (await import('./options/evlist.ts')).EVLIST,
    readsOnly: true,
  },
  {
    name: 'explain',
    summary: 'Show the life of a PMI, a rotation or a context switch, or what throttles samples',
    table: async () => (await import('./options/explain.ts')).EXPLAIN,
  },
  {
    name: 'list',
    summary: 'List events, machines, vPMU designs, workloads and spec keys',
    table: async () => (await import('./options/list.ts')).LIST,
  },
  {
    name: 'record',
    summary: 'Run a workload and record its profile into perf.data',
    table: async () => (await import('./options/record.ts')).RECORD,
  },
  {
    name: 'report',
    summary: 'Display the profile in a perf.data file',
    table: async () => (await import('./options/report.ts')).REPORT,
    readsOnly: true,
  },
  {
    name: 'reproduce',
    summary: 'Run the tables of a published letter again, figure by figure',
    table: async () => (await import('./options/reproduce.ts')).REPRODUCE,
  },
  {
    name: 'script',
    summary: 'Display every sample of a perf.data file',
    table: async () => (await import('./options/script.ts')).SCRIPT,
    readsOnly: true,
  },
  {
    name: 'stat',
    summary: 'Run a workload and count its events',
    table: async () => (await import('./options/stat.ts')).STAT,
  },
  {
    name: 'truth',
    summary: 'Display the exact profile and counts of a workload',
    table: async () => (await import('./options/truth.ts')).TRUTH,
  },
  { name: 'completion', summary: 'Print a script that completes command lines in bash or zsh' },
  { name: 'help', summary: 'Explain a command' },
  { name: 'version', summary: 'Print the version of gperf' },
];

/** perf's commands that have no counterpart in a simulated machine. */
export const UNMODELLED_COMMANDS: readonly string[] = (
  'annotate archive buildid-cache buildid-list c2c config daemon data ftrace inject iostat kallsyms kmem kvm ' +
  'kwork lock mem probe sched test timechart top trace'
).split(' ');
