/**
 * Perf events as plain data: how an event, or all that a task has, gets to another CPU, which may be simulated by another
 * thread of Node. Other events are named by their ids, and so is the context that one is a clone of.
 *
 * Events with handlers of the kernel's own (KVM's) are not packed: their task keeps them.
 */
import type { PerfEventAttr } from '../uapi/perf-event.ts';
import {
  ctx_events,
  newEvent,
  perfEventContext,
  type OpenTarget,
  type PerfEvent,
  type PerfEventContext,
} from './perf-event.ts';
import type { PackedBuffer } from './ring-buffer.ts';
import type { PerfCpu, System } from './system.ts';
import type { Task } from './task.ts';

/** An event that user space has opened, before it is in a context. */
export interface PackedEvent {
  readonly id: number;
  readonly attr: PerfEventAttr;
  readonly kind: 'hw' | 'sw';
  /** The thread that it follows, and the CPU that it is confined to. */
  readonly tid: number | undefined;
  readonly cpu: number;
  readonly group_leader: number | undefined;
  readonly hw: PerfEvent['hw'];
}

/** An event of a task that is on no PMU. */
interface PackedCopy extends Pick<PerfEvent, (typeof KEPT)[number]> {
  readonly id: number;
  /** The event that it was inherited from; undefined: user space has opened it itself. */
  readonly parent: number | undefined;
  readonly cpu: number;
  readonly hw: PerfEvent['hw'];
}

/** A task's events of one kind. */
export interface PackedContext extends Pick<PerfEventContext, (typeof KEPT_OF_CONTEXT)[number]> {
  /** Leaders first. */
  readonly pinned_groups: readonly (readonly PackedCopy[])[];
  readonly flexible_groups: readonly (readonly PackedCopy[])[];
  /** Buffers that follow the task. */
  readonly buffers: readonly PackedBuffer[];
}

const KEPT = [
  'state',
  'count',
  'total_time_enabled',
  'total_time_running',
  'tstamp',
  'enable_on_exec',
  'lost_samples',
] as const;
const KEPT_OF_CONTEXT = ['kind', 'id', 'parent_ctx', 'parent_gen', 'generation', 'nr_events', 'time'] as const;

const pick = <T, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> =>
  Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<T, K>;

const hwOf = ({ hw }: PerfEvent): PerfEvent['hw'] => ({ ...hw, extra_reg: hw.extra_reg && { ...hw.extra_reg } });

export function packEvent(event: PerfEvent): PackedEvent {
  const { id, attr, pmu, task, cpu, group_leader } = event;
  const leader = group_leader === event ? undefined : group_leader.id;
  return { id, attr, kind: pmu.task_ctx_nr, tid: task?.pid, cpu, group_leader: leader, hw: hwOf(event) };
}

/** The event that user space knows by its id, on the CPU that is to have it first. */
export function unpackEvent(system: System, there: PerfCpu, packed: PackedEvent): PerfEvent {
  const { id, attr, kind, tid, cpu, group_leader } = packed;
  const target: OpenTarget = {
    task: tid === undefined ? undefined : system.taskOf(tid),
    cpu,
    group_leader: group_leader === undefined ? undefined : system.events.get(group_leader),
  };
  const event = newEvent(id, { ...attr }, kind === 'hw' ? there.pmu : there.swPmu, target, undefined);
  Object.assign(event.hw, hwOf(packed as PerfEvent & PackedEvent));
  return event;
}

/** Takes the events away from a task that leaves. */
export function packContexts(system: System, task: Task): PackedContext[] {
  const contexts = Object.values(system.perf_event_ctxp.get(task) ?? {});
  system.perf_event_ctxp.delete(task);
  return contexts.map((ctx) => packContext(system, ctx));
}

function packContext(system: System, ctx: PerfEventContext): PackedContext {
  const events = [...ctx_events(ctx)];
  // Those of CPUs that are not simulated never count, and are known only to who has opened them.
  const known = ({ cpu }: PerfEvent): boolean => cpu === -1 || system.cpus.has(cpu);
  const groups = (leaders: readonly PerfEvent[]): PackedCopy[][] =>
    leaders.filter(known).map((leader) => [leader, ...leader.sibling_list].map(packCopy));
  const packed = {
    ...pick(ctx, KEPT_OF_CONTEXT),
    pinned_groups: groups(ctx.pinned_groups),
    flexible_groups: groups(ctx.flexible_groups),
    buffers: [...new Set(events.map(({ rb }) => rb))].filter((rb) => rb?.follows !== undefined).map((rb) => rb!.pack()),
  };
  for (const event of events) {
    event.parent?.child_list.delete(event);
    // Elsewhere it has no context.
    if (event.parent === undefined && known(event)) (event as { ctx: PerfEventContext | undefined }).ctx = undefined;
  }
  return packed;
}

function packCopy(event: PerfEvent): PackedCopy {
  const { id, parent, cpu } = event;
  return { id, parent: parent?.id, cpu, hw: hwOf(event), ...pick(event, KEPT) };
}

/** Gives them to the task on the CPU that is its own now. */
export function unpackContexts(here: PerfCpu, system: System, task: Task, contexts: readonly PackedContext[]): void {
  const own: { hw?: PerfEventContext; sw?: PerfEventContext } = {};
  for (const packed of contexts) {
    const ctx = perfEventContext(packed.kind, task, packed.id);
    own[packed.kind] = Object.assign(ctx, pick(packed, KEPT_OF_CONTEXT));
    for (const kind of ['pinned_groups', 'flexible_groups'] as const)
      for (const group of packed[kind]) {
        const [leader, ...members] = group.map((copy) => unpackCopy(here, system, task, ctx, copy));
        leader!.sibling_list.splice(0, Infinity, ...members);
        for (const one of [leader!, ...members]) one.group_leader = leader!;
        ctx[kind].push(leader!);
      }
  }
  system.perf_event_ctxp.set(task, own);
}

/** A task that keeps its events leaves a CPU (-1), or has come to it (1): that one's active_events. */
export function countKept(system: System, task: Task, cpu: number, by: 1 | -1): void {
  const { hw } = system.perf_event_ctxp.get(task) ?? {};
  const counters = hw === undefined ? [] : ctx_events(hw).filter((event) => event.pmu.task_ctx_nr === 'hw');
  system.countActive(cpu, by * counters.length);
}

function unpackCopy(here: PerfCpu, system: System, task: Task, ctx: PerfEventContext, packed: PackedCopy): PerfEvent {
  const event = packed.parent === undefined ? system.events.get(packed.id)! : copyOf(here, system, task, packed);
  Object.assign(event.hw, packed.hw);
  Object.assign(event, pick(packed, KEPT));
  event.ctx = ctx;
  return event;
}

function copyOf(here: PerfCpu, system: System, task: Task, { id, parent, cpu }: PackedCopy): PerfEvent {
  const primary = system.events.get(parent!)!;
  const pmu = primary.pmu.task_ctx_nr === 'hw' ? here.pmu : here.swPmu;
  const target = { task, cpu, group_leader: undefined };
  const copy = newEvent(id, { ...primary.attr }, pmu, target, primary.overflow_handler, primary);
  primary.child_list.add(copy);
  return copy;
}
