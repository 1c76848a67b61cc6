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

interface CpuPart extends CoreTimes {
  readonly number: number;
  readonly nmis: number;
  readonly switches: number;
  readonly log: readonly KernelLogLine[];
}

export interface MachinePart {
  readonly cpus: readonly CpuPart[];
  /** User time of the workload's threads on them. */
  readonly work: Cycles;
}

export const partOf = (cpus: readonly HostCpu[], work: Cycles): MachinePart => ({
  work,
  cpus: cpus.map(({ core, host }) => ({
    number: host.number,
    now: core.now(),
    idle: core.idle,
    spent: core.spent,
    shared: core.sibling !== undefined,
    nmis: host.nmis,
    switches: host.switches,
    log: host.log,
  })),
});
