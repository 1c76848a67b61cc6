/**
 * Configuration of one boot of the kernel (version, HZ, CPUs, sysctls), and what differs between its CPUs. A guest and
 * its host are two boots.
 */
import type { Hertz } from '../units.ts';
import type { X86Events } from './x86-events.ts';

/** What Linux finds about a processor's speculation at boot (cpu_set_bug_bits(), spectre_v2_select_mitigation()). */
export interface CpuBugs {
  /** X86_FEATURE_IBRS_ENHANCED: else indirect calls are retpolines. */
  readonly enhancedIbrs: boolean;
  /** X86_BUG_L1TF */
  readonly l1tf: boolean;
  /** X86_BUG_MDS */
  readonly mds: boolean;
}

export interface KernelConfig {
  /** uname -r of the boot, e.g. "5.0.0". */
  readonly release: string;
  /** CONFIG_HZ */
  readonly hz: number;
  /** The driver's tables for the CPU model (intel_pmu_init). A guest sees the same model as its host. */
  readonly events: X86Events;
  readonly bugs: CpuBugs;
  /** Possible CPUs. Those without a Kernel only add to the number. */
  readonly nrCpus: number;
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
}

/** One CPU as it comes up at boot. */
export interface CpuConfig {
  /** Its number among the kernel's CPUs (smp_processor_id). */
  readonly number: number;
  /** Frequency that its time is counted at. */
  readonly clock: Hertz;
  /** Offset of its ticks, as a fraction of a tick: the ticks of two kernels on one core seldom coincide. */
  readonly tick_phase: number;
  /** ns of running_sample_length left by earlier runs on it (128 times the average PMI). */
  readonly running_sample_length: number;
}

/** The releases whose rules are modelled: the letter's, and the last that was read. */
export const OLDEST_RELEASE = [5, 0] as const;
export const NEWEST_RELEASE = [7, 0] as const;

/** Whether the boot's version is at least major.minor. */
export function atLeast(config: Pick<KernelConfig, 'release'>, major: number, minor: number): boolean {
  const [a = 0, b = 0] = config.release.split('.').map(Number);
  return a !== major ? a > major : b >= minor;
}
