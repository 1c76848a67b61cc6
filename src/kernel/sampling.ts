/**
 * How often to sample: frequency feedback, throttling, and the limits the kernel lowers when its own PMIs take too long.
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
import type { Cpu } from '../arch/cpu.ts';
import { nanos, type Nanos } from '../units.ts';
import { atLeast, type KernelConfig } from './config.ts';
import { MAX_INTERRUPTS, PERF_EF, is_sampling_event, type PerfEvent } from './perf-event.ts';
import { FN } from './symbols.ts';

const NSEC_PER_SEC = 1e9;
/** PMIs that running_sample_length averages over. */
export const NR_ACCUMULATED_SAMPLES = 128;

export class SampleRate {
  /** kernel.perf_event_max_sample_rate, as lowered by now. */
  sysctl_perf_event_sample_rate = 0;
  max_samples_per_tick = 0;
  /** perf_sample_allowed_ns; 0: dynamic throttling is off (at 0 and at 100 %). */
  sample_allowed_ns = 0;
  /** 128 times the average length of a PMI in ns; a per-CPU variable that no sysctl resets. */
  running_sample_length: number;
  /** perf_throttled_seq, perf_throttled_count */
  throttled_seq = 0;
  throttled_count = 0;
  readonly tick_nsec: number;
  readonly #cpu: Cpu;
  readonly #config: KernelConfig;
  /** How the limit is compared: from 6.3 only more than it throttles; from 6.16 the first PMI of a tick counts, too. */
  readonly #rule: 'second on' | 'above' | 'first too';
  readonly #printk: (text: string) => void;
  readonly #logThrottle: (event: PerfEvent, enable: boolean) => void;

  constructor(
    cpu: Cpu,
    config: KernelConfig,
    printk: (text: string) => void,
    logThrottle: (event: PerfEvent, enable: boolean) => void,
  ) {
    this.#cpu = cpu;
    this.#config = config;
    this.#printk = printk;
    this.#logThrottle = logThrottle;
    this.tick_nsec = Math.floor((NSEC_PER_SEC + config.hz / 2) / config.hz);
    this.perf_proc_update_handler();
    this.running_sample_length = config.running_sample_length;
    this.#rule = atLeast(config, 6, 16) ? 'first too' : atLeast(config, 6, 3) ? 'above' : 'second on';
  }

  /**
   * perf_proc_update_handler(): kernel.perf_event_max_sample_rate is written, with what it was at boot. The limits are as they
   * were then; the average stays.
   */
  perf_proc_update_handler(): void {
    const { perf_event_max_sample_rate: rate, perf_cpu_time_max_percent: percent, hz } = this.#config;
    this.sysctl_perf_event_sample_rate = rate;
    this.max_samples_per_tick = Math.ceil(rate / hz);
    const period = Math.floor(NSEC_PER_SEC / rate);
    this.sample_allowed_ns = percent === 0 || percent === 100 ? 0 : Math.max(1, Math.floor((period * percent) / 100));
  }

  /** __perf_event_account_interrupt(): books a PMI; true if the event must be stopped until the next tick. */
  account_interrupt(event: PerfEvent, throttle: boolean): boolean {
    const { hw } = event;
    this.#cpu.spend(FN.__perf_event_account_interrupt);
    let throttled = false;
    if (this.throttled_seq !== hw.interrupts_seq) {
      hw.interrupts_seq = this.throttled_seq;
      hw.interrupts = 1;
      throttled = throttle && this.#rule === 'first too' && hw.interrupts >= this.max_samples_per_tick;
    } else {
      hw.interrupts++;
      const { max_samples_per_tick: max } = this;
      throttled = throttle && (this.#rule === 'above' ? hw.interrupts > max : hw.interrupts >= max);
    }
    if (throttled) {
      this.throttled_count++;
      hw.interrupts = MAX_INTERRUPTS;
      this.#logThrottle(event, false);
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
    this.throttled_seq++;
    const throttled = this.throttled_count;
    this.throttled_count = 0;
    return throttled;
  }

  /** Ends a throttled event's stop: a fresh count of PMIs, and the record that says so. */
  unthrottle(event: PerfEvent): void {
    event.hw.interrupts = 0;
    this.#logThrottle(event, true);
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
    if (this.sample_allowed_ns === 0) return;
    this.#cpu.spend(FN.perf_sample_event_took);
    this.running_sample_length -= Math.floor(this.running_sample_length / NR_ACCUMULATED_SAMPLES);
    this.running_sample_length += sample_len_ns;
    let avg = Math.floor(this.running_sample_length / NR_ACCUMULATED_SAMPLES);
    if (avg <= this.sample_allowed_ns) return;
    const seen = avg;
    const allowed = this.sample_allowed_ns;
    avg += Math.floor(avg / 4);
    const budget = Math.floor(this.tick_nsec / 100) * this.#config.perf_cpu_time_max_percent;
    this.max_samples_per_tick = avg < budget ? Math.floor(budget / avg) : 1;
    this.sample_allowed_ns = avg;
    this.sysctl_perf_event_sample_rate = this.max_samples_per_tick * this.#config.hz;
    this.#printk(
      `perf: interrupt took too long (${seen} > ${allowed}), lowering kernel.perf_event_max_sample_rate to ${this.sysctl_perf_event_sample_rate}`,
    );
  }

  /** The average PMI so far, ns. */
  get averagePmi(): Nanos {
    return nanos(Math.floor(this.running_sample_length / NR_ACCUMULATED_SAMPLES));
  }
}

/** Integer division of whole numbers whose double quotient may round up to the next whole number. */
const quotient = (a: number, b: number): number => Math.round((a - (a % b)) / b);
