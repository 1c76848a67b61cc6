/**
 * The interface between software and processor, from both sides.
 *
 * hw/Core and (in a guest) kvm/Vcpu implement Cpu; kernel/Kernel implements Software. A kernel is passive: it acts only
 * when it is run or interrupted. Time passes only in spend() (ring 0), execute() (ring 3) and halt(). Interrupts are
 * delivered inside those calls, at an instruction boundary, by calling Software.interrupt; so they nest.
 *
 * Not modelled: exceptions other than those a program declares (traps), SMIs, segmentation, rings 1 and 2.
 */
import type { Address, Cycles, Nanos } from '../units.ts';
import type { EventColumn, EventVector } from './events.ts';
import type { PmuCaps } from './cpuid.ts';
import type { SyncAct } from './sync.ts';

/** Current privilege level: what PERFEVTSEL's USR and OS bits select on. */
export type Cpl = 0 | 3;

/** A system call or fault, or an act that concerns other threads, of the instruction that just retired. */
export type Trap =
  | { readonly kind: 'syscall'; readonly name: string; readonly args: Readonly<Record<string, number | string>> }
  | { readonly kind: 'page_fault'; readonly write: boolean }
  | SyncTrap;
/** The kernel may be entered, by SYSCALL, or not: see sync.ts. */
type SyncTrap = { readonly kind: 'sync' } & SyncAct;

/**
 * Code that holds interrupts back: with probability p, an interrupt that is due in [start, end) waits until execution
 * leaves that range. It stands for everything that makes a skid depend on where it begins: long operations, drained
 * pipelines.
 */
export interface Drain {
  readonly start: Address;
  readonly end: Address;
  readonly p: number;
}

/** Where a thread is in its program. User time passes only by advancing it; it keeps exact counts of its events. */
export interface ExecutionCursor {
  /** True once the last instruction has retired. */
  readonly finished: boolean;
  /** Chooses the columns `advance` may stop on and `counts` follows, in slot order. Slot 0 is always cycles. */
  arm(columns: readonly EventColumn[]): void;
  /** Totals since the program's start of the armed columns, by slot. Owned by the cursor; valid until the next call. */
  readonly counts: Float64Array;
  /**
   * Retires instructions up to and including the first one after which an armed total is >= its limit (by slot;
   * Infinity never fires). Returns the slot that fired (the lowest of several), or -1 if the program ended first. A
   * limit that is already met returns at once.
   */
  advance(limits: Float64Array): number;
  /** Totals since the start in all columns, written into `into`. */
  totals(into: EventVector): EventVector;
  /** Address of the next instruction: what an interrupt pushes. */
  readonly ip: Address;
  /** Return addresses of the calls in progress, innermost first, appended to `into`; without `ip`. */
  callchain(into: Address[]): void;
  /** The trap of the instruction that retired last, if it was one (the `traps` column fired). */
  readonly trap: Trap | undefined;
  /** Lines of 64 bytes that it goes over again and again, code and data; absent: none that count. */
  readonly footprint?: number | undefined;
  /** Its whole state, from which Executable.start goes on; absent: it cannot leave its thread of Node. */
  snapshot?(): ArrayBuffer;
  /** Absent: no code of the program holds interrupts back. */
  readonly drains?: readonly Drain[] | undefined;
}

/** RDMSR and WRMSR of PMU registers, as numbers below 2^53. Both throw GeneralProtection for an unknown MSR. */
export interface MsrPort {
  rdmsr(msr: number): number;
  wrmsr(msr: number, value: number): void;
}

/** What an interrupt pushed, and how to walk back from it. Valid only during Software.interrupt. */
export interface Regs {
  readonly cpl: Cpl;
  readonly ip: Address;
  /** Ring-0 frames below `ip`, innermost first; empty at cpl 3. */
  readonly kernelFrames: readonly Address[];
  /** Where a guest was, if the interrupt made it exit (perf_guest_get_ip). `ip` is then at the host's VM-entry. */
  readonly guest?: { readonly cpl: Cpl; readonly ip: Address };
}

