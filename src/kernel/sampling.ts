/**
 * How often to sample on one CPU: what becomes of an overflow, frequency feedback, throttling, and the limits that are lowered
 * when PMIs take too long (sysctl.ts).
 *
 * - perf_adjust_period(): a low-pass filter on the period, driven at every PMI and every tick; C's integer division.
 * - __perf_event_account_interrupt(): the first PMI of a tick is never throttled; with a limit of 1 and of 2 a 5.0 kernel
 *   takes two. 6.3 changed the comparison, 2025's kernels moved it out of the else branch.
 * - perf_sample_event_took(): a running average over 128 PMIs of the time the NMI handler took, which outlives the run.
 *
 * Source: kernel/events/core.c, Linux 5.0 (and 6.3, 6.16 where `release` says so; 6.15.3 has 6.16's rule, too, as "perf/core: Fix
 * broken throttling when max_samples_per_tick=1" went to stable kernels).
 * Not modelled: whole-group throttling of 6.16.
 */
import type { Cpu, Regs } from '../arch/cpu.ts';
import { nanos, type Nanos } from '../units.ts';
import { atLeast } from './config.ts';
import type { PerCpu } from './per-cpu.ts';
import { MAX_INTERRUPTS, PERF_EF, is_sampling_event, type PerfEvent } from './perf-event.ts';
import type { PerfOutput } from './perf-output.ts';
import { FN } from './symbols.ts';
import { tickNsec, type PerfSysctls } from './sysctl.ts';

const NSEC_PER_SEC = 1e9;
/** PMIs that running_sample_length averages over. */
export const NR_ACCUMULATED_SAMPLES = 128;

export class SampleRate {
  readonly tick_nsec: number;
  readonly #here: PerCpu;
  readonly #cpu: Cpu;
  readonly #sysctl: PerfSysctls;
  readonly #output: Pick<PerfOutput, 'throttle'>;
  /** How the limit is compared: from 6.3 only more than it throttles; from 6.16 the first PMI of a tick counts, too. */
  readonly #rule: 'second on' | 'above' | 'first too';

  constructor(here: PerCpu, output: Pick<PerfOutput, 'throttle'>) {
    const { config } = here;
    this.#here = here;
    this.#cpu = here.cpu;
    this.#sysctl = here.system.sysctl;
    this.#output = output;
    this.tick_nsec = tickNsec(config.hz);
    this.#rule = atLeast(config, 6, 16) ? 'first too' : atLeast(config, 6, 3) ? 'above' : 'second on';
  }

  /**
   * __perf_event_overflow(): a sampling event's period has elapsed. Accounts for it, then hands the sample on; true if the event
   * must stop (throttled). `period` is the one that elapsed; accounting may start another before the sample is written.
   */
  overflow(event: PerfEvent, regs: Regs, period: number, throttle: boolean): boolean {
    if (!is_sampling_event(event)) return false;
    this.#cpu.enter(FN.__perf_event_overflow);
    this.#cpu.spend(FN.__perf_event_overflow);
    const stop = this.account_interrupt(event, throttle);
    event.overflow_handler(event, regs, period);
    this.#cpu.leave();
    return stop;
  }

