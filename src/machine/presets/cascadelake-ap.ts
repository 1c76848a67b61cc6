/**
 * cascadelake-ap: two packages of Intel Xeon Platinum 9242, the first of the machines here whose PMU is of version 4.
 *
 * Events: Intel's event list for Cascade Lake (Skylake-X's codes); Linux' tables: arch/x86/events/intel/core.c
 * (skl_hw_cache_event_ids, skl_hw_cache_extra_regs with Skylake-X's local bit, intel_skl_event_constraints,
 * intel_skl_extra_regs).
 * Sources: [ARK] Intel's product page (48 cores a package on two dies, 2.30 GHz base, 3.80 GHz turbo); [CPUID] family 6
 * model 55H stepping 7, leaf 0AH with hyperthreading on: version 4, four general-purpose counters a thread, three fixed, 48
 * bits wide, leaf 15H: a crystal of 25 MHz, which CPU_CLK_UNHALTED.REF_XCLK counts; [lat] the order of magnitude of published
 * instruction latencies, as for broadwell-ep; [chosen] a value inside a plausible range that nothing pins down.
 * Not modelled: the two dies of a package; TSX force abort, which takes counter 3 away.
 */
import { ARCHITECTURAL_EVENTS, type CoreEvents } from '../../arch/events.ts';
import { event, fixedEvent, plain, uevent, type X86Events } from '../../kernel/x86-events.ts';
import { LINUX_DEFAULTS } from '../defaults.ts';
import type { MachinePreset } from '../keys.ts';

const EVENTS: CoreEvents = {
  codes: new Map([
    ...ARCHITECTURAL_EVENTS,
    [0x013c, 'bus-cycles'],
    [0x01c4, 'cond-branches'],
    [0x81d0, 'L1-dcache-loads'],
    [0x0151, 'L1-dcache-load-misses'],
    [0x82d0, 'L1-dcache-stores'],
    [0x0283, 'L1-icache-load-misses'],
    [0x0108, 'dTLB-load-misses'],
    [0x0e08, 'dTLB-load-misses'],
    [0x0149, 'dTLB-store-misses'],
    [0x0e49, 'dTLB-store-misses'],
    [0x2085, 'iTLB-loads'],
    [0x0185, 'iTLB-load-misses'],
    [0x0e85, 'iTLB-load-misses'],
    [0x02c2, 'uops-retired'],
    [0x019c, 'stalled-cycles-frontend'],
    [0x01a2, 'stalled-cycles-backend'],
  ]),
  offcore: [0x01b7, 0x01bb],
  slotsPerCycle: 4,
};

const DRIVER: X86Events = {
  name: 'Skylake',
  cache: new Map([
    [0x000000, plain(0x81d0)],
    [0x010000, plain(0x0151)],
    [0x000100, plain(0x82d0)],
    [0x010001, plain(0x0283)],
    [0x000002, { code: 0x01b7, extra: 0x3fc0010001 }],
    [0x010002, { code: 0x01b7, extra: 0x3ffc020001 }],
    [0x000003, plain(0x81d0)],
    [0x010003, plain(0x0e08)],
    [0x000103, plain(0x82d0)],
    [0x010103, plain(0x0e49)],
    [0x000004, plain(0x2085)],
    [0x010004, plain(0x0e85)],
    [0x000005, plain(0x00c4)],
    [0x010005, plain(0x00c5)],
  ]),
  offcore: { codes: [0x01b7, 0x01bb], valid: 0x3fffff8fff },
  constraints: [
    fixedEvent(0x00c0, 0),
    fixedEvent(0x003c, 1),
    fixedEvent(0x0300, 2),
    uevent(0x01c0, 0x2), // INST_RETIRED.PREC_DIST
    // The lower four counters, which matters with hyperthreads off.
    event(0xd0, 0xf),
    event(0xd1, 0xf),
    event(0xd2, 0xf),
    event(0xcd, 0xf),
    event(0xc6, 0xf),
  ],
};

export const cascadelakeAp: MachinePreset = {
  name: 'cascadelake-ap',
  about: '2 x Intel Xeon Platinum 9242 (48 cores, hyperthreads on): PMU version 4, 4 + 3 counters',
  identity: {
    cpu_desc: 'Intel(R) Xeon(R) Platinum 9242 CPU @ 2.30GHz',
    cpuid: 'GenuineIntel,6,85,7',
    sockets: 2,
    coresPerSocket: 48,
    threadsPerCore: 2,
  },
  values: {
    ...LINUX_DEFAULTS,
    'core.clock': 3.1e9, // [chosen] all-core turbo
    'core.tsc': 2.3e9, // [ARK]
    'core.refill': 200, // [chosen] as broadwell-ep
    'core.bus': 2.5e7, // [CPUID]
    'pmu.version': 4, // [CPUID]
    'pmu.gp': 4, // [CPUID]
    'pmu.fixed': 3, // [CPUID]
    'pmu.width': 48, // [CPUID]
    'pmu.full_width_write': true, // [CPUID] IA32_PERF_CAPABILITIES[13]
    'skid.fixed': 20, // [chosen] as broadwell-ep
    'skid.mean': 20,
    'skid.max': 200,
    'host.kernel': '7.0.0', // the first with KVM's mediated vPMU
    'host.cpus': 192, // [ARK] 2 x 48 x 2
    'host.libc': '2.31', // Debian 11's
    'guest.kernel': '6.1.0', // [chosen] Debian 11 with a later kernel
    'guest.libc': '2.31', // Debian 11's
    'host.memory': 395_982_840, // [chosen] 384 GiB
  },
  events: EVENTS,
  driver: DRIVER,
  latencies: {
    wrmsr: 100, // [lat]
    rdmsr: 38, // [lat]
    rdpmc: 12, // [lat]
    vmexit: 420, // [chosen] between broadwell-ep, whose mitigations are software, and sapphire-rapids
    inject_nmi: 900, // [chosen] vectoring, and the guest's cold entry
  },
};
