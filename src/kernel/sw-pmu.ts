/**
 * Software events, which the kernel counts itself: faults and context switches (perf_swevent), and the two clocks,
 * which sample from an hrtimer instead of on overflow.
 *
 * Source: kernel/events/core.c (perf_swevent_*, cpu_clock, task_clock), Linux 5.0.
 * Not modelled: alignment and emulation faults (this machine has none), bpf-output, cgroup switches.
 */
import type { Regs } from '../arch/cpu.ts';
import type { Alarm } from '../sim/event-queue.ts';
import { PERF_COUNT_SW, PERF_SAMPLE, PERF_TYPE } from '../uapi/perf-event.ts';
import { cycles, type Cycles } from '../units.ts';
import { atLeast } from './config.ts';
import { ENOENT } from './errno.ts';
import type { PerCpu } from './per-cpu.ts';
import { EVENT, MAX_INTERRUPTS, PERF_EF, PERF_HES, is_sampling_event, type PerfEvent, type Pmu } from './perf-event.ts';
import type { SampleRate } from './sampling.ts';
import { FN } from './symbols.ts';

const NSEC_PER_SEC = 1e9;
/** An hrtimer event samples at most this often, ns. */
const MIN_HRTIMER_PERIOD = 10_000;

const isClock = (config: number): boolean => config === PERF_COUNT_SW.CPU_CLOCK || config === PERF_COUNT_SW.TASK_CLOCK;

export class SoftwarePmu implements Pmu {
  readonly name = 'software';
  readonly task_ctx_nr = 'sw';
  readonly #here: PerCpu;
  readonly #rate: SampleRate;
  readonly #active = new Set<PerfEvent>();
  readonly #hrtimers = new Map<PerfEvent, Alarm>();

  constructor(here: PerCpu, rate: SampleRate) {
    this.#here = here;
    this.#rate = rate;
  }

  /** perf_sw_event(): `nr` events happened on behalf of the current task. */
  count(config: number, nr: number, regs: Regs): void {
    for (const event of this.#active) {
      if (event.attr.config !== config || (event.hw.state & PERF_HES.STOPPED) !== 0 || excluded(event, regs)) continue;
      this.#perf_swevent_event(event, nr, regs);
    }
  }

