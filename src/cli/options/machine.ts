/** Options of every simulating command: the machine, where the workload runs on it, and the seed. */
import type { OptionSpec } from './option.ts';

export const MACHINE_OPTIONS = [
  {
    name: 'vpmu',
    kind: 'text',
    arg: 'design',
    help: "where the workload runs: host, or a guest's PMU design, by name or ./file.mjs (default: v2, on newer hosts reuse-lazy; see 'gperf list vpmu')",
    env: 'GPERF_VPMU',
    own: true,
  },
  {
    name: 'machine',
    kind: 'text',
    arg: 'name or file',
    help: "machine preset or spec file (default: broadwell-ep; see 'gperf list machine')",
    env: 'GPERF_MACHINE',
    own: true,
  },
  {
    name: 'set',
    kind: 'list',
    arg: 'key=value',
    help: "one value of the machine's spec; may repeat (see 'gperf list spec')",
    env: 'GPERF_SET',
    own: true,
  },
  { name: 'seed', kind: 'text', arg: 'text', help: 'root of all random streams', env: 'GPERF_SEED', own: true },
  {
    name: 'vcpus',
    kind: 'unsigned',
    arg: 'n',
    help: 'CPUs of the guest, or with --vpmu host of the machine, on which the workload runs',
    env: 'GPERF_VCPUS',
    own: true,
  },
] as const satisfies readonly OptionSpec[];

/** For commands that share their runs among threads. */
export const WORKERS_OPTION = {
  name: 'workers',
  kind: 'text',
  arg: 'n or auto',
  help: 'threads that simulate; the result is the same with any number',
  own: true,
} as const satisfies OptionSpec;

/** Of commands that can watch what runs already. */
export const STARTED_OPTION = {
  name: 'started',
  kind: 'unsigned',
  arg: 'ms',
  help: 'with -p, -t or -a: the workload was started so long before perf (with -p and -t by default 10)',
  own: true,
} as const satisfies OptionSpec;

/** For commands that simulate one machine at a time. */
export const THREADS_OPTION = {
  ...WORKERS_OPTION,
  help: 'threads on which the CPUs are simulated (default: 1; auto: as many as pay); the result is the same with any number',
} as const satisfies OptionSpec;

/** The environment variables behind the machine options. */
export const MACHINE_VARIABLES = MACHINE_OPTIONS.map(({ env }) => env);

/** Whether to colour what is printed. */
export const COLOR_OPTION = {
  name: 'color',
  kind: 'text',
  arg: 'when',
  choices: ['auto', 'always', 'never'],
  help: 'colours: auto, always or never',
  own: true,
} as const satisfies OptionSpec;

/** A printed table, written to files as well. */
const TABLE_EXPORTS = [
  { name: 'export-json', kind: 'text', arg: 'file', help: 'write the table as JSON as well', own: true },
  { name: 'export-markdown', kind: 'text', arg: 'file', help: 'write the table as Markdown as well', own: true },
  { name: 'export-csv', kind: 'text', arg: 'file', help: 'write the table as CSV as well', own: true },
] as const satisfies readonly OptionSpec[];

/** The same, plus a web page. */
export const EXPORT_OPTIONS = [
  ...TABLE_EXPORTS,
  { name: 'export-html', kind: 'text', arg: 'file', help: 'write the table as a web page as well', own: true },
] as const satisfies readonly OptionSpec[];
