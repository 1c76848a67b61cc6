/**
 * Virtual counters whose host events are kept, as in KVM from Linux 5.5 on: paused while a counter is off, resumed when
 * it is switched on again with the same selector and, under designs that do so, released after a time slice without
 * use.
 *
 * Resuming gives the event a new period and enables it (perf_event_period, perf_event_enable), which reschedules all
 * events of the vCPU's thread. Another selector, or a period that perf refuses, still takes a new event. Writes mark a
 * counter as used; when the thread gets the CPU, counters that are off and have not been used since the last time lose
 * their events (kvm_pmu_cleanup).
 *
 * Rules that depend on the host's Linux: from 5.6 a write to a running counter no longer adds the previous count; from
 * 5.7 it changes the event's period; from 5.8 guests may write counters at full width; from 5.15 a paused event is not
 * paused or read again; from 6.2 writes only request KVM_REQ_PMU, and all changes are made at the next entry. Hosts
 * older than 5.5 behave like 5.5.
 *
 * Source: arch/x86/kvm/pmu.c and arch/x86/kvm/vmx/pmu_intel.c, Linux 5.5 to 6.8.
 * Not modelled: counts of instructions that KVM emulates; the change in 5.18 that takes the new period after a write to
 * a running counter from kvm_pmc.counter; PEBS and LBR for guests.
 */
import type { PmuCaps } from '../../arch/cpuid.ts';
import { PMC_IDX_FIXED } from '../../arch/msr.ts';
import { fixedCtrlField } from '../../arch/perfevtsel.ts';
import { atLeast, type KernelConfig } from '../../kernel/config.ts';
import { perf_event_enable, perf_event_pause, perf_event_period } from '../../kernel/kernel-counter.ts';
import { FN } from '../../kernel/symbols.ts';
import type { KvmPmc, Vpmu, VpmuDesign, VpmuPort } from '../vpmu.ts';
import { versionTwoGuest } from './guest-caps.ts';
import {
  pmc_read_counter,
  pmc_release_perf_event,
  pmc_reprogram_counter,
  pmc_stop_counter,
  pmc_write_counter,
  programmed,
} from './perf-backed.ts';
import { COUNT_LEFT_OVER, LVTPC_UNMASKED, PERIOD_STAYS, emulatedRegisters } from './registers.ts';

/** When a kept event is released. */
export interface Reuse {
  readonly release: 'after a slice without use' | 'never';
}

/** The common part of designs that reuse host events: everything but name and description. */
export const reusing = ({ release }: Reuse): Pick<VpmuDesign, 'deviates' | 'guestCaps' | 'attach'> => ({
  deviates: [{ ...COUNT_LEFT_OVER, mended: [5, 6] }, { ...PERIOD_STAYS, mended: [5, 7] }, LVTPC_UNMASKED],
  guestCaps,
  attach(port): Vpmu {
    const reused = new ReusedVpmu(port);
    return {
      ...emulatedRegisters(port.pmu, {
        read: (pmc) => reused.read(pmc),
        write: (pmc, value) => reused.write(pmc, value),
        reprogram: (pmc) => reused.reprogram(pmc),
        used: (pmc) => void port.pmu.pmc_in_use.add(pmc.idx),
      }),
      handleEvent: () => reused.handleEvent(),
      ...(release !== 'never' && { vcpuLoad: () => reused.vcpuLoad() }),
    };
  },
});

/** From 5.8 the guest sees IA32_PERF_CAPABILITIES with FW_WRITE. */
const guestCaps = (host: PmuCaps, kernel: KernelConfig): PmuCaps => ({
  ...versionTwoGuest(host),
  fullWidthWrite: host.fullWidthWrite && atLeast(kernel, 5, 8),
});

/** Which of the changes after 5.5 the host's Linux has. */
const rulesOf = (kernel: KernelConfig) => ({
  writeReplacesCount: atLeast(kernel, 5, 6),
  periodFollowsWrite: atLeast(kernel, 5, 7),
  knowsPaused: atLeast(kernel, 5, 15),
  deferred: atLeast(kernel, 6, 2),
});

class ReusedVpmu implements Pick<Vpmu, 'handleEvent' | 'vcpuLoad'> {
  readonly #port: VpmuPort;
  readonly #rules: ReturnType<typeof rulesOf>;

  constructor(port: VpmuPort) {
    this.#port = port;
    this.#rules = rulesOf(port.host.config);
  }

