/**
 * broadwell-ep: the letter's machine, two sockets of Intel Xeon E5-2699 v4, and every number gperf has of it.
 *
 * Sources: [ARK] Intel's product page (22 cores a socket, 2.20 GHz base, 3.60 GHz turbo); [SDM] CPUID leaf 0AH of family 6
 * model 4FH with hyperthreading on: version 3, four general-purpose counters a thread, three fixed, 48 bits wide; [letter]
 * Linux 5.0.0, host libc 2.17, "nowatchdog"; [rr] skid bound of 125 branches in production use; [lat] the order of
 * magnitude of published instruction latencies (WRMSR 250-400 cycles, RDMSR about 100, RDPMC 35-40, an interrupt's entry
 * and IRET about 300); [chosen] a value inside a plausible range that nothing pins down.
 */
import type { MachinePreset } from '../keys.ts';

export const broadwellEp: MachinePreset = {
  name: 'broadwell-ep',
  about: "2 x Intel Xeon E5-2699 v4 (22 cores, hyperthreads on): the letter's host",
  identity: {
    cpu_desc: 'Intel(R) Xeon(R) CPU E5-2699 v4 @ 2.20GHz',
    cpuid: 'GenuineIntel,6,79,1',
    sockets: 2,
    coresPerSocket: 22,
    threadsPerCore: 2,
  },
  values: {
    'core.clock': 2.8e9, // all-core turbo of a busy socket; sample counts do not depend on it
    'core.tsc': 2.2e9, // [ARK]
    'core.bus': 1e8,
    'pmu.version': 3, // [SDM]
    'pmu.gp': 4, // [SDM]
    'pmu.fixed': 3, // [SDM]
    'pmu.width': 48, // [SDM]
    'pmu.full_width_write': true, // [SDM] IA32_PERF_CAPABILITIES[13]
    'skid.fixed': 20, // [chosen] with [rr] as the bound
    'skid.mean': 20,
    'skid.max': 200,
    'host.kernel': '5.0.0', // [letter]
    'host.hz': 250, // Ubuntu's default; 1000 cannot produce the letter's figures
    'host.cpus': 88, // [ARK] 2 x 22 x 2
    'host.watchdog': false, // [letter] "nowatchdog"
    'host.libc': '2.17', // [letter]
    'host.paranoid': -1,
    'host.max_sample_rate': 100000,
    'host.cpu_time_max_percent': 25,
    'host.mlock_kb': 516,
    'host.fresh': false,
    'host.perf': 'off',
    'host.ipi': 'warm',
    'guest.kernel': '5.0.0', // [letter]
    'guest.hz': 250,
    'guest.cpus': 1,
    'guest.watchdog': false, // kvm_guest_init() disables it
    'guest.libc': '2.27', // [letter]
    'guest.paranoid': -1,
    'guest.max_sample_rate': 100000,
    'guest.cpu_time_max_percent': 25,
    'guest.mlock_kb': 516,
    'guest.fresh': false,
    'guest.memory': 4_039_028,
    'host.memory': 263_921_288,
  },
  latencies: { wrmsr: 110, rdmsr: 40, rdpmc: 14 },
};
