/**
 * The NMI watchdog (hardlockup detector): a pinned cycles event that fires after every ten seconds' worth of TSC
 * cycles.
 *
 * It takes a counter for good (the fixed one, if that counts cycles), so everyone else has one fewer.
 * Source: kernel/watchdog_hld.c, arch/x86/kernel/apic/hw_nmi.c (hw_nmi_get_sample_period), Linux 5.0.
 * Not modelled: lockups.
 */
import { PERF_COUNT_HW, PERF_TYPE } from '../uapi/perf-event.ts';
import type { Hertz } from '../units.ts';
import type { Kernel } from './kernel.ts';
import { perf_event_create_kernel_counter } from './kernel-counter.ts';

/** kernel.watchdog_thresh, s. */
const WATCHDOG_THRESH = 10;

/** hardlockup_detector_event_create(); without a free counter there is no watchdog, only a line in the log. */
export function startWatchdog(kernel: Kernel, tsc: Hertz): void {
  const attr = {
    type: PERF_TYPE.HARDWARE,
    config: PERF_COUNT_HW.CPU_CYCLES,
    sample_period: tsc * WATCHDOG_THRESH,
    sample_type: 0,
    read_format: 0,
    pinned: true,
  };
  const here = { task: undefined, cpu: kernel.number };
  const event = perf_event_create_kernel_counter(kernel, attr, here, () => undefined);
  kernel.printk(
    typeof event === 'number'
      ? 'NMI watchdog: Perf NMI watchdog permanently disabled'
      : 'NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.',
  );
}
