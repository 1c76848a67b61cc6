/**
 * Perf's contexts of one CPU, and what is done to a single event in them: it is put in, enabled, read, taken out.
 *
 * Elsewhere: what follows tasks (task-contexts.ts), what goes onto the PMU and off it (event-sched.ts), turns (mux-timer.ts).
 *
 * Source: kernel/events/core.c (find_get_context, perf_install_in_context, perf_remove_from_context, _perf_event_enable,
 * _perf_event_disable, __perf_event_period, perf_event_read), Linux 5.0.
 * Not modelled: cgroups.
 */
import { OtherCpus } from './other-cpus.ts';
import type { PerCpu } from './per-cpu.ts';
import {
  EVENT,
  MAX_INTERRUPTS,
  PERF_EF,
  PERF_EVENT_STATE,
  get_event_type,
  perfEventContext,
  perf_event_set_state,
  perf_event_update_time,
  removeFrom,
  type PerfEvent,
  type PerfEventContext,
  type Pmu,
} from './perf-event.ts';
import { unclone_ctx } from './perf-inherit.ts';
import type { SampleRate } from './sampling.ts';
import { TaskContexts, type ContextKind } from './task-contexts.ts';
import type { Task } from './task.ts';

export class PerfContexts extends TaskContexts {
  readonly #here: PerCpu;
  readonly #rate: SampleRate;
  readonly #others: OtherCpus;

  constructor(here: PerCpu, rate: SampleRate, pmuOf: Readonly<Record<ContextKind, Pmu>>) {
    super(here, rate, pmuOf);
    this.#here = here;
    this.#rate = rate;
    this.#others = new OtherCpus(here.cpu);
  }

  /** find_get_context(): the context of a task, or without one of a CPU; made on first use. */
  contextFor(kind: ContextKind, task: Task | undefined, cpu: number): PerfEventContext {
    if (task === undefined)
      return this.#here.system.cpus.get(cpu)?.cpuctx[kind].ctx ?? this.#others.contextFor(kind, cpu);
    let contexts = this.#here.system.perf_event_ctxp.get(task);
    if (contexts === undefined) this.#here.system.perf_event_ctxp.set(task, (contexts = {}));
    const ctx = (contexts[kind] ??= perfEventContext(kind, task, this.#here.context_ids.take()));
    unclone_ctx(ctx);
    return ctx;
  }

  /** perf_install_in_context(): adds a new event; a context that is on the CPU is rescheduled as a whole. */
  install(event: PerfEvent): void {
    if (this.#others.have(event)) return this.#others.install(event);
    this.sched.locked(() => {
      const { ctx } = event;
      const cpuctx = this.#here.cpuctx[ctx.kind];
      const onCpu = ctx === cpuctx.ctx || (ctx.task !== undefined && ctx.task === this.#here.current);
      if (onCpu) this.sched.ctx_sched_out(ctx, EVENT.TIME);
      event.tstamp = ctx.time;
      if (event.group_leader === event)
        (event.attr.pinned === true ? ctx.pinned_groups : ctx.flexible_groups).push(event);
      else event.group_leader.sibling_list.push(event);
      ctx.nr_events++;
      ctx.generation++;
      if (!onCpu) return;
      if (ctx !== cpuctx.ctx) cpuctx.task_ctx = ctx;
      this.sched.ctx_resched(cpuctx, get_event_type(event, ctx === cpuctx.ctx));
    });
  }

  /** perf_remove_from_context(). The members of a removed leader become groups of their own and stay on the PMU. */
  remove(event: PerfEvent): void {
    if (this.#others.have(event)) return this.#others.remove(event);
    this.sched.locked(() => {
      const { ctx } = event;
      const cpuctx = this.#here.cpuctx[ctx.kind];
      this.sched.update_context_time(ctx);
      this.sched.event_sched_out(event, cpuctx);
      perf_event_set_state(event, PERF_EVENT_STATE.DEAD);
      removeFrom(event.group_leader.sibling_list, event);
      for (const list of [ctx.pinned_groups, ctx.flexible_groups, ctx.pinned_active, ctx.flexible_active])
        removeFrom(list, event);
      for (const member of event.sibling_list.splice(0)) {
        member.group_leader = member;
        const [groups, active] =
          member.attr.pinned === true
            ? [ctx.pinned_groups, ctx.pinned_active]
            : [ctx.flexible_groups, ctx.flexible_active];
        groups.push(member);
        if (member.state === PERF_EVENT_STATE.ACTIVE) active.push(member);
      }
      ctx.generation++;
      if (--ctx.nr_events > 0 || ctx.is_active === 0) return;
      ctx.is_active = 0;
      if (cpuctx.task_ctx === ctx) cpuctx.task_ctx = undefined;
    });
  }

  /** _perf_event_enable(): also brings an event back from ERROR. */
  enable(event: PerfEvent): void {
    if (this.#others.have(event)) return this.#others.enable(event);
    this.sched.locked(() => {
      const { ctx, group_leader } = event;
      if (event.state >= PERF_EVENT_STATE.INACTIVE || event.state < PERF_EVENT_STATE.ERROR) return;
      const active = ctx.is_active !== 0;
      this.sched.ctx_sched_out(ctx, EVENT.TIME);
      perf_event_set_state(event, PERF_EVENT_STATE.INACTIVE);
      if (!active) return;
      const cpuctx = this.#here.cpuctx[ctx.kind];
      const leaderIsOff = group_leader !== event && group_leader.state !== PERF_EVENT_STATE.ACTIVE;
      if (leaderIsOff || !this.sched.cpuMatches(event)) this.sched.ctx_sched_in(cpuctx, ctx, EVENT.TIME);
      else this.sched.ctx_resched(cpuctx, get_event_type(event, ctx.task === undefined));
    });
  }

  /** _perf_event_disable() */
  disable(event: PerfEvent): void {
    if (this.#others.have(event)) return this.#others.disable(event);
    this.sched.locked(() => {
      const { ctx } = event;
      if (event.state < PERF_EVENT_STATE.INACTIVE) return;
      this.sched.update_context_time(ctx);
      if (event.group_leader === event) this.sched.group_sched_out(event, ctx);
      else this.sched.event_sched_out(event, this.#here.cpuctx[ctx.kind]);
      perf_event_set_state(event, PERF_EVENT_STATE.OFF);
    });
  }

  /** __perf_event_period(): a new period, counted from now. */
  period(event: PerfEvent, value: number): void {
    this.sched.locked(() => {
      const { hw, pmu } = event;
      hw.sample_period = value;
      const active = event.state === PERF_EVENT_STATE.ACTIVE;
      if (active) {
        pmu.pmu_disable();
        if (hw.interrupts === MAX_INTERRUPTS) this.#rate.unthrottle(event);
        pmu.stop(event, PERF_EF.UPDATE);
      }
      hw.period_left = 0;
      if (!active) return;
      pmu.start(event, PERF_EF.RELOAD);
      pmu.pmu_enable();
    });
  }

  /** Brings the times of an event of this CPU up to now. */
  settle(event: PerfEvent): void {
    this.sched.locked(() => {
      this.sched.update_context_time(event.ctx);
      perf_event_update_time(event);
    });
  }

  /** perf_event_read(): brings count and times up to now if the event is on this CPU. */
  read(event: PerfEvent): void {
    if (this.#others.have(event)) return this.#others.read(event);
    this.sched.locked(() => {
      this.sched.update_context_time(event.ctx);
      perf_event_update_time(event);
      if (event.state === PERF_EVENT_STATE.ACTIVE) event.pmu.read(event);
    });
  }
}
