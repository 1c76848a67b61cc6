/**
 * cascadelake-ap: two packages of Intel Xeon Platinum 9242, with PMU version 4.
 *
 * Events: Intel's event list for Cascade Lake (Skylake-X's codes); Linux' tables: arch/x86/events/intel/core.c
 * (skl_hw_cache_event_ids, skl_hw_cache_extra_regs with Skylake-X's local bit, intel_skl_event_constraints,
 * intel_skl_extra_regs). Sources: [ARK] Intel's product page (48 cores a package on two dies, 2.30 GHz base, 3.80 GHz
 * turbo); [CPUID] family 6 model 55H stepping 7, leaf 0AH with hyperthreading on: version 4, four general-purpose
 * counters a thread, three fixed, 48 bits wide, leaf 15H: a crystal of 25 MHz, which CPU_CLK_UNHALTED.REF_XCLK counts;
 * [lat] the order of magnitude of published instruction latencies, as for broadwell-ep; [chosen] a plausible value
 * without a source.
 * Not modelled: the two dies of a package; TSX force abort, which takes counter 3 away.
 */
import type { CoreEvents } from '../../arch/events.ts';
import { event, uevent, type X86Events } from '../../kernel/x86-events.ts';
import { CODES, FIXED_EVENTS, MEMORY_RETIRED, cacheEvents, evenSteps, intelCore } from './intel.ts';

const EVENTS: CoreEvents = {
  codes: new Map([
    ...CODES,
    [0x01c4, 'cond-branches'],
    [0x0283, 'L1-icache-load-misses'],
    [0x0108, 'dTLB-load-misses'],
    [0x0e08, 'dTLB-load-misses'],
    [0x0149, 'dTLB-store-misses'],
    [0x0e49, 'dTLB-store-misses'],
    [0x2085, 'iTLB-loads'],
    [0x0185, 'iTLB-load-misses'],
    [0x0e85, 'iTLB-load-misses'],
    [0x02c2, 'uops-retired'],
    [0x01a2, 'stalled-cycles-backend'],
  ]),
  offcore: [0x01b7, 0x01bb],
  slotsPerCycle: 4,
};

const DRIVER: X86Events = {
  name: 'Skylake',
  cache: cacheEvents({
    L1_icache_load_misses: 0x0283,
    LLC_loads: { code: 0x01b7, extra: 0x3fc0010001 },
    LLC_load_misses: { code: 0x01b7, extra: 0x3ffc020001 },
    dTLB_load_misses: 0x0e08,
    dTLB_store_misses: 0x0e49,
    iTLB_loads: 0x2085,
    iTLB_load_misses: 0x0e85,
  }),
  offcore: { codes: [0x01b7, 0x01bb], valid: 0x3fffff8fff },
  constraints: [
    ...FIXED_EVENTS,
    uevent(0x01c0, 0x2), // INST_RETIRED.PREC_DIST
    ...MEMORY_RETIRED,
    event(0xc6, 0xf),
  ],
};

const CPUID = 'CPUID leaf 0AH';
const LATENCY = 'of the order of published instruction latencies';

export const cascadelakeAp = intelCore({
  name: 'cascadelake-ap',
  about: '2 x Intel Xeon Platinum 9242 (48 cores, hyperthreads on): PMU version 4, 4 + 3 counters',
  identity: {
    cpu_desc: 'Intel(R) Xeon(R) Platinum 9242 CPU @ 2.30GHz',
    cpuid: 'GenuineIntel,6,85,7',
    sockets: 2,
    coresPerSocket: 48,
  },
  turbo: {
    limits: evenSteps(48, 3.8e9, 3.1e9),
    source: "Intel's product page for one core; for all and in between chosen: even steps down to core.clock",
  },
  numbers: {
    'core.clock': [3.1e9, 'chosen: all-core turbo'],
    'core.tsc': [2.3e9, "Intel's product page"],
    'core.l2_size': [1024, "Intel's optimization manual: Skylake server"],
    'pmu.version': [4, CPUID],
    'pmu.gp': [4, CPUID],
    'pmu.fixed': [3, CPUID],
    'host.memory': [395_982_840, 'chosen: 384 GiB'],
    'cost.wrmsr': [100, LATENCY],
    'cost.rdmsr': [38, LATENCY],
    'cost.rdpmc': [12, LATENCY],
    'cost.vmexit': [310, 'chosen between broadwell-ep, whose mitigations are software, and sapphire-rapids'],
    'cost.vmx_vcpu_run': [40, 'chosen: without the residue that the letter leaves on broadwell-ep'],
    'cost.vmx_vmexit': [10, 'chosen: with enhanced IBRS, one call and an LFENCE'],
    'cost.pmi_residue': [0, 'nothing published leaves one on this machine'],
  },
  events: EVENTS,
  driver: DRIVER,
  bugs: { enhancedIbrs: true, l1tf: false, mds: false },
});
