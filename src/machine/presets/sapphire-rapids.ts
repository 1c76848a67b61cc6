/**
 * sapphire-rapids: two sockets of Intel Xeon Platinum 8480+, with PMU version 5: the kind of machine that the mediated
 * vPMU was developed on.
 *
 * Events: Intel's event list for Sapphire Rapids; Linux' tables: arch/x86/events/intel/core.c (glc_hw_cache_event_ids,
 * glc_hw_cache_extra_regs, intel_glc_event_constraints, intel_glc_extra_regs), where the core is called Golden Cove.
 * Sources: [ARK] Intel's product page (56 cores a socket, 2.00 GHz base, 3.80 GHz turbo, 3.0 GHz on all cores); [CPUID]
 * family 6 model 8FH stepping 8, leaf 0AH: version 5, eight general-purpose counters, four fixed, 48 bits wide,
 * AnyThread deprecated; [elide] KVM commit b0b6a8d3be16: a CPUID exit under the mediated vPMU took 4000 TSC cycles on
 * Emerald Rapids, and 3000 once RDPMC replaced the writes of eleven counters, so a write takes some 48 ns longer than a
 * read, and the exit itself some 600 ns; [lat] the order of magnitude of published instruction latencies; [chosen] a
 * plausible value without a source.
 * Not modelled: IA32_PERF_METRICS, which derives topdown metrics from the slots counter.
 */
import type { CoreEvents } from '../../arch/events.ts';
import { event, eventRange, fixedEvent, uevent, type X86Events } from '../../kernel/x86-events.ts';
import { CODES, FIXED_EVENTS, cacheEvents, intelCore } from './intel.ts';

const EVENTS: CoreEvents = {
  codes: new Map([
    ...CODES,
    // CPU_CLK_UNHALTED.REF_TSC_P: the code that Linux uses for bus cycles counts TSC cycles here.
    [0x013c, 'ref-cycles'],
    [0x01a4, 'slots'],
    [0x11c4, 'cond-branches'],
    [0x04c4, 'branches'],
    [0x04c5, 'branch-misses'],
    [0xe124, 'L1-dcache-load-misses'],
    [0xe424, 'L1-icache-load-misses'],
    [0x0e12, 'dTLB-load-misses'],
    [0x0e13, 'dTLB-store-misses'],
    [0x0e11, 'iTLB-load-misses'],
    [0x02c2, 'uops-retired'],
  ]),
  offcore: [0x012a, 0x012b],
  slotsPerCycle: 6,
};

const DRIVER: X86Events = {
  name: 'Sapphire Rapids',
  since: [5, 12], // 61b985e3e775
  cache: cacheEvents({
    L1_dcache_load_misses: 0xe124,
    L1_icache_load_misses: 0xe424,
    LLC_loads: { code: 0x012a, extra: 0x10001 },
    LLC_load_misses: { code: 0x012a, extra: 0x3fbfc00001 },
    dTLB_load_misses: 0x0e12,
    dTLB_store_misses: 0x0e13,
    iTLB_loads: undefined,
    iTLB_load_misses: 0x0e11,
    branches: 0x04c4,
    branch_misses: 0x04c5,
  }),
  offcore: { codes: [0x012a, 0x012b], valid: 0x3fffffffff },
  constraints: [
    ...FIXED_EVENTS,
    fixedEvent(0x0100, 0), // INST_RETIRED.PREC_DIST
    fixedEvent(0x013c, 2), // CPU_CLK_UNHALTED.REF_TSC_P
    fixedEvent(0x0400, 3), // TOPDOWN.SLOTS
    event(0x2e, 0xff),
    event(0x3c, 0xff),
    // Codes below 0x90 are confined to the lower four counters, except these two.
    eventRange(0x01, 0x8f, 0xf),
    uevent(0x01a3, 0xf),
    uevent(0x02a3, 0xf),
    uevent(0x08a3, 0xf),
    uevent(0x04a4, 0x1),
    uevent(0x08a4, 0x1),
    uevent(0x02cd, 0x1),
    event(0xce, 0x1),
    eventRange(0xd0, 0xdf, 0xf),
  ],
};

const CPUID = 'CPUID leaf 0AH';
const ELIDE = 'KVM commit b0b6a8d3be16: what a CPUID exit took, and how much less with eleven writes spared';
const LATENCY = 'of the order of published instruction latencies';

export const sapphireRapids = intelCore({
  name: 'sapphire-rapids',
  about: '2 x Intel Xeon Platinum 8480+ (56 cores, hyperthreads on): PMU version 5, 8 + 4 counters',
  identity: {
    cpu_desc: 'Intel(R) Xeon(R) Platinum 8480+',
    cpuid: 'GenuineIntel,6,143,8',
    sockets: 2,
    coresPerSocket: 56,
  },
  turbo: {
    limits: [
      [28, 3.8e9],
      [34, 3.6e9],
      [40, 3.4e9],
      [44, 3.2e9],
      [50, 3.1e9],
      [56, 3.0e9],
    ],
    source:
      'MSR_TURBO_RATIO_LIMIT 0x1e1e1f1f20222426 and its core counts 0x383632302c28221c, as turbostat prints them for an 8480+ (intel/svr-info, issue 26)',
  },
  numbers: {
    'core.clock': [3.0e9, "Intel's product page: all-core turbo"],
    'core.tsc': [2.0e9, "Intel's product page"],
    'core.bus': [2.5e7, 'chosen: nothing counts it'],
    'core.l1_size': [80, "Intel's optimization manual: 32 kB for code, 48 kB for data"],
    'core.l2_size': [2048, "Intel's optimization manual: Golden Cove in servers"],
    'pmu.version': [5, CPUID],
    'pmu.gp': [8, CPUID],
    'pmu.fixed': [4, CPUID],
    'host.memory': [527_842_576, 'chosen: 512 GiB'],
    'cost.wrmsr': [58, ELIDE],
    'cost.rdmsr': [35, LATENCY],
    'cost.rdpmc': [10, LATENCY],
    'cost.vmexit': [123, `${ELIDE}; less what KVM's functions cost`],
    'cost.vmx_vcpu_run': [40, 'chosen: without the residue that the letter leaves on broadwell-ep'],
    'cost.vmx_spec_ctrl_restore_host': [35, 'as RDMSR'],
    'cost.vmx_vmexit': [10, 'chosen: with enhanced IBRS, one call and an LFENCE'],
    'cost.pmi_residue': [0, 'nothing published leaves one on this machine'],
  },
  events: EVENTS,
  driver: DRIVER,
  bugs: { enhancedIbrs: true, l1tf: false, mds: false },
});