/**
 * Interrupts, by Linux' use of them. PERF_GUEST_MEDIATED_PMI: on a host, a PMI of a guest's own counters. RESCHEDULE: an
 * IPI, another CPU has put tasks on this one's rq->wake_list. CALL_FUNCTION: one that asks for a function to be called.
 */
export type Vector = 'NMI' | 'LOCAL_TIMER' | 'IRQ_WORK' | 'PERF_GUEST_MEDIATED_PMI' | 'RESCHEDULE' | 'CALL_FUNCTION';

/** Why ring-3 execution returned to the kernel. */
export type StopReason = 'until' | 'resched' | 'trap' | 'finished';

/** What a kernel sees beneath it. */
export interface Cpu extends MsrPort {
  readonly caps: PmuCaps;
  /** RDPMC: counter `ecx` (bit 30 selects the fixed counters). */
  rdpmc(ecx: number): number;
  now(): Cycles;
  /** sched_clock(). */
  nanos(): Nanos;
  /** `times` passes (1 by default) through a ring-0 function, by its index: time, events, interrupts on the way. */
  spend(fn: number, times?: number): void;
  /** One pass through a ring-0 function that takes `cost` this time. */
  spendFor(fn: number, cost: Cycles): void;
  /** Pushes and pops the frame of a ring-0 function for call chains; takes no time. */
  enter(fn: number): void;
  leave(): void;
  /** Ring-3 work up to `until`, a trap, the end, or the moment Software.needResched() holds after an interrupt. */
  execute(code: ExecutionCursor, until: Cycles): StopReason;
  /** HLT: time passes without cycles being counted, until an interrupt has been served or `until`. */
  halt(until: Cycles): void;
  /** Arms the local timer (TSC deadline); Infinity disarms. */
  setTimer(at: Cycles): void;
  /** Writes LVTPC: its vector, and its mask bit, which delivery sets. */
  setLvtpc(vector: Vector, masked?: boolean): void;
  /** CLI and STI; they nest. NMIs are not affected. */
  irqDisable(): void;
  irqEnable(): void;
  /** The host wants the processor back from this vCPU: software should stop soon. */
  readonly wanted?: boolean;
  /** paravirt_steal_clock() of a vCPU: how long it has waited for a core since boot. Absent: it is no vCPU. */
  readonly steal?: Cycles | undefined;
  /** A self-IPI with the irq_work vector, delivered once interrupts are enabled. */
  raiseIrqWork(): void;
  /** Writes the ICR of the x2APIC: an IPI to another CPU, by its number. Returns when it was sent. */
  sendIpi(to: number): Cycles;
  /** One round of a loop with PAUSE in a ring-0 function. Absent: a spinning CPU stands still until its wait is over. */
  pause?: ((fn: number) => void) | undefined;
  /** The same with interrupts open, where the CPU need not stand still. Absent: `pause` does. */
  relax?(fn: number): void;
}

/** What a Cpu sees above it. */
export interface Software {
  interrupt(vector: Vector, regs: Regs): void;
  needResched(): boolean;
}

/** What a thread does when it has the CPU: an execution cursor, a vCPU's KVM_RUN loop, or the perf tool. */
export interface TaskBody {
  /** Runs until `until`, or until the thread must be rescheduled, blocks or ends. */
  run(cpu: Cpu, until: Cycles): void;
  /** The task has ended, and will not run again. */
  end?(): void;
  /**
   * What is known of its future if it has the CPU from a given time on. Absent: it never affects other CPUs, and may give
   * up its own at any time.
   */
  outlook?(from: Cycles): Outlook;
  /** Of a vCPU: its guest stands still in front of an act upon what its CPUs share, and so must the host's CPU. */
  readonly waits?: boolean;
}

/** The earliest times at which a thread may do something to others. */
export interface Outlook {
  /** It affects another CPU. */
  readonly act: Cycles;
  /** It gives up its own: sleeps, ends, or waits for an act. */
  readonly leave: Cycles;
  /** It enters the kernel by itself, by a system call or a fault. */
  readonly trap: Cycles;
}
