/**
 * Contexts, groups and events onto the PMU of one CPU and off it: pinned groups before flexible ones, a group whole or not
 * at all.
 *
 * Source: kernel/events/core.c (ctx_sched_in/out, group_sched_in/out, event_sched_in/out, perf_event_sched_in,
 * ctx_resched), Linux 5.0.
 * Not modelled: cgroups.
 */
import { MultiplexTimer } from './mux-timer.ts';
import type { PerCpu } from './per-cpu.ts';
import {
  EVENT,
  MAX_INTERRUPTS,
  PERF_EF,
  PERF_EVENT_STATE,
  groupMembers,
  is_sampling_event,
  perf_event_set_state,
  removeFrom,
  type PerfCpuContext,
  type PerfEvent,
  type PerfEventContext,
  type Pmu,
} from './perf-event.ts';
import type { SampleRate } from './sampling.ts';
import { FN } from './symbols.ts';

export class EventSched {
  readonly #here: PerCpu;
  readonly #rate: SampleRate;
  readonly #pmuOf: Readonly<Record<'hw' | 'sw', Pmu>>;
  readonly #cpuctx: Readonly<Record<'hw' | 'sw', PerfCpuContext>>;
  readonly timer: MultiplexTimer;

  constructor(here: PerCpu, rate: SampleRate, pmuOf: Readonly<Record<'hw' | 'sw', Pmu>>) {
    this.#here = here;
    this.#rate = rate;
    this.#pmuOf = pmuOf;
    this.#cpuctx = here.cpuctx;
    this.timer = new MultiplexTimer(here, pmuOf, this);
  }

  /** perf_ctx_lock(): interrupts are off, so that no tick or rotation finds contexts half scheduled. */
  locked(work: () => void): void {
    const { cpu } = this.#here;
    cpu.irqDisable();
    work();
    cpu.irqEnable();
  }

  /** event_filter_match(): the event is not confined to another CPU. */
  cpuMatches(event: PerfEvent): boolean {
    return event.cpu === -1 || event.cpu === this.#here.number;
  }

  /** Brings the clock of a context that runs up to now. */
  update_context_time(ctx: PerfEventContext): void {
    if ((ctx.is_active & EVENT.TIME) === 0) return;
    const now = this.#here.cpu.nanos();
    ctx.time += now - ctx.timestamp;
    ctx.timestamp = now;
  }

  /** Takes the named classes of a context off the PMU; TIME stops its clock. */
  ctx_sched_out(ctx: PerfEventContext, type: number): void {
    if (ctx.is_active === 0) return;
    this.#here.cpu.spend(FN.ctx_sched_out);
    this.update_context_time(ctx);
    const leaving = ctx.is_active & type;
    ctx.is_active &= ~type;
    if ((ctx.is_active & EVENT.ALL) === 0) ctx.is_active = 0;
    if (ctx.nr_active === 0 || (leaving & EVENT.ALL) === 0) return;
    const pmu = this.#pmuOf[ctx.kind];
    pmu.pmu_disable();
    if ((leaving & EVENT.PINNED) !== 0) for (const group of ctx.pinned_active.slice()) this.group_sched_out(group, ctx);
    if ((leaving & EVENT.FLEXIBLE) !== 0)
      for (const group of ctx.flexible_active.slice()) this.group_sched_out(group, ctx);
    pmu.pmu_enable();
  }

  /** Takes a leader and its members off the PMU. */
  group_sched_out(leader: PerfEvent, ctx: PerfEventContext): void {
    if (leader.state !== PERF_EVENT_STATE.ACTIVE) return;
    const pmu = this.#pmuOf[ctx.kind];
    const cpuctx = this.#cpuctx[ctx.kind];
    pmu.pmu_disable();
    this.event_sched_out(leader, cpuctx);
    for (const event of leader.sibling_list) this.event_sched_out(event, cpuctx);
    pmu.pmu_enable();
    removeFrom(ctx.pinned_active, leader);
    removeFrom(ctx.flexible_active, leader);
    if (leader.attr.exclusive === true) cpuctx.exclusive = false;
  }

  /** Takes one event off the PMU, if it is there. */
  event_sched_out(event: PerfEvent, cpuctx: PerfCpuContext): void {
    if (event.state !== PERF_EVENT_STATE.ACTIVE) return;
    const { ctx, pmu } = event;
    pmu.pmu_disable();
    this.#here.cpu.spend(FN.event_sched_out);
    pmu.del(event);
    perf_event_set_state(event, PERF_EVENT_STATE.INACTIVE);
    if (pmu.task_ctx_nr === 'hw') cpuctx.active_oncpu--;
    ctx.nr_active--;
    if (isFrequencyEvent(event)) ctx.nr_freq--;
    if (event.attr.exclusive === true || cpuctx.active_oncpu === 0) cpuctx.exclusive = false;
    pmu.pmu_enable();
  }

  /** Puts the named classes of a context on the PMU, and starts its clock. */
  ctx_sched_in(cpuctx: PerfCpuContext, ctx: PerfEventContext, type: number): void {
    if (ctx.nr_events === 0) return;
    const entering = type & EVENT.ALL & ~ctx.is_active;
    this.#here.cpu.spend(FN.ctx_sched_in);
    if ((ctx.is_active & EVENT.TIME) === 0) {
      ctx.timestamp = this.#here.cpu.nanos();
      ctx.is_active |= EVENT.TIME;
    }
    ctx.is_active |= type & EVENT.ALL;
    if ((entering & EVENT.PINNED) !== 0) this.#ctx_pinned_sched_in(cpuctx, ctx);
    if ((entering & EVENT.FLEXIBLE) !== 0) this.#ctx_flexible_sched_in(cpuctx, ctx);
  }

