/**
 * Who gets which counter: the part of the x86 driver that is a puzzle and touches no hardware.
 *
 * Source: arch/x86/events/core.c (x86_schedule_events, perf_assign_events), arch/x86/events/intel/core.c
 * (intel_get_shared_regs_event_constraints, intel_alt_er, intel_fixup_er), Linux 5.0.
 * Not modelled: overlapping constraints, which make the kernel try again (no event here has one); registers shared
 * between hyperthreads.
 */
import type { ExtraReg, PerfEvent } from './perf-event.ts';
import { X86_RAW_EVENT_MASK, eventConstraint, type X86Events } from './x86-events.ts';

/**
 * A counter for each event, or undefined. Events keep their counter if all can; else those with the fewest choices go
 * first, to a fixed counter if they may, else to the lowest free one.
 */
export function perf_assign_events(
  model: X86Events,
  events: readonly PerfEvent[],
  nrGp: number,
  nrFixed: number,
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
  const used = new Set<number>();
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
 * intel_get_shared_regs_event_constraints(): finds each event that needs one an MSR_OFFCORE_RSP that is free or holds its
 * value, its own or the other (the event code then follows). Registers newly taken are added to `fresh`.
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
