/**
 * Whom perf watches: a command that it starts, CPUs, or tasks that run already (-p, -t); and by how many events.
 *
 * With -p or -t, the workload has been started before perf, by the same shell: WORKLOAD & sleep TIME; exec perf ... So it
 * is perf's child, whose end ends the session.
 *
 * Source: tools/perf/util/thread_map.c (thread_map__new_str), tools/perf/util/target.h (target__uses_dummy_map), 6.1.
 * Not modelled: -u.
 */
import type { Executable } from '../arch/dso.ts';
import type { Steps } from '../kernel/remote.ts';
import type { Task } from '../kernel/task.ts';
import type { ForkedWorkload, ToolTask } from './tool-task.ts';

export interface Targets {
  /** -a: every CPU while the workload runs; otherwise only the workload. */
  readonly systemWide?: boolean;
  /** -C: with systemWide, only these CPUs, in ascending order. */
  readonly cpus?: readonly number[] | undefined;
  /** -p or -t: these processes or threads, and not the workload, unless it is among them. */
  readonly attach?: Attach | undefined;
  /** Each thread has events that follow it over all CPUs. With systemWide: of all threads. */
  readonly perThread?: boolean | undefined;
  /** How long before perf the workload was started, ns; undefined: perf starts it. */
  readonly started?: number | undefined;
}

export interface Attach {
  readonly kind: 'pid' | 'tid';
  readonly ids: readonly number[];
}

/** One event for each evsel, CPU and thread: CPU by CPU. */
export interface Targeted {
  /** undefined: whatever runs. */
  readonly tasks: readonly (Task | undefined)[];
  /** -1: wherever the thread runs. */
  readonly cpus: readonly number[];
}

/** A process that is to be watched does not exist. */
export class NoSuchProcess extends Error {
  readonly kind: Attach['kind'];
  readonly id: number;
  /** Those that exist. */
  readonly living: readonly { readonly id: number; readonly comm: string }[];
  constructor({ kind }: Attach, id: number, tasks: readonly Task[]) {
    super(`no ${kind} ${id}`);
    this.name = 'NoSuchProcess';
    this.kind = kind;
    this.id = id;
    const shown = tasks.filter((task) => kind === 'tid' || task === task.group_leader);
    this.living = shown.map(({ pid, comm }) => ({ id: pid, comm }));
  }
}

/** Forks the workload; a shell that has started it waits, and becomes perf. */
export function* workloadFor(
  tool: ToolTask,
  executable: Executable,
  { started }: Targets,
): Generator<void, ForkedWorkload, void> {
  const workload = yield* tool.forkWorkload(executable);
  if (started === undefined) return workload;
  workload.go();
  tool.kernel.nanosleep(started);
  yield;
  return workload;
}

/** evlist__create_maps(). Throws NoSuchProcess. */
export function* targetsOf(
  tool: ToolTask,
  { systemWide = false, cpus, attach, perThread = false }: Targets,
  workload: Task,
): Steps<Targeted> {
  const all = cpus ?? Array.from({ length: tool.kernel.config.nrCpus }, (_, cpu) => cpu);
  if (attach === undefined && !(perThread && systemWide))
    return systemWide ? { tasks: [undefined], cpus: all } : { tasks: [workload], cpus: perThread ? [-1] : all };
  const living = yield* tool.perf.tasks();
  return { tasks: attach === undefined ? living : attached(attach, living), cpus: perThread ? [-1] : all };
}

function attached(attach: Attach, living: readonly Task[]): Task[] {
  const { kind, ids } = attach;
  const tasks = ids.flatMap((id) => {
    const those = living.filter(({ pid, tgid }) => (kind === 'pid' ? tgid : pid) === id);
    if (those.length === 0) throw new NoSuchProcess(attach, id, living);
    return those;
  });
  return [...new Set(tasks)];
}
