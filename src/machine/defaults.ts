/**
 * Default settings of the host's and the guest's kernel, with the source of each: Linux' own defaults, as Ubuntu and
 * Debian build it, and one guest on a host where nobody else uses perf.
 */
import type { SpecNumbers } from './keys.ts';

const LINUX = "Linux' default, as Ubuntu and Debian build it";
const QUIET = 'chosen: one guest, on a host where nobody else uses perf';
const ROOT = 'the user is root';
const EARLIER = 'chosen: earlier runs of the same command left what they leave';

export const LINUX_DEFAULTS = {
  'host.hz': [250, LINUX],
  'host.watchdog': [false, LINUX],
  'host.paranoid': [-1, ROOT],
  'host.max_sample_rate': [100000, LINUX],
  'host.cpu_time_max_percent': [25, LINUX],
  'host.mlock_kb': [516, LINUX],
  'host.fresh': [false, EARLIER],
  'host.perf': ['off', QUIET],
  'host.cores': [1, 'as many as the guest has vCPUs'],
  'host.sched': ['pinned', 'chosen: as in benchmarks of vPMUs, whose vCPUs are pinned'],
  'host.ipi_latency': [1000, 'chosen: the order of magnitude between running cores, not measured'],
  'host.guests': [0, QUIET],
  'host.guests_perf': [false, QUIET],
  'host.ipi': ['warm', 'chosen: PMIs of every design then fit into a tick'],
  'guest.hz': [250, LINUX],
  'guest.cpus': [1, 'as many as are simulated'],
  'guest.vcpus': [1, QUIET],
  'guest.watchdog': [false, 'kvm_guest_init() disables it'],
  'guest.paranoid': [-1, ROOT],
  'guest.max_sample_rate': [100000, LINUX],
  'guest.cpu_time_max_percent': [25, LINUX],
  'guest.mlock_kb': [516, LINUX],
  'guest.pmu_filter': ['none', "KVM's default"],
  'kvm.pinned': [true, 'arch/x86/kvm/pmu.c, pmc_reprogram_counter()'],
  'kvm.hooks': [false, 'the letter proposes them for later'],
  'guest.fresh': [false, EARLIER],
  'guest.background': [0, QUIET],
  'guest.memory': [4_039_028, 'chosen: 4 GiB'],
  'machine.grid': [4_000_000, 'chosen: a tick at 250 Hz'],
} as const satisfies Partial<SpecNumbers>;
