/**
 * Assignment of events to counters: the part of the x86 driver that touches no hardware.
 *
 * Source: arch/x86/events/core.c (x86_schedule_events, perf_assign_events), arch/x86/events/intel/core.c
 * (intel_get_shared_regs_event_constraints, intel_alt_er, intel_fixup_er), Linux 5.0.
 * Not modelled: backtracking for overlapping constraints (no event here has one), registers shared between
 * hyperthreads.
 */
import type { ExtraReg, PerfEvent } from './perf-event.ts';
import { X86_RAW_EVENT_MASK, eventConstraint, type X86Events } from './x86-events.ts';

/**
 * A counter for each event, or undefined. If all events can keep their counters, they do; else events with the fewest
 * choices go first, each to its fixed counter if that is allowed and free, else to the lowest free one. Counters in
 * `taken` are not given to anybody, but an event that has one keeps it.
 */
export function perf_assign_events(
  model: X86Events,
  events: readonly PerfEvent[],
  nrGp: number,
  nrFixed: number,
  taken: Iterable<number> = [],
): number[] | undefined {
  const constraints = events.map((e) => eventConstraint(model, e.hw.config & X86_RAW_EVENT_MASK, nrGp, nrFixed));
  const kept = new Set<number>();
  const keep = events.map((e, i) => {
    const { idx } = e.hw;
    if (idx === -1 || !constraints[i]!.indices.includes(idx) || kept.has(idx)) return -1;
    kept.add(idx);
    return idx;
  });
  if (!keep.includes(-1)) return keep;
  const assign: number[] = Array.from({ length: events.length }, () => -1);
  const used = new Set(taken);
  const order = events.map((_, i) => i).toSorted((a, b) => constraints[a]!.weight - constraints[b]!.weight || a - b);
  for (const i of order) {
    const idx = constraints[i]!.indices.find((c) => !used.has(c));
    if (idx === undefined) return undefined;
    used.add(idx);
    assign[i] = idx;
  }
  return assign;
}

/**
 * intel_get_shared_regs_event_constraints(): gives each event that needs an MSR_OFFCORE_RSP one that is free or holds
 * the same value. If it is not the event's own, the event code changes with it. Newly taken registers are added to
 * `fresh`.
 */
export function shareExtraRegs(
  { offcore }: X86Events,
  events: readonly PerfEvent[],
  fake: boolean,
  fresh: ExtraReg[],
): boolean {
  const held: [number | undefined, number | undefined] = [undefined, undefined];
  if (!fake)
    for (const { hw } of events) if (hw.extra_reg?.alloc === true) held[hw.extra_reg.idx] = hw.extra_reg.config;
  for (const { hw } of events) {
    const { extra_reg: reg } = hw;
    if (reg === undefined || (reg.alloc && !fake)) continue;
    const fits = (i: 0 | 1): boolean => held[i] === undefined || held[i] === reg.config;
    const other = reg.idx === 0 ? 1 : 0;
    if (!fits(reg.idx) && !fits(other)) return false;
    const idx = fits(reg.idx) ? reg.idx : other;
    held[idx] = reg.config;
    if (fake) continue;
    hw.config = (hw.config - (hw.config & 0xffff) + offcore.codes[idx]) >>> 0;
    reg.idx = idx;
    reg.alloc = true;
    fresh.push(reg);
  }
  return true;
}