  /** __perf_event_account_interrupt(): books a PMI; true if the event must be stopped until the next tick. */
  account_interrupt(event: PerfEvent, throttle: boolean): boolean {
    const { hw } = event;
    this.#cpu.spend(FN.__perf_event_account_interrupt);
    const here = this.#here;
    const { max_samples_per_tick: max } = this.#sysctl;
    let throttled = false;
    if (here.throttled_seq !== hw.interrupts_seq) {
      hw.interrupts_seq = here.throttled_seq;
      hw.interrupts = 1;
      throttled = throttle && this.#rule === 'first too' && hw.interrupts >= max;
    } else {
      hw.interrupts++;
      throttled = throttle && (this.#rule === 'above' ? hw.interrupts > max : hw.interrupts >= max);
    }
    if (throttled) {
      here.throttled_count++;
      hw.interrupts = MAX_INTERRUPTS;
      this.#output.throttle(event, false);
    }
    if (event.attr.freq === true) {
      const now = this.#cpu.nanos();
      const delta = now - hw.freq_time_stamp;
      hw.freq_time_stamp = now;
      if (delta > 0 && delta < 2 * this.tick_nsec) this.adjust_period(event, delta, hw.last_period, true);
    }
    return throttled;
  }

  /**
   * perf_adjust_period(): moves the period an eighth of the way to what `count` events in `nsec` call for. A counter armed
   * for more than eight new periods is re-armed at once (`disable`: it is still running).
   */
  adjust_period(event: PerfEvent, nsec: number, count: number, disable: boolean): void {
    this.#cpu.spend(FN.perf_adjust_period);
    const { hw } = event;
    const target = quotient(count * NSEC_PER_SEC, nsec * Number(event.attr.sample_period));
    const delta = Math.trunc((target - hw.sample_period + 7) / 8);
    hw.sample_period = hw.sample_period + delta || 1;
    if (hw.period_left > 8 * hw.sample_period) {
      if (disable) event.pmu.stop(event, PERF_EF.UPDATE);
      hw.period_left = 0;
      if (disable) event.pmu.start(event, PERF_EF.RELOAD);
    }
  }

  /** The tick starts a new allowance. Returns how many events were throttled in the last one. */
  next_tick(): number {
    const here = this.#here;
    here.throttled_seq++;
    const throttled = here.throttled_count;
    here.throttled_count = 0;
    return throttled;
  }

  /** Ends a throttled event's stop: a fresh count of PMIs, and the record that says so. */
  unthrottle(event: PerfEvent): void {
    event.hw.interrupts = 0;
    this.#output.throttle(event, true);
  }

  /** perf_adjust_freq_unthr_context(), for one active event. */
  adjust_freq_unthr(event: PerfEvent): void {
    const { hw, pmu } = event;
    if (hw.interrupts === MAX_INTERRUPTS) {
      this.unthrottle(event);
      pmu.start(event, 0);
    }
    if (event.attr.freq !== true || !is_sampling_event(event)) return;
    pmu.stop(event, PERF_EF.UPDATE);
    const delta = event.count - hw.freq_count_stamp;
    hw.freq_count_stamp = event.count;
    if (delta > 0) this.adjust_period(event, this.tick_nsec, delta, false);
    pmu.start(event, delta > 0 ? PERF_EF.RELOAD : 0);
  }

  /** perf_sample_event_took(): `sample_len_ns` is what the NMI handler took by its own clock. */
  sample_event_took(sample_len_ns: Nanos): void {
    const here = this.#here;
    const sysctl = this.#sysctl;
    const allowed = sysctl.sample_allowed_ns;
    if (allowed === 0) return;
    this.#cpu.spend(FN.perf_sample_event_took);
    here.running_sample_length -= Math.floor(here.running_sample_length / NR_ACCUMULATED_SAMPLES);
    here.running_sample_length += sample_len_ns;
    const avg = Math.floor(here.running_sample_length / NR_ACCUMULATED_SAMPLES);
    if (avg <= allowed) return;
    sysctl.lower(avg);
    here.printk(
      `perf: interrupt took too long (${avg} > ${allowed}), lowering kernel.perf_event_max_sample_rate to ${sysctl.sysctl_perf_event_sample_rate}`,
    );
  }

  /** The average PMI so far, ns. */
  get averagePmi(): Nanos {
    return nanos(Math.floor(this.#here.running_sample_length / NR_ACCUMULATED_SAMPLES));
  }
}

/** Integer division of whole numbers whose double quotient may round up to the next whole number. */
const quotient = (a: number, b: number): number => Math.round((a - (a % b)) / b);
