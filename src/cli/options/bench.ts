/** gperf bench's options. perf's command of that name is unrelated. */
import { EXPORT_OPTIONS, MACHINE_OPTIONS, WORKERS_OPTION } from './machine.ts';
import type { CommandTable, OptionSpec } from './option.ts';

const OPTIONS = [
  {
    name: 'event',
    short: 'e',
    kind: 'list',
    arg: 'event',
    help: "events to count or, with -F or -c, to sample on; 'gperf list' shows what there is",
  },
  {
    name: 'freq',
    short: 'F',
    kind: 'text',
    arg: "freq or 'max'",
    help: 'sample this many times a second instead of counting',
  },
  { name: 'count', short: 'c', kind: 'unsigned', arg: 'n', help: 'sample every n events instead of counting' },
  {
    name: 'all-cpus',
    short: 'a',
    kind: 'flag',
    help: 'watch everything that runs on the machine, not only the workload',
  },
  { name: 'all-user', kind: 'flag', help: 'count or sample in user space only' },
  { name: 'all-kernel', kind: 'flag', help: 'count or sample in the kernel only' },
  {
    name: 'verbose',
    short: 'v',
    kind: 'count',
    help: 'tell the surcharges, what each CPU did, and how to reproduce the bench',
  },
  {
    name: 'seeds',
    kind: 'unsigned',
    arg: 'n',
    help: 'run n times, each with other random draws, and show medians (default: 1)',
    own: true,
  },
  ...EXPORT_OPTIONS,
  {
    ...MACHINE_OPTIONS[0],
    arg: 'design,...',
    help: "where the workload runs, one design after the other (default: legacy,v2; see 'gperf list vpmu')",
  },
  ...MACHINE_OPTIONS.slice(1),
  WORKERS_OPTION,
] as const satisfies readonly OptionSpec[];

export const BENCH: CommandTable<typeof OPTIONS> = {
  name: 'bench',
  usage: ['[<options>] --vpmu <design>[,<design>...] <workload> [<args>]'],
  options: OPTIONS,
  stopAtNonOption: true,
  epilogue: ` This is not 'perf bench', which times the system it runs on. gperf bench measures, on the simulated machine, what
 each operation of the guest kernel's PMU driver costs under the designs of --vpmu (default: legacy,v2), what perf
 costs the workload, and where the time went: perf stat's counting of -e, or perf record's sampling with -F or -c.`,
};
