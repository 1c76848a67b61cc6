/**
 * What the CPU that owns a perf event does to it: puts it into its context, and whatever other CPUs ask for.
 *
 * A task may have moved when the CPU is asked: then it says that it has nothing of the event, and others are asked.
 *
 * Source: kernel/events/core.c (perf_install_in_context, task_function_call, and the move of a software group in
 * perf_event_open), Linux 5.0.
 */
import type { PerfAnswer, PerfCall } from './mail.ts';
import type { PerfContexts } from './perf-context.ts';
import { PERF_EVENT_STATE, initialState, type PerfEvent, type PerfEventContext } from './perf-event.ts';
import type { PerfCpu, System } from './system.ts';

interface Owner extends PerfCpu {
  readonly number: number;
  readonly system: System;
  readonly perf: PerfContexts;
}

/** perf_install_in_context() on the CPU that owns the event; `account` is called for a hardware event. */
export function perf_install_in_context(here: Owner, event: PerfEvent, account?: () => void): void {
  const { pmu, group_leader, task, cpu } = event;
  // A software event may join a hardware group; a hardware event moves its software group to the hardware context.
  const leads = group_leader === event;
  const kind = !leads && pmu.task_ctx_nr === 'sw' ? group_leader.ctx.kind : pmu.task_ctx_nr;
  if (!leads && group_leader.ctx.kind !== kind) moveGroup(here, group_leader, kind);
  event.ctx = here.perf.contextFor(kind, task, cpu);
  if (pmu.task_ctx_nr === 'hw') account?.();
  here.perf.install(event);
}

const NOTHING: PerfAnswer = { failed: false, val: 0, ena: 0, run: 0, copies: [] };

function moveGroup(here: Owner, leader: PerfEvent, kind: 'hw' | 'sw'): void {
  const members = [leader, ...leader.sibling_list];
  for (const member of members.toReversed()) here.perf.remove(member);
  for (const member of members) {
    member.state = initialState(member.attr);
    member.ctx = here.perf.contextFor(kind, member.task, member.cpu);
    here.perf.install(member);
  }
}

/**
 * A CPU does something to an event and to what was inherited from it, as far as they are its own. Returns which these
 * are, and what they have counted.
 */
export function perform(here: Owner, { func, event: id }: PerfCall): PerfAnswer {
  const event = here.system.events.get(id)!;
  if (func === 'install') {
    const { task, cpu } = event;
    if ((task?.cpu ?? cpu) !== here.number || task?.state === 'dead') return NOTHING;
    perf_install_in_context(here, event);
    return { ...NOTHING, copies: [id] };
  }
  const own = [event, ...event.child_list].filter((one) => isHere(here, one) && one.state !== PERF_EVENT_STATE.DEAD);
  for (const one of own) here.perf[func](one);
  if (func === 'remove' && event.rb !== undefined) here.shared_buffers.delete(event.rb);
  return {
    // Only its owner knows.
    failed: isHere(here, event) && event.state === PERF_EVENT_STATE.ERROR,
    val: own.reduce((sum, { count }) => sum + count, 0),
    ena: own.reduce((sum, one) => sum + one.total_time_enabled, 0),
    run: own.reduce((sum, one) => sum + one.total_time_running, 0),
    copies: own.map((one) => one.id),
  };
}

/** Whether the CPU owns the event: it is its own, or the one of a task that belongs to it. */
function isHere({ number }: Owner, { cpu, ctx }: PerfEvent): boolean {
  // Elsewhere it has no context.
  if ((ctx as PerfEventContext | undefined) === undefined) return false;
  return (ctx.task?.cpu ?? cpu) === number;
}