  /** A pinned group that finds no counter goes to ERROR and stays there until it is enabled again. */
  #ctx_pinned_sched_in(cpuctx: PerfCpuContext, ctx: PerfEventContext): void {
    for (const leader of ctx.pinned_groups) {
      if (leader.state <= PERF_EVENT_STATE.OFF || !this.cpuMatches(leader)) continue;
      if (groupCanGoOn(leader, cpuctx, true) && this.#group_sched_in(leader, cpuctx)) ctx.pinned_active.push(leader);
      else perf_event_set_state(leader, PERF_EVENT_STATE.ERROR);
    }
  }

  /** After the first hardware group that finds no counter, none of the context's later ones is even tried. */
  #ctx_flexible_sched_in(cpuctx: PerfCpuContext, ctx: PerfEventContext): void {
    let canAdd = true;
    for (const leader of ctx.flexible_groups) {
      if (leader.state <= PERF_EVENT_STATE.OFF || !this.cpuMatches(leader)) continue;
      if (!groupCanGoOn(leader, cpuctx, canAdd)) continue;
      if (this.#group_sched_in(leader, cpuctx)) ctx.flexible_active.push(leader);
      else canAdd = false;
    }
  }

  /** All of a group or nothing; a group that finds no room starts the multiplexing timer. */
  #group_sched_in(leader: PerfEvent, cpuctx: PerfCpuContext): boolean {
    const pmu = this.#pmuOf[cpuctx.ctx.kind];
    const { cpu } = this.#here;
    if (leader.sibling_list.length === 0) {
      if (this.#event_sched_in(leader, cpuctx)) return true;
      this.timer.restart(cpuctx);
      return false;
    }
    cpu.spend(FN.group_sched_in);
    pmu.start_txn();
    const placed: PerfEvent[] = [];
    let ok = true;
    for (const event of groupMembers(leader)) {
      ok = this.#event_sched_in(event, cpuctx);
      if (!ok) break;
      placed.push(event);
    }
    if (ok && pmu.commit_txn() === 0) return true;
    for (const event of placed) this.event_sched_out(event, cpuctx);
    pmu.cancel_txn();
    this.timer.restart(cpuctx);
    return false;
  }

  #event_sched_in(event: PerfEvent, cpuctx: PerfCpuContext): boolean {
    if (event.state <= PERF_EVENT_STATE.OFF) return true;
    const { ctx } = event;
    const pmu = (event.pmu = this.#pmuOf[event.pmu.task_ctx_nr]);
    this.#here.cpu.spend(FN.event_sched_in);
    perf_event_set_state(event, PERF_EVENT_STATE.ACTIVE);
    // A throttled event is unthrottled when it is scheduled in again, even within the same tick.
    if (event.hw.interrupts === MAX_INTERRUPTS) this.#rate.unthrottle(event);
    pmu.pmu_disable();
    const placed = pmu.add(event, PERF_EF.START) === 0;
    if (placed) {
      if (pmu.task_ctx_nr === 'hw') cpuctx.active_oncpu++;
      ctx.nr_active++;
      if (isFrequencyEvent(event)) ctx.nr_freq++;
      if (event.attr.exclusive === true) cpuctx.exclusive = true;
    } else perf_event_set_state(event, PERF_EVENT_STATE.INACTIVE);
    pmu.pmu_enable();
    return placed;
  }

  /** CPU pinned, task pinned, CPU flexible, task flexible. */
  perf_event_sched_in(cpuctx: PerfCpuContext, ctx: PerfEventContext | undefined): void {
    this.ctx_sched_in(cpuctx, cpuctx.ctx, EVENT.PINNED);
    if (ctx !== undefined) this.ctx_sched_in(cpuctx, ctx, EVENT.PINNED);
    this.ctx_sched_in(cpuctx, cpuctx.ctx, EVENT.FLEXIBLE);
    if (ctx !== undefined) this.ctx_sched_in(cpuctx, ctx, EVENT.FLEXIBLE);
  }

  /** Schedules everything anew that an event of this type may make way for. */
  ctx_resched(cpuctx: PerfCpuContext, event_type: number): void {
    let type = event_type;
    const ofCpu = (type & EVENT.CPU) !== 0;
    // Flexible events make way for a pinned one.
    if ((type & EVENT.PINNED) !== 0) type |= EVENT.FLEXIBLE;
    const classes = type & EVENT.ALL;
    const pmu = this.#pmuOf[cpuctx.ctx.kind];
    pmu.pmu_disable();
    if (cpuctx.task_ctx !== undefined) this.ctx_sched_out(cpuctx.task_ctx, classes);
    if (ofCpu) this.ctx_sched_out(cpuctx.ctx, classes);
    else if ((classes & EVENT.PINNED) !== 0) this.ctx_sched_out(cpuctx.ctx, EVENT.FLEXIBLE);
    this.perf_event_sched_in(cpuctx, cpuctx.task_ctx);
    pmu.pmu_enable();
  }
}

/** group_can_go_on(): always for software groups; for hardware ones unless an exclusive group has or wants the PMU. */
function groupCanGoOn(leader: PerfEvent, cpuctx: PerfCpuContext, canAdd: boolean): boolean {
  const isSoftware = (event: PerfEvent): boolean => event.pmu.task_ctx_nr === 'sw';
  if (isSoftware(leader) && leader.sibling_list.every(isSoftware)) return true;
  if (cpuctx.exclusive || (leader.attr.exclusive === true && cpuctx.active_oncpu > 0)) return false;
  return canAdd;
}

const isFrequencyEvent = (event: PerfEvent): boolean => event.attr.freq === true && is_sampling_event(event);
