/**
 * Limits on how often perf may sample, for all CPUs of a system: kernel.perf_event_max_sample_rate and what follows
 * from it. A CPU whose PMIs take too long lowers it for all.
 *
 * Source: kernel/events/core.c (perf_proc_update_handler, perf_sample_event_took, update_perf_cpu_limits), Linux 5.0.
 * Not modelled: sysctls written while the system runs.
 */
import type { KernelConfig } from './config.ts';

const NSEC_PER_SEC = 1e9;

/** TICK_NSEC, ns. */
export const tickNsec = (hz: number): number => Math.floor((NSEC_PER_SEC + hz / 2) / hz);

export interface SamplingLimits {
  /** The current kernel.perf_event_max_sample_rate. */
  readonly sysctl_perf_event_sample_rate: number;
  readonly max_samples_per_tick: number;
  /** perf_sample_allowed_ns; 0: dynamic throttling is off (perf_cpu_time_max_percent of 0 or 100). */
  readonly sample_allowed_ns: number;
}

export class PerfSysctls implements SamplingLimits {
  sysctl_perf_event_sample_rate = 0;
  max_samples_per_tick = 0;
  sample_allowed_ns = 0;
  readonly #config: KernelConfig;

  constructor(config: KernelConfig) {
    this.#config = config;
    this.perf_proc_update_handler();
  }

  /** kernel.perf_event_max_sample_rate is written with its value at boot, which restores the limits. */
  perf_proc_update_handler(): void {
    const { perf_event_max_sample_rate: rate, perf_cpu_time_max_percent: percent, hz } = this.#config;
    this.sysctl_perf_event_sample_rate = rate;
    this.max_samples_per_tick = Math.ceil(rate / hz);
    const period = Math.floor(NSEC_PER_SEC / rate);
    this.sample_allowed_ns = percent === 0 || percent === 100 ? 0 : Math.max(1, Math.floor((period * percent) / 100));
  }

  /** Takes over another CPU's limits if they are lower. */
  takeOver(other: SamplingLimits): void {
    if (other.sysctl_perf_event_sample_rate >= this.sysctl_perf_event_sample_rate) return;
    this.sysctl_perf_event_sample_rate = other.sysctl_perf_event_sample_rate;
    this.max_samples_per_tick = other.max_samples_per_tick;
    this.sample_allowed_ns = other.sample_allowed_ns;
  }

  /** The end of perf_sample_event_took(): PMIs take too long, `avg` ns, so fewer are allowed. */
  lower(avg: number): void {
    const { hz, perf_cpu_time_max_percent: percent } = this.#config;
    const allowed = avg + Math.floor(avg / 4);
    const budget = Math.floor(tickNsec(hz) / 100) * percent;
    this.max_samples_per_tick = allowed < budget ? Math.floor(budget / allowed) : 1;
    this.sample_allowed_ns = allowed;
    this.sysctl_perf_event_sample_rate = this.max_samples_per_tick * hz;
  }
}
