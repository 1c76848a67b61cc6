/**
 * Inheritance of events: a new thread or process gets a copy of each event of its parent that has attr.inherit. Copies
 * count for the event that user space opened: its count is its own plus those of all that came from it.
 *
 * A context whose events were all inherited is a clone of its parent's. Clones of one context are interchangeable
 * (context_equiv), so that two of them that follow each other on a CPU need not touch the PMU. An event that was added or
 * removed since, and whatever reaches the context from outside, makes it unequal for good (unclone_ctx).
 *
 * This file: equality of contexts, and sums over what was inherited. Copies are made in perf-init-task.ts.
 *
 * Source: kernel/events/core.c (context_equiv, unclone_ctx, perf_child_detach, __perf_event_read_value), Linux 5.0.
 * Not modelled: wakeups of poll() when a thread ends.
 */
import { PERF_SAMPLE, type PerfEventAttr } from '../uapi/perf-event.ts';
import { atLeast, type KernelConfig } from './config.ts';
import type { EndedCount, PerfCountsValues, PerfEvent, PerfEventContext } from './perf-event.ts';

/** Whether an event that is inherited wants counts in its samples. */
export const has_inherit_and_sample_read = ({ inherit, sample_type }: PerfEventAttr): boolean =>
  inherit === true && (sample_type & PERF_SAMPLE.READ) !== 0;

/**
 * Whether the kernel has such events: from 6.13 on, with a thread's id in each sample, whose counts are then the
 * thread's own ("perf: Support PERF_SAMPLE_READ with inherit"). Before, a sample can only tell sums.
 */
export const readsByThread = (config: Pick<KernelConfig, 'release'>, { sample_type }: PerfEventAttr): boolean =>
  (sample_type & PERF_SAMPLE.TID) !== 0 && atLeast(config, 6, 13);

/** Makes the context unequal to all others. */
export function unclone_ctx(ctx: PerfEventContext): void {
  ctx.parent_ctx = undefined;
  ctx.generation++;
}

/** Whether one of the contexts is a clone of the other, or both are of a third, and none has changed since. */
export function context_equiv(a: PerfEventContext, b: PerfEventContext): boolean {
  if (a.id === b.parent_ctx && a.generation === b.parent_gen) return true;
  if (a.parent_ctx === b.id && a.parent_gen === b.generation) return true;
  return a.parent_ctx !== undefined && a.parent_ctx === b.parent_ctx && a.parent_gen === b.parent_gen;
}

/** perf_child_detach(): an inherited event ends; what it counted is for the event it came from (acts.ts). */
export function perf_child_detach(event: PerfEvent, parent: PerfEvent): EndedCount {
  parent.child_list.delete(event);
  const { id, count, total_time_enabled: enabled, total_time_running: running } = event;
  return { id, parent: parent.id, count, enabled, running };
}

/** __perf_event_sync_stat() */
export function swapCounts(a: PerfEvent, b: PerfEvent): void {
  [a.count, b.count] = [b.count, a.count];
  [a.total_time_enabled, b.total_time_enabled] = [b.total_time_enabled, a.total_time_enabled];
  [a.total_time_running, b.total_time_running] = [b.total_time_running, a.total_time_running];
}

/** Brings an event and those inherited from it up to date, and adds up (__perf_event_read_value). */
export function perf_event_read_value(event: PerfEvent, read: (event: PerfEvent) => void): PerfCountsValues {
  for (const part of [event, ...event.child_list]) read(part);
  return perf_event_sum(event);
}

/** An event, those inherited from it that live, and those that have ended. */
function perf_event_sum(event: PerfEvent): PerfCountsValues {
  let { count: val, enabled: ena, running: run } = event.ended;
  for (const part of [event, ...event.child_list]) {
    val += part.count;
    ena += part.total_time_enabled;
    run += part.total_time_running;
  }
  return { val, ena, run };
}
