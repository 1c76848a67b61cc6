/**
 * What is known about some CPUs of a machine after its run, in a form that a message to another thread can carry: each
 * thread tells of those that it has simulated.
 */
import type { HostCpu } from '../machine/boots.ts';
import { given } from '../given.ts';
import { cycles, nanos, type Cycles, type Nanos } from '../units.ts';
import type { VcpuTimes } from '../results/ledger.ts';
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

/** The times of the guest's vCPUs that were on a core first. */
function vcpusOn({ guests = [] }: HostCpu, cpus: readonly HostCpu[]): VcpuTimes[] {
  return guests.map(({ kernel, thread, mail, moves }) => {
    const { core, host } = cpus[mail.cpu]!;
    const now = core.now();
    const [runs, waits] = [host.current === thread, host.isWaiting(thread)];
    const ran = host.nanosOf(cycles(thread.sum_exec_runtime + (runs ? now - thread.exec_start : 0)));
    const stolen = host.nanosOf(cycles(thread.run_delay + (waits ? now - thread.last_queued : 0)));
    return given({ vcpu: kernel.number, ran, stolen, halted: nanos(host.nanosOf(now) - ran - stolen), moves });
  });
}

export interface MachinePart {
  readonly cpus: readonly CorePart[];
  /** User time of the workload's threads on them. */
  readonly work: Cycles;
}

/** `mine`: those of the machine's CPUs that are meant. */
export const partOf = (
  cpus: readonly HostCpu[],
  work: Cycles,
  mine: (number: number) => boolean = () => true,
): MachinePart => ({
  work,
  cpus: cpus.flatMap((cpu, i) => (mine(i) ? [{ ...coreOf(cpu), vcpus: vcpusOn(cpu, cpus) }] : [])),
});

const coreOf = ({ core, host, guests = [] }: HostCpu): Omit<CorePart, 'vcpus'> => ({
  number: host.number,
  now: core.now(),
  idle: core.idle,
  spent: core.spent,
  shared: core.sibling !== undefined,
  kernels: (guests.length > 0 ? guests.map(({ kernel }) => kernel) : [host]).map(({ nmis, switches, log }) => ({
    nmis,
    switches,
    log,
  })),
});
