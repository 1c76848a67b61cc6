/**
 * What the CPU that owns a perf event does to it: puts it into its context, and whatever other CPUs ask for.
 *
 * A task may have moved when the CPU is asked: then it says that it has nothing of the event, and others are asked.
 *
 * Source: kernel/events/core.c (perf_install_in_context, task_function_call, and the move of a software group in
 * perf_event_open), Linux 5.0.
 * Not modelled: tasks that move between CPUs while something other than a read is done to all that was inherited.
 */
import type { Cpu } from '../arch/cpu.ts';
import type { Mail, PerfAnswer, PerfCall, ReadCopy } from './mail.ts';
import type { PerfContexts } from './perf-context.ts';
import { PERF_EVENT_STATE, initialState, type PerfEvent, type PerfEventContext } from './perf-event.ts';
import type { PerfCpu, System } from './system.ts';

interface Owner extends PerfCpu {
  readonly number: number;
  readonly system: System;
  readonly perf: PerfContexts;
  readonly mail: Mail;
  readonly cpu: Cpu;
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

const NOTHING: PerfAnswer = { failed: false, copies: [] };

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
    return { ...NOTHING, copies: [readCopy(event, task?.pid)] };
  }
  const own = [event, ...event.child_list].filter((one) => isHere(here, one) && one.state !== PERF_EVENT_STATE.DEAD);
  for (const one of own) here.perf[func](one);
  if (func === 'remove' && event.rb !== undefined) here.shared_buffers.delete(event.rb);
  return {
    // Only its owner knows.
    failed: isHere(here, event) && event.state === PERF_EVENT_STATE.ERROR,
    copies: [...own.map((one) => readCopy(one, one.ctx.task?.pid)), ...(func === 'read' ? arrived(here, event) : [])],
  };
}

/** Of tasks that have arrived, and that the CPU has not noticed yet: their events are on no PMU. */
function arrived({ mail, cpu }: Owner, { id }: PerfEvent): ReadCopy[] {
  return [...mail.arriving].flatMap(([tid, { at, contexts }]) =>
    at > cpu.now()
      ? []
      : contexts
          .flatMap(({ pinned_groups, flexible_groups }) => [...pinned_groups, ...flexible_groups].flat())
          .filter((copy) => copy.id === id || copy.parent === id)
          .map((copy) => readCopy(copy, tid)),
  );
}

type Counted = Pick<PerfEvent, 'id' | 'count' | 'total_time_enabled' | 'total_time_running'>;

const readCopy = (
  { id, count, total_time_enabled: ena, total_time_running: run }: Counted,
  tid: number | undefined,
): ReadCopy => ({ id, tid, val: count, ena, run });

/** Whether the CPU owns the event: it is its own, or the one of a task that belongs to it. */
function isHere({ number }: Owner, { cpu, ctx }: PerfEvent): boolean {
  // Elsewhere it has no context.
  if ((ctx as PerfEventContext | undefined) === undefined) return false;
  return (ctx.task?.cpu ?? cpu) === number;
}
