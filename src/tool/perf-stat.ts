/**
 * perf stat: opens counters on a child that has not started, lets it go, waits, reads.
 *
 * Source: tools/perf/builtin-stat.c (__run_perf_stat), 6.1.
 * Not modelled: -p, -t, --per-thread.
 */
import type { Executable } from '../arch/dso.ts';
import { EACCES } from '../kernel/errno.ts';
import type { PerfEvent } from '../kernel/perf-event.ts';
import { userOnly } from '../uapi/event-modifiers.ts';
import type { Evsel } from '../uapi/evsel.ts';
import type { StatCount, StatRun } from '../uapi/results.ts';
import { cycles, nanos, type Nanos } from '../units.ts';
import { OpenError } from './perf-record.ts';
import type { ToolProgram, ToolTask } from './tool-task.ts';

export interface StatJob {
  readonly evlist: readonly Evsel[];
  readonly executable: Executable;
  /** -a: everything on every CPU, while the workload runs; else the workload alone. */
  readonly systemWide?: boolean;
  /** --timeout: ns after which the workload is ended. */
  readonly timeout?: number;
  /** -I: ns between intermediate readings, and who hears them (cumulative counts). */
  readonly interval?: { readonly ns: number; readonly report: (time: Nanos, counts: readonly StatCount[]) => void };
}

const SIGTERM = 15;
const NOT_SUPPORTED: StatCount = { val: 0, ena: 0, run: 0, supported: false };

/** What came of the events: names gain ":u" where a paranoid kernel refuses ring 0. */
export interface StatOutcome {
  readonly run: StatRun;
  readonly evlist: readonly Evsel[];
  /** pid of the workload. */
  readonly pid: number;
}

/** The tool's program; `done` hears the outcome. */
export function* perfStat(tool: ToolTask, job: StatJob, done: (outcome: StatOutcome) => void): ToolProgram {
  const { sys, kernel } = tool;
  yield* tool.user('cmd_stat', 400_000);
  const workload = tool.forkWorkload(job.executable);
  const { child } = workload;
  const systemWide = job.systemWide === true;
  const evlist = [...job.evlist];
  /** One per CPU, or one that follows the workload; undefined: not supported. */
  const events: (readonly PerfEvent[] | undefined)[] = [];
  for (const [i, evsel] of job.evlist.entries()) {
    const leader = evsel.leader === i ? undefined : events[evsel.leader];
    if (evsel.leader !== i && leader === undefined) {
      events.push(undefined);
      continue;
    }
    const open = (wanted: Evsel): readonly PerfEvent[] | number => {
      const opened: PerfEvent[] = [];
      for (let cpu = 0; cpu < (systemWide ? kernel.config.nrCpus : 1); cpu++) {
        const target = systemWide ? { task: undefined, cpu } : { task: child, cpu: -1 };
        const event = sys.perf_event_open(wanted, wanted.attr, { ...target, group_leader: leader?.[cpu] });
        if (typeof event === 'number') return event;
        opened.push(event);
      }
      return opened;
    };
    let opened = open(evsel);
    if (opened === -EACCES && systemWide) throw new OpenError(evsel, EACCES);
    const confined = opened === -EACCES ? userOnly(evsel) : undefined;
    if (confined !== undefined) {
      evlist[i] = confined;
      opened = open(confined);
    }
    events.push(typeof opened === 'number' ? undefined : opened);
    yield* tool.user('evlist__open', 2_000);
  }
  const read = (): StatCount[] =>
    events.map((all) => (all === undefined ? NOT_SUPPORTED : sum(all.map((e) => sys.read(e)))));
  const leaders = events.flatMap((all, i) => (job.evlist[i]!.leader === i ? (all ?? []) : []));
  if (systemWide) for (const event of leaders) sys.enable(event);
  const start = kernel.cpu.nanos();
  workload.go();
  if (job.timeout !== undefined)
    kernel.hrtimer(cycles(kernel.cpu.now() + kernel.cyclesOf(job.timeout)), 'timer', () => kernel.kill(child, SIGTERM));
  if (job.interval !== undefined) yield* intervals(tool, child, job.interval, start, read);
  let status: number | undefined;
  while ((status = sys.wait4(child)) === undefined) yield;
  const end = kernel.cpu.nanos();
  yield* tool.user('read_counters', 3_000);
  if (systemWide) for (const event of leaders) sys.disable(event);
  const counts = read();
  for (const event of events.flatMap((all) => all ?? [])) sys.close(event);
  yield* tool.user('evlist__print_counters', 40_000);
  const { user, sys: system } = cputime(tool, child);
  done({ evlist, pid: child.pid, run: { counts, elapsed: nanos(end - start), user, sys: system, status } });
  return status;
}

/** An event's counts on all CPUs. */
const sum = (counts: readonly StatCount[]): StatCount => ({
  val: counts.reduce((total, { val }) => total + val, 0),
  ena: counts.reduce((total, { ena }) => total + ena, 0),
  run: counts.reduce((total, { run }) => total + run, 0),
  supported: true,
});

/** cputime_adjust(): the exact run time, divided as the ticks were. */
function cputime(tool: ToolTask, task: StatChild): { user: Nanos; sys: Nanos } {
  const { kernel } = tool;
  const total = kernel.nanosOf(task.sum_exec_runtime);
  const ticks = task.utime + task.stime;
  const user = ticks === 0 ? total : Math.floor((total * task.utime) / ticks);
  return { user: nanos(user), sys: nanos(total - user) };
}
type StatChild = ReturnType<ToolTask['forkWorkload']>['child'];

/** Reads the counters every so often until the workload ends. */
function* intervals(
  tool: ToolTask,
  child: StatChild,
  interval: NonNullable<StatJob['interval']>,
  start: Nanos,
  read: () => readonly StatCount[],
): Generator<void, void, void> {
  const { kernel } = tool;
  while (child.state !== 'dead') {
    kernel.nanosleep(interval.ns);
    yield;
    // A SIGCHLD ends the sleep early: what is left is the final reading's.
    if (tool.task.wake_reason !== 'timeout') return;
    interval.report(nanos(kernel.cpu.nanos() - start), read());
  }
}
