/**
 * What is known about some CPUs of a machine after its run, in a form that a message to another thread can carry: each
 * thread tells of those that it has simulated.
 */
import type { HostCpu } from '../machine/boots.ts';
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

/** The times of the guest's vCPUs on a core. */
function vcpusOn({ core, host, guests = [] }: HostCpu): VcpuTimes[] {
  // Threads of other guests come after those of this one.
  const pids = [...host.mail.vcpus.keys()];
  return guests.map(({ number }, i) => {
    const task = host.system.taskOf(pids[i]!)!;
    const now = core.now();
    const [runs, waits] = [host.current === task, host.isWaiting(task)];
    const ran = host.nanosOf(cycles(task.sum_exec_runtime + (runs ? now - task.exec_start : 0)));
    const stolen = host.nanosOf(cycles(task.run_delay + (waits ? now - task.last_queued : 0)));
    return { vcpu: number, ran, stolen, halted: nanos(host.nanosOf(now) - ran - stolen) };
  });
}

export interface MachinePart {
  readonly cpus: readonly CorePart[];
  /** User time of the workload's threads on them. */
  readonly work: Cycles;
}

export const partOf = (cpus: readonly HostCpu[], work: Cycles): MachinePart => ({
  work,
  cpus: cpus.map((cpu) => ({ ...coreOf(cpu), vcpus: vcpusOn(cpu) })),
});

const coreOf = ({ core, host, guests = [] }: HostCpu): Omit<CorePart, 'vcpus'> => ({
  number: host.number,
  now: core.now(),
  idle: core.idle,
  spent: core.spent,
  shared: core.sibling !== undefined,
  kernels: (guests.length > 0 ? guests : [host]).map(({ nmis, switches, log }) => ({ nmis, switches, log })),
});
