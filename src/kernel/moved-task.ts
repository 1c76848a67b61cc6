/**
 * What goes with a task that moves to another CPU: its own numbers, its perf events, and how far its program has come. The
 * program itself is handed over as it is if both CPUs are simulated by one thread of Node, and else as snapshots; all the
 * rest is plain data. A vCPU's thread never leaves its thread of Node, and keeps its events.
 */
import type { ExecutionCursor, TaskBody } from '../arch/cpu.ts';
import type { LookAhead, LookAheadState } from '../arch/dso.ts';
import type { PackedContext } from './perf-pack.ts';
import type { ObjectAct } from './sync-objects.ts';
import type { Task } from './task.ts';

/** Fields of a task that move with it; vruntime is relative to the run queue from which it comes. */
export const MOVED = [
  'sum_exec_runtime',
  'utime',
  'stime',
  'exec_start',
  'vruntime',
  'nvcsw',
  'nivcsw',
  'nr_migrations',
  'sched_migrated',
  'min_flt',
  'comm',
  'stack',
  'signal_pending',
  'fatal_signal',
  'wake_reason',
  'run_delay',
  'last_queued',
] as const satisfies readonly (keyof Task)[];

export interface MovedTask {
  readonly task: Pick<Task, (typeof MOVED)[number]>;
  /** Absent: the task has kept them, since they are known to more than perf (a guest's counters). */
  readonly contexts?: readonly PackedContext[] | undefined;
  /** How far its program has come; or the path of that which it is about to execute; or what it runs anyhow. */
  readonly program: ProgramState | { readonly exec: string } | { readonly kept: MovableBody };
}

/** What a task runs that moves. */
export interface MovableBody extends TaskBody {
  /** `apart`: for another thread of Node. It does not run any more on this CPU. */
  depart(apart: boolean): MovedTask['program'];
  /** What has been kept is known to be on its way to the CPU with that number; and is there now. */
  headFor?(cpu: number): void;
  arrive?(cpu: number): void;
}

/** How far a thread has come; snapshots, for another thread of Node. */
export interface ProgramState {
  readonly cursor: ExecutionCursor | ArrayBuffer;
  readonly scout: LookAhead | LookAheadState | undefined;
  readonly acts: ActsState;
}

/** What a thread knows between two acts (thread-acts.ts). */
export interface ActsState {
  /** How many threads and processes it has made; the threads among them that it has not joined. */
  readonly clones: number;
  readonly joinable: readonly number[];
  readonly pending: PendingAct | undefined;
}

/** What is left of an act; `again`: the thread has slept in it. */
export interface PendingAct {
  readonly act: ObjectAct | { readonly op: 'join' } | { readonly op: 'wait' };
  readonly again: boolean;
}
