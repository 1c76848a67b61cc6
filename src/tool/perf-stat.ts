/**
 * perf stat: opens counters on a child, starts it, waits for its end and reads them. Or on tasks that run already.
 *
 * Source: tools/perf/builtin-stat.c (__run_perf_stat, stat_handle_error), 6.1.
 * Not modelled: the attr fields that perf no longer sets after -EINVAL, taking them to be unknown
 * to the kernel.
 */
import type { Executable } from '../arch/dso.ts';
import { EACCES, EINVAL, ENOENT, ENXIO, EOPNOTSUPP } from '../kernel/errno.ts';
import type { PerfCountsValues, PerfEvent } from '../kernel/perf-event.ts';
import type { Steps } from '../kernel/remote.ts';
import { isZombie, thread_group_cputime, type Task } from '../kernel/task.ts';
import { userOnly } from '../perf-events/event-modifiers.ts';
import { breakWeakGroup, statUngrouped } from '../perf-events/evsel-config.ts';
import type { Evsel } from '../perf-events/evsel.ts';
import type { StatCount, StatRead, StatRun } from '../results/stat.ts';
import { cycles, nanos, type Nanos } from '../units.ts';
import { OpenError } from './perf-record.ts';
import { targetsOf, workloadFor, type Targeted, type Targets } from './targets.ts';
import type { ForkedWorkload, ToolProgram, ToolTask } from './tool-task.ts';

export interface StatJob extends Targets {
  readonly evlist: readonly Evsel[];
  readonly executable: Executable;
  /** --timeout: ns after which the workload is killed, or if perf has not started it, the counting ends. */
  readonly timeout?: number;
  /** -I: ns between intermediate readings, and the callback that gets them (cumulative counts). */
  readonly interval?: { readonly ns: number; readonly report: (time: Nanos, read: StatRead) => void };
}

const SIGTERM = 15;
const NOT_SUPPORTED: StatCount = { val: 0, ena: 0, run: 0, supported: false };
const UNREAD: StatCount = { val: 0, ena: 0, run: 0, supported: true, unread: true };

/** The counts, and the events as opened: a name gains ":u" if a paranoid kernel refuses ring 0. */
export interface StatOutcome {
  readonly run: StatRun;
  readonly evlist: readonly Evsel[];
  /** pid of the workload. */
  readonly pid: number;
}

/** The tool's program; `done` is called with the outcome. */
export function* perfStat(tool: ToolTask, job: StatJob, done: (outcome: StatOutcome) => void): ToolProgram {
  const { sys, perf, kernel } = tool;
  const running = job.started === undefined ? undefined : yield* workloadFor(tool, job.executable, job);
  yield* tool.user('cmd_stat', 400_000);
  const workload = running ?? (yield* workloadFor(tool, job.executable, job));
  const { child } = workload;
  const targets = yield* statTargets(tool, job, child);
  const enables = job.systemWide === true || job.attach !== undefined;
  const { evlist, events } = yield* openAll(tool, job, targets);
  const read = (): Steps<StatRead> => readAll(tool, evlist, events, targets, job.perThread === true);
  const leaders = events.flatMap((all, i) => (evlist[i]!.leader === i ? (all ?? []) : []));
  if (enables) for (const event of leaders) yield* perf.enable(event);
  const start = kernel.cpu.nanos();
  if (running === undefined) workload.go();
  const timeout = { over: false };
  if (job.timeout !== undefined)
    kernel.hrtimer(cycles(kernel.cpu.now() + kernel.cyclesOf(job.timeout)), 'timer', () => {
      timeout.over = running !== undefined;
      if (timeout.over) kernel.wake(tool.task, 'timeout');
      else kernel.kill(child, SIGTERM);
    });
  if (job.interval !== undefined) yield* intervals(tool, child, job.interval, start, read);
  let status: number | undefined;
  while ((status = sys.wait4(child)) === undefined && !timeout.over) yield;
  const end = kernel.cpu.nanos();
  yield* tool.user('read_counters', 3_000);
  if (enables) for (const event of leaders) yield* perf.disable(event);
  const last = yield* read();
  for (const event of events.flatMap((all) => all ?? [])) yield* perf.close(event);
  yield* tool.user('evlist__print_counters', 40_000);
  const { user, sys: system } = cputime(tool, child);
  const code = running === undefined ? status! : 0;
  done({ evlist, pid: child.pid, run: { ...last, elapsed: nanos(end - start), user, sys: system, status: code } });
  return code;
}

/** Without CPUs that are watched, one event follows each thread. */
function* statTargets(tool: ToolTask, job: StatJob, child: Task): Steps<Targeted> {
  const { tasks, cpus } = yield* targetsOf(tool, job, child);
  return { tasks, cpus: tasks[0] === undefined ? cpus : [-1] };
}

/** One event for each CPU, or one for each thread; undefined: not supported. */
type Counter = readonly PerfEvent[] | undefined;

/**
 * Opens the events. Members of weak groups that do not fit are opened in a second pass, each by itself. An event that
 * the machine lacks is marked as not supported, unless it leads a group: then OpenError is thrown, as for all other
 * failures.
 */
