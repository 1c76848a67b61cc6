/**
 * What one boot of the kernel is configured to: version, HZ, CPUs, sysctls. A guest's and its host's are two of these.
 */
import type { X86Events } from './x86-events.ts';

export interface KernelConfig {
  /** uname -r of the boot, e.g. "5.0.0". */
  readonly release: string;
  /** CONFIG_HZ */
  readonly hz: number;
  /** Where in the tick's grid this boot's ticks lie, as a fraction of a tick: two kernels on one core seldom agree. */
  readonly tick_phase: number;
  /** The driver's tables for the CPU's model, which a guest sees as its host does (intel_pmu_init). */
  readonly events: X86Events;
  /** Possible CPUs; one of them is simulated, the others are there to be counted. */
  readonly nrCpus: number;
  /** Number of the CPU that is simulated. */
  readonly cpu: number;
  /** kernel.perf_event_max_sample_rate at boot. */
  readonly perf_event_max_sample_rate: number;
  /** kernel.perf_cpu_time_max_percent */
  readonly perf_cpu_time_max_percent: number;
  /** kernel.perf_event_paranoid; the user is root at -1. */
  readonly perf_event_paranoid: number;
  /** kernel.perf_event_mlock_kb */
  readonly perf_event_mlock_kb: number;
  /** kernel.nmi_watchdog: a pinned cycles event on every CPU. */
  readonly nmi_watchdog: boolean;
  /** ns of running_sample_length left by earlier runs on this CPU (128 times the average PMI). */
  readonly running_sample_length: number;
}

/** Whether the boot's version is at least major.minor. */
export function atLeast(config: Pick<KernelConfig, 'release'>, major: number, minor: number): boolean {
  const [a = 0, b = 0] = config.release.split('.').map(Number);
  return a !== major ? a > major : b >= minor;
}
