/**
 * Contexts that follow tasks: on a task switch, around a guest that has the PMU, at exec and exit, at each tick.
 *
 * Source: kernel/events/core.c (perf_event_context_sched_out/in, perf_event_enable_on_exec, perf_event_exit_task,
 * perf_event_task_tick), Linux 5.0.
 * Not modelled: cgroups.
 */
import { EventSched } from './event-sched.ts';
import type { PerCpu } from './per-cpu.ts';
import {
  EVENT,
  PERF_EVENT_STATE,
  ctx_events,
  get_event_type,
  perf_event_set_state,
  perf_event_update_time,
  primaryEvent,
  type EndedCount,
  type PerfCpuContext,
  type PerfEvent,
  type PerfEventContext,
  type Pmu,
} from './perf-event.ts';
import {
  context_equiv,
  has_inherit_and_sample_read,
  swapCounts,
  perf_child_detach,
  unclone_ctx,
} from './perf-inherit.ts';
import type { SampleRate } from './sampling.ts';
import { FN } from './symbols.ts';
import type { System } from './system.ts';
import type { Task } from './task.ts';

export type ContextKind = 'hw' | 'sw';
const KINDS: readonly ContextKind[] = ['hw', 'sw'];

export class TaskContexts {
  readonly sched: EventSched;
  readonly #here: PerCpu;
  readonly #rate: SampleRate;
  readonly #cpuctx: Readonly<Record<ContextKind, PerfCpuContext>>;
  readonly #ctxp: System['perf_event_ctxp'];
  readonly #pmuOf: Readonly<Record<ContextKind, Pmu>>;

  constructor(here: PerCpu, rate: SampleRate, pmuOf: Readonly<Record<ContextKind, Pmu>>) {
    this.#here = here;
    this.#cpuctx = here.cpuctx;
    this.#ctxp = here.system.perf_event_ctxp;
    this.#rate = rate;
    this.#pmuOf = pmuOf;
    this.sched = new EventSched(here, rate, pmuOf);
  }

  /** Rotations so far. */
  get rotations(): number {
    return this.sched.timer.rotations;
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
      this.sched.ctx_sched_out(cpuctx.task_ctx, EVENT.ALL | EVENT.TIME);
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
    // nr_no_switch_fast: counts that samples carry are of one thread, so they cannot change hands.
    for (const { attr } of ctx_events(ctx)) if (has_inherit_and_sample_read(attr)) return false;
    [ctx.task, other.task] = [next, task];
    theirs[kind] = ctx;
    this.#ctxp.get(task)![kind] = other;
    this.#perf_event_sync_stat(ctx, other);
    return true;
  }

