/**
 * broadwell-ep: two sockets of Intel Xeon E5-2699 v4, the machine of the letter ("[RFC] [PATCH v2 0/5] Intel Virtual
 * PMU Optimization", March 2019).
 *
 * Events: Intel's event list for Broadwell-DE/EP; Linux' tables: arch/x86/events/intel/core.c (hsw_hw_cache_event_ids,
 * hsw_hw_cache_extra_regs with Broadwell's fixups, intel_bdw_event_constraints, intel_snbep_extra_regs,
 * bdw_limit_period). Sources: [ARK] Intel's product page (22 cores a socket, 2.20 GHz base, 3.60 GHz turbo); [SDM]
 * CPUID leaf 0AH of family 6 model 4FH with hyperthreading on: version 3, four general-purpose counters a thread, three
 * fixed, 48 bits wide; [letter] Linux 5.0.0, host libc 2.17, "nowatchdog". The times of instructions and kernel
 * functions are the defaults of costs.ts and penalties.ts.
 * Not modelled: AVX frequencies.
 */
import type { CoreEvents } from '../../arch/events.ts';
import { ubit, uevent, type X86Events } from '../../kernel/x86-events.ts';
import { CODES, FIXED_EVENTS, MEMORY_RETIRED, cacheEvents, intelCore } from './intel.ts';

const EVENTS: CoreEvents = {
  codes: new Map([
    ...CODES,
    [0x01c4, 'cond-branches'],
    [0x0280, 'L1-icache-load-misses'],
    [0x0108, 'dTLB-load-misses'],
    [0x0149, 'dTLB-store-misses'],
    [0x6085, 'iTLB-loads'],
    [0x0185, 'iTLB-load-misses'],
    [0x01c2, 'uops-retired'],
    [0x01a2, 'stalled-cycles-backend'],
  ]),
  offcore: [0x01b7, 0x01bb],
  slotsPerCycle: 4,
};

const DRIVER: X86Events = {
  name: 'Broadwell',
  cache: cacheEvents({
    L1_icache_load_misses: 0x0280,
    LLC_loads: { code: 0x01b7, extra: 0x10001 },
    // Missed the L3 (local bit 26 on Broadwell) and served by DRAM, any snoop.
    LLC_load_misses: { code: 0x01b7, extra: 0x1fbc000001 },
    dTLB_load_misses: 0x0108,
    dTLB_store_misses: 0x0149,
    iTLB_loads: 0x6085,
    iTLB_load_misses: 0x0185,
  }),
  offcore: { codes: [0x01b7, 0x01bb], valid: 0x3fffff8fff },
  constraints: [
    ...FIXED_EVENTS,
    uevent(0x0148, 0x4), // L1D_PEND_MISS.PENDING
    ubit(0x08a3, 0x4), // CYCLE_ACTIVITY.*L1D*
    ...MEMORY_RETIRED,
  ],
  // INST_RETIRED.ALL needs a period of at least 128 with the low six bits clear (errata BDM11, BDM55).
  limit_period: (code, left) => {
    if ((code & 0xffff) !== 0x01c0) return left;
    const least = Math.max(left, 128);
    return least - (least % 64);
  },
};

const SDM = 'SDM, CPUID leaf 0AH of family 6 model 4FH';
const LETTER = 'the letter';

export const broadwellEp = intelCore({
  name: 'broadwell-ep',
  about: "2 x Intel Xeon E5-2699 v4 (22 cores, hyperthreads on): the letter's host",
  identity: {
    cpu_desc: 'Intel(R) Xeon(R) CPU E5-2699 v4 @ 2.20GHz',
    cpuid: 'GenuineIntel,6,79,1',
    sockets: 2,
    coresPerSocket: 22,
  },
  turbo: {
    limits: [
      [2, 3.6e9],
      [3, 3.4e9],
      [4, 3.3e9],
      [5, 3.2e9],
      [6, 3.1e9],
      [7, 3.0e9],
      [8, 2.9e9],
      [22, 2.8e9],
    ],
    source:
      "Intel's turbo bins of the E5-2699 v4 (specification update of the E5 v4 family), in its usual notation 6/.../6/7/8/9/10/11/12/14/14 from 22 busy cores down; a dump of MSR_TURBO_RATIO_LIMIT of an E5 v4 with one more bin (1E 1F 20 21 22 23 25 25) has the same steps",
  },
  numbers: {
    'core.clock': [2.8e9, 'all-core turbo of a busy socket; sample counts do not depend on it'],
    'core.tsc': [2.2e9, "Intel's product page"],
    'core.bus': [1e8, "Intel's product page"],
    'pmu.version': [3, SDM],
    'pmu.gp': [4, SDM],
    'pmu.fixed': [3, SDM],
    'host.kernel': ['5.0.0', LETTER],
    'host.hz': [250, "Ubuntu's default; 1000 cannot produce the letter's figures"],
    'host.watchdog': [false, `${LETTER}: "nowatchdog"`],
    'host.libc': ['2.17', LETTER],
    'guest.kernel': ['5.0.0', LETTER],
    'guest.libc': ['2.27', LETTER],
    'host.memory': [263_921_288, 'chosen: about 252 GiB'],
  },
  events: EVENTS,
  driver: DRIVER,
  bugs: { enhancedIbrs: false, l1tf: true, mds: true },
});
