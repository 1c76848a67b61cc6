/** Where the time of a run went, to the cycle. Plain data for renderers. */
import type { Cycles, Nanos } from '../units.ts';

/** What time can go to. "kernel" is the one perf and the workload run on, "host" what lies beneath a guest. */
export type LedgerAccount =
  /** The workload's own instructions. */
  | 'workload'
  /** Other user space on that kernel: perf itself. */
  | 'programs'
  /** From IRETs to ring 3 until its next instruction begins to execute. */
  | 'refill'
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
  /** What KVM does about them. */
  | 'kvm'
  /** The host's perf: events made and released for the guest, its PMIs. */
  | 'host perf'
  | 'host registers'
  | 'host interrupts'
  /** The host's scheduling and its other tasks, other guests among them. */
  | 'host tasks'
  /** Halted: nothing to run, a sleep or a grace period. */
  | 'idle';

/** Where the time of a run went, boot to end. */
export interface Ledger {
  /** Every account once, in this order; their cycles add up to `total`, their ns to `ns`, exactly. */
  readonly rows: readonly { readonly account: LedgerAccount; readonly cycles: Cycles; readonly ns: number }[];
  readonly total: Cycles;
  readonly ns: Nanos;
}
