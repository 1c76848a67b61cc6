/**
 * The vPMU of Linux 5.5 and later: host events are kept, paused and resumed, and released after a time slice without
 * use.
 *
 * Source: commits a6da0d77e98e ("KVM: x86/vPMU: Reuse perf_event to avoid unnecessary pmc_reprogram_counter") and
 * b35e5548b411 ("KVM: x86/vPMU: Add lazy mechanism to release perf_event per vPMC").
 */
import type { VpmuDesign } from '../vpmu.ts';
import { reusing } from './reused.ts';

export const reuseLazy: VpmuDesign = {
  name: 'reuse-lazy',
  about: 'a host perf event, paused and resumed while its selector stays, released after a slice without use',
  source: 'Linux 5.5, arch/x86/kvm/pmu.c',
  linux: { from: [5, 5] },
  hue: 'purple',
  ...reusing({ release: 'after a slice without use' }),
};
