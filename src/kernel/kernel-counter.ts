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
  EVENT,
  PERF_EVENT_STATE,
  effective_state,
  is_sampling_event,
  newEvent,
  type OpenTarget,
  type OverflowHandler,
  type PerfCountsValues,
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

/**
 * active_events of every CPU that the event may be on, if that is simulated; else of this one. A vCPU's counters are known
 * to the CPU alone that has its thread: they come and go all the time.
 */
function countActive({ number, system }: Kernel, { cpu, task }: PerfEvent, by: number): void {
  if (task?.preempt_notifier !== undefined) return system.countActive(number, by);
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

/**
 * A hook of the kind that the letter's NEXT (1) asks for, in no kernel: the owner of an event's counter has switched it
 * on or off by itself. The event keeps its counter, and its clocks go only while that is on.
 */
export function perf_event_owner_switched(kernel: Kernel, event: PerfEvent, on: boolean): void {
  if (event.ownerOff === !on) return;
  kernel.perf.settle(event);
  event.ownerOff = !on;
}

/**
 * The other such hook: what the counter has moved since perf last knew it, which the owner has just read, belongs to
 * the count.
 */
export function perf_event_owner_counted({ cpu }: Kernel, event: PerfEvent, value: number, modulus: number): void {
  const { hw } = event;
  cpu.spend(FN.x86_perf_event_update);
  event.count += (value - hw.prev_count + modulus) % modulus;
  hw.prev_count = value;
}

/**
 * perf_event_read_local(): what a read on the event's CPU would give now, also inside an NMI; nothing changes. `rdpmc`
 * reads the counter.
 */
export function perf_event_read_local(
  { cpu }: Kernel,
  event: PerfEvent,
  rdpmc: (ecx: number) => number,
): PerfCountsValues {
  const { ctx, hw, count, total_time_enabled: ena, total_time_running: run } = event;
  const modulus = 2 ** cpu.caps.width;
  const active = event.state === PERF_EVENT_STATE.ACTIVE && hw.idx !== -1;
  const moved = active ? (rdpmc(hw.event_base_rdpmc) - hw.prev_count + modulus) % modulus : 0;
  const now = ctx.time + ((ctx.is_active & EVENT.TIME) === 0 ? 0 : cpu.nanos() - ctx.timestamp);
  const state = effective_state(event);
  const passed = now - event.tstamp;
  return {
    val: count + moved,
    ena: ena + (state >= PERF_EVENT_STATE.INACTIVE ? passed : 0),
    run: run + (state >= PERF_EVENT_STATE.ACTIVE ? passed : 0),
  };
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
