/**
 * Which kernels are on which core: those of the host's boot, and those of the guest whose CPUs affect each other. A
 * vCPU's thread may move; its kernel is told of by the core where it was first.
 */
import type { Vector } from '../arch/cpu.ts';
import type { Core } from '../hw/core.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { GuestCpu, VcpuMail } from '../kvm/vcpu-mail.ts';
import type { Cycles } from '../units.ts';

/** A core and the kernel that runs on it. */
export interface HostCpu {
  readonly core: Core;
  readonly host: Kernel;
  /** The CPUs of the guest whose threads were on it first. */
  readonly guests?: readonly GuestCpu[];
}

/** One of the kernels on a core. */
interface KernelOnCore {
  readonly kernel: Kernel;
  /** The core that has it now. */
  readonly core: number;
  /** The core that tells of it, and which of those of which it tells: 0 is the host's. */
  readonly home: number;
  readonly index: number;
  /** Something from core number `from` reaches it at that time (hw/lapic.ts). */
  receive(at: Cycles, from: number, arrives: () => Vector | undefined): void;
  /** If it is a vCPU: its side of what the CPUs of its guest send each other. */
  readonly mail?: VcpuMail;
}

/** The host's kernels, and the guest's, by number: those of a boot. */
export type Boots = readonly [host: readonly KernelOnCore[], guest: readonly KernelOnCore[]];

export const bootsOn = (cpus: readonly HostCpu[]): Boots => [
  cpus.map(({ core: { lapic }, host }, core) => ({
    kernel: host,
    core,
    home: core,
    index: 0,
    receive: (at, from, arrives) => lapic.receive(at, from, arrives),
  })),
  cpus
    .flatMap(({ guests = [] }, home) =>
      guests.map(({ kernel, mail }, i) => ({
        kernel,
        get core() {
          return mail.cpu;
        },
        home,
        index: 1 + i,
        mail,
        receive: (at: Cycles, from: number, arrives: () => Vector | undefined) => mail.receive(at, from, arrives),
      })),
    )
    .toSorted((a, b) => a.kernel.number - b.kernel.number),
];
