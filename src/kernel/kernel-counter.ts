/**
 * Making, pausing and ending events: the part shared by perf_event_open(2) and in-kernel users (the watchdog, KVM).
 *
 * Source: kernel/events/core.c (perf_event_alloc, perf_event_create_kernel_counter, perf_event_release_kernel), Linux
 * 5.0; perf_event_pause and perf_event_period for in-kernel users, Linux 5.5.
 * Not modelled: memory, references, the RCU grace period after which an event is freed.
 */
import type { PerfEventAttr } from '../uapi/perf-event.ts';
import { EINVAL, ENOENT } from './errno.ts';
import { has_inherit_and_sample_read, readsByThread } from './perf-inherit.ts';
import type { Kernel } from './kernel.ts';
import {
  PERF_EVENT_STATE,
  is_sampling_event,
  newEvent,
  type OpenTarget,
  type OverflowHandler,
  type PerfEvent,
} from './perf-event.ts';
import { perf_install_in_context } from './perf-install.ts';
import { FN } from './symbols.ts';

/** perf_event_alloc() and perf_install_in_context(): the event, or a negative errno. */
export function perf_event_alloc(
  kernel: Kernel,
  wanted: PerfEventAttr,
  target: OpenTarget,
  overflow_handler: OverflowHandler | undefined,
): PerfEvent | number {
  const event = perf_event_new(kernel, wanted, target, overflow_handler);
  if (typeof event === 'number') return event;
  perf_install_in_context(kernel, event, () => {
    countActive(kernel, event, 1);
    kernel.global?.account(kernel, target.task !== undefined);
  });
  return event;
}

/**
 * perf_event_alloc(): a new event that is yet to be installed, or a negative errno. One that is confined to a CPU uses
 * that one's PMU; without a handler it writes samples.
 */
export function perf_event_new(
  kernel: Kernel,
  wanted: PerfEventAttr,
  target: OpenTarget,
  overflow_handler: OverflowHandler | undefined,
): PerfEvent | number {
  kernel.cpu.spend(FN.perf_event_alloc);
  if (has_inherit_and_sample_read(wanted) && !readsByThread(kernel.config, wanted)) return -EINVAL;
  const attr = { ...wanted };
  const there = kernel.system.cpus.get(target.cpu) ?? kernel;
  for (const pmu of ['pmu', 'swPmu'] as const) {
    const event = newEvent(kernel.event_ids.next, attr, there[pmu], target, overflow_handler);
    const error = kernel[pmu].event_init(event);
    if (error === -ENOENT) continue;
    if (error !== 0) return error;
    const refused = pmu === 'pmu' ? (kernel.global?.mediated_pmu_account_event(attr) ?? 0) : 0;
    if (refused !== 0) return refused;
    kernel.event_ids.take();
    return event;
  }
  return -ENOENT;
}

/** An event for the kernel's own use; `handler` is called at each overflow. */
export function perf_event_create_kernel_counter(
  kernel: Kernel,
  attr: PerfEventAttr,
  target: Omit<OpenTarget, 'group_leader'>,
  handler: OverflowHandler,
): PerfEvent | number {
  return perf_event_alloc(kernel, attr, { ...target, group_leader: undefined }, handler);
}

/** Takes the event out of its context and frees it, with all that was inherited from it. */
export function perf_event_release_kernel(kernel: Kernel, event: PerfEvent): void {
  kernel.perf.remove(event);
  for (const child of event.child_list) kernel.perf.remove(child);
  if (event.pmu.name !== kernel.pmu.name) return;
  countActive(kernel, event, -1);
  unaccount_event(kernel, event);
}

/** active_events of every CPU that the event may be on, if that is simulated; else of this one. */
function countActive({ number, system }: Kernel, { cpu }: PerfEvent, by: number): void {
  system.countActive(cpu === -1 || system.cpus.has(cpu) ? cpu : number, by);
}

/** unaccount_event() */
export function unaccount_event(kernel: Kernel, event: PerfEvent): void {
  kernel.global?.mediated_pmu_unaccount_event(event.attr);
  kernel.global?.unaccount(kernel, event.task !== undefined);
}

/**
 * event_function_call() for an event of the current task: a cross-CPU call to this very CPU runs at once, interrupts
 * off.
 */
function event_function_call({ cpu }: Kernel, work: () => void): void {
  cpu.irqDisable();
  cpu.spend(FN.event_function_call);
  work();
  cpu.irqEnable();
}

/** perf_event_pause(event, true): switches the event off, resets its count and returns what it was. */
export function perf_event_pause(kernel: Kernel, event: PerfEvent): number {
  kernel.cpu.spend(FN.perf_event_ctx_lock_nested);
  kernel.cpu.spend(FN.perf_event_pause);
  if (event.state > PERF_EVENT_STATE.OFF) event_function_call(kernel, () => kernel.perf.disable(event));
  const { count } = event;
  event.count = 0;
  return count;
}

/** perf_event_period(): 0, or -EINVAL if the event cannot have this period. */
export function perf_event_period(kernel: Kernel, event: PerfEvent, value: number): number {
  kernel.cpu.spend(FN.perf_event_ctx_lock_nested);
  kernel.cpu.spend(FN.perf_event_period);
  if (!is_sampling_event(event) || value === 0 || (event.pmu.check_period?.(event, value) ?? 0) !== 0) return -EINVAL;
  event_function_call(kernel, () => kernel.perf.period(event, value));
  return 0;
}

/** perf_event_enable(): its whole context is rescheduled; an event in ERROR gets another try. */
export function perf_event_enable(kernel: Kernel, event: PerfEvent): void {
  kernel.cpu.spend(FN.perf_event_ctx_lock_nested);
  kernel.cpu.spend(FN.perf_event_enable);
  if (event.state >= PERF_EVENT_STATE.INACTIVE || event.state < PERF_EVENT_STATE.ERROR) return;
  event_function_call(kernel, () => kernel.perf.enable(event));
}
