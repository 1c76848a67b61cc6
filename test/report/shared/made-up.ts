/**
 * Recordings made by hand for every kind of report, with the command lines to judge them by: perf's arguments and the
 * options they stand for.
 */
import type { HeaderOptions } from '../../../src/report/header/text.ts';
import type { EvlistOptions } from '../../../src/report/evlist/text.ts';
import type { ReportOptions } from '../../../src/report/report/options.ts';
import type { ScriptOptions } from '../../../src/report/script/text.ts';
import { address, nanos, type Address } from '../../../src/units.ts';
import type { Evsel } from '../../../src/perf-events/evsel.ts';
import {
  PERF_CONTEXT,
  PERF_COUNT_HW,
  PERF_COUNT_SW,
  PERF_RECORD,
  PERF_RECORD_MISC,
  PERF_TYPE,
  type SampleRecord,
} from '../../../src/uapi/perf-event.ts';
import { at, epilogue, event, ms, PID, prologue, S, samples, statEvent } from '../../perfdata/recordings.ts';
import { PERF_RECORD_USER, type PerfRecord } from '../../../src/perf-events/tool-record.ts';

export type Judged =
  | { readonly command: 'report'; readonly args: readonly string[]; readonly options: ReportOptions }
  | { readonly command: 'script'; readonly args: readonly string[]; readonly options: ScriptOptions }
  | { readonly command: 'evlist'; readonly args: readonly string[]; readonly options: EvlistOptions }
  | {
      readonly command: 'header';
      readonly args: readonly string[];
      readonly options: Omit<HeaderOptions, 'capturedOn'>;
    }
  | { readonly command: 'stats' | 'tasks' | 'mmaps'; readonly args: readonly string[]; readonly options: object };

export interface MadeUp {
  readonly evlist: readonly Evsel[];
  readonly records: readonly PerfRecord[];
  readonly stat?: boolean;
  /** Stored as perf record writes into a pipe. */
  readonly pipe?: boolean;
  readonly judged: readonly Judged[];
}

const words = (line: string): string[] => line.split(' ').filter(Boolean);
const report = (line: string, options: ReportOptions = {}): Judged => ({
  command: 'report',
  args: words(line),
  options,
});
const script = (line: string, options: ScriptOptions = {}): Judged => ({
  command: 'script',
  args: words(line),
  options,
});

const FLAT = S.IP | S.TID | S.TIME | S.PERIOD;
const kernel = (name: string): boolean =>
  name === 'native_write_msr' || name === 'do_syscall_64' || name === 'schedule';

let taken = 0;
/** A sample in a function, 250 us after the one before. */
function shot(name: string, more: Partial<SampleRecord> = {}): SampleRecord {
  return {
    type: PERF_RECORD.SAMPLE,
    misc: kernel(name) ? PERF_RECORD_MISC.KERNEL : PERF_RECORD_MISC.USER,
    pid: PID,
    tid: PID,
    cpu: 0,
    time: nanos(ms(1) + 250_000 * taken++),
    ip: at(name),
    period: 1000,
    ...more,
  };
}
const many = (n: number, name: string, more: Partial<SampleRecord> = {}): SampleRecord[] =>
  Array.from({ length: n }, () => shot(name, more));

const marked = (marker: number, some: readonly string[]): Address[] =>
  some.length ? [address(marker), ...some.map((name) => at(name, 8))] : [];
/** Frames by function, innermost first, with the markers the kernel puts between. */
function chain(names: readonly string[]): readonly Address[] {
  return [
    ...marked(PERF_CONTEXT.KERNEL, names.filter(kernel)),
    ...marked(
      PERF_CONTEXT.USER,
      names.filter((name) => !kernel(name)),
    ),
  ];
}

