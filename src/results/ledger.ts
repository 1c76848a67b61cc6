/** Where the time of a run went, to the cycle. Plain data for renderers. */
import type { Cycles, Nanos } from '../units.ts';

/** What time is spent on. "kernel" is the one that perf and the workload run on, "host" the one below a guest. */
export type LedgerAccount =
  /** The workload's own instructions. */
  | 'workload'
  /** Other user space on that kernel: perf itself. */
  | 'programs'
  /** From an IRET to ring 3 until its next instruction begins to execute. */
  | 'refill'
  /** What this user space waited for lines that kernels had put out of its caches. */
  | 'cold programs'
  /** What all of this user space took longer beside a busy hardware thread of its core; only if cores have two. */
  | 'sibling'
  /** The same because more cores were busy, and their clock below that of a lone one; only if there are several cores. */
  | 'clock'
  /** perf's core and drivers, PMIs included. */
  | 'kernel perf'
  /** Register accesses that do not exit. */
  | 'kernel registers'
  /** Ticks, timers, irq_work. */
  | 'kernel interrupts'
  /** System calls, faults, scheduling. */
  | 'kernel tasks'
  /** VM-exit and VM-entry themselves. */
  | 'exits'
  /** KVM's work at exits. */
  | 'kvm'
  /** What both kernels waited for lines that others had put out of their caches. */
  | 'cold kernels'
  /** What NMIs cost a guest besides all that is modelled, fitted to a published count. */
  | 'residue'
  /** The host's perf: events made and released for the guest, its PMIs. */
  | 'host perf'
  | 'host registers'
  | 'host interrupts'
  /** The host's scheduling and its other tasks, including other guests. */
  | 'host tasks'
  /** Waiting for mutexes of the host's perf that other cores hold; only if there are several cores. */
  | 'pmc_reserve_mutex'
  | 'perf_sched_mutex'
  /** Halted: nothing to run, a sleep or a grace period. */
  | 'idle';

/** Where the time of a run went, boot to end: if there are several cores, the sum of their times. */
export interface Ledger extends LedgerSheet {
  /** The same of each core, if there are several and it is known who ran where. */
  readonly cores?: readonly { readonly core: number; readonly sheet: LedgerSheet }[];
  /** Of a guest with several vCPUs. */
  readonly vcpus?: readonly VcpuTimes[];
}

/** What became of a vCPU's time, ns: its thread had a core, waited for one that others had (steal), or slept in HLT. */
export interface VcpuTimes {
  readonly vcpu: number;
  readonly ran: Nanos;
  readonly stolen: Nanos;
  readonly halted: Nanos;
  /** How often the thread got another core than before; absent: it is pinned to one. */
  readonly moves?: number;
}

export interface LedgerSheet {
  /** Every account once, in this order; cycles add up to `total` and ns to `ns`, exactly. */
  readonly rows: readonly { readonly account: LedgerAccount; readonly cycles: Cycles; readonly ns: number }[];
  readonly total: Cycles;
  readonly ns: Nanos;
}
