/** perf script's options. */
import { type CommandTable, type OptionSpec, refuse } from './option.ts';
import {
  CPU_AND_TIME,
  DEMANGLE,
  FORCE,
  FULL_SOURCE_PATH,
  HEADER_OPTIONS,
  INLINE,
  INPUT,
  MAX_STACK,
  SHOW_INFO,
  SYMFS,
  TASK_FILTERS,
} from './recorded.ts';

const OPTIONS = [
  INPUT,
  ...HEADER_OPTIONS,
  { name: 'hide-call-graph', short: 'G', kind: 'flag', help: 'print no call chains' },
  SYMFS,
  {
    name: 'fields',
    short: 'F',
    kind: 'text',
    arg: 'str',
    help:
      "fields, for all events or 'type:' (hw, sw, raw): comm,tid,pid,time,cpu,event,ip,sym,dso,addr,symoff,period,flags," +
      'weight,misc,phys_addr; +field adds, -field removes',
  },
  { name: 'dsos', kind: 'text', arg: 'dso[,dso...]', help: 'show only samples in these files' },
  { name: 'symbols', short: 'S', kind: 'text', arg: 'symbol[,symbol...]', help: 'show only samples in these symbols' },
  { name: 'comms', short: 'c', kind: 'text', arg: 'comm[,comm...]', help: 'show only samples of these commands' },
  ...TASK_FILTERS,
  ...CPU_AND_TIME,
  MAX_STACK,
  { name: 'reltime', kind: 'flag', help: 'print times since the first line' },
  { name: 'deltatime', kind: 'flag', help: 'print times since the line before' },
  SHOW_INFO,
  { name: 'show-task-events', kind: 'flag', help: 'print forks, exits and names of tasks' },
  { name: 'show-mmap-events', kind: 'flag', help: 'print what tasks mapped' },
  { name: 'show-switch-events', kind: 'flag', help: 'print context switches, if recorded' },
  { name: 'show-lost-events', kind: 'flag', help: 'print where records were lost' },
  FORCE,
  INLINE,
  DEMANGLE,
  { name: 'ns', kind: 'flag', help: 'print times with nine digits' },
  FULL_SOURCE_PATH,
] as const satisfies readonly OptionSpec[];

export const SCRIPT: CommandTable<typeof OPTIONS> = {
  name: 'script',
  usage: ['[<options>]'],
  options: OPTIONS,
  refused: [
    ...refuse('messages on the look-up of symbols', 'v:verbose'),
    ...refuse('raw dumps', 'D:dump-raw-trace', 'dump-unsorted-raw-trace', 'd:debug-mode', 'per-event-dump'),
    ...refuse('tracepoints', 'L:Latency'),
    ...refuse('scripts', 'l:list', 's:script', 'g:gen-script', 'list-dlfilters', 'dlfilter', 'dlarg'),
    ...refuse('kernel images', 'k:vmlinux', 'kallsyms', 'show-kernel-path'),
    ...refuse('mangled names of kernels', 'demangle-kernel'),
    ...refuse('recordings of a whole system', 'a:all-cpus'),
    ...refuse('instruction tracing', 'itrace', 'insn-trace', 'xed', 'call-trace', 'call-ret-trace', 'graph-function'),
    ...refuse('branch records', 'max-blocks', 'stitch-lbr'),
    ...refuse('this filter', 'addr-range', 'stop-bt'),
    ...refuse(
      'such records',
      'show-namespace-events',
      'show-cgroup-events',
      'show-round-events',
      'show-bpf-events',
      'show-text-poke-events',
    ),
    ...refuse('guests within a recording', 'guestmount', 'guestvmlinux', 'guestkallsyms', 'guestmodules', 'guest-code'),
    ...refuse('events that switch the output on and off', 'switch-on', 'switch-off', 'show-on-off-events'),
  ],
  stopAtNonOption: true,
};
