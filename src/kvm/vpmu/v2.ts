/**
 * The proposal of the RFC below: host perf allocates a counter once, then KVM drives its registers itself.
 *
 * (1) Events are kept and reused. (2) Guest writes go straight to the MSRs of the host event's counter. (3) Counter
 * state is saved and restored as the vCPU's thread is scheduled. (4) A counter that was not used for a whole time slice
 * is released. If the host takes the counter away (the event is not ACTIVE), the virtual counter is reprogrammed as in
 * Linux 5.0.
 *
 * What the host's perf sees of its events meanwhile: they are on, and have counted nothing, or what was read when the
 * host moved them. With hooks, the first item of the letter's NEXT, KVM tells perf as it switches a counter on or off,
 * reads or writes it: the event's count is what the guest has counted, and its clocks go while the guest has it on. No
 * patch of that was published; where the hooks sit is inferred from what the letter asks for.
 * Source: "[RFC] [PATCH v2 0/5] Intel Virtual PMU Optimization", 23 March 2019: cover letter and patch 1. The bodies of
 * patches 2-5 were not at hand: where state is kept and the order of save and disable are inferred.
 */
import { MSR, PMC_IDX_FIXED } from '../../arch/msr.ts';
import { EVENTSEL, fixedCtrlField, withFixedCtrlField } from '../../arch/perfevtsel.ts';
import { perf_event_owner_counted, perf_event_owner_switched } from '../../kernel/kernel-counter.ts';
import { PERF_EVENT_STATE } from '../../kernel/perf-event.ts';
import { FN } from '../../kernel/symbols.ts';
import { rawEvent } from '../../kernel/x86-events.ts';
import type { Deviation, KvmPmc, Vpmu, VpmuDesign, VpmuPort } from '../vpmu.ts';
import { versionTwoGuest } from './guest-caps.ts';
import { pmc_read_counter, pmc_reprogram_counter, pmc_stop_counter, programmed } from './perf-backed.ts';
import {
  FIXED_SIGN_EXTENDED,
  LVTPC_UNMASKED,
  emulatedRegisters,
  signExtended,
  ZERO_NEVER_SAMPLES,
} from './registers.ts';

/**
 * Some events fit only counters 0 to 3, and the host places those first (perf_assign_events). On a core with more
 * counters a new event can displace an older one. Nobody writes the registers of the older one's new counter: the
 * host's driver leaves them to KVM, and KVM is not told.
 */
const MOVED_UNSEEN: Deviation = {
  check: 'all counters at once',
  reason: 'a counter whose host event gave way to another of the guest stands still until the guest touches it',
  commit: 'a6da0d77e98e ("KVM: x86/vPMU: Reuse perf_event to avoid unnecessary pmc_reprogram_counter")',
  on: ({ nrGp }) => nrGp > 4,
};

class DrivenVpmu {
  readonly #port: VpmuPort;
  /** Counters that KVM has enabled on hardware, and the index of each: the count is in the register. */
  readonly #running = new Map<KvmPmc, number>();
  /** Counters that the guest has accessed since the vCPU's thread last got the CPU. */
  readonly #used = new Set<KvmPmc>();

  constructor(port: VpmuPort) {
    this.#port = port;
  }

