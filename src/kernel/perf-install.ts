/**
 * What the CPU that owns a perf event does to it: puts it into its context, and whatever other CPUs ask for.
 *
 * Source: kernel/events/core.c (perf_install_in_context, and the move of a software group in perf_event_open), Linux 5.0.
 * Not modelled: tasks that move between CPUs meanwhile.
 */
import type { PerfCall } from './mail.ts';
import type { PerfContexts } from './perf-context.ts';
import { initialState, type PerfEvent } from './perf-event.ts';
import type { PerfCpu, System } from './system.ts';

interface Owner extends PerfCpu {
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
  if (pmu.task_ctx_nr === 'hw') {
    countActive(here, event, 1);
    account?.();
  }
  here.perf.install(event);
}

/** active_events of every CPU that the event may be on, if that is simulated; else of this one. */
export function countActive(here: Owner, { cpu }: PerfEvent, by: number): void {
  const { cpus } = here.system;
  const those = cpu === -1 ? cpus.values() : [cpus.get(cpu) ?? here];
  for (const { pmu } of those) pmu.activeEvents += by;
}

function moveGroup(here: Owner, leader: PerfEvent, kind: 'hw' | 'sw'): void {
  const members = [leader, ...leader.sibling_list];
  for (const member of members.toReversed()) here.perf.remove(member);
  for (const member of members) {
    member.state = initialState(member.attr);
    member.ctx = here.perf.contextFor(kind, member.task, member.cpu);
    here.perf.install(member);
  }
}

/** A CPU does something to an event of its own. */
export function perform(here: Owner, { func, event }: PerfCall): void {
  if (func === 'install') perf_install_in_context(here, event);
  else here.perf[func](event);
  if (func !== 'remove') return;
  if (event.rb !== undefined) here.shared_buffers.delete(event.rb);
  if (event.pmu.task_ctx_nr === 'hw' && event.parent === undefined) countActive(here, event, -1);
}
