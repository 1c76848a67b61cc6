/**
 * No vPMU: the guest's CPUID shows no PMU, as in most rented guests.
 * Source: kvm's enable_pmu=0, QEMU's pmu=off.
 */
import { GeneralProtection } from '../../arch/msr.ts';
import type { VpmuDesign } from '../vpmu.ts';

const absent = (): never => {
  throw new GeneralProtection(0, 'the guest has no PMU');
};

export const none: VpmuDesign = {
  name: 'none',
  about: 'a guest without a PMU: hardware events are not supported',
  source: 'pmu=off',
  deviates: [],
  hue: 'sky',
  guestCaps: (host) => ({ ...host, version: 0, nrGp: 0, nrFixed: 0, fullWidthWrite: false }),
  attach: () => ({ rdmsr: absent, wrmsr: absent, rdpmc: absent, handleEvent: () => undefined }),
};
