/**
 * No earlier than when a CPU's records can pass the watermark of a buffer, so that the task is woken that reads it, maybe on
 * another CPU. How soon records can follow each other is bounded in three ways, of which the latest counts:
 *
 * - each takes the kernel some time to write;
 * - from tick to tick an event is throttled at the limit (__perf_event_account_interrupt);
 * - with a frequency, perf_adjust_period() keeps the time between samples near what was asked for. A sample `t` after the one
 *   before multiplies the period by 7/8 + P / 8t, where P is the time that was asked for: samples that follow each other
 *   faster make it longer.
 *
 * Source: kernel/events/core.c (__perf_event_account_interrupt, perf_adjust_period, perf_adjust_freq_unthr_context), Linux
 * 5.0.
 * Not modelled: nothing; none of this shows in a simulation, but in how long the windows are (sim/windows.ts).
 */
import { exp, log } from '../sim/math.ts';
import { cycles, type Cycles } from '../units.ts';
import type { PerCpu } from './per-cpu.ts';
import type { PerfEvent } from './perf-event.ts';
import { FN, type KernelFunction } from './symbols.ts';

const NEVER = cycles(Infinity);
const NSEC_PER_SEC = 1e9;

/** What it takes at least to write a record, and to serve a PMI that writes a sample. */
export interface LeastCosts {
  readonly record: Cycles;
  readonly nmi: Cycles;
}

/** What is known of a CPU besides its tasks. */
export interface Ahead extends LeastCosts {
  /** When it has the host's CPU, if it is a vCPU; otherwise now. */
  readonly from: Cycles;
  /** When what is on its way to it arrives. */
  readonly arrival: Cycles;
  /** No earlier than this does a PMI interrupt it. */
  readonly pmi: Cycles;
  /** How many counters can raise a PMI, and whether all of them count no faster than the clock. */
  readonly sampling: { readonly counters: number; readonly byClock: boolean };
}

/** Until when there are only PMIs; and until when there are only PMIs and ticks. */
interface Silence {
  readonly quiet: Cycles;
  readonly calm: Cycles;
}

/** Every record is written by these. */
const WRITES = ['perf_output_begin_forward', 'perf_output_sample', 'perf_output_end'] as const;
/** Every PMI that writes a sample goes through these. */
const SAMPLES = [
  'nmi',
  'do_nmi',
  'default_do_nmi',
  'nmi_handle',
  'perf_event_nmi_handler',
  'intel_pmu_handle_irq',
  '__perf_event_overflow',
  'perf_event_output_forward',
  'perf_prepare_sample',
  ...WRITES,
] as const;

export function leastCosts(costOf: (fn: number) => Cycles): LeastCosts {
  const sum = (fns: readonly KernelFunction[]): Cycles => cycles(fns.reduce((all, fn) => all + costOf(FN[fn]), 0));
  return { record: sum(WRITES), nmi: sum(SAMPLES) };
}

/** When a task may be woken because a buffer has filled up. */
export function passesWatermark(here: PerCpu, ahead: Ahead, { quiet, calm }: Silence): Cycles {
  const { mail, number, pending_wakeups, shared_buffers } = here;
  const { from, pmi, record, nmi, sampling } = ahead;
  if (pending_wakeups.size > 0) return from;
  const events = samplingEvents(here);
  const first = Math.max(from, Math.min(quiet, pmi));
  let at: number = NEVER;
  for (const { follows, toWatermark } of shared_buffers) {
    // Whom it follows is elsewhere; if he comes, that is known before he does.
    if (follows !== undefined && follows.cpu !== number && !mail.coming.has(follows)) continue;
    const { records, samples } = toWatermark;
    // A PMI writes a sample for each counter, and until the next tick each event is throttled but once.
    const pmis = sampling.counters === 0 ? 0 : Math.max(0, Math.floor(samples / sampling.counters) - 1);
    const least = (span: (event: PerfEvent) => number): number => Math.min(...events.map(span));
    // Those that are throttled have no counter that runs.
    const clocked = sampling.byClock && events.length > 0 && events.length === sampling.counters;
    const inTick =
      first + Math.max(samples * record, clocked ? least((event) => spanInTick(event, pmis - 1, nmi)) : pmis * nmi);
    const overTicks = Math.max(
      throttledUntil(here, from, samples, events.length),
      clocked ? first + least((event) => spanOverTicks(here, event, pmis)) : from,
    );
    at = Math.min(at, Math.max(first + records * record, Math.min(inTick, quiet), Math.min(overTicks, calm)));
  }
  return cycles(at);
}

