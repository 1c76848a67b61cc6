/**
 * Perf events on the CPUs that are not simulated. Nothing runs there: an event is on its counter as soon as it is
 * enabled, its time passes, and only cpu-clock, which counts time, counts anything.
 *
 * Not modelled: multiplexing there (the events would take turns at counting nothing), the time until such a CPU
 * answers.
 */
import type { Cpu } from '../arch/cpu.ts';
import { PERF_COUNT_SW } from '../uapi/perf-event.ts';
import {
  EVENT,
  PERF_EVENT_STATE,
  perfEventContext,
  perf_event_set_state,
  perf_event_update_time,
  type PerfEvent,
  type PerfEventContext,
} from './perf-event.ts';

export class OtherCpus {
  readonly #clock: Pick<Cpu, 'nanos'>;
  readonly #contexts = new Map<number, Record<'hw' | 'sw', PerfEventContext>>();
  readonly #all = new Set<PerfEventContext>();

  /** `clock`: any CPU's, since time is the same on all. */
  constructor(clock: Pick<Cpu, 'nanos'>) {
    this.#clock = clock;
  }

  /** The context of that CPU, made on first use. */
  contextFor(kind: 'hw' | 'sw', cpu: number): PerfEventContext {
    let contexts = this.#contexts.get(cpu);
    if (contexts === undefined) {
      const context = (of: 'hw' | 'sw'): PerfEventContext => ({
        ...perfEventContext(of, undefined),
        is_active: EVENT.TIME,
        timestamp: this.#clock.nanos(),
      });
      contexts = { hw: context('hw'), sw: context('sw') };
      this.#contexts.set(cpu, contexts);
      this.#all.add(contexts.hw).add(contexts.sw);
    }
    return contexts[kind];
  }

  /** Whether the event is on a CPU that is not simulated. */
  have({ ctx }: PerfEvent): boolean {
    return this.#all.has(ctx);
  }

  install(event: PerfEvent): void {
    this.#pass(event.ctx);
    event.tstamp = event.ctx.time;
    event.ctx.nr_events++;
    if (event.group_leader !== event) event.group_leader.sibling_list.push(event);
    if (event.state === PERF_EVENT_STATE.INACTIVE) perf_event_set_state(event, PERF_EVENT_STATE.ACTIVE);
  }

  enable(event: PerfEvent): void {
    if (event.state !== PERF_EVENT_STATE.OFF) return;
    this.#pass(event.ctx);
    perf_event_set_state(event, PERF_EVENT_STATE.ACTIVE);
  }

  disable(event: PerfEvent): void {
    this.read(event);
    perf_event_set_state(event, PERF_EVENT_STATE.OFF);
  }

  remove(event: PerfEvent): void {
    this.disable(event);
    event.ctx.nr_events--;
    event.state = PERF_EVENT_STATE.DEAD;
  }

  read(event: PerfEvent): void {
    this.#pass(event.ctx);
    perf_event_update_time(event);
    if (event.ctx.kind === 'sw' && event.attr.config === PERF_COUNT_SW.CPU_CLOCK)
      event.count = event.total_time_running;
  }

  #pass(ctx: PerfEventContext): void {
    const now = this.#clock.nanos();
    ctx.time += now - ctx.timestamp;
    ctx.timestamp = now;
  }
}
