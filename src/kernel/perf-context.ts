/**
 * Which events are on the PMU now: contexts of tasks and of the CPU, scheduled in and out with the tasks; pinned groups
 * before flexible ones, and flexible ones rotated when they do not all fit.
 *
 * In order: operations on one event; task switch, guest switch, exec, exit and tick; contexts, groups and events in and
 * out; rotation.
 *
 * Source: kernel/events/core.c, Linux 5.0: ctx_sched_in/out, group_sched_in/out, perf_event_sched_in, ctx_resched,
 * perf_event_context_sched_in/out, perf_rotate_context, perf_event_enable_on_exec, perf_event_task_tick.
 * Not modelled: cgroups, rotation among exclusive groups (from 5.10).
 */
import { cycles, type Cycles } from '../units.ts';
import { atLeast } from './config.ts';
import { OtherCpus } from './other-cpus.ts';
import type { PerCpu } from './per-cpu.ts';
import {
  EVENT,
  MAX_INTERRUPTS,
  PERF_EF,
  PERF_EVENT_STATE,
  groupMembers,
  is_sampling_event,
  perfEventContext,
  perf_event_set_state,
  perf_event_update_time,
  primaryEvent,
  type PerfCpuContext,
  type PerfEvent,
  type PerfEventContext,
  type Pmu,
} from './perf-event.ts';
import { context_equiv, swapCounts, sync_child_event, unclone_ctx } from './perf-inherit.ts';
import type { SampleRate } from './sampling.ts';
import { FN } from './symbols.ts';
import type { System } from './system.ts';
import type { Task } from './task.ts';

type Kind = 'hw' | 'sw';
const KINDS: readonly Kind[] = ['hw', 'sw'];

export class PerfContexts {
  readonly #here: PerCpu;
  readonly #rate: SampleRate;
  readonly #pmuOf: Readonly<Record<Kind, Pmu>>;
  readonly #cpuctx: Readonly<Record<Kind, PerfCpuContext>>;
  readonly #ctxp: System['perf_event_ctxp'];
  /** perf_event_mux_interval_ms, in cycles: one tick by default. */
  readonly #muxInterval: Cycles;
  readonly #others: OtherCpus;
  /** Rotations so far. */
  rotations = 0;

  constructor(here: PerCpu, rate: SampleRate, pmuOf: Readonly<Record<Kind, Pmu>>) {
    this.#here = here;
    this.#cpuctx = here.cpuctx;
    this.#ctxp = here.system.perf_event_ctxp;
    this.#rate = rate;
    this.#pmuOf = pmuOf;
    this.#muxInterval = here.tick;
    this.#others = new OtherCpus(here.cpu);
  }

  /** find_get_context(): the context of a task, or without one of a CPU; made on first use. */
  contextFor(kind: Kind, task: Task | undefined, cpu: number): PerfEventContext {
    if (task === undefined)
      return this.#here.system.cpus.get(cpu)?.cpuctx[kind].ctx ?? this.#others.contextFor(kind, cpu);
    let contexts = this.#ctxp.get(task);
    if (contexts === undefined) this.#ctxp.set(task, (contexts = {}));
    const ctx = (contexts[kind] ??= perfEventContext(kind, task));
    unclone_ctx(ctx);
    return ctx;
  }

  /** A task's own contexts: perf_event_ctxp[]. */
  ofTask(task: Task): PerfEventContext[] {
    const own = this.#ctxp.get(task);
    return KINDS.map((kind) => own?.[kind]).filter((ctx) => ctx !== undefined);
  }