/** They have a counter, or are about to get one. */
const samplingEvents = ({ cpu_hw_events }: PerCpu): readonly PerfEvent[] =>
  cpu_hw_events.event_list.filter(({ attr }) => attr.sample_period !== 0);

/** Between two ticks each event writes no more samples than the limit allows and one, THROTTLE and UNTHROTTLE. */
function throttledUntil({ sysctl, tick, timers }: PerCpu, from: Cycles, samples: number, events: number): number {
  if (events === 0) return from;
  const ticks = Math.floor(samples / (events * (sysctl.max_samples_per_tick + 3)));
  return ticks === 0 ? from : timers.nextTick + (ticks - 1) * tick;
}

/**
 * Cycles in which an event that counts cycles can overflow so many more times than once before the next tick. With a
 * frequency, perf_adjust_period() makes a period at most an eighth shorter than the one before, and rounds.
 */
function spanInTick({ attr, hw }: PerfEvent, n: number, nmi: Cycles): number {
  let period = hw.sample_period;
  let [span, left] = [0, Math.max(0, n)];
  for (; attr.freq === true && left > 0 && period > nmi; left--) {
    period = Math.floor((period * 7) / 8) - 1;
    span += period;
  }
  return span + left * Math.max(nmi, attr.freq === true ? 0 : period);
}

/** The same while only ticks pass, each of which may shorten the period by an eighth and end a throttling. */
function spanOverTicks(here: PerCpu, { attr, hw }: PerfEvent, n: number): number {
  const { tick } = here;
  const asked = attr.freq === true ? here.cyclesOf(NSEC_PER_SEC / Number(attr.sample_period)) : hw.sample_period;
  const longest = Math.min(n * asked, MOST_TICKS * tick);
  const ticks = Math.floor(longest / tick) + 1;
  const overflows = n - 2 * ticks - UNCERTAIN;
  if (overflows <= 0) return 0;
  return attr.freq === true
    ? atLeast(overflows, asked, hw.sample_period, ticks, longest)
    : Math.min(longest, overflows * asked);
}

/** How far spanOverTicks() looks; overflows whose period was set before, or whose next one is not over. */
const MOST_TICKS = 8;
const UNCERTAIN = 4;
/** Of a shorter period than that, rounding to whole cycles takes too large a part; and what it takes of longer ones. */
const SHORTEST = 64;
const ROUNDING = 0.02;
const TICK = log(8 / 7);

/**
 * The time that `n` overflows take at least, one of which is asked for every `asked` cycles. Let the i-th come t_i after the
 * one before; then log p grows by at least g(t_i) = log(7/8 + asked / 8 t_i), less rounding, and falls by TICK at each tick.
 * g is convex: the mean of the t_i is no less than where g is the mean growth. That is little, since a period that has
 * become as long as the whole time would have to pass. And before the period is SHORTEST, growth must have been so
 * negative that 8 `asked` have passed for each 1 of it.
 */
function atLeast(n: number, asked: number, period: number, ticks: number, longest: number): number {
  const shrinks = log(period / SHORTEST) - (ticks + 1) * TICK;
  if (shrinks <= 0) return 0;
  const growth = (Math.max(0, log(longest / period)) + (ticks + 1) * TICK) / n + ROUNDING;
  return Math.min(longest, (n * asked) / (8 * exp(growth) - 7), 8 * shrinks * asked);
}
