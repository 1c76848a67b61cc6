/**
 * Virtual counters backed by host perf events, which are made, read and released through the host's perf core.
 * Source: arch/x86/kvm/pmu.c (pmc_reprogram_counter, pmc_read_counter, pmc_stop_counter, kvm_perf_overflow_intr), Linux
 * 5.0.
 * Not modelled: failure of perf_event_create_kernel_counter() for lack of memory.
 */
import { PMC_IDX_FIXED } from '../../arch/msr.ts';
import { EVENTSEL, FIXED_CTRL, eventCode, fixedCtrlField } from '../../arch/perfevtsel.ts';
import { atLeast } from '../../kernel/config.ts';
import { perf_event_create_kernel_counter, perf_event_release_kernel } from '../../kernel/kernel-counter.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { PerfEvent } from '../../kernel/perf-event.ts';
import { FN } from '../../kernel/symbols.ts';
import { eventCodeOf, eventConstraint, offcoreRspOf, rawEvent } from '../../kernel/x86-events.ts';
import { PERF_COUNT_HW, PERF_TYPE } from '../../uapi/perf-event.ts';
import type { KvmPmc, VpmuPort } from '../vpmu.ts';

/** intel_arch_events: selectors that KVM maps to perf's generic events. */
const ARCH_EVENTS = new Map<number, number>([
  [0x003c, PERF_COUNT_HW.CPU_CYCLES],
  [0x00c0, PERF_COUNT_HW.INSTRUCTIONS],
  [0x013c, PERF_COUNT_HW.BUS_CYCLES],
  [0x4f2e, PERF_COUNT_HW.CACHE_REFERENCES],
  [0x412e, PERF_COUNT_HW.CACHE_MISSES],
  [0x00c4, PERF_COUNT_HW.BRANCH_INSTRUCTIONS],
  [0x00c5, PERF_COUNT_HW.BRANCH_MISSES],
]);
/** fixed_pmc_events */
const FIXED_EVENTS = [PERF_COUNT_HW.INSTRUCTIONS, PERF_COUNT_HW.CPU_CYCLES, PERF_COUNT_HW.REF_CPU_CYCLES];

const PLAIN = EVENTSEL.EDGE | EVENTSEL.INV | EVENTSEL.CMASK;

/** What a counter is programmed to do, by its selector or its field of FIXED_CTR_CTRL. */
export interface Programmed {
  readonly enabled: boolean;
  readonly user: boolean;
  readonly kernel: boolean;
  readonly int: boolean;
}

export function programmed(port: VpmuPort, { idx, eventsel }: KvmPmc): Programmed {
  if (idx < PMC_IDX_FIXED)
    return {
      enabled: (eventsel & EVENTSEL.ENABLE) !== 0,
      user: (eventsel & EVENTSEL.USR) !== 0,
      kernel: (eventsel & EVENTSEL.OS) !== 0,
      int: (eventsel & EVENTSEL.INT) !== 0,
    };
  const field = fixedCtrlField(port.pmu.fixed_ctr_ctrl, idx - PMC_IDX_FIXED);
  return {
    enabled: (field & (FIXED_CTRL.OS | FIXED_CTRL.USR)) !== 0,
    user: (field & FIXED_CTRL.USR) !== 0,
    kernel: (field & FIXED_CTRL.OS) !== 0,
    int: (field & FIXED_CTRL.PMI) !== 0,
  };
}

/** pmc_read_counter() */
export function pmc_read_counter({ pmu, host }: VpmuPort, pmc: KvmPmc): number {
  const { perf_event: event } = pmc;
  if (event === undefined) return pmc.counter;
  host.cpu.spend(FN.perf_event_read_value);
  host.perf.read(event);
  return (pmc.counter + event.count) % pmu.modulus;
}

/** pmc_write_counter(): subtracts what the host event has counted so far. */
export function pmc_write_counter(port: VpmuPort, pmc: KvmPmc, value: number): void {
  const { modulus } = port.pmu;
  pmc.counter = (pmc.counter + value - pmc_read_counter(port, pmc) + modulus) % modulus;
}

/** pmc_stop_counter() */
export function pmc_stop_counter(port: VpmuPort, pmc: KvmPmc): void {
  const { perf_event: event } = pmc;
  if (event === undefined) return;
  const step = port.probe()?.begin({ kind: 'stop', pmc: pmc.idx });
  pmc.counter = pmc_read_counter(port, pmc);
  release(port, pmc, event);
  step?.end();
}

