/**
 * What the CPUs of one boot tell each other. Each kind of post arrives a latency after it was sent, which the machine
 * knows:
 *
 * - wake: a CPU that wakes another one's task puts it on that one's wake list and sends an IPI; so does one that has
 *   made a task for it, sends a signal to its task, or tells it that a child has ended;
 * - call: a CPU asks another to do something to one of its perf events, sends an IPI and waits;
 * - answer: the other has done it;
 * - tail: a reader has taken records out of a ring buffer into which the other CPU writes;
 * - sibling: the other hardware thread of the CPU's core has entered or left HLT, which is no business of the kernel's.
 *
 * A task to be woken is named by its pid; buffers, events and children that have ended are the things themselves, so that
 * posts stay within one thread of Node.
 *
 * Source: kernel/sched/core.c (ttwu_queue_remote, scheduler_ipi, sched_ttwu_pending), kernel/smp.c
 * (smp_call_function_single, flush_smp_call_function_queue), Linux 5.0.
 * Not modelled: IPIs that are left out because the list is not empty or the idle loop polls; several calls at a time by
 * one CPU.
 */
import type { Cycles } from '../units.ts';
import type { PerfEvent } from './perf-event.ts';
import type { RingBuffer } from './ring-buffer.ts';
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
  readonly rb?: RingBuffer | undefined;
  /** A signal that ends the task. */
  readonly signal?: number | undefined;
  /** The task's child that has ended. */
  readonly child?: Task | undefined;
  /** The task is new, and this CPU was chosen for it. */
  readonly isNew?: boolean | undefined;
}

/** What a CPU can be asked to do to an event of its own. */
export interface PerfCall {
  readonly func: 'install' | 'remove' | 'enable' | 'disable' | 'read';
  readonly event: PerfEvent;
}

interface CallPost extends Sent {
  readonly kind: 'call';
  /** Number of the CPU that waits for the answer. */
  readonly from: number;
  readonly call: PerfCall;
}

interface AnswerPost extends Sent {
  readonly kind: 'answer';
}

interface TailPost extends Sent {
  readonly kind: 'tail';
  readonly rb: RingBuffer;
  /** data_tail: bytes read since the buffer was made. */
  readonly tail: number;
}

interface SiblingPost extends Sent {
  readonly kind: 'sibling';
  readonly busy: boolean;
}

export type Post = WakePost | CallPost | AnswerPost | TailPost | SiblingPost;

export class Mail {
  /** rq->wake_list: what has arrived with the IPIs that the CPU has accepted. */
  readonly wake_list: WakePost[] = [];
  /** call_single_queue, likewise. */
  readonly call_single_queue: CallPost[] = [];
  /** Calls that this CPU has yet to answer, those that are on their way included. */
  calls = 0;
  /** Likewise, signals that will end a task of this CPU. */
  signals = 0;
  /** When the answer to this CPU's own call is visible to it. */
  answered: Cycles | undefined;
  #sent: Post[] = [];

  post(post: Post): void {
    this.#sent.push(post);
  }

  /** Everything posted since the last call, in order. */
  take(): readonly Post[] {
    if (this.#sent.length === 0) return this.#sent;
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }

  /** The CPU notices a post, at a boundary between instructions of ring 3, or in HLT. */
  accept(post: Exclude<Post, AnswerPost | SiblingPost>): void {
    if (post.kind === 'wake') this.wake_list.push(post);
    else if (post.kind === 'call') this.call_single_queue.push(post);
    else post.rb.data_tail = post.tail;
  }
}