/** 32 samples: shares are multiples of 3.125 %, so halves are rounded; ties; unknown places. */
const flat: MadeUp = {
  evlist: [event('cycles', 0, FLAT)],
  records: [
    ...prologue(),
    ...many(20, 'qux'),
    ...many(4, 'native_write_msr'),
    ...many(2, 'foo'),
    ...['bar', 'main', 'random@plt'].map((name) => shot(name)),
    shot('main', { ip: address(at('main') + 0x800) }),
    shot('main', { ip: address(0x1234) }),
    shot('main', { tid: PID + 1 }),
    ...epilogue(),
  ],
  judged: [
    report(''),
    report('-n --show-total-period -q', { showNrSamples: true, showTotalPeriod: true, quiet: true }),
    report('-s comm', { sort: 'comm' }),
    report('-s dso,sym', { sort: 'dso,sym' }),
    report('-s sym,dso', { sort: 'sym,dso' }),
    report('-s pid,comm', { sort: 'pid,comm' }),
    report('-F overhead,sample,period,sym', { fields: 'overhead,sample,period,sym' }),
    report('-t , -n', { fieldSeparator: ',', showNrSamples: true }),
    report('-w 10,20,30', { columnWidths: [10, 20, 30] }),
    report('--percent-limit 5', { percentLimit: 5 }),
    report('-S qux', { symbols: ['qux'] }),
    report('--hierarchy', { hierarchy: true }),
    report('--hierarchy -q -n -s dso,sym --percent-limit 10', {
      hierarchy: true,
      quiet: true,
      showNrSamples: true,
      sort: 'dso,sym',
      percentLimit: 10,
    }),
    report('-d ftest -q', { dsos: ['ftest'], quiet: true }),
    report('-c ftest -q', { comms: ['ftest'], quiet: true }),
    report('-v', { verbose: true }),
    report('--showcpuutilization -q', { showCpuUtilization: true, quiet: true }),
    script(''),
    script('-F comm,ip,sym', { fields: 'comm,ip,sym' }),
    script('-F +pid,-period --ns', { fields: '+pid,-period', ns: true }),
    script('--reltime -F time,event,sym,ip', { reltime: true, fields: 'time,event,sym,ip' }),
    script('--deltatime --show-mmap-events --show-task-events', {
      deltatime: true,
      showMmapEvents: true,
      showTaskEvents: true,
    }),
    { command: 'evlist', args: [], options: {} },
    { command: 'evlist', args: ['-v'], options: { verbose: true } },
    { command: 'evlist', args: ['-F'], options: { freq: true } },
    { command: 'header', args: [], options: {} },
    { command: 'header', args: ['-I'], options: { full: true } },
    { command: 'stats', args: [], options: {} },
    { command: 'tasks', args: [], options: {} },
    { command: 'mmaps', args: [], options: {} },
  ],
};

/** Two samples that weigh as much as n. */
const chained = (n: number, names: readonly string[], more: Partial<SampleRecord> = {}): readonly SampleRecord[] =>
  [n - 1, 1].map((weight) => shot(names[0]!, { callchain: chain(names), period: 1000 * weight, ...more }));

