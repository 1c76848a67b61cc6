/**
 * What the kernels of a preset's host and guest are set to unless it says otherwise: Linux' own defaults, as Ubuntu and
 * Debian build it, on a host where nobody else uses perf.
 */
import type { SpecValues } from './keys.ts';

export const LINUX_DEFAULTS = {
  'host.hz': 250,
  'host.watchdog': false,
  'host.paranoid': -1, // the user is root
  'host.max_sample_rate': 100000,
  'host.cpu_time_max_percent': 25,
  'host.mlock_kb': 516,
  'host.fresh': false,
  'host.perf': 'off',
  'host.guests': 0,
  'host.guests_perf': false,
  'host.ipi': 'warm',
  'guest.hz': 250,
  'guest.cpus': 1,
  'guest.watchdog': false, // kvm_guest_init() disables it
  'guest.paranoid': -1,
  'guest.max_sample_rate': 100000,
  'guest.cpu_time_max_percent': 25,
  'guest.mlock_kb': 516,
  'guest.pmu_filter': 'none',
  'guest.fresh': false,
  'guest.background': 0,
  'guest.memory': 4_039_028,
} as const satisfies Partial<SpecValues>;