function* openAll(
  tool: ToolTask,
  job: StatJob,
  { tasks, cpus }: Targeted,
): Generator<void, { readonly evlist: readonly Evsel[]; readonly events: readonly Counter[] }, void> {
  let evlist: readonly Evsel[] = job.evlist;
  const events: Counter[] = evlist.map(() => undefined);
  const reopened = new Set<number>();
  const open = function* (i: number): Steps<number> {
    for (;;) {
      const evsel = evlist[i]!;
      const leader = evsel.leader === i ? undefined : events[evsel.leader];
      const each = cpus.flatMap((cpu) => tasks.map((task) => ({ task, cpu })));
      const result = yield* openEvent(tool, evsel, each, leader);
      if (typeof result !== 'number') {
        events[i] = result;
        return 0;
      }
      if (NOT_SUPPORTED_ERRNOS.has(-result)) return result;
      const confined = result === -EACCES && cpus[0] === -1 ? userOnly(evsel) : undefined;
      if (confined === undefined) throw new OpenError(evsel, -result);
      evlist = evlist.with(i, confined);
    }
  };
  for (let i = 0; i < evlist.length; i++) {
    if (reopened.has(i)) continue;
    const errno = -(yield* open(i));
    const evsel = evlist[i]!;
    if (errno === EINVAL && evsel.leader !== i && evsel.weak_group === true) {
      const { leader } = evsel;
      for (const [k, member] of evlist.entries()) if (member.leader === leader) reopened.add(k);
      evlist = breakWeakGroup(evlist, leader, statUngrouped);
    } else if (errno !== 0 && evsel.leader === i && evlist.some((e, k) => k !== i && e.leader === i))
      throw new OpenError(evsel, errno);
    yield* tool.user('evlist__open', 2_000);
  }
  for (const i of reopened) for (const event of events[i] ?? []) yield* tool.perf.close(event);
  for (const i of reopened) {
    events[i] = undefined;
    yield* open(i);
    yield* tool.user('evlist__open', 2_000);
  }
  return { evlist, events };
}

/** Errnos that perf takes to mean that the kernel does not support the event. */
const NOT_SUPPORTED_ERRNOS: ReadonlySet<number> = new Set([EINVAL, ENOENT, EOPNOTSUPP, ENXIO]);

/** The events of one evsel, or a negative errno with none left open. */
function* openEvent(
  { perf }: ToolTask,
  evsel: Evsel,
  targets: readonly Pick<PerfEvent, 'task' | 'cpu'>[],
  leader: Counter,
): Steps<PerfEvent[] | number> {
  const opened: PerfEvent[] = [];
  for (const [i, target] of targets.entries()) {
    const event = yield* perf.perf_event_open(evsel.attr, { ...target, group_leader: leader?.[i] });
    if (typeof event === 'number') {
      for (const other of opened) yield* perf.close(other);
      return event;
    }
    opened.push(event);
  }
  return opened;
}

/**
 * The counts of each event. perf reads a group whole or not at all: if a member is missing, the kernel's values do not
 * fit perf's buffer (-ENOSPC), so the group stays unread.
 */
function* readAll(
  tool: ToolTask,
  evlist: readonly Evsel[],
  events: readonly Counter[],
  { tasks, cpus }: Targeted,
  perThread: boolean,
): Steps<StatRead> {
  const torn = new Set(evlist.filter((_, i) => events[i] === undefined).map(({ leader }) => leader));
  const counts: StatCount[] = [];
  const none = (): StatCount[] => [];
  const byCpu = cpus[0] === -1 ? [] : cpus.map((cpu) => ({ cpu, counts: none() }));
  const byThread = !perThread ? [] : tasks.map((task) => ({ tid: task!.pid, comm: task!.comm, counts: none() }));
  for (const [i, all] of events.entries()) {
    const missing = all === undefined ? NOT_SUPPORTED : torn.has(evlist[i]!.leader) ? UNREAD : undefined;
    if (missing !== undefined) {
      counts.push(missing);
      for (const one of [...byCpu, ...byThread]) one.counts.push(missing);
      continue;
    }
    const parts: PerfCountsValues[] = [];
    for (const event of all!) parts.push(yield* tool.perf.read(event));
    counts.push(sum(parts));
    for (const [k, one] of [...byCpu, ...byThread].entries()) one.counts.push({ ...parts[k]!, supported: true });
  }
  const parts = (some: readonly unknown[]): boolean => some.length > 0;
  return { counts, cpus: parts(byCpu) ? byCpu : undefined, threads: parts(byThread) ? byThread : undefined };
}

/** An event's total over all CPUs. */
const sum = (counts: readonly PerfCountsValues[]): StatCount => ({
  val: counts.reduce((total, { val }) => total + val, 0),
  ena: counts.reduce((total, { ena }) => total + ena, 0),
  run: counts.reduce((total, { run }) => total + run, 0),
  supported: true,
});

/** cputime_adjust(): the exact run time, split between user and system as the ticks were. */
function cputime({ kernel }: ToolTask, child: StatChild): { user: Nanos; sys: Nanos } {
  const { sum_exec_runtime, utime, stime } = thread_group_cputime(child);
  const total = kernel.nanosOf(sum_exec_runtime);
  const ticks = utime + stime;
  const user = ticks === 0 ? total : Math.floor((total * utime) / ticks);
  return { user: nanos(user), sys: nanos(total - user) };
}
type StatChild = ForkedWorkload['child'];

/** Reads the counters at each interval until the workload ends. */
function* intervals(
  tool: ToolTask,
  child: StatChild,
  interval: NonNullable<StatJob['interval']>,
  start: Nanos,
  read: () => Steps<StatRead>,
): Generator<void, void, void> {
  const { kernel } = tool;
  while (!isZombie(child)) {
    kernel.nanosleep(interval.ns);
    yield;
    // A SIGCHLD ended the sleep early: the rest belongs to the final reading.
    if (tool.task.wake_reason !== 'timeout') return;
    // The clock is read first.
    const time = nanos(kernel.cpu.nanos() - start);
    interval.report(time, yield* read());
  }
}