  read(pmc: KvmPmc): number {
    this.#used.add(pmc);
    return this.#drives(pmc)
      ? this.#readHardware(pmc)
      : pmc.perf_event !== undefined && !this.#assigned(pmc)
        ? pmc_read_counter(this.#port, pmc)
        : this.#valueOf(pmc);
  }

  write(pmc: KvmPmc, value: number): void {
    this.#used.add(pmc);
    if (this.#drives(pmc)) {
      if (this.#port.hooks) this.#counted(pmc, this.#readHardware(pmc));
      this.#writeHardware(pmc, value);
    } else this.#book(pmc, value);
  }

  reprogram(pmc: KvmPmc): void {
    const { pmu } = this.#port;
    this.#used.add(pmc);
    const on = programmed(this.#port, pmc).enabled && pmu.globallyEnabled(pmc);
    if (!on) {
      if (this.#drives(pmc)) {
        this.#disable(pmc);
        this.#switched(pmc, false);
      } else if (pmc.perf_event !== undefined && !this.#assigned(pmc)) pmc_stop_counter(this.#port, pmc);
      return;
    }
    if (pmc.perf_event !== undefined && !(this.#assigned(pmc) && this.#fits(pmc))) this.#release(pmc);
    if (pmc.perf_event === undefined) this.#create(pmc);
    if (!this.#assigned(pmc)) return;
    this.#enable(pmc);
    this.#switched(pmc, true);
  }

  handleEvent(): void {
    const { pmu } = this.#port;
    for (const idx of pmu.reprogram_pmi) {
      const pmc = pmu.pmc(idx);
      pmu.reprogram_pmi.delete(idx);
      if (pmc?.perf_event !== undefined && !this.#assigned(pmc)) this.reprogram(pmc);
    }
  }

  vcpuPut(): void {
    for (const [pmc, at] of this.#running) {
      const { state, hw } = pmc.perf_event!;
      if (state === PERF_EVENT_STATE.ERROR || hw.idx !== at) {
        this.#displaced(pmc);
        continue;
      }
      this.#port.host.cpu.spend(FN.intel_pmu_save_vpmc);
      this.#disable(pmc);
    }
  }

  vcpuLoad(): void {
    const { pmu } = this.#port;
    for (const pmc of pmu.all()) {
      if (pmc.perf_event === undefined) continue;
      const on = programmed(this.#port, pmc).enabled && pmu.globallyEnabled(pmc);
      if (on) {
        this.#port.host.cpu.spend(FN.intel_pmu_save_vpmc);
        this.reprogram(pmc);
      } else if (!this.#used.has(pmc)) this.#release(pmc);
    }
    this.#used.clear();
  }

  /** Makes a host event for a counter and hands it over to KVM, if it got a hardware counter. */
  #create(pmc: KvmPmc): void {
    pmc_reprogram_counter(this.#port, pmc);
    const { perf_event: event } = pmc;
    if (event === undefined || event.state !== PERF_EVENT_STATE.ACTIVE || event.hw.idx < 0) return;
    event.ownedByKvm = true;
    // The host's driver armed it for at most half its range.
    this.#writeHardware(pmc, this.#valueOf(pmc));
    this.#running.set(pmc, event.hw.idx);
  }

  /** Whether KVM drives the counter on hardware now. It finds out here if the host moved it or took it away. */
  #drives(pmc: KvmPmc): boolean {
    const at = this.#running.get(pmc);
    if (at === undefined) return false;
    if (this.#assigned(pmc) && pmc.perf_event!.hw.idx === at) return true;
    this.#displaced(pmc);
    if (!this.#assigned(pmc)) return false;
    this.#enable(pmc);
    return true;
  }

  /** When the host moved the event, it read the register into the event's count. */
  #displaced(pmc: KvmPmc): void {
    const event = pmc.perf_event!;
    this.#running.delete(pmc);
    this.#book(pmc, this.#valueOf(pmc));
    if (event.state === PERF_EVENT_STATE.ERROR) event.ownedByKvm = false;
  }

  /**
   * Sets the guest-visible count; what the event counts from now on is added to it. Only hooks care for what the event
   * has counted.
   */
  #book(pmc: KvmPmc, value: number): void {
    const { pmu, hooks } = this.#port;
    const { perf_event: event } = pmc;
    if (event !== undefined && !hooks) event.count = 0;
    const counted = (event?.count ?? 0) % pmu.modulus;
    pmc.counter = (value - counted + pmu.modulus) % pmu.modulus;
  }

  /** The guest-visible count of a counter that is not on hardware. */
  #valueOf({ counter, perf_event: event }: KvmPmc): number {
    return (counter + (event?.count ?? 0)) % this.#port.pmu.modulus;
  }

  /** Hook: the guest has switched the counter on or off. */
  #switched({ perf_event: event }: KvmPmc, on: boolean): void {
    if (this.#port.hooks) perf_event_owner_switched(this.#port.host, event!, on);
  }

  /** Hook: what the register holds, before that is overwritten or the counter given away. */
  #counted({ perf_event: event }: KvmPmc, value: number): void {
    const { host, pmu, hooks } = this.#port;
    if (hooks) perf_event_owner_counted(host, event!, value, pmu.modulus);
  }

  #assigned({ perf_event: event }: KvmPmc): boolean {
    return event !== undefined && event.ownedByKvm && event.state === PERF_EVENT_STATE.ACTIVE && event.hw.idx >= 0;
  }

  /** Whether the host counter can count what the guest asks for now: a fixed one has only one event. */
  #fits(pmc: KvmPmc): boolean {
    const { hw } = pmc.perf_event!;
    return hw.idx < PMC_IDX_FIXED || pmc.idx >= PMC_IDX_FIXED || rawEvent(hw.config) === rawEvent(pmc.eventsel);
  }

  #release(pmc: KvmPmc): void {
    if (this.#drives(pmc)) this.#disable(pmc);
    if (pmc.perf_event !== undefined) pmc.perf_event.ownedByKvm = false;
    pmc_stop_counter(this.#port, pmc);
  }

  #enable(pmc: KvmPmc): void {
    if (!this.#running.has(pmc)) this.#writeHardware(pmc, this.#valueOf(pmc));
    this.#running.set(pmc, pmc.perf_event!.hw.idx);
    this.#control(pmc, true);
  }

  #disable(pmc: KvmPmc): void {
    this.#control(pmc, false);
    const value = this.#readHardware(pmc);
    this.#counted(pmc, value);
    this.#book(pmc, value);
    pmc.perf_event!.hw.prev_count = value;
    this.#running.delete(pmc);
  }

  #readHardware({ perf_event: event }: KvmPmc): number {
    return this.#port.host.cpu.rdpmc(event!.hw.event_base_rdpmc);
  }

  /** Also tells the host's bookkeeping: its next read counts from this value. */
  #writeHardware(pmc: KvmPmc, value: number): void {
    const { hw } = pmc.perf_event!;
    this.#book(pmc, value);
    hw.prev_count = value;
    this.#port.host.cpu.wrmsr(hw.event_base, value);
  }

  /** Switches the host's counter on or off, in its selector or its field of FIXED_CTR_CTRL. */
  #control(pmc: KvmPmc, on: boolean): void {
    const { cpu } = this.#port.host;
    const { hw } = pmc.perf_event!;
    const { user, kernel } = programmed(this.#port, pmc);
    if (hw.idx >= PMC_IDX_FIXED) {
      const i = hw.idx - PMC_IDX_FIXED;
      const field = on ? 8 + (user ? 2 : 0) + (kernel ? 1 : 0) : 0;
      const now = cpu.rdmsr(MSR.IA32_FIXED_CTR_CTRL);
      if (fixedCtrlField(now, i) === field) return;
      const ctrl = withFixedCtrlField(now, i, field);
      cpu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, ctrl);
      this.#port.host.pmu.fixedCtrlWritten(ctrl);
      return;
    }
    const rings = (user ? EVENTSEL.USR : 0) | (kernel ? EVENTSEL.OS : 0);
    const code = rawEvent(pmc.idx >= PMC_IDX_FIXED ? hw.config : pmc.eventsel);
    cpu.wrmsr(hw.config_base, (code | rings | EVENTSEL.INT | (on ? EVENTSEL.ENABLE : 0)) >>> 0);
  }
}

export const v2: VpmuDesign = {
  name: 'v2',
  about: "the letter's proposal: a host counter allocated once, its MSRs driven by KVM",
  source: 'RFC "Intel Virtual PMU Optimization" v2, March 2019',
  // What the series patches was rewritten in 5.5 (a6da0d77e98e).
  linux: { from: [5, 0], to: [5, 4] },
  deviates: [FIXED_SIGN_EXTENDED, LVTPC_UNMASKED, MOVED_UNSEEN, ZERO_NEVER_SAMPLES],
  hue: 'green',
  hooks: true,
  guestCaps: versionTwoGuest,
  attach(port): Vpmu {
    const driven = new DrivenVpmu(port);
    return {
      ...emulatedRegisters(port.pmu, {
        read: (pmc) => driven.read(pmc),
        write: (pmc, value) => driven.write(pmc, signExtended(port.pmu, value)),
        reprogram: (pmc) => driven.reprogram(pmc),
      }),
      handleEvent: () => driven.handleEvent(),
      vcpuLoad: () => driven.vcpuLoad(),
      vcpuPut: () => driven.vcpuPut(),
    };
  },
};
