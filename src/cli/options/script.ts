/** perf script's options. */
import { type CommandTable, type OptionSpec, refuse } from './option.ts';

const OPTIONS = [
  {
    name: 'input',
    short: 'i',
    kind: 'text',
    arg: 'file',
    help: 'input file (default: perf.data; - is standard input)',
  },
  { name: 'header', kind: 'flag', help: 'print the header of the file first' },
  { name: 'header-only', kind: 'flag', help: 'print only the header of the file' },
  { name: 'hide-call-graph', short: 'G', kind: 'flag', help: 'print no call chains' },
  { name: 'symfs', kind: 'text', arg: 'directory', help: 'look for files with symbols below this directory' },
  {
    name: 'fields',
    short: 'F',
    kind: 'text',
    arg: 'str',
    help:
      "fields, for all events or 'type:' (hw, sw, raw): comm,tid,pid,time,cpu,event,ip,sym,dso,addr,symoff,period,flags," +
      'weight,misc,phys_addr; +field adds, -field removes',
  },
  { name: 'dsos', kind: 'text', arg: 'dso[,dso...]', help: 'print only samples in these files' },
  { name: 'symbols', short: 'S', kind: 'text', arg: 'symbol[,symbol...]', help: 'print only samples in these symbols' },
  { name: 'comms', short: 'c', kind: 'text', arg: 'comm[,comm...]', help: 'print only samples of these commands' },
  { name: 'pid', kind: 'text', arg: 'pid[,pid...]', help: 'print only samples of these processes' },
  { name: 'tid', kind: 'text', arg: 'tid[,tid...]', help: 'print only samples of these threads' },
  { name: 'cpu', short: 'C', kind: 'text', arg: 'cpu[-cpu][,...]', help: 'show only samples of these CPUs' },
  { name: 'time', kind: 'text', arg: 'start,stop', help: 'show only samples of this time, in seconds' },
  { name: 'max-stack', kind: 'integer', arg: 'n', help: 'follow call chains no deeper than n' },
  { name: 'reltime', kind: 'flag', help: 'print times since the first line' },
  { name: 'deltatime', kind: 'flag', help: 'print times since the line before' },
  { name: 'show-info', short: 'I', kind: 'flag', help: 'print topology, caches and memory with the header' },
  { name: 'show-task-events', kind: 'flag', help: 'print forks, exits and names of tasks' },
  { name: 'show-mmap-events', kind: 'flag', help: 'print what tasks mapped' },
  { name: 'show-switch-events', kind: 'flag', help: 'print context switches, if recorded' },
  { name: 'show-lost-events', kind: 'flag', help: 'print where records were lost' },
  { name: 'force', short: 'f', kind: 'flag', help: 'also read files that belong to others' },
  { name: 'inline', kind: 'flag', help: 'show functions that were inlined (default; not modelled: --no-inline)' },
  { name: 'demangle', kind: 'flag', help: 'show names of C++ and Rust as in their source (default)' },
  { name: 'ns', kind: 'flag', help: 'print times with nine digits' },
  { name: 'full-source-path', kind: 'flag', help: 'for source lines: no effect without them' },
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
