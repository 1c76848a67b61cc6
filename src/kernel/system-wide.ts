/**
 * Another user of perf on the same CPU: what `perf stat -a -e cycles` of somebody on the host keeps there, a flexible
 * counting event that stays out of guests (perf's default).
 * Not modelled: that tool's own work; it sleeps.
 */
import { PERF_COUNT_HW, PERF_TYPE } from '../uapi/perf-event.ts';
import type { Kernel } from './kernel.ts';
import { perf_event_create_kernel_counter } from './kernel-counter.ts';

export function startSystemWideStat(kernel: Kernel): void {
  const attr = {
    type: PERF_TYPE.HARDWARE,
    config: PERF_COUNT_HW.CPU_CYCLES,
    sample_period: 0,
    sample_type: 0,
    read_format: 0,
    exclude_guest: true,
  };
  perf_event_create_kernel_counter(kernel, attr, { task: undefined, cpu: kernel.config.cpu }, () => undefined);
}
