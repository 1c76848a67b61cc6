/** Which kernels are on which core: those of the host's boot, and those of the guest with several CPUs. */
import type { Core } from '../hw/core.ts';
import type { Kernel } from '../kernel/kernel.ts';

/** A core and the kernel that runs on it. */
export interface HostCpu {
  readonly core: Core;
  readonly host: Kernel;
  /** The CPUs of the guest with several whose threads are on it. */
  readonly guests?: readonly Kernel[];
}

/** One of the kernels on a core. */
export interface KernelOnCore {
  readonly kernel: Kernel;
  readonly core: number;
  /** Which of those that are there: 0 is the host's. */
  readonly index: number;
}

/** The host's kernels, and the guest's, by number: those of a boot. */
export type Boots = readonly [host: readonly KernelOnCore[], guest: readonly KernelOnCore[]];

export const bootsOn = (cpus: readonly HostCpu[]): Boots => [
  cpus.map(({ host }, core) => ({ kernel: host, core, index: 0 })),
  cpus
    .flatMap(({ guests = [] }, core) => guests.map((kernel, i) => ({ kernel, core, index: 1 + i })))
    .toSorted((a, b) => a.kernel.number - b.kernel.number),
];
