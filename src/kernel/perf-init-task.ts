/**
 * Copies of the current task's events for a thread or process that it makes.
 *
 * Source: kernel/events/core.c (perf_event_init_task, perf_event_init_context, inherit_group, inherit_event), Linux 5.0.
 * Not modelled: failing for lack of memory; copies on CPUs that are not simulated, which take time but never count.
 */
import type { PerCpu } from './per-cpu.ts';
import type { PerfContexts } from './perf-context.ts';
import {
  PERF_EVENT_STATE,
  newEvent,
  primaryEvent,
  type OpenTarget,
  type PerfEvent,
  type PerfEventContext,
} from './perf-event.ts';
import { FN } from './symbols.ts';
import type { PerfCpu } from './system.ts';
import type { Task } from './task.ts';

/** The CPU that forks, with its PMUs. */
type Forking = PerCpu & PerfCpu;

/** perf_event_init_task(): gives `child` copies of the current task's events. */
export function perf_event_init_task(here: Forking, perf: PerfContexts, child: Task): void {
  for (const parent_ctx of perf.ofTask(here.current)) perf_event_init_context(here, perf, child, parent_ctx);
}

function perf_event_init_context(here: Forking, perf: PerfContexts, child: Task, parent_ctx: PerfEventContext): void {
  const { cpu, system } = here;
  const { kind } = parent_ctx;
  // A rotation meanwhile changes the order of the groups.
  const groups = [...parent_ctx.pinned_groups, ...parent_ctx.flexible_groups];
  if (groups.length === 0) return;
  // Those of CPUs that are not simulated; a copy of a copy no longer sees them.
  let elsewhere = parent_ctx.nr_events - groups.reduce((n, { sibling_list }) => n + 1 + sibling_list.length, 0);
  cpu.enter(FN.perf_event_init_task);
  cpu.spend(FN.perf_event_init_task);
  let inherited = 0;
  let child_ctx: PerfEventContext | undefined;
  for (const leader of groups) {
    if (leader.attr.inherit !== true) continue;
    inherited++;
    child_ctx ??= perf.contextFor(kind, child, leader.cpu);
    const members = [leader, ...leader.sibling_list];
    if (leader.cpu !== -1 && !system.cpus.has(leader.cpu)) {
      elsewhere += members.length;
      continue;
    }
    let group_leader: PerfEvent | undefined;
    for (const event of members) {
      const copy = inherit_event(here, perf, event, { task: child, cpu: event.cpu, group_leader }, child_ctx);
      group_leader ??= copy;
    }
  }
  cpu.spend(FN.inherit_event, elsewhere);
  cpu.spend(FN.perf_event_alloc, elsewhere);
  if (child_ctx !== undefined) child_ctx.nr_events += elsewhere;
  if (child_ctx !== undefined && inherited === groups.length) {
    // Clones of clones are clones of the first.
    child_ctx.parent_ctx = parent_ctx.parent_ctx ?? parent_ctx.id;
    child_ctx.parent_gen = parent_ctx.parent_ctx === undefined ? parent_ctx.generation : parent_ctx.parent_gen;
  }
  cpu.leave();
}

function inherit_event(
  here: Forking,
  perf: PerfContexts,
  event: PerfEvent,
  target: OpenTarget,
  ctx: PerfEventContext,
): PerfEvent {
  const primary = primaryEvent(event);
  const { cpu, system } = here;
  const { attr } = primary;
  const pmu = primary.pmu.task_ctx_nr === 'hw' ? here.pmu : here.swPmu;
  cpu.spend(FN.inherit_event);
  cpu.spend(FN.perf_event_alloc);
  const copy = newEvent(here.event_ids.take(), { ...attr }, pmu, target, primary.overflow_handler, primary);
  copy.ctx = ctx;
  copy.enable_on_exec = primary.enable_on_exec;
  // It was accepted once. The event that it came from outlives it and keeps the hardware reserved.
  pmu.event_init(copy);
  copy.state = event.state >= PERF_EVENT_STATE.INACTIVE ? PERF_EVENT_STATE.INACTIVE : PERF_EVENT_STATE.OFF;
  // The first event's period may be changing on another CPU; the parent's own is here.
  const { sample_period } = (system.cpus.size === 1 ? primary : event).hw;
  if (attr.freq === true) copy.hw.sample_period = copy.hw.last_period = copy.hw.period_left = sample_period;
  perf.install(copy);
  primary.child_list.add(copy);
  return copy;
}
