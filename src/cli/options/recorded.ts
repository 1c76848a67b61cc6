/** Options that several commands have in common which read recordings: what is read, and what of it is shown. */
import type { OptionSpec } from './option.ts';

export const INPUT = {
  name: 'input',
  short: 'i',
  kind: 'text',
  arg: 'file',
  help: 'input file (default: perf.data; - is standard input)',
} as const satisfies OptionSpec;
export const FORCE = {
  name: 'force',
  short: 'f',
  kind: 'flag',
  help: 'also read files that belong to others',
} as const satisfies OptionSpec;
export const SYMFS = {
  name: 'symfs',
  kind: 'text',
  arg: 'directory',
  help: 'look for files with symbols below this directory',
} as const satisfies OptionSpec;

export const HEADER_OPTIONS = [
  { name: 'header', kind: 'flag', help: 'print the header of the file first' },
  { name: 'header-only', kind: 'flag', help: 'print only the header of the file' },
] as const satisfies readonly OptionSpec[];
export const SHOW_INFO = {
  name: 'show-info',
  short: 'I',
  kind: 'flag',
  help: 'print topology, caches and memory with the header',
} as const satisfies OptionSpec;

export const TASK_FILTERS = [
  { name: 'pid', kind: 'text', arg: 'pid[,pid...]', help: 'show only samples of these processes' },
  { name: 'tid', kind: 'text', arg: 'tid[,tid...]', help: 'show only samples of these threads' },
] as const satisfies readonly OptionSpec[];
export const CPU_AND_TIME = [
  { name: 'cpu', short: 'C', kind: 'text', arg: 'cpu[-cpu][,...]', help: 'show only samples of these CPUs' },
  { name: 'time', kind: 'text', arg: 'start,stop', help: 'show only samples of this time, in seconds' },
] as const satisfies readonly OptionSpec[];

export const MAX_STACK = {
  name: 'max-stack',
  kind: 'integer',
  arg: 'n',
  help: 'follow call chains no deeper than n',
} as const satisfies OptionSpec;
export const DEMANGLE = {
  name: 'demangle',
  kind: 'flag',
  help: 'show names of C++ and Rust as in their source (default)',
} as const satisfies OptionSpec;
export const INLINE = {
  name: 'inline',
  kind: 'flag',
  help: 'show functions that were inlined (default; not modelled: --no-inline)',
} as const satisfies OptionSpec;
export const FULL_SOURCE_PATH = {
  name: 'full-source-path',
  kind: 'flag',
  help: 'for source lines: no effect without them',
} as const satisfies OptionSpec;
