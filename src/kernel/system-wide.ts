/**
 * Another user of perf on the same CPU: the flexible counting event of a `perf stat -a -e cycles` on the host. It
 * excludes guests if the kernel is older than 6.13, as perf's default was until then (the perf is taken to be as old as
 * its kernel).
 * Not modelled: the tool's own work; it sleeps.
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