  read(pmc: KvmPmc): number {
    return this.#leftInPeace(pmc) ? pmc.counter : pmc_read_counter(this.#port, pmc);
  }

  write(pmc: KvmPmc, value: number): void {
    const port = this.#port;
    const { modulus } = port.pmu;
    if (!this.#rules.writeReplacesCount || this.#leftInPeace(pmc)) pmc.counter = value % modulus;
    else pmc_write_counter(port, pmc, value % modulus);
    if (!this.#rules.periodFollowsWrite || pmc.perf_event === undefined || this.#leftInPeace(pmc)) return;
    perf_event_period(port.host, pmc.perf_event, this.#samplePeriod(value % modulus));
  }

  reprogram(pmc: KvmPmc): void {
    if (!this.#rules.deferred) {
      this.#reprogram_counter(pmc);
      return;
    }
    this.#port.pmu.reprogram_pmi.add(pmc.idx);
    this.#port.request('PMU');
  }

  handleEvent(): void {
    const { pmu } = this.#port;
    for (const idx of pmu.reprogram_pmi) {
      const pmc = pmu.pmc(idx)!;
      if (pmc.perf_event === undefined && !this.#rules.deferred) pmu.reprogram_pmi.delete(idx);
      else this.#reprogram_counter(pmc);
    }
    if (pmu.need_cleanup) this.#kvm_pmu_cleanup();
  }

  /** kvm_arch_sched_in() */
  vcpuLoad(): void {
    const { pmu } = this.#port;
    if ([...pmu.all()].every((pmc) => pmc.perf_event === undefined)) return;
    pmu.need_cleanup = true;
    this.#port.request('PMU');
  }

  #reprogram_counter(pmc: KvmPmc): void {
    const { pmu } = this.#port;
    this.#pmc_pause_counter(pmc);
    if (!programmed(this.#port, pmc).enabled || !pmu.globallyEnabled(pmc)) {
      if (this.#rules.deferred) pmu.reprogram_pmi.delete(pmc.idx);
      return;
    }
    const config = this.#config(pmc);
    if (pmc.current_config === config && this.#pmc_resume_counter(pmc)) return;
    pmc_release_perf_event(this.#port, pmc);
    pmc.current_config = config;
    pmc_reprogram_counter(this.#port, pmc);
  }

  #pmc_pause_counter(pmc: KvmPmc): void {
    const { pmu, host } = this.#port;
    const { perf_event: event } = pmc;
    if (event === undefined || this.#leftInPeace(pmc)) return;
    const step = this.#port.probe()?.begin({ kind: 'pause', pmc: pmc.idx });
    pmc.counter = (pmc.counter + perf_event_pause(host, event)) % pmu.modulus;
    pmc.is_paused = true;
    step?.end();
  }

  #pmc_resume_counter(pmc: KvmPmc): boolean {
    const { pmu, host } = this.#port;
    const { perf_event: event } = pmc;
    if (event === undefined) return false;
    const period = this.#samplePeriod(pmc.counter);
    const step = this.#port.probe()?.begin({ kind: 'resume', pmc: pmc.idx, period });
    const accepted = perf_event_period(host, event, period) === 0;
    if (accepted) {
      perf_event_enable(host, event);
      pmc.is_paused = false;
      pmu.reprogram_pmi.delete(pmc.idx);
    }
    step?.end();
    return accepted;
  }

  #kvm_pmu_cleanup(): void {
    const { pmu, host } = this.#port;
    host.cpu.spend(FN.kvm_pmu_cleanup);
    pmu.need_cleanup = false;
    for (const pmc of pmu.all()) {
      if (pmc.perf_event === undefined || pmu.pmc_in_use.has(pmc.idx) || programmed(this.#port, pmc).enabled) continue;
      pmc_stop_counter(this.#port, pmc);
    }
    pmu.pmc_in_use.clear();
  }

  #leftInPeace(pmc: KvmPmc): boolean {
    return this.#rules.knowsPaused && pmc.is_paused;
  }

  /** get_sample_period(): before 5.7 it is 0 for a counter at 0, which perf refuses. */
  #samplePeriod(counter: number): number {
    return counter === 0 && !this.#rules.periodFollowsWrite ? 0 : this.#port.pmu.modulus - counter;
  }

  #config({ idx, eventsel }: KvmPmc): number {
    return idx < PMC_IDX_FIXED ? eventsel : fixedCtrlField(this.#port.pmu.fixed_ctr_ctrl, idx - PMC_IDX_FIXED);
  }
}
