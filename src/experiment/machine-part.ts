/**
 * What is known about some CPUs of a machine after its run, in a form that a message to another thread can carry: each
 * thread tells of those that it has simulated.
 */
import type { HostCpu } from '../machine/group.ts';
import type { Cycles, Nanos } from '../units.ts';
import type { CoreTimes } from './ledger.ts';

export interface KernelLogLine {
  readonly time: Nanos;
  readonly text: string;
}

/** What a kernel says of a CPU. */
interface KernelPart {
  readonly nmis: number;
  readonly switches: number;
  readonly log: readonly KernelLogLine[];
}

interface CorePart extends CoreTimes {
  readonly number: number;
  /** Of the guest's vCPUs there, if it has several; otherwise of the host's CPU. */
  readonly kernels: readonly KernelPart[];
}

export interface MachinePart {
  readonly cpus: readonly CorePart[];
  /** User time of the workload's threads on them. */
  readonly work: Cycles;
}

export const partOf = (cpus: readonly HostCpu[], work: Cycles): MachinePart => ({
  work,
  cpus: cpus.map(({ core, host, guests = [] }) => ({
    number: host.number,
    now: core.now(),
    idle: core.idle,
    spent: core.spent,
    shared: core.sibling !== undefined,
    kernels: (guests.length > 0 ? guests : [host]).map(({ nmis, switches, log }) => ({ nmis, switches, log })),
  })),
});
