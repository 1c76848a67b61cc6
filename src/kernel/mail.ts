/**
 * What the CPUs of one boot tell each other: a CPU that wakes another one's task puts it on that one's wake list and
 * sends an IPI.
 *
 * A post names the task by its pid, because the CPUs may be simulated in different threads of Node. It is sent at the
 * time of the IPI and arrives with it, after a latency that the machine knows.
 *
 * Source: kernel/sched/core.c (ttwu_queue_remote, scheduler_ipi, sched_ttwu_pending), Linux 5.0.
 * Not modelled: wake-ups that send no IPI because the list is not empty or the idle loop polls, calls of functions on
 * other CPUs (smp_call_function_single).
 */
import type { Cycles } from '../units.ts';

/** A task to be woken by the CPU that it belongs to. */
export interface WakePost {
  /** Number of that CPU. */
  readonly to: number;
  /** When the IPI was sent. */
  readonly sent: Cycles;
  readonly pid: number;
  readonly reason: string;
}

export class Mail {
  /** rq->wake_list: what has arrived with the IPIs that the CPU has accepted. */
  readonly wake_list: WakePost[] = [];
  #sent: WakePost[] = [];

  post(post: WakePost): void {
    this.#sent.push(post);
  }

  /** Everything posted since the last call, in order. */
  take(): readonly WakePost[] {
    if (this.#sent.length === 0) return this.#sent;
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }
}