  #perf_swevent_event(event: PerfEvent, nr: number, regs: Regs): void {
    const { attr, hw } = event;
    this.#here.cpu.spend(FN.perf_swevent_event);
    event.count += nr;
    if (!is_sampling_event(event)) return;
    // With a fixed period that is part of the sample, every occurrence makes one sample, with nr as its period.
    if ((attr.sample_type & PERF_SAMPLE.PERIOD) !== 0 && attr.freq !== true) {
      this.#perf_swevent_overflow(event, regs, 1, nr);
      return;
    }
    hw.period_left += nr;
    if (hw.period_left < 0) return;
    // perf_swevent_set_period(): how many of the last periods have elapsed.
    const period = hw.last_period;
    hw.last_period = hw.sample_period;
    const elapsed = Math.floor((period + hw.period_left) / period);
    hw.period_left -= elapsed * period;
    this.#perf_swevent_overflow(event, regs, elapsed, period);
  }

  /** One sample for each elapsed period; only the second and later ones can throttle the event. */
  #perf_swevent_overflow(event: PerfEvent, regs: Regs, elapsed: number, period: number): void {
    if (event.hw.interrupts === MAX_INTERRUPTS) return;
    for (let i = 0; i < elapsed; i++) if (this.#rate.overflow(event, regs, period, i > 0)) return;
  }

  event_init(event: PerfEvent): number {
    const { attr, hw } = event;
    const { config } = this.#here;
    const max = atLeast(config, 5, 13) ? PERF_COUNT_SW.CGROUP_SWITCHES : PERF_COUNT_SW.BPF_OUTPUT;
    if (attr.type !== PERF_TYPE.SOFTWARE || attr.config > max) return -ENOENT;
    hw.config = Number(attr.config);
    if (!is_sampling_event(event)) return 0;
    if (!isClock(hw.config)) {
      hw.period_left = -hw.sample_period;
      return 0;
    }
    if (attr.freq !== true) return 0;
    // perf_swevent_init_hrtimer(): a timer has a fixed rate, so a frequency is a period from the start.
    attr.sample_period = Math.floor(NSEC_PER_SEC / Number(attr.sample_period));
    attr.freq = false;
    hw.sample_period = attr.sample_period;
    hw.last_period = hw.sample_period;
    hw.period_left = hw.sample_period;
    return 0;
  }

  add(event: PerfEvent, flags: number): number {
    event.hw.state = (flags & PERF_EF.START) === 0 ? PERF_HES.STOPPED : 0;
    this.#active.add(event);
    if (isClock(event.hw.config) && (flags & PERF_EF.START) !== 0) this.#startClock(event);
    return 0;
  }

  del(event: PerfEvent): void {
    this.stop(event);
    this.#active.delete(event);
  }

  start(event: PerfEvent): void {
    event.hw.state = 0;
    if (isClock(event.hw.config)) this.#startClock(event);
  }

  stop(event: PerfEvent): void {
    if (isClock(event.hw.config) && (event.hw.state & PERF_HES.STOPPED) === 0) {
      this.#cancelHrtimer(event);
      this.#updateClock(event, this.#scheduledAt(event));
    }
    event.hw.state = PERF_HES.STOPPED;
  }

  read(event: PerfEvent): void {
    if (isClock(event.hw.config)) this.#updateClock(event, this.#clock(event));
  }

  // Software events always fit: nothing to disable, no transaction to lose.
  pmu_enable(): void {}
  pmu_disable(): void {}
  start_txn(): void {}
  cancel_txn(): void {}
  commit_txn(): number {
    return 0;
  }

  /** cpu-clock counts the CPU's time, task-clock the time that its context has been on a CPU. */
  #clock(event: PerfEvent): number {
    const now = this.#here.cpu.nanos();
    if (event.attr.config === PERF_COUNT_SW.CPU_CLOCK) return now;
    const { ctx } = event;
    return (ctx.is_active & EVENT.TIME) === 0 ? ctx.time : ctx.time + now - ctx.timestamp;
  }

  /**
   * The clock at an event's start or stop: task-clock uses the context's time, so that it equals total_time_running.
   */
  #scheduledAt(event: PerfEvent): number {
    return event.attr.config === PERF_COUNT_SW.CPU_CLOCK ? this.#here.cpu.nanos() : event.ctx.time;
  }

  #updateClock(event: PerfEvent, now: number): void {
    event.count += now - event.hw.prev_count;
    event.hw.prev_count = now;
  }

  #startClock(event: PerfEvent): void {
    const { hw } = event;
    hw.prev_count = this.#scheduledAt(event);
    if (!is_sampling_event(event)) return;
    // perf_swevent_start_hrtimer(): waits for what was left when the event last stopped, else for a whole period.
    const left = hw.period_left;
    hw.period_left = 0;
    const wait = left === 0 ? Math.max(MIN_HRTIMER_PERIOD, hw.sample_period) : left < 0 ? MIN_HRTIMER_PERIOD : left;
    this.#armHrtimer(event, cycles(this.#here.cpu.now() + this.#here.cyclesOf(wait)));
  }

  #armHrtimer(event: PerfEvent, when: Cycles): void {
    this.#hrtimers.set(
      event,
      this.#here.hrtimer(when, 'timer', () => this.#perf_swevent_hrtimer(event, when)),
    );
  }

  /** perf_swevent_cancel_hrtimer(): remembers what is left of the period. */
  #cancelHrtimer(event: PerfEvent): void {
    const timer = this.#hrtimers.get(event);
    if (timer === undefined) return;
    this.#hrtimers.delete(event);
    timer.cancelled = true;
    const { cpu } = this.#here;
    event.hw.period_left = timer.when > cpu.now() ? this.#here.nanosOf(cycles(timer.when - cpu.now())) : -1;
  }

  #perf_swevent_hrtimer(event: PerfEvent, when: Cycles): void {
    const { cpu } = this.#here;
    cpu.enter(FN.perf_swevent_hrtimer);
    cpu.spend(FN.perf_swevent_hrtimer);
    this.#hrtimers.delete(event);
    this.read(event);
    const { hw } = event;
    const regs = this.#here.irq_regs;
    const stop = regs !== undefined && !excluded(event, regs) && this.#rate.overflow(event, regs, hw.last_period, true);
    // hrtimer_forward_now(): stays on the grid, so that the handler's time does not add up.
    const period = this.#here.cyclesOf(Math.max(MIN_HRTIMER_PERIOD, hw.sample_period));
    const passed = Math.floor((cpu.now() - when) / period) + 1;
    if (!stop) this.#armHrtimer(event, cycles(when + passed * period));
    cpu.leave();
  }
}

/** perf_exclude_event() */
function excluded(event: PerfEvent, regs: Regs): boolean {
  return regs.cpl === 3 ? event.attr.exclude_user === true : event.attr.exclude_kernel === true;
}
