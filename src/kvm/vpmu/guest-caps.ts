/** CPUID.0AH as KVM shows it: version 2, the host's counters, no full-width writes (PDCM is not exposed). */
import type { PmuCaps } from '../../arch/cpuid.ts';

/** KVM_MAX_NR_INTEL_FIXED_COUNTERS: KVM knows no perf event for a fourth one. */
const MAX_FIXED = 3;

export const versionTwoGuest = (host: PmuCaps): PmuCaps => ({
  ...host,
  version: Math.min(host.version, 2),
  nrFixed: Math.min(host.nrFixed, MAX_FIXED),
  fullWidthWrite: false,
});
