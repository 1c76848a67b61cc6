/**
 * broadwell-ep: the letter's machine, two sockets of Intel Xeon E5-2699 v4, and every number gperf has of it.
 *
 * Events: Intel's event list for Broadwell-DE/EP; Linux' tables: arch/x86/events/intel/core.c (hsw_hw_cache_event_ids,
 * hsw_hw_cache_extra_regs with Broadwell's fixups, intel_bdw_event_constraints, intel_snbep_extra_regs, bdw_limit_period).
 * Sources: [ARK] Intel's product page (22 cores a socket, 2.20 GHz base, 3.60 GHz turbo); [SDM] CPUID leaf 0AH of family 6
 * model 4FH with hyperthreading on: version 3, four general-purpose counters a thread, three fixed, 48 bits wide; [letter]
 * Linux 5.0.0, host libc 2.17, "nowatchdog"; [rr] skid bound of 125 branches in production use; [lat] the order of
 * magnitude of published instruction latencies (WRMSR 250-400 cycles, RDMSR about 100, RDPMC 35-40, an interrupt's entry
 * and IRET about 300); [rec] recordings of user cycles that people published: samples 1, 1, 4, 26 and 179 cycles after one
 * another at one address, the instruction behind a SYSCALL (mysqld, 2022); 1, 1, 12 and 466 at one of a loop (Namhyung Kim's
 * "perf record --setup-filter", 2024); 1, 1, 6, 70 and 915 at ld.so's first (node, 2015); [fitted] to an outcome of the letter;
 * [chosen] a value inside a plausible range that nothing pins down.
 */
import { ARCHITECTURAL_EVENTS, type CoreEvents } from '../../arch/events.ts';
import { event, fixedEvent, plain, ubit, uevent, type X86Events } from '../../kernel/x86-events.ts';
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
    [0x0280, 'L1-icache-load-misses'],
    [0x0108, 'dTLB-load-misses'],
    [0x0149, 'dTLB-store-misses'],
    [0x6085, 'iTLB-loads'],
    [0x0185, 'iTLB-load-misses'],
    [0x01c2, 'uops-retired'],
    [0x019c, 'stalled-cycles-frontend'],
    [0x01a2, 'stalled-cycles-backend'],
  ]),
  offcore: [0x01b7, 0x01bb],
  slotsPerCycle: 4,
};

const DRIVER: X86Events = {
  name: 'Broadwell',
  cache: new Map([
    [0x000000, plain(0x81d0)],
    [0x010000, plain(0x0151)],
    [0x000100, plain(0x82d0)],
    [0x010001, plain(0x0280)],
    // Demand data reads, any response.
    [0x000002, { code: 0x01b7, extra: 0x10001 }],
    // Demand data reads that missed the L3 (local bit 26, as Broadwell has it) and were served by DRAM, any snoop.
    [0x010002, { code: 0x01b7, extra: 0x1fbc000001 }],
    [0x000003, plain(0x81d0)],
    [0x010003, plain(0x0108)],
    [0x000103, plain(0x82d0)],
    [0x010103, plain(0x0149)],
    [0x000004, plain(0x6085)],
    [0x010004, plain(0x0185)],
    [0x000005, plain(0x00c4)],
    [0x010005, plain(0x00c5)],
  ]),
  offcore: { codes: [0x01b7, 0x01bb], valid: 0x3fffff8fff },
  constraints: [
    fixedEvent(0x00c0, 0),
    fixedEvent(0x003c, 1),
    fixedEvent(0x0300, 2),
    uevent(0x0148, 0x4), // L1D_PEND_MISS.PENDING
    ubit(0x08a3, 0x4), // CYCLE_ACTIVITY.*L1D*
    // The memory retired families: the lower four counters, which matters with hyperthreads off.
    event(0xd0, 0xf),
    event(0xd1, 0xf),
    event(0xd2, 0xf),
    event(0xcd, 0xf),
  ],
  // INST_RETIRED.ALL wants a period of at least 128 with the low six bits clear (errata BDM11, BDM55).
  limit_period: (code, left) => {
    if ((code & 0xffff) !== 0x01c0) return left;
    const least = Math.max(left, 128);
    return least - (least % 64);
  },
};

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
    ...LINUX_DEFAULTS,
    'core.clock': 2.8e9, // all-core turbo of a busy socket; sample counts do not depend on it
    'core.tsc': 2.2e9, // [ARK]
    'core.refill': 200, // [chosen] above the 179 cycles after which nothing has retired in [rec]
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
    'guest.kernel': '5.0.0', // [letter]
    'guest.libc': '2.27', // [letter]
    'host.memory': 263_921_288,
  },
  events: EVENTS,
  driver: DRIVER,
  latencies: {
    wrmsr: 110, // [lat]
    rdmsr: 40, // [lat]
    rdpmc: 14, // [lat]
    vmexit: 640, // [letter] with what KVM's functions cost: "r/w fixed_ctrl 1,100", an intercepted access and back
    inject_nmi: 9140, // [fitted] to 22550 samples under v2
  },
};
