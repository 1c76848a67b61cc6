/**
 * perf stat: opens counters on a child that has not started, lets it go, waits, reads.
 *
 * Source: tools/perf/builtin-stat.c (__run_perf_stat), 6.1.
 * Not modelled: -a, -p, -t, --per-thread (one workload, followed as a task).
 */
import type { Executable } from '../arch/dso.ts';
import { EACCES } from '../kernel/errno.ts';
import type { PerfEvent } from '../kernel/perf-event.ts';
import { userOnly } from '../uapi/event-modifiers.ts';
import type { Evsel } from '../uapi/evsel.ts';
import type { StatCount, StatRun } from '../uapi/results.ts';
import { cycles, nanos, type Nanos } from '../units.ts';
import type { ToolProgram, ToolTask } from './tool-task.ts';

export interface StatJob {
  readonly evlist: readonly Evsel[];
  readonly executable: Executable;
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
  const evlist = [...job.evlist];
  const events: (PerfEvent | undefined)[] = [];
  for (const [i, evsel] of job.evlist.entries()) {
    const leader = evsel.leader === i ? undefined : events[evsel.leader];
    if (evsel.leader !== i && leader === undefined) {
      events.push(undefined);
      continue;
    }
    const target = { task: child, cpu: -1, group_leader: leader };
    let event = sys.perf_event_open(evsel, evsel.attr, target);
    const confined = event === -EACCES ? userOnly(evsel) : undefined;
    if (confined !== undefined) {
      evlist[i] = confined;
      event = sys.perf_event_open(confined, confined.attr, target);
    }
    events.push(typeof event === 'number' ? undefined : event);
    yield* tool.user('evlist__open', 2_000);
  }
  const start = kernel.cpu.nanos();
  workload.go();
  if (job.timeout !== undefined)
    kernel.hrtimer(cycles(kernel.cpu.now() + kernel.cyclesOf(job.timeout)), 'timer', () => kernel.kill(child, SIGTERM));
  if (job.interval !== undefined)
    yield* intervals(tool, child, job.interval, start, () =>
      events.map((e) => (e === undefined ? NOT_SUPPORTED : sys.read(e))),
    );
  let status: number | undefined;
  while ((status = sys.wait4(child)) === undefined) yield;
  const end = kernel.cpu.nanos();
  yield* tool.user('read_counters', 3_000);
  const counts = events.map((event) => (event === undefined ? NOT_SUPPORTED : sys.read(event)));
  for (const event of events) if (event !== undefined) sys.close(event);
  yield* tool.user('evlist__print_counters', 40_000);
  const { user, sys: system } = cputime(tool, child);
  done({ evlist, pid: child.pid, run: { counts, elapsed: nanos(end - start), user, sys: system, status } });
  return status;
}

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