  /**
   * Events with inherit_stat count for their thread: what they have counted stays with it. As in the kernel, times are up
   * to now only of the events that leave. Those of the others that are confined to another CPU, and so have not changed
   * state for long, lag behind, and what they lack is added to the wrong thread's: the enabled times of a thread's events
   * differ between CPUs.
   */
  #perf_event_sync_stat(ctx: PerfEventContext, other: PerfEventContext): void {
    let theirs: Map<PerfEvent, PerfEvent> | undefined;
    for (const event of ctx_events(ctx)) {
      if (event.attr.inherit_stat !== true) continue;
      if (theirs === undefined) {
        this.sched.update_context_time(ctx);
        theirs = new Map(ctx_events(other).map((one) => [primaryEvent(one), one]));
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
      if (ctx.pinned_groups.length > 0) this.sched.ctx_sched_out(cpuctx.ctx, EVENT.FLEXIBLE);
      cpuctx.task_ctx = ctx;
      this.sched.perf_event_sched_in(cpuctx, ctx);
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
    for (const ctx of contexts) this.sched.ctx_sched_out(ctx, EVENT.ALL | EVENT.TIME);
    pmu.pmu_enable();
  }

  /** perf_put_guest_context(): hardware events come back. */
  put_guest_context(): void {
    this.#here.cpu.spend(FN.perf_put_guest_context);
    if (this.#hardwareContexts().length === 0) return;
    const pmu = this.#pmuOf.hw;
    pmu.pmu_disable();
    this.sched.perf_event_sched_in(this.#cpuctx.hw, this.#cpuctx.hw.task_ctx);
    pmu.pmu_enable();
  }

  /** The contexts on the CPU that have hardware events. Without any, the PMU is not touched. */
  #hardwareContexts(): PerfEventContext[] {
    const { ctx, task_ctx } = this.#cpuctx.hw;
    return [ctx, task_ctx].filter((one) => one !== undefined && one.nr_events > 0) as PerfEventContext[];
  }

  /** perf_event_exec(): starts events with enable_on_exec. */
  enable_on_exec(task: Task): void {
    this.sched.locked(() => {
      for (const kind of KINDS) {
        const ctx = this.#ctxp.get(task)?.[kind];
        if (ctx === undefined) continue;
        this.#here.cpu.spend(FN.perf_event_exec);
        this.sched.ctx_sched_out(ctx, EVENT.TIME);
        let [type, enabled] = [0, false];
        for (const event of ctx_events(ctx)) {
          type |= get_event_type(event, false);
          if (!event.enable_on_exec) continue;
          event.enable_on_exec = false;
          if (event.state >= PERF_EVENT_STATE.INACTIVE) continue;
          perf_event_set_state(event, PERF_EVENT_STATE.INACTIVE);
          enabled = true;
        }
        const cpuctx = this.#cpuctx[kind];
        cpuctx.task_ctx = ctx;
        if (enabled) unclone_ctx(ctx);
        if (enabled) this.sched.ctx_resched(cpuctx, type);
        else this.sched.ctx_sched_in(cpuctx, ctx, EVENT.TIME);
      }
    });
  }

  /**
   * perf_event_exit_task(): the contexts leave the CPU for good; counts stay readable. `perf_event_task` writes the
   * EXIT records: after the last sample, but while the events still take records. `perf_event_read_event` is called for
   * each inherited event that is to tell what it counted. Returns what these have counted.
   */
  exit_task(task: Task, perf_event_task: () => void, perf_event_read_event: (event: PerfEvent) => void): EndedCount[] {
    const counts: EndedCount[] = [];
    const contexts = this.ofTask(task);
    for (const ctx of contexts) {
      this.#here.cpu.spend(FN.perf_event_exit_task);
      const cpuctx = this.#cpuctx[ctx.kind];
      if (cpuctx.task_ctx !== ctx) continue;
      this.sched.locked(() => this.sched.ctx_sched_out(ctx, EVENT.ALL | EVENT.TIME));
      cpuctx.task_ctx = undefined;
    }
    perf_event_task();
    for (const ctx of contexts) {
      unclone_ctx(ctx);
      // What it has of CPUs that are not simulated is all inherited.
      let elsewhere = ctx.nr_events;
      for (const event of ctx_events(ctx)) {
        elsewhere--;
        perf_event_set_state(event, PERF_EVENT_STATE.EXIT);
        if (event.parent === undefined) {
          if (this.#here.system.cpus.size > 1) counts.push(perf_child_detach(event, event));
          continue;
        }
        this.#here.cpu.spend(FN.perf_event_exit_event);
        if (event.attr.inherit_stat === true) perf_event_read_event(event);
        counts.push(perf_child_detach(event, event.parent));
      }
      if (elsewhere > 0) this.#here.cpu.spend(FN.perf_event_exit_event, elsewhere);
    }
    return counts;
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
        for (const event of ctx_events(ctx)) {
          if (event.state !== PERF_EVENT_STATE.ACTIVE || !this.sched.cpuMatches(event)) continue;
          this.#rate.adjust_freq_unthr(event);
        }
        pmu.pmu_enable();
      }
    cpu.leave();
  }
}