  /** Contexts whose events are told what happens to a task on this CPU: the task's own, and the CPU's. */
  contextsOf(task: Task): readonly (PerfEventContext | undefined)[] {
    const own = this.#ctxp.get(task);
    return [own?.hw, own?.sw, this.#cpuctx.hw.ctx, this.#cpuctx.sw.ctx];
  }

  /** perf_install_in_context(): adds a new event; a context that is on the CPU is rescheduled as a whole. */
  install(event: PerfEvent): void {
    if (this.#others.have(event)) return this.#others.install(event);
    this.#locked(() => {
      const { ctx } = event;
      const cpuctx = this.#cpuctx[ctx.kind];
      const onCpu = ctx === cpuctx.ctx || (ctx.task !== undefined && ctx.task === this.#here.current);
      if (onCpu) this.#ctx_sched_out(ctx, EVENT.TIME);
      event.tstamp = ctx.time;
      if (event.group_leader === event)
        (event.attr.pinned === true ? ctx.pinned_groups : ctx.flexible_groups).push(event);
      else event.group_leader.sibling_list.push(event);
      ctx.nr_events++;
      ctx.generation++;
      if (!onCpu) return;
      if (ctx !== cpuctx.ctx) cpuctx.task_ctx = ctx;
      this.#ctx_resched(cpuctx, this.#eventType(event, ctx === cpuctx.ctx));
    });
  }

  /** perf_remove_from_context(). The members of a removed leader become groups of their own and stay on the PMU. */
  remove(event: PerfEvent): void {
    if (this.#others.have(event)) return this.#others.remove(event);
    this.#locked(() => {
      const { ctx } = event;
      const cpuctx = this.#cpuctx[ctx.kind];
      this.#update_context_time(ctx);
      this.#event_sched_out(event, cpuctx);
      perf_event_set_state(event, PERF_EVENT_STATE.DEAD);
      drop(event.group_leader.sibling_list, event);
      for (const list of [ctx.pinned_groups, ctx.flexible_groups, ctx.pinned_active, ctx.flexible_active])
        drop(list, event);
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
    this.#locked(() => {
      const { ctx, group_leader } = event;
      if (event.state >= PERF_EVENT_STATE.INACTIVE || event.state < PERF_EVENT_STATE.ERROR) return;
      const active = ctx.is_active !== 0;
      this.#ctx_sched_out(ctx, EVENT.TIME);
      perf_event_set_state(event, PERF_EVENT_STATE.INACTIVE);
      if (!active) return;
      const cpuctx = this.#cpuctx[ctx.kind];
      const leaderIsOff = group_leader !== event && group_leader.state !== PERF_EVENT_STATE.ACTIVE;
      if (leaderIsOff || !this.#cpuMatches(event)) this.#ctx_sched_in(cpuctx, ctx, EVENT.TIME);
      else this.#ctx_resched(cpuctx, this.#eventType(event, ctx.task === undefined));
    });
  }

  /** _perf_event_disable() */
  disable(event: PerfEvent): void {
    if (this.#others.have(event)) return this.#others.disable(event);
    this.#locked(() => {
      const { ctx } = event;
      if (event.state < PERF_EVENT_STATE.INACTIVE) return;
      this.#update_context_time(ctx);
      if (event.group_leader === event) this.#group_sched_out(event, ctx);
      else this.#event_sched_out(event, this.#cpuctx[ctx.kind]);
      perf_event_set_state(event, PERF_EVENT_STATE.OFF);
    });
  }

  /** __perf_event_period(): a new period, counted from now. */
  period(event: PerfEvent, value: number): void {
    this.#locked(() => {
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

  /** perf_event_read(): brings count and times up to now if the event is on this CPU. */
  read(event: PerfEvent): void {
    if (this.#others.have(event)) return this.#others.read(event);
    this.#locked(() => {
      this.#update_context_time(event.ctx);
      perf_event_update_time(event);
      if (event.state === PERF_EVENT_STATE.ACTIVE) event.pmu.read(event);
    });
  }

  /**
   * perf_event_task_sched_out(): events leave with their task, unless the next task's are clones of them: then the two
   * tasks swap contexts, and the PMU is not touched.
   */
  task_sched_out(prev: Task, next: Task): void {
    for (const kind of KINDS) {
      const cpuctx = this.#cpuctx[kind];
      if (cpuctx.task_ctx === undefined || cpuctx.task_ctx.task !== prev) continue;
      if (this.#swapWith(next, cpuctx.task_ctx)) {
        this.#here.cpu.spend(FN.__perf_event_task_sched_out);
        continue;
      }
      const step = this.#here.probe?.begin({ kind: 'sched_out', context: kind });
      this.#here.cpu.spend(FN.__perf_event_task_sched_out);
      this.#ctx_sched_out(cpuctx.task_ctx, EVENT.ALL | EVENT.TIME);
      cpuctx.task_ctx = undefined;
      step?.end();
    }
  }

