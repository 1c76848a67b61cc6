/**
 * One CPU's hrtimers. The tick is one of them.
 *
 * Source: kernel/time/hrtimer.c and tick-sched.c of Linux 5.0.
 * Not modelled: clocks other than the monotonic one, soft expiry and slack, the hang detection of hrtimer_interrupt(),
 * the choice of an idle state (the tick stops as soon as the CPU idles).
 */
import type { Cpu } from '../arch/cpu.ts';
import { EventQueue, type Alarm, type Order } from '../sim/event-queue.ts';
import { cycles, type Cycles } from '../units.ts';
import { FN } from './symbols.ts';

/** hrtimer_cpu_base */
export class Hrtimers {
  readonly #cpu: Cpu;
  readonly #queue = new EventQueue();
  /** expires_next: what the local timer is set to. */
  #programmed = Infinity;
  /** in_hrtirq: the timer is programmed once, after everything due has run. */
  #inHrtirq = false;

  constructor(cpu: Cpu) {
    this.#cpu = cpu;
  }

  /** When the first timer is due; Infinity: there is none. */
  get next(): Cycles {
    return this.#queue.next;
  }

  /** When the next tick is due, if it runs, and the first timer besides it. */
  get nextTick(): Cycles {
    return this.#queue.nextOf('tick');
  }
  get nextTimer(): Cycles {
    return this.#queue.nextBut('tick');
  }

  /** `fire` runs in the timer interrupt at or after `when`. */
  start(when: Cycles, order: Order, fire: (when: Cycles) => void): Alarm {
    const alarm = this.#queue.at(when, order, fire);
    if (!this.#inHrtirq) this.reprogram();
    return alarm;
  }

  /** hrtimer_force_reprogram(): the local timer is written only if the first expiry changed. */
  reprogram(): void {
    const { next } = this;
    if (next === this.#programmed) return;
    this.#programmed = next;
    this.#cpu.spend(FN.lapic_next_deadline);
    this.#cpu.setTimer(next);
  }

  /** hrtimer_interrupt(): runs everything that is due. */
  interrupt(): void {
    const cpu = this.#cpu;
    cpu.enter(FN.hrtimer_interrupt);
    cpu.spend(FN.hrtimer_interrupt);
    cpu.spend(FN.ktime_get_update_offsets_now);
    cpu.enter(FN.__hrtimer_run_queues);
    cpu.spend(FN.__hrtimer_run_queues);
    this.#programmed = Infinity;
    this.#inHrtirq = true;
    this.#queue.fireDue(() => cpu.now());
    this.#inHrtirq = false;
    cpu.leave();
    this.reprogram();
    cpu.leave();
  }
}

/** When a CPU's ticks are due: at multiples of the tick, plus an offset. */
export interface TickGrid {
  /** Length of a tick. */
  readonly tick: Cycles;
  /** The offset, as a fraction of a tick. */
  readonly phase: number;
}

/** What a tick does. */
interface TickHandler {
  update_process_times(): void;
}

/** tick_sched: the tick, which stops while the CPU idles (NO_HZ_IDLE). */
export class TickSched {
  readonly #cpu: Cpu;
  readonly #timers: Hrtimers;
  readonly #grid: TickGrid;
  readonly #handler: TickHandler;
  #alarm: Alarm | undefined;

  constructor(cpu: Cpu, timers: Hrtimers, grid: TickGrid, handler: TickHandler) {
    this.#cpu = cpu;
    this.#timers = timers;
    this.#grid = grid;
    this.#handler = handler;
  }

  /** No effect if the tick is already running. */
  start(): void {
    this.#alarm ??= this.#next(this.#cpu.now());
  }

  stop(): void {
    if (this.#alarm === undefined) return;
    this.#alarm.cancelled = true;
    this.#alarm = undefined;
    this.#timers.reprogram();
  }

  /** Arms the timer for the first point of the grid after `now`. */
  #next(now: Cycles): Alarm {
    const { tick } = this.#grid;
    const phase = Math.floor(this.#grid.phase * tick);
    const when = cycles((Math.floor((now - phase) / tick) + 1) * tick + phase);
    return this.#timers.start(when, 'tick', () => this.#tick_sched_timer());
  }

  /**
   * tick_sched_timer(). The next tick is the first grid point after this one began: one that falls within the handler
   * is due at once. Ticks missed before are served as one.
   */
  #tick_sched_timer(): void {
    const cpu = this.#cpu;
    const now = cpu.now();
    cpu.enter(FN.tick_sched_timer);
    cpu.spend(FN.tick_sched_timer);
    this.#handler.update_process_times();
    cpu.leave();
    this.#alarm = this.#next(now);
  }
}