/** Call chains from user and kernel, recursion, and branches too light to show. */
const chains: MadeUp = {
  evlist: [event('cycles', 0, FLAT | S.CALLCHAIN)],
  records: [
    ...prologue(),
    ...chained(90, ['qux', 'foo', 'main', '_start']),
    ...chained(60, ['qux', 'bar', 'main', '_start']),
    ...chained(20, ['bar', 'main', '_start']),
    ...chained(9, ['qux', 'foo', 'foo', 'foo', 'main', '_start']),
    ...chained(8, ['main', '_start']),
    ...chained(6, ['native_write_msr', 'do_syscall_64', 'qux', 'foo', 'main', '_start']),
    ...chained(5, ['schedule', 'do_syscall_64', 'bar', 'main', '_start']),
    ...chained(1, ['random@plt', 'main', '_start']),
    shot('qux', { ip: address(0x1234), callchain: [address(PERF_CONTEXT.USER), address(0x1234), at('main')] }),
    ...epilogue(),
  ],
  judged: [
    report(''),
    report('--no-children', { children: false }),
    report('-g none', { callGraph: 'none' }),
    report('-g folded --no-children', { callGraph: 'folded', children: false }),
    report('-g flat -q', { callGraph: 'flat', quiet: true }),
    report('-g fractal -q', { callGraph: 'fractal', quiet: true }),
    report('-g graph,5,callee -q', { callGraph: 'graph,5,callee', quiet: true }),
    report('-g caller,0,2,count --no-children -q', { callGraph: 'caller,0,2,count', children: false, quiet: true }),
    report('-G --no-children -s sym -q', { inverted: true, children: false, sort: 'sym', quiet: true }),
    report('-s sym --no-children -q', { sort: 'sym', children: false, quiet: true }),
    report('-F overhead,sym -q', { fields: 'overhead,sym', quiet: true }),
    report('-p main -s parent,sym -g none', { parent: 'main', sort: 'parent,sym', callGraph: 'none' }),
    report('--percent-limit 10 -q', { percentLimit: 10, quiet: true }),
    report('--hierarchy -q --percent-limit 20', { hierarchy: true, quiet: true, percentLimit: 20 }),
    report('--max-stack 2 -q', { maxStack: 2, quiet: true }),
    script(''),
    script('-G', { hideCallGraph: true }),
    script('-F ip,sym --max-stack 2', { fields: 'ip,sym', maxStack: 2 }),
  ],
};

const IDS = FLAT | S.IDENTIFIER | S.CPU;
const pair = (group: boolean): readonly Evsel[] => [
  event('cycles', 0, IDS),
  event('instructions', 1, IDS, {}, group ? { leader: 0 } : {}),
];
const both = (list: readonly SampleRecord[]): SampleRecord[] =>
  list.flatMap((sample, i) => [
    { ...sample, id: 100 },
    { ...sample, id: 101, period: 3 * Number(sample.period) + (i % 7), time: nanos(Number(sample.time) + 1000) },
  ]);
const twice: readonly PerfRecord[] = [
  ...prologue({ id: 100 }),
  ...both(samples(40)),
  shot('random@plt', { id: 101, period: 5, cpu: 1 }),
  { type: PERF_RECORD.LOST_SAMPLES, misc: 0, pid: PID, tid: PID, time: ms(50), id: 100, cpu: 0, lost: 3 },
  ...epilogue({ id: 100 }),
];

/** Two events: a block each. */
const events: MadeUp = {
  evlist: pair(false),
  records: twice,
  judged: [
    report(''),
    report('-s cpu,sym', { sort: 'cpu,sym' }),
    report('--group', { group: true }),
    script(''),
    { command: 'evlist', args: ['-g'], options: { group: true } },
    { command: 'stats', args: [], options: {} },
  ],
};

/** The same events as a group: one block with two columns. */
const grouped: MadeUp = {
  evlist: pair(true),
  records: twice,
  judged: [
    report(''),
    report('-n -t ;', { showNrSamples: true, fieldSeparator: ';' }),
    report('--hierarchy -s dso,sym', { hierarchy: true, sort: 'dso,sym' }),
    report('--no-group -q', { group: false, quiet: true }),
    { command: 'evlist', args: ['-g'], options: { group: true } },
    { command: 'header', args: [], options: {} },
  ],
};

