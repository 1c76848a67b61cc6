/**
 * The timer of one CPU under which flexible groups take turns when they do not all fit on the PMU.
 *
 * Source: kernel/events/core.c (perf_mux_hrtimer_handler, perf_mux_hrtimer_restart, perf_rotate_context), Linux 5.0.
 * Not modelled: rotation among exclusive groups (from 5.10).
 */
import { cycles, type Cycles } from '../units.ts';
import { atLeast } from './config.ts';
import type { PerCpu } from './per-cpu.ts';
import { EVENT, type PerfCpuContext, type PerfEvent, type PerfEventContext, type Pmu } from './perf-event.ts';
import { FN } from './symbols.ts';

/** What puts contexts on the PMU and takes them off it. */
interface ContextSched {
  cpuMatches(event: PerfEvent): boolean;
  ctx_sched_out(ctx: PerfEventContext, type: number): void;
  perf_event_sched_in(cpuctx: PerfCpuContext, ctx: PerfEventContext | undefined): void;
}

export class MultiplexTimer {
  readonly #here: PerCpu;
  readonly #pmuOf: Readonly<Record<'hw' | 'sw', Pmu>>;
  readonly #sched: ContextSched;
  /** perf_event_mux_interval_ms, in cycles: one tick by default. */
  readonly #interval: Cycles;
  /** Rotations so far. */
  rotations = 0;

  constructor(here: PerCpu, pmuOf: Readonly<Record<'hw' | 'sw', Pmu>>, sched: ContextSched) {
    this.#here = here;
    this.#pmuOf = pmuOf;
    this.#sched = sched;
    this.#interval = here.tick;
  }

  /** perf_mux_hrtimer_restart(): it runs only while something does not fit, always at multiples of its interval. */
  restart(cpuctx: PerfCpuContext): void {
    if (cpuctx.mux !== undefined || cpuctx.ctx.kind === 'sw') return;
    cpuctx.muxExpiry ??= this.#here.cpu.now();
    this.#arm(cpuctx);
  }

  /** hrtimer_forward_now(), then start. */
  #arm(cpuctx: PerfCpuContext): void {
    const expiry = cpuctx.muxExpiry as Cycles;
    const passed = Math.floor((this.#here.cpu.now() - expiry) / this.#interval) + 1;
    cpuctx.muxExpiry = cycles(expiry + passed * this.#interval);
    cpuctx.mux = this.#here.hrtimer(cpuctx.muxExpiry, 'timer', () => this.#fires(cpuctx));
  }

  /** perf_mux_hrtimer_handler(): rotates, then re-arms past the time the rotation ended. */
  #fires(cpuctx: PerfCpuContext): void {
    const { cpu } = this.#here;
    cpu.enter(FN.perf_mux_hrtimer_handler);
    cpu.spend(FN.perf_mux_hrtimer_handler);
    const rotated = this.#perf_rotate_context(cpuctx);
    cpu.leave();
    if (rotated) this.#arm(cpuctx);
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
    if (task_ctx !== undefined && (taskTurn ?? cpuTurn) !== undefined)
      this.#sched.ctx_sched_out(task_ctx, EVENT.FLEXIBLE);
    if (cpuTurn !== undefined) this.#sched.ctx_sched_out(ctx, EVENT.FLEXIBLE);
    if (task_ctx !== undefined) moveToEnd(task_ctx.flexible_groups, taskTurn);
    moveToEnd(ctx.flexible_groups, cpuTurn);
    this.#sched.perf_event_sched_in(cpuctx, task_ctx);
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
    return ctx.flexible_groups.find((leader) => this.#sched.cpuMatches(leader));
  }
}

const overfull = (ctx: PerfEventContext): boolean => ctx.nr_events > 0 && ctx.nr_events !== ctx.nr_active;

function moveToEnd<T>(list: T[], item: T | undefined): void {
  const i = item === undefined ? -1 : list.indexOf(item);
  if (i >= 0) list.push(...list.splice(i, 1));
}
