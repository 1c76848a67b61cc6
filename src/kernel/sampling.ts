/**
 * How often one CPU samples: handling of an overflow, frequency feedback, throttling, and limits that drop when PMIs
 * take too long (sysctl.ts).
 *
 * - perf_adjust_period(): a low-pass filter on the period, run at every PMI and every tick, in integer arithmetic as in
 *   C.
 * - __perf_event_account_interrupt(): the first PMI of a tick is never throttled, so a 5.0 kernel takes two PMIs per
 *   tick at a limit of 1 as well as of 2. 6.4 changed the comparison; 6.16 applies it to the first PMI, too (both, and
 *   their stable trees: changes.ts). From 6.16 on the whole group is throttled, and its leader logs it.
 * - perf_sample_event_took(): a running average of the NMI handler's time over 128 PMIs, which carries over between
 *   runs.
 *
 * Source: kernel/events/core.c, Linux 5.0 to 6.18 as `release` says; commits 9734e25fbf5a ("perf: Fix the throttle logic
 * for a group"), e800ac51202f ("perf: Only dump the throttle log for the leader"), f38628b06c36 ("perf/core: Reduce PMU
 * access to adjust sample freq").
 * Not modelled: what 6.16 before its first fixes did with members of a throttled group that are off (it stopped them).
 */
import type { Cpu, Regs } from '../arch/cpu.ts';
import { nanos, type Nanos } from '../units.ts';
import { CHANGES, has } from './changes.ts';
import { atLeast } from './config.ts';
import type { PerCpu } from './per-cpu.ts';
import {
  MAX_INTERRUPTS,
  PERF_EF,
  PERF_EVENT_STATE,
  groupMembers,
  is_sampling_event,
  type PerfEvent,
} from './perf-event.ts';
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
  readonly #output: Pick<PerfOutput, 'sample' | 'throttle'>;
  /** When the limit throttles: from the second PMI on; from 6.4 only above it; from 6.16 at the first PMI, too. */
  readonly #rule: 'second on' | 'above' | 'first too';
  /** From 6.16 an event's whole group is throttled with it. */
  readonly #throttlesGroups: boolean;
  /** From 6.10 the tick starts a throttled frequency event once, not twice. */
  readonly #startsOnce: boolean;
  /** From 6.12 a period moves down by as much as it would up: the filter rounds away from zero. */
  readonly #roundsAway: boolean;

  constructor(here: PerCpu, output: Pick<PerfOutput, 'sample' | 'throttle'>) {
    const { config } = here;
    this.#here = here;
    this.#cpu = here.cpu;
    this.#sysctl = here.sysctl;
    this.#output = output;
    this.tick_nsec = tickNsec(config.hz);
    this.#rule = has(config, CHANGES.throttleFirstPmi)
      ? 'first too'
      : has(config, CHANGES.throttleAboveLimit)
        ? 'above'
        : 'second on';
    this.#throttlesGroups = atLeast(config, 6, 16);
    this.#startsOnce = atLeast(config, 6, 10);
    this.#roundsAway = has(config, CHANGES.smallNegativePeriod);
  }

  /**
   * __perf_event_overflow(): a sampling event's period has elapsed. Accounts for it, then calls the overflow handler;
   * true if the event must stop (throttled). `period` is the elapsed one: accounting may change the period before the
   * sample is written.
   */
  overflow(event: PerfEvent, regs: Regs, period: number, throttle: boolean): boolean {
    if (!is_sampling_event(event)) return false;
    this.#cpu.enter(FN.__perf_event_overflow);
    this.#cpu.spend(FN.__perf_event_overflow);
    const stop = this.account_interrupt(event, throttle);
    if (event.overflow_handler === undefined) this.#output.sample(event, regs, period);
    else event.overflow_handler(event, regs, period);
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
      this.#throttle(event);
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
   * perf_adjust_period(): moves the period an eighth of the way to what `count` events in `nsec` call for. A counter
   * armed for more than eight new periods is re-armed at once (`disable`: the counter is running and must be stopped
   * for that).
   */
  adjust_period(event: PerfEvent, nsec: number, count: number, disable: boolean): void {
    this.#cpu.spend(FN.perf_adjust_period);
    const { hw } = event;
    const target = quotient(count * NSEC_PER_SEC, nsec * Number(event.attr.sample_period));
    const apart = target - hw.sample_period;
    const delta = Math.trunc((apart + (apart < 0 && this.#roundsAway ? -7 : 7)) / 8);
    hw.sample_period = hw.sample_period + delta || 1;
    if (hw.period_left > 8 * hw.sample_period) {
      if (disable) event.pmu.stop(event, PERF_EF.UPDATE);
      hw.period_left = 0;
      if (disable) event.pmu.start(event, PERF_EF.RELOAD);
    }
  }

  /** A tick begins: resets the allowance and returns how many events were throttled in the last tick. */
  next_tick(): number {
    const here = this.#here;
    here.throttled_seq++;
    const throttled = here.throttled_count;
    here.throttled_count = 0;
    return throttled;
  }

  /** perf_event_throttle(), of its group too where that is throttled as one. */
  #throttle(event: PerfEvent): void {
    if (!this.#throttlesGroups) {
      event.hw.interrupts = MAX_INTERRUPTS;
      this.#output.throttle(event, false);
      return;
    }
    for (const member of groupMembers(event.group_leader)) {
      if (member.state !== PERF_EVENT_STATE.ACTIVE) continue;
      member.pmu.stop(member, 0);
      member.hw.interrupts = MAX_INTERRUPTS;
      if (member === event.group_leader) this.#output.throttle(member, false);
    }
  }

  /** perf_event_unthrottle(): PMIs are counted from 0 again, and an UNTHROTTLE record is written. */
  unthrottle(event: PerfEvent): void {
    event.hw.interrupts = 0;
    if (!this.#throttlesGroups || event === event.group_leader) this.#output.throttle(event, true);
  }

  /** Ends throttling at the tick, of its group too where that was throttled; `started`: the caller starts the event. */
  #unthrottleAll(event: PerfEvent, started: boolean): void {
    if (!this.#throttlesGroups) {
      this.unthrottle(event);
      if (!started) event.pmu.start(event, 0);
      return;
    }
    for (const member of groupMembers(event.group_leader)) {
      if (member.state !== PERF_EVENT_STATE.ACTIVE) continue;
      if (member !== event || !started) member.pmu.start(member, 0);
      this.unthrottle(member);
    }
  }

  /** perf_adjust_freq_unthr_context() for one active event. */
  adjust_freq_unthr(event: PerfEvent): void {
    const { hw, pmu } = event;
    const adjusts = event.attr.freq === true && is_sampling_event(event);
    if (hw.interrupts === MAX_INTERRUPTS) this.#unthrottleAll(event, adjusts && this.#startsOnce);
    if (!adjusts) return;
    pmu.stop(event, PERF_EF.UPDATE);
    const delta = event.count - hw.freq_count_stamp;
    hw.freq_count_stamp = event.count;
    if (delta > 0) this.adjust_period(event, this.tick_nsec, delta, false);
    pmu.start(event, delta > 0 ? PERF_EF.RELOAD : 0);
  }

  /** perf_sample_event_took(): `sample_len_ns` is the NMI handler's duration by the CPU's own clock. */
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

/** Integer division; exact where the quotient in doubles would round up to the next whole number. */
const quotient = (a: number, b: number): number => Math.round((a - (a % b)) / b);
