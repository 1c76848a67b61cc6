/**
 * What the CPUs of one boot tell each other. Each kind of post arrives a latency after it was sent, which the machine
 * knows:
 *
 * - wake: a CPU that wakes another one's task puts it on that one's wake list and sends an IPI; so does one that has
 *   made a task for it or sends it one, sends a signal to its task, or tells it that a child has ended;
 * - hand_over: a CPU that wakes another one's task has chosen a third CPU for it;
 * - pull: a CPU that has less to do asks another for tasks;
 * - attach: the other sends one;
 * - kick: a CPU at which tasks wait has an idle one look for some;
 * - kill: a signal is to end all threads of a process;
 * - call: a CPU asks another to do something to one of its perf events, or to a VMCS, sends an IPI and waits;
 * - answer: the other has done it;
 * - guest: one of these between CPUs of a guest, for the host's CPU that has the thread of the vCPU it is for;
 * - sibling: the other hardware thread of the CPU's core has entered or left HLT, which is no business of the kernel's.
 *
 * A post is plain data, which may reach another thread of Node: tasks are named by their pids, events and buffers by ids.
 * What a task needs to go on on another CPU, it brings.
 *
 * Source: kernel/sched/core.c (ttwu_queue_remote, scheduler_ipi, sched_ttwu_pending), kernel/smp.c
 * (smp_call_function_single, flush_smp_call_function_queue), Linux 5.0.
 * Not modelled: IPIs that are left out because the list is not empty or the idle loop polls; several calls at a time by
 * one CPU.
 */
import type { PerfCountsValues } from './perf-event.ts';
import type { Cycles } from '../units.ts';
import type { PackedContext } from './perf-pack.ts';
import type { MovedTask } from './moved-task.ts';
import type { Task } from './task.ts';

interface Sent {
  /** Number of the CPU that it is for. */
  readonly to: number;
  /** When it left. */
  readonly sent: Cycles;
}

/** A task to be woken by the CPU that it belongs to. */
export interface WakePost extends Sent {
  readonly kind: 'wake';
  readonly pid: number;
  readonly reason: string;
  /** The buffer whose watermark was passed, if that is why. */
  readonly rb?: number | undefined;
  /** A signal that ends the task. */
  readonly signal?: number | undefined;
  /** The process that has ended, a child of the task. */
  readonly child?: number | undefined;
  /** The task is new, and this CPU was chosen for it. */
  readonly made?: NewTask | undefined;
  /** The task comes from another CPU, where it was woken, and this one was chosen for it. */
  readonly moved?: MovedTask | undefined;
  /** The CPU on which the task sleeps is to choose the one on which it goes on. */
  readonly selects?: boolean | undefined;
}

/** A task to be woken by CPU number `next`, to which the one that has it sends it. */
interface HandOverPost extends Sent {
  readonly kind: 'hand_over';
  readonly pid: number;
  readonly reason: string;
  readonly next: number;
}

export interface PullPost extends Sent {
  readonly kind: 'pull';
  /** The CPU that asks, and rq->nr_running there. */
  readonly from: number;
  readonly nr_running: number;
}

interface AttachPost extends Sent {
  readonly kind: 'attach';
  readonly pid: number;
  readonly moved: MovedTask;
}

interface KickPost extends Sent {
  readonly kind: 'kick';
}

/** What a new task brings to its CPU. */
interface NewTask {
  /** Relative to the run queue from which it comes. */
  readonly vruntime: Cycles;
  readonly contexts: readonly PackedContext[];
}

/** What a CPU can be asked to do to an event of its own. */
export interface PerfCall {
  readonly func: 'install' | 'remove' | 'enable' | 'disable' | 'read';
  readonly event: number;
}

/** Or to do for a hypervisor: to write a VMCS that is active there back to memory. */
interface KvmCall {
  readonly func: '__loaded_vmcs_clear';
}

export type CpuCall = PerfCall | KvmCall;

/** What a CPU has of an event and of what was inherited from it. */
export interface PerfAnswer {
  /** The event is in ERROR, and reads as zero. */
  readonly failed: boolean;
  /** The event, if it is the CPU's own, and those inherited from it that are. */
  readonly copies: readonly ReadCopy[];
}

/** An event as read: its id, the thread that it follows, its count and times. */
export interface ReadCopy extends PerfCountsValues {
  readonly id: number;
  readonly tid: number | undefined;
}

interface CallPost extends Sent {
  readonly kind: 'call';
  /** Number of the CPU that waits for the answer. */
  readonly from: number;
  readonly call: CpuCall;
}

interface AnswerPost extends Sent {
  readonly kind: 'answer';
  readonly answer: PerfAnswer | undefined;
}

/** All threads of a process that belong to the CPU will end. */
interface KillPost extends Sent {
  readonly kind: 'kill';
  readonly tgid: number;
  readonly signal: number;
  /** When the first CPU was told. */
  readonly since: Cycles;
}

interface SiblingPost extends Sent {
  readonly kind: 'sibling';
  readonly busy: boolean;
}

export interface GuestPost extends Sent {
  readonly kind: 'guest';
  readonly post: Post;
}

export type Post =
  | WakePost
  | KillPost
  | HandOverPost
  | PullPost
  | AttachPost
  | KickPost
  | CallPost
  | AnswerPost
  | GuestPost
  | SiblingPost;

/** An answer to a call, and when it is visible to the CPU that has called. */
export interface Answered {
  readonly at: Cycles;
  readonly answer: PerfAnswer | undefined;
}

const NOTHING: readonly Post[] = [];

export class Mail {
  /** rq->wake_list: what has arrived with the IPIs that the CPU has accepted. */
  readonly wake_list: (WakePost | KillPost)[] = [];
  /** call_single_queue, likewise. */
  readonly call_single_queue: CallPost[] = [];
  /** Calls that this CPU has yet to answer, those that are on their way included. */
  calls = 0;
  /** Likewise, signals that will end a task of this CPU. */
  signals = 0;
  /** Likewise, tasks that this CPU is asked for, and kicks that let it ask others. */
  asked = 0;
  /** Tasks on their way here; and those that have arrived, to be put onto the run queue. */
  readonly coming = new Set<Task>();
  /** By tid, the perf events that a task brings, on its way or not yet noticed, and when it arrives. */
  readonly arriving = new Map<number, { readonly at: Cycles; readonly contexts: readonly PackedContext[] }>();
  readonly attached: Task[] = [];
  /** The answer to this CPU's own call. */
  answered: Answered | undefined;
  #sent: Post[] = [];

  post(post: Post): void {
    this.#sent.push(post);
  }

  /** Everything posted since the last call, in order. */
  take(): readonly Post[] {
    const sent = this.#sent.length > 0 ? this.#sent : NOTHING;
    if (sent !== NOTHING) this.#sent = [];
    return sent;
  }
}