const task = { pid: PID + 10, tid: PID + 10, cpu: 1 };
/** Several CPUs and tasks: forks, threads, switches, equal shares in different threads. */
const wide: MadeUp = {
  evlist: [event('cycles', 0, IDS | S.CALLCHAIN)],
  records: [
    ...prologue({ id: 100 }),
    { ...task, type: PERF_RECORD.FORK, misc: 0, ppid: PID, ptid: PID, time: nanos(1_000_000_700), id: 100 },
    {
      ...task,
      type: PERF_RECORD.FORK,
      misc: 0,
      tid: task.tid + 1,
      ppid: task.pid,
      ptid: task.tid,
      time: nanos(1_000_000_800),
      id: 100,
    },
    {
      ...task,
      type: PERF_RECORD.COMM,
      misc: 0,
      tid: task.tid + 1,
      time: nanos(1_000_000_900),
      comm: 'worker',
      id: 100,
    },
    ...chained(3, ['qux', 'foo', 'main'], { id: 100 }),
    ...chained(3, ['qux', 'bar', 'main'], { ...task, id: 100 }),
    ...chained(3, ['native_write_msr', 'do_syscall_64', 'qux', 'main'], { ...task, tid: task.tid + 1, id: 100 }),
    {
      type: PERF_RECORD.SWITCH_CPU_WIDE,
      misc: PERF_RECORD_MISC.SWITCH_OUT | PERF_RECORD_MISC.SWITCH_OUT_PREEMPT,
      ...task,
      time: ms(100),
      id: 100,
      next_prev_pid: PID,
      next_prev_tid: PID,
    },
    ...epilogue({ id: 100 }),
  ],
  judged: [
    report(''),
    report('-s cpu,comm --no-children', { sort: 'cpu,comm', children: false }),
    report('-s pid -g none -q', { sort: 'pid', callGraph: 'none', quiet: true }),
    report(`-s pid -g none --pid ${task.pid}`, { sort: 'pid', callGraph: 'none', pids: [task.pid] }),
    report(`-s pid -g none --tid ${PID},${task.tid}`, { sort: 'pid', callGraph: 'none', tids: [PID, task.tid] }),
    report('-s comm -g none -C 1', { sort: 'comm', callGraph: 'none', cpus: '1' }),
    report('-s comm -g none --time 1.014,', { sort: 'comm', callGraph: 'none', times: '1.014,' }),
    script('-C 0 -G --show-task-events', { cpus: '0', hideCallGraph: true, showTaskEvents: true }),
    script('-G --time ,1.0138', { times: ',1.0138', hideCallGraph: true }),
    script(''),
    script('-F comm,pid,tid,cpu,time,ip,sym,dso -G --show-task-events --show-switch-events', {
      fields: 'comm,pid,tid,cpu,time,ip,sym,dso',
      hideCallGraph: true,
      showTaskEvents: true,
      showSwitchEvents: true,
    }),
    { command: 'tasks', args: [], options: {} },
    { command: 'mmaps', args: [], options: {} },
  ],
};

const count = (id: number, val: number, time: number): PerfRecord => ({
  type: PERF_RECORD_USER.STAT,
  id,
  cpu: -1,
  thread: 0,
  val,
  ena: time,
  run: time,
});
/** perf stat record: counts instead of samples. */
const stat: MadeUp = {
  stat: true,
  evlist: [
    statEvent('task-clock', 0, PERF_TYPE.SOFTWARE, PERF_COUNT_SW.TASK_CLOCK),
    statEvent('cycles', 1, PERF_TYPE.HARDWARE, PERF_COUNT_HW.CPU_CYCLES),
  ],
  records: [
    { type: PERF_RECORD_USER.THREAD_MAP, threads: [{ pid: PID, comm: 'ftest' }] },
    { type: PERF_RECORD_USER.CPU_MAP, cpus: [-1] },
    { type: PERF_RECORD_USER.STAT_CONFIG, aggr_mode: 1, interval: 0, scale: 1 },
    count(1, 1_000_000, 1_000_000),
    count(2, 2_800_000, 1_000_000),
    { type: PERF_RECORD_USER.STAT_ROUND, round: 1, time: nanos(1_200_000) },
  ],
  judged: [script(''), { command: 'evlist', args: ['-v'], options: { verbose: true } }],
};

/** The two events as they come out of a pipe. */
const pipe: MadeUp = {
  pipe: true,
  evlist: [event('cycles', 0, IDS | S.ID), event('instructions', 1, IDS | S.ID)],
  records: twice,
  judged: [
    report('-s sym', { sort: 'sym' }),
    script('-F event,ip,sym', { fields: 'event,ip,sym' }),
    { command: 'evlist', args: ['-v'], options: { verbose: true } },
    { command: 'header', args: [], options: {} },
  ],
};

export const MADE_UP: Readonly<Record<string, MadeUp>> = { flat, chains, events, grouped, wide, stat, pipe };