  /** perf_event_context_sched_out(): gives `next` the context that is on the CPU, if its own is equal. */
  #swapWith(next: Task, ctx: PerfEventContext): boolean {
    const { kind, task } = ctx;
    const theirs = this.#ctxp.get(next);
    const other = theirs?.[kind];
    if (theirs === undefined || other === undefined || task === undefined || !context_equiv(ctx, other)) return false;
    [ctx.task, other.task] = [next, task];
    theirs[kind] = ctx;
    this.#ctxp.get(task)![kind] = other;
    this.#perf_event_sync_stat(ctx, other);
    return true;
  }

  /** Events with inherit_stat count for their thread: what they have counted stays with it. */
  #perf_event_sync_stat(ctx: PerfEventContext, other: PerfEventContext): void {
    let theirs: Map<PerfEvent, PerfEvent> | undefined;
    for (const event of this.#events(ctx)) {
      if (event.attr.inherit_stat !== true) continue;
      if (theirs === undefined) {
        this.#update_context_time(ctx);
        theirs = new Map([...this.#events(other)].map((one) => [primaryEvent(one), one]));
      }
      if (event.state === PERF_EVENT_STATE.ACTIVE) event.pmu.read(event);
      perf_event_update_time(event);
      // Of an event on a CPU that is not simulated there may be no copy: it never counts.
      const copy = theirs.get(primaryEvent(event));
      if (copy !== undefined) swapCounts(event, copy);
    }
  }

  /** perf_event_task_sched_in() */
  task_sched_in(next: Task): void {
    for (const kind of KINDS) {
      const ctx = this.#ctxp.get(next)?.[kind];
      const cpuctx = this.#cpuctx[kind];
      if (ctx === undefined || ctx.nr_events === 0 || cpuctx.task_ctx === ctx) continue;
      const pmu = this.#pmuOf[kind];
      const step = this.#here.probe?.begin({ kind: 'sched_in', context: kind });
      this.#here.cpu.spend(FN.__perf_event_task_sched_in);
      pmu.pmu_disable();
      if (ctx.pinned_groups.length > 0) this.#ctx_sched_out(cpuctx.ctx, EVENT.FLEXIBLE);
      cpuctx.task_ctx = ctx;
      this.#perf_event_sched_in(cpuctx, ctx);
      pmu.pmu_enable();
      step?.end();
    }
  }

  /**
   * perf_load_guest_context(): a guest's own registers are about to be loaded, so hardware events leave the PMU and
   * their clocks stop. All of them exclude guests: no other kind can exist while such a guest does.
   */
  load_guest_context(): void {
    const contexts = this.#hardwareContexts();
    this.#here.cpu.spend(FN.perf_load_guest_context);
    if (contexts.length === 0) return;
    const pmu = this.#pmuOf.hw;
    pmu.pmu_disable();
    for (const ctx of contexts) this.#ctx_sched_out(ctx, EVENT.ALL | EVENT.TIME);
    pmu.pmu_enable();
  }

  /** perf_put_guest_context(): hardware events come back. */
  put_guest_context(): void {
    this.#here.cpu.spend(FN.perf_put_guest_context);
    if (this.#hardwareContexts().length === 0) return;
    const pmu = this.#pmuOf.hw;
    pmu.pmu_disable();
    this.#perf_event_sched_in(this.#cpuctx.hw, this.#cpuctx.hw.task_ctx);
    pmu.pmu_enable();
  }

  /** The contexts on the CPU that have hardware events. Without any, the PMU is not touched. */
  #hardwareContexts(): PerfEventContext[] {
    const { ctx, task_ctx } = this.#cpuctx.hw;
    return [ctx, task_ctx].filter((one) => one !== undefined && one.nr_events > 0) as PerfEventContext[];
  }

  /** perf_event_exec(): starts events with enable_on_exec. */
  enable_on_exec(task: Task): void {
    this.#locked(() => {
      for (const kind of KINDS) {
        const ctx = this.#ctxp.get(task)?.[kind];
        if (ctx === undefined) continue;
        this.#here.cpu.spend(FN.perf_event_exec);
        this.#ctx_sched_out(ctx, EVENT.TIME);
        let [type, enabled] = [0, false];
        for (const event of this.#events(ctx)) {
          type |= this.#eventType(event, false);
          if (!event.enable_on_exec) continue;
          event.enable_on_exec = false;
          if (event.state >= PERF_EVENT_STATE.INACTIVE) continue;
          perf_event_set_state(event, PERF_EVENT_STATE.INACTIVE);
          enabled = true;
        }
        const cpuctx = this.#cpuctx[kind];
        cpuctx.task_ctx = ctx;
        if (enabled) unclone_ctx(ctx);
        if (enabled) this.#ctx_resched(cpuctx, type);
        else this.#ctx_sched_in(cpuctx, ctx, EVENT.TIME);
      }
    });
  }

  /**
   * perf_event_exit_task(): the contexts leave the CPU for good; counts stay readable. `perf_event_task` writes the
   * EXIT records: after the last sample, but while the events still take records. `perf_event_read_event` is called for
   * each inherited event that is to tell what it counted.
   */
  exit_task(task: Task, perf_event_task: () => void, perf_event_read_event: (event: PerfEvent) => void): void {
    const contexts = this.ofTask(task);
    for (const ctx of contexts) {
      this.#here.cpu.spend(FN.perf_event_exit_task);
      const cpuctx = this.#cpuctx[ctx.kind];
      if (cpuctx.task_ctx !== ctx) continue;
      this.#locked(() => this.#ctx_sched_out(ctx, EVENT.ALL | EVENT.TIME));
      cpuctx.task_ctx = undefined;
    }
    perf_event_task();
    for (const ctx of contexts) {
      unclone_ctx(ctx);
      // What it has of CPUs that are not simulated is all inherited.
      let elsewhere = ctx.nr_events;
      for (const event of this.#events(ctx)) {
        elsewhere--;
        perf_event_set_state(event, PERF_EVENT_STATE.EXIT);
        if (event.parent === undefined) continue;
        this.#here.cpu.spend(FN.perf_event_exit_event);
        if (event.attr.inherit_stat === true) perf_event_read_event(event);
        sync_child_event(event, event.parent);
      }
      if (elsewhere > 0) this.#here.cpu.spend(FN.perf_event_exit_event, elsewhere);
    }
  }

  /** perf_event_task_tick(): frequency feedback and unthrottling, once a tick. */
  task_tick(): void {
    const { cpu } = this.#here;
    cpu.enter(FN.perf_event_task_tick);
    cpu.spend(FN.perf_event_task_tick);
    const throttled = this.#rate.next_tick();
    for (const kind of KINDS)
      for (const ctx of [this.#cpuctx[kind].ctx, this.#cpuctx[kind].task_ctx]) {
        if (ctx === undefined || ctx.nr_events === 0 || (ctx.nr_freq === 0 && throttled === 0)) continue;
        cpu.spend(FN.perf_adjust_freq_unthr_context);
        const pmu = this.#pmuOf[kind];
        pmu.pmu_disable();
        for (const event of this.#events(ctx)) {
          if (event.state !== PERF_EVENT_STATE.ACTIVE || !this.#cpuMatches(event)) continue;
          this.#rate.adjust_freq_unthr(event);
        }
        pmu.pmu_enable();
      }
    cpu.leave();
  }

  /** Every event of a context, leaders before their members. */
  *#events(ctx: PerfEventContext): Iterable<PerfEvent> {
    for (const leader of ctx.pinned_groups) yield* groupMembers(leader);
    for (const leader of ctx.flexible_groups) yield* groupMembers(leader);
  }

  /** perf_ctx_lock(): interrupts are off, so that no tick or rotation finds contexts half scheduled. */
  #locked(work: () => void): void {
    const { cpu } = this.#here;
    cpu.irqDisable();
    work();
    cpu.irqEnable();
  }

  #eventType(event: PerfEvent, ofCpu: boolean): number {
    return (event.group_leader.attr.pinned === true ? EVENT.PINNED : EVENT.FLEXIBLE) | (ofCpu ? EVENT.CPU : 0);
  }

  #cpuMatches(event: PerfEvent): boolean {
    return event.cpu === -1 || event.cpu === this.#here.number;
  }

  #update_context_time(ctx: PerfEventContext): void {
    if ((ctx.is_active & EVENT.TIME) === 0) return;
    const now = this.#here.cpu.nanos();
    ctx.time += now - ctx.timestamp;
    ctx.timestamp = now;
  }

  /** Takes the named classes of a context off the PMU; TIME stops its clock. */
  #ctx_sched_out(ctx: PerfEventContext, type: number): void {
    if (ctx.is_active === 0) return;
    this.#here.cpu.spend(FN.ctx_sched_out);
    this.#update_context_time(ctx);
    const leaving = ctx.is_active & type;
    ctx.is_active &= ~type;
    if ((ctx.is_active & EVENT.ALL) === 0) ctx.is_active = 0;
    if (ctx.nr_active === 0 || (leaving & EVENT.ALL) === 0) return;
    const pmu = this.#pmuOf[ctx.kind];
    pmu.pmu_disable();
    if ((leaving & EVENT.PINNED) !== 0)
      for (const group of ctx.pinned_active.slice()) this.#group_sched_out(group, ctx);
    if ((leaving & EVENT.FLEXIBLE) !== 0)
      for (const group of ctx.flexible_active.slice()) this.#group_sched_out(group, ctx);
    pmu.pmu_enable();
  }

  #group_sched_out(leader: PerfEvent, ctx: PerfEventContext): void {
    if (leader.state !== PERF_EVENT_STATE.ACTIVE) return;
    const pmu = this.#pmuOf[ctx.kind];
    const cpuctx = this.#cpuctx[ctx.kind];
    pmu.pmu_disable();
    this.#event_sched_out(leader, cpuctx);
    for (const event of leader.sibling_list) this.#event_sched_out(event, cpuctx);
    pmu.pmu_enable();
    drop(ctx.pinned_active, leader);
    drop(ctx.flexible_active, leader);
    if (leader.attr.exclusive === true) cpuctx.exclusive = false;
  }

  #event_sched_out(event: PerfEvent, cpuctx: PerfCpuContext): void {
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
  #ctx_sched_in(cpuctx: PerfCpuContext, ctx: PerfEventContext, type: number): void {
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
      if (leader.state <= PERF_EVENT_STATE.OFF || !this.#cpuMatches(leader)) continue;
      if (groupCanGoOn(leader, cpuctx, true) && this.#group_sched_in(leader, cpuctx)) ctx.pinned_active.push(leader);
      else perf_event_set_state(leader, PERF_EVENT_STATE.ERROR);
    }
  }

  /** After the first hardware group that finds no counter, none of the context's later ones is even tried. */
  #ctx_flexible_sched_in(cpuctx: PerfCpuContext, ctx: PerfEventContext): void {
    let canAdd = true;
    for (const leader of ctx.flexible_groups) {
      if (leader.state <= PERF_EVENT_STATE.OFF || !this.#cpuMatches(leader)) continue;
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
      this.#perf_mux_hrtimer_restart(cpuctx);
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
    for (const event of placed) this.#event_sched_out(event, cpuctx);
    pmu.cancel_txn();
    this.#perf_mux_hrtimer_restart(cpuctx);
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
  #perf_event_sched_in(cpuctx: PerfCpuContext, ctx: PerfEventContext | undefined): void {
    this.#ctx_sched_in(cpuctx, cpuctx.ctx, EVENT.PINNED);
    if (ctx !== undefined) this.#ctx_sched_in(cpuctx, ctx, EVENT.PINNED);
    this.#ctx_sched_in(cpuctx, cpuctx.ctx, EVENT.FLEXIBLE);
    if (ctx !== undefined) this.#ctx_sched_in(cpuctx, ctx, EVENT.FLEXIBLE);
  }

  #ctx_resched(cpuctx: PerfCpuContext, eventType: number): void {
    let type = eventType;
    const ofCpu = (type & EVENT.CPU) !== 0;
    // Flexible events make way for a pinned one.
    if ((type & EVENT.PINNED) !== 0) type |= EVENT.FLEXIBLE;
    const classes = type & EVENT.ALL;
    const pmu = this.#pmuOf[cpuctx.ctx.kind];
    pmu.pmu_disable();
    if (cpuctx.task_ctx !== undefined) this.#ctx_sched_out(cpuctx.task_ctx, classes);
    if (ofCpu) this.#ctx_sched_out(cpuctx.ctx, classes);
    else if ((classes & EVENT.PINNED) !== 0) this.#ctx_sched_out(cpuctx.ctx, EVENT.FLEXIBLE);
    this.#perf_event_sched_in(cpuctx, cpuctx.task_ctx);
    pmu.pmu_enable();
  }

  /** The multiplexing timer runs only while something does not fit, always at multiples of its interval. */
  #perf_mux_hrtimer_restart(cpuctx: PerfCpuContext): void {
    if (cpuctx.mux !== undefined || cpuctx.ctx.kind === 'sw') return;
    cpuctx.muxExpiry ??= this.#here.cpu.now();
    this.#armMux(cpuctx);
  }

  /** hrtimer_forward_now(), then start. */
  #armMux(cpuctx: PerfCpuContext): void {
    const expiry = cpuctx.muxExpiry as Cycles;
    const passed = Math.floor((this.#here.cpu.now() - expiry) / this.#muxInterval) + 1;
    cpuctx.muxExpiry = cycles(expiry + passed * this.#muxInterval);
    cpuctx.mux = this.#here.hrtimer(cpuctx.muxExpiry, 'timer', () => this.#muxFires(cpuctx));
  }

  /** perf_mux_hrtimer_handler(): rotates, then re-arms past the time the rotation ended. */
  #muxFires(cpuctx: PerfCpuContext): void {
    const { cpu } = this.#here;
    cpu.enter(FN.perf_mux_hrtimer_handler);
    cpu.spend(FN.perf_mux_hrtimer_handler);
    const rotated = this.#perf_rotate_context(cpuctx);
    cpu.leave();
    if (rotated) this.#armMux(cpuctx);
    else cpuctx.mux = undefined;
  }

  #perf_rotate_context(cpuctx: PerfCpuContext): boolean {
    const { ctx, task_ctx } = cpuctx;
    if (!overfull(ctx) && (task_ctx === undefined || !overfull(task_ctx))) return false;
    this.rotations++;
    const step = this.#here.probe?.begin({ kind: 'rotation', context: ctx.kind });
    const pmu = this.#pmuOf[ctx.kind];
    pmu.pmu_disable();
    const taskTurn = task_ctx === undefined ? undefined : this.#turnOf(task_ctx);
    const cpuTurn = this.#turnOf(ctx);
    if (task_ctx !== undefined && (taskTurn ?? cpuTurn) !== undefined) this.#ctx_sched_out(task_ctx, EVENT.FLEXIBLE);
    if (cpuTurn !== undefined) this.#ctx_sched_out(ctx, EVENT.FLEXIBLE);
    if (task_ctx !== undefined) moveToEnd(task_ctx.flexible_groups, taskTurn);
    moveToEnd(ctx.flexible_groups, cpuTurn);
    this.#perf_event_sched_in(cpuctx, task_ctx);
    pmu.pmu_enable();
    step?.end();
    return true;
  }

  /**
   * ctx_first_active(): which group goes to the end of the queue in a context where not all are on the PMU. Before 5.6
   * none does if no flexible group is on it: a first group that never fits keeps all others off.
   */
  #turnOf(ctx: PerfEventContext): PerfEvent | undefined {
    if (!overfull(ctx)) return undefined;
    const [first] = ctx.flexible_active;
    if (first !== undefined || !atLeast(this.#here.config, 5, 6)) return first;
    return ctx.flexible_groups.find((leader) => this.#cpuMatches(leader));
  }
}

/** group_can_go_on(): always for software groups; for hardware ones unless an exclusive group has or wants the PMU. */
function groupCanGoOn(leader: PerfEvent, cpuctx: PerfCpuContext, canAdd: boolean): boolean {
  const isSoftware = (event: PerfEvent): boolean => event.pmu.task_ctx_nr === 'sw';
  if (isSoftware(leader) && leader.sibling_list.every(isSoftware)) return true;
  if (cpuctx.exclusive || (leader.attr.exclusive === true && cpuctx.active_oncpu > 0)) return false;
  return canAdd;
}

const overfull = (ctx: PerfEventContext): boolean => ctx.nr_events > 0 && ctx.nr_events !== ctx.nr_active;
const isFrequencyEvent = (event: PerfEvent): boolean => event.attr.freq === true && is_sampling_event(event);

function drop<T>(list: T[], item: T): void {
  const i = list.indexOf(item);
  if (i >= 0) list.splice(i, 1);
}

function moveToEnd<T>(list: T[], item: T | undefined): void {
  const i = item === undefined ? -1 : list.indexOf(item);
  if (i >= 0) list.push(...list.splice(i, 1));
}
