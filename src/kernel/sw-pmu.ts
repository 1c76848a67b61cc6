/**
 * Software events: what the kernel counts itself. Counters of faults and switches (perf_swevent), and the two clocks, which
 * sample from an hrtimer instead of an overflow.
 *
 * Source: kernel/events/core.c (perf_swevent_*, cpu_clock, task_clock), Linux 5.0.
 * Not modelled: alignment and emulation faults (this machine has none), bpf-output, cgroup switches.
 */
import type { Regs } from '../arch/cpu.ts';
import type { Alarm } from '../sim/event-queue.ts';
import { PERF_COUNT_SW, PERF_TYPE } from '../uapi/perf-event.ts';
import { cycles } from '../units.ts';
import { ENOENT } from './errno.ts';
import { PERF_EF, PERF_HES, is_sampling_event, type PerfEvent, type Pmu } from './perf-event.ts';
import type { KernelServices } from './services.ts';
import { FN } from './symbols.ts';

type Overflow = (event: PerfEvent, regs: Regs) => boolean;

const NSEC_PER_SEC = 1e9;
/** An hrtimer event samples at most this often, ns. */
const MIN_HRTIMER_PERIOD = 10_000;

const isClock = (config: number): boolean => config === PERF_COUNT_SW.CPU_CLOCK || config === PERF_COUNT_SW.TASK_CLOCK;

export class SoftwarePmu implements Pmu {
  readonly name = 'software';
  readonly task_ctx_nr = 'sw';
  readonly #kernel: KernelServices;
  readonly #overflow: Overflow;
  /** What the timer interrupt being served interrupted (get_irq_regs). */
  readonly #irqRegs: () => Regs | undefined;
  readonly #active = new Set<PerfEvent>();
  readonly #hrtimers = new Map<PerfEvent, Alarm>();

  constructor(kernel: KernelServices, overflow: Overflow, irqRegs: () => Regs | undefined) {
    this.#kernel = kernel;
    this.#overflow = overflow;
    this.#irqRegs = irqRegs;
  }

  /** perf_sw_event(): the kernel did one of these on behalf of the current task. */
  count(config: number, nr: number, regs: Regs): void {
    for (const event of this.#active) {
      if (event.attr.config !== config || (event.hw.state & PERF_HES.STOPPED) !== 0 || excluded(event, regs)) continue;
      this.#kernel.cpu.spend(FN.perf_swevent_event);
      event.count += nr;
      if (!is_sampling_event(event)) continue;
      const { hw } = event;
      hw.period_left += nr;
      for (; hw.period_left >= 0; hw.period_left -= hw.sample_period) {
        hw.last_period = hw.sample_period;
        if (this.#overflow(event, regs)) {
          this.stop(event);
          break;
        }
      }
    }
  }

  event_init(event: PerfEvent): number {
    const { attr, hw } = event;
    if (attr.type !== PERF_TYPE.SOFTWARE || attr.config > PERF_COUNT_SW.CGROUP_SWITCHES) return -ENOENT;
    hw.config = attr.config;
    if (!is_sampling_event(event)) return 0;
    if (isClock(attr.config) && attr.freq === true) {
      // perf_swevent_init_hrtimer(): a timer has a fixed rate, so a frequency is a period from the start.
      attr.sample_period = Math.floor(NSEC_PER_SEC / attr.sample_period);
      attr.freq = false;
      hw.sample_period = attr.sample_period;
      hw.last_period = hw.sample_period;
    }
    hw.period_left = -hw.sample_period;
    return 0;
  }

  add(event: PerfEvent, flags: number): number {
    event.hw.state = (flags & PERF_EF.START) === 0 ? PERF_HES.STOPPED : 0;
    this.#active.add(event);
    if (isClock(event.attr.config) && (flags & PERF_EF.START) !== 0) this.#startClock(event);
    return 0;
  }

  del(event: PerfEvent): void {
    this.stop(event);
    this.#active.delete(event);
  }

  start(event: PerfEvent): void {
    event.hw.state = 0;
    if (isClock(event.attr.config)) this.#startClock(event);
  }

  stop(event: PerfEvent): void {
    if (isClock(event.attr.config)) {
      const timer = this.#hrtimers.get(event);
      if (timer !== undefined) timer.cancelled = true;
      this.#hrtimers.delete(event);
      if ((event.hw.state & PERF_HES.STOPPED) === 0) this.read(event);
    }
    event.hw.state = PERF_HES.STOPPED;
  }

  read(event: PerfEvent): void {
    if (!isClock(event.attr.config)) return;
    const now = this.#kernel.cpu.nanos();
    event.count += now - event.hw.prev_count;
    event.hw.prev_count = now;
  }

  // Software events always fit: nothing to disable, no transaction to lose.
  pmu_enable(): void {}
  pmu_disable(): void {}
  start_txn(): void {}
  cancel_txn(): void {}
  commit_txn(): number {
    return 0;
  }

  #startClock(event: PerfEvent): void {
    event.hw.prev_count = this.#kernel.cpu.nanos();
    if (is_sampling_event(event)) this.#armHrtimer(event);
  }

  #armHrtimer(event: PerfEvent): void {
    const { cpu } = this.#kernel;
    const period = Math.max(MIN_HRTIMER_PERIOD, event.hw.sample_period);
    const when = cycles(cpu.now() + this.#kernel.cyclesOf(period));
    this.#hrtimers.set(
      event,
      this.#kernel.hrtimer(when, 'timer', () => this.#perf_swevent_hrtimer(event)),
    );
  }

  #perf_swevent_hrtimer(event: PerfEvent): void {
    const { cpu } = this.#kernel;
    cpu.enter(FN.perf_swevent_hrtimer);
    cpu.spend(FN.perf_swevent_hrtimer);
    this.read(event);
    event.hw.last_period = event.hw.sample_period;
    const regs = this.#irqRegs();
    const stop = regs !== undefined && !excluded(event, regs) && this.#overflow(event, regs);
    if (!stop) this.#armHrtimer(event);
    cpu.leave();
  }
}

/** perf_exclude_event() */
function excluded(event: PerfEvent, regs: Regs): boolean {
  return regs.cpl === 3 ? event.attr.exclude_user === true : event.attr.exclude_kernel === true;
}
