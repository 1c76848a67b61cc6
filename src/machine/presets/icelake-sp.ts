/**
 * icelake-sp: two sockets of Intel Xeon Platinum 8380, with PMU version 5: eight general-purpose counters whether or
 * not hyperthreads are on, and a fourth fixed counter for TOPDOWN.SLOTS.
 *
 * Events: Intel's event list for Ice Lake-SP; Linux' tables: arch/x86/events/intel/core.c (skl_hw_cache_event_ids
 * without ITLB accesses, skl_hw_cache_extra_regs, intel_icl_event_constraints, intel_icl_extra_regs). Sources: [ARK]
 * Intel's product page (40 cores a socket, 2.30 GHz base, 3.40 GHz turbo, 3.0 GHz on all cores); [CPUID] family 6 model
 * 6AH stepping 6, leaf 0AH: version 5, eight general-purpose counters, four fixed, 48 bits wide, AnyThread deprecated,
 * leaf 15H: a crystal of 25 MHz; [lat] the order of magnitude of published instruction latencies, as for broadwell-ep;
 * [chosen] a plausible value without a source.
 * Not modelled: IA32_PERF_METRICS, which derives topdown metrics from the slots counter.
 */
import type { CoreEvents } from '../../arch/events.ts';
import { event, eventRange, fixedEvent, uevent, type X86Events } from '../../kernel/x86-events.ts';
import { CODES, FIXED_EVENTS, cacheEvents, evenSteps, intelCore } from './intel.ts';

const EVENTS: CoreEvents = {
  codes: new Map([
    ...CODES,
    [0x01a4, 'slots'],
    [0x11c4, 'cond-branches'],
    [0x0283, 'L1-icache-load-misses'],
    [0x0e08, 'dTLB-load-misses'],
    [0x0e49, 'dTLB-store-misses'],
    [0x0e85, 'iTLB-load-misses'],
    [0x02c2, 'uops-retired'],
  ]),
  offcore: [0x01b7, 0x01bb],
  slotsPerCycle: 5,
};

const DRIVER: X86Events = {
  name: 'Icelake',
  since: [5, 3], // faaeff98666c
  cache: cacheEvents({
    L1_icache_load_misses: 0x0283,
    LLC_loads: { code: 0x01b7, extra: 0x3fc0010001 },
    LLC_load_misses: { code: 0x01b7, extra: 0x3ffc020001 },
    dTLB_load_misses: 0x0e08,
    dTLB_store_misses: 0x0e49,
    iTLB_loads: undefined,
    iTLB_load_misses: 0x0e85,
  }),
  offcore: { codes: [0x01b7, 0x01bb], valid: 0x3fffffbfff },
  constraints: [
    ...FIXED_EVENTS,
    fixedEvent(0x01c0, 0), // INST_RETIRED.PREC_DIST as it was
    fixedEvent(0x0100, 0), // INST_RETIRED.PREC_DIST
    fixedEvent(0x0400, 3), // TOPDOWN.SLOTS
    eventRange(0x03, 0x0a, 0xf),
    eventRange(0x1f, 0x28, 0xf),
    event(0x32, 0xf),
    eventRange(0x48, 0x56, 0xf),
    eventRange(0x60, 0x8b, 0xf),
    uevent(0x04a3, 0xff), // CYCLE_ACTIVITY.STALLS_TOTAL
    uevent(0x10a3, 0xff), // CYCLE_ACTIVITY.CYCLES_MEM_ANY
    uevent(0x14a3, 0xff), // CYCLE_ACTIVITY.STALLS_MEM_ANY
    event(0xa3, 0xf),
    eventRange(0xa8, 0xb0, 0xf),
    eventRange(0xb7, 0xbd, 0xf),
    eventRange(0xd0, 0xe6, 0xf),
    event(0xef, 0xf),
    eventRange(0xf0, 0xf4, 0xf),
  ],
};

const CPUID = 'CPUID leaf 0AH';
const LATENCY = 'of the order of published instruction latencies';

export const icelakeSp = intelCore({
  name: 'icelake-sp',
  about: '2 x Intel Xeon Platinum 8380 (40 cores, hyperthreads on): PMU version 5, 8 + 4 counters',
  identity: {
    cpu_desc: 'Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz',
    cpuid: 'GenuineIntel,6,106,6',
    sockets: 2,
    coresPerSocket: 40,
  },
  turbo: {
    limits: evenSteps(40, 3.4e9, 3.0e9),
    source: "Intel's product page for one core and for all; in between chosen: even steps",
  },
  numbers: {
    'core.clock': [3.0e9, "Intel's product page: all-core turbo"],
    'core.tsc': [2.3e9, "Intel's product page"],
    'core.l1_size': [80, "Intel's optimization manual: 32 kB for code, 48 kB for data"],
    'core.l2_size': [1280, "Intel's optimization manual: Ice Lake server"],
    'pmu.version': [5, CPUID],
    'pmu.gp': [8, CPUID],
    'pmu.fixed': [4, CPUID],
    'host.memory': [527_842_576, 'chosen: 512 GiB'],
    'cost.wrmsr': [90, LATENCY],
    'cost.rdmsr': [36, LATENCY],
    'cost.rdpmc': [11, LATENCY],
    'cost.vmexit': [212, 'chosen between broadwell-ep, whose mitigations are software, and sapphire-rapids'],
    'cost.vmx_vcpu_run': [40, 'chosen: without the residue that the letter leaves on broadwell-ep'],
    'cost.vmx_spec_ctrl_restore_host': [36, 'as RDMSR'],
    'cost.vmx_vmexit': [10, 'chosen: with enhanced IBRS, one call and an LFENCE'],
    'cost.pmi_residue': [0, 'nothing published leaves one on this machine'],
  },
  events: EVENTS,
  driver: DRIVER,
  bugs: { enhancedIbrs: true, l1tf: false, mds: false },
});
