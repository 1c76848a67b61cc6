/**
 * The vPMU of Linux 5.0: every change to a counter's programming releases its host event and makes a new one.
 *
 * A guest's PMI handler clears and sets GLOBAL_CTRL, so each PMI releases and makes every enabled event once. The
 * overflow itself costs one more release and one more event before that (KVM_REQ_PMU).
 * Linux 5.5 keeps events (reuse-lazy).
 *
 * With `kvm.pinned=off`, the second item of the letter's NEXT ("loose the scheduling restrictions on pinned, but still
 * keeps eyes on special specific requests"), events that more than one counter can count are flexible: they take turns
 * with those of the host. While one waits for its turn the guest's counter stands still, and nothing tells the guest.
 * Not modelled: flexible events in groups, as the guest made them; counts that KVM scales.
 * Source: arch/x86/kvm/pmu.c, arch/x86/kvm/vmx/pmu_intel.c, Linux 5.0.
 */
import type { VpmuDesign } from '../vpmu.ts';
import {
  pmc_read_counter,
  pmc_reprogram_counter,
  pmc_stop_counter,
  pmc_write_counter,
  programmed,
} from './perf-backed.ts';
import { FIXED_SIGN_EXTENDED, LVTPC_UNMASKED, PERIOD_STAYS, emulatedRegisters, signExtended } from './registers.ts';
import { versionTwoGuest } from './guest-caps.ts';

export const legacy: VpmuDesign = {
  name: 'legacy',
  about: 'a host perf event, released and made again at every change',
  source: 'Linux 5.0, arch/x86/kvm/pmu.c',
  linux: { from: [5, 0], to: [5, 4] },
  deviates: [FIXED_SIGN_EXTENDED, LVTPC_UNMASKED, PERIOD_STAYS],
  hue: 'vermilion',
  flexible: true,
  remedies: [
    { vpmu: 'v2', because: 'no event is made anew' },
    { set: 'host.watchdog=on', because: "no event is the host's first or last" },
    { set: 'host.ipi=warm', because: 'a share of what the first event and the last one cost' },
  ],
  guestCaps: versionTwoGuest,
  attach(port) {
    const { pmu } = port;
    const reprogram = (pmc: Parameters<typeof pmc_stop_counter>[1]): void => {
      pmc_stop_counter(port, pmc);
      if (programmed(port, pmc).enabled && pmu.globallyEnabled(pmc)) pmc_reprogram_counter(port, pmc);
    };
    return {
      ...emulatedRegisters(pmu, {
        read: (pmc) => pmc_read_counter(port, pmc),
        write: (pmc, value) => pmc_write_counter(port, pmc, signExtended(pmu, value)),
        reprogram,
      }),
      handleEvent() {
        for (const idx of pmu.reprogram_pmi) {
          const pmc = pmu.pmc(idx);
          if (pmc?.perf_event === undefined) pmu.reprogram_pmi.delete(idx);
          else reprogram(pmc);
        }
      },
    };
  },
};
