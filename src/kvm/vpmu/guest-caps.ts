/** CPUID.0AH as KVM of the time shows it: version 2, the host's counters, no full-width writes (PDCM is not exposed). */
import type { PmuCaps } from '../../arch/cpuid.ts';

export const versionTwoGuest = (host: PmuCaps): PmuCaps => ({
  ...host,
  version: Math.min(host.version, 2),
  fullWidthWrite: false,
});