/** pmc_release_perf_event(), when `pmc.counter` already holds the event's count. */
export function pmc_release_perf_event(port: VpmuPort, pmc: KvmPmc): void {
  const { perf_event: event } = pmc;
  if (event === undefined) return;
  const step = port.probe()?.begin({ kind: 'release', pmc: pmc.idx });
  release(port, pmc, event);
  step?.end();
}

function release({ host, draws }: VpmuPort, pmc: KvmPmc, event: PerfEvent): void {
  host.cpu.spendFor(FN.perf_event_release_kernel, draws.perf_event_release_kernel());
  perf_event_release_kernel(host, event);
  pmc.perf_event = undefined;
  pmc.current_config = 0;
  pmc.is_paused = false;
}

/**
 * Special requests, which stay pinned if others are flexible: no second counter could take such an event. That depends
 * on the host's core; ref-cycles is one on all of them.
 */
export function onlyOneCounter({ config, cpu }: Kernel, generic: number | undefined, { eventsel }: KvmPmc): boolean {
  const code =
    generic === undefined ? eventCode(eventsel) : eventCodeOf(config.events, PERF_TYPE.HARDWARE, generic)?.code;
  if (code === undefined) return true;
  if (offcoreRspOf(config.events, code) !== undefined) return true;
  return eventConstraint(config.events, code, cpu.caps.nrGp, cpu.caps.nrFixed).weight <= 1;
}

/** pmc_reprogram_counter(): a new host event that overflows when the virtual counter would. */
export function pmc_reprogram_counter(port: VpmuPort, pmc: KvmPmc): void {
  const { pmu, host, task, draws } = port;
  const { user, kernel } = programmed(port, pmc);
  const fixed = pmc.idx >= PMC_IDX_FIXED;
  const generic = fixed
    ? FIXED_EVENTS[pmc.idx - PMC_IDX_FIXED]
    : (pmc.eventsel & PLAIN) === 0
      ? ARCH_EVENTS.get(eventCode(pmc.eventsel))
      : undefined;
  const attr = {
    type: generic === undefined ? PERF_TYPE.RAW : PERF_TYPE.HARDWARE,
    config: generic ?? rawEvent(pmc.eventsel),
    // From 0 that is the counter's whole range; before 5.7 it was 0, an event that does not sample (168d918f2643).
    sample_period: (pmu.modulus - pmc.counter) % (atLeast(host.config, 5, 7) ? Infinity : pmu.modulus),
    sample_type: 0,
    read_format: 0,
    pinned: !port.flexible || onlyOneCounter(host, generic, pmc),
    exclude_host: true,
    exclude_idle: true,
    exclude_user: !user,
    exclude_kernel: !kernel,
  };
  const step = port.probe()?.begin({ kind: 'create', pmc: pmc.idx, period: attr.sample_period });
  host.cpu.spendFor(FN.perf_event_create_kernel_counter, draws.perf_event_create_kernel_counter());
  const event = perf_event_create_kernel_counter(host, attr, { task, cpu: -1 }, () => kvm_perf_overflow(port, pmc));
  if (typeof event !== 'number') {
    pmc.perf_event = event;
    pmu.reprogram_pmi.delete(pmc.idx);
  }
  step?.end();
}

/**
 * kvm_perf_overflow(), kvm_perf_overflow_intr(): a second overflow before the first was handled is dropped. If the NMI
 * came after the VM-exit, the vCPU may be about to sleep, and only an irq_work can wake it.
 */
export function kvm_perf_overflow(port: VpmuPort, pmc: KvmPmc): void {
  const { pmu, host } = port;
  host.cpu.spend(FN.kvm_perf_overflow);
  if (pmu.reprogram_pmi.has(pmc.idx)) return;
  pmu.reprogram_pmi.add(pmc.idx);
  pmu.setStatus(pmc.idx);
  port.request('PMU');
  // As the guest has the interrupt bit now: it may have changed it since the event was made.
  const { int } = programmed(port, pmc);
  if (int && port.isInGuest()) port.request('PMI');
  else if (int) port.queuePmi();
  const { global_status } = pmu;
  port.probe()?.instant({ kind: 'overflow', pmc: pmc.idx, global_status, requests: int ? ['PMU', 'PMI'] : ['PMU'] });
}
