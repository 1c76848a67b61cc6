/**
 * Another user of perf on the same CPU: what `perf stat -a -e cycles` of somebody on the host keeps there, a flexible
 * counting event. It stays out of guests, as perf's default was until 6.13 (a perf as old as its kernel).
 * Not modelled: that tool's own work; it sleeps.
 */
import { PERF_COUNT_HW, PERF_TYPE } from '../uapi/perf-event.ts';
import { atLeast } from './config.ts';
import type { Kernel } from './kernel.ts';
import { perf_event_create_kernel_counter } from './kernel-counter.ts';

export function startSystemWideStat(kernel: Kernel): void {
  const attr = {
    type: PERF_TYPE.HARDWARE,
    config: PERF_COUNT_HW.CPU_CYCLES,
    sample_period: 0,
    sample_type: 0,
    read_format: 0,
    exclude_guest: !atLeast(kernel.config, 6, 13),
  };
  perf_event_create_kernel_counter(kernel, attr, { task: undefined, cpu: kernel.number }, () => undefined);
}
