/**
 * What glibc's threads wait for each other by, with the futex under each: mutexes, barriers, semaphores, the end of a
 * thread. Threads are known by their tids.
 *
 * A mutex is glibc's low-level lock: 0 free, 1 taken, 2 taken and somebody may wait. A thread that has waited takes it
 * with 2, so its unlock enters the kernel even if nobody waits any more; and between unlock and the woken thread's turn
 * anybody may take it.
 *
 * Source: glibc's nptl (lowlevellock.c, pthread_barrier_wait.c, sem_waitcommon.c, pthread_join_common.c), 2.26;
 * kernel/futex.c (futex_wait, futex_wake), Linux 5.0.
 * Not modelled: hash collisions, requeueing, what the C library executes when it tries again.
 */

/** The CPU of a woken thread: where it has slept, and where it goes. */
export interface Placement {
  readonly from: number;
  readonly to: number;
}

/** The part of an act that concerns others. */
export interface Outcome {
  /** The system call that it takes; undefined: it stays in ring 3. */
  readonly call: 'futex_wait' | 'futex_wake' | 'pipe_read' | 'pipe_write' | undefined;
  /** The thread sleeps in that call, and tries again when it is woken. */
  readonly sleeps: boolean;
  /** Threads that the call wakes, in this order. */
  readonly wakes: readonly number[];
  /** Bytes that it moves. */
  readonly bytes?: number;
}

/** What a program may not do: unlock what is not its own, wait for ever. */
export class ProgramError extends Error {
  override readonly name = 'ProgramError';
}

/** Done in ring 3; nobody sleeps or wakes. */
export const DONE: Outcome = { call: undefined, sleeps: false, wakes: [] };
const WAIT: Outcome = { call: 'futex_wait', sleeps: true, wakes: [] };
const wake = (wakes: readonly number[]): Outcome => ({ call: 'futex_wake', sleeps: false, wakes });

/** Threads that wait, first come first. */
type Waiters = Set<number>;

const first = (waiters: Waiters, n: number): number[] => {
  const wakes = [...waiters].slice(0, n);
  for (const tid of wakes) waiters.delete(tid);
  return wakes;
};

export class Mutex {
  readonly waiters: Waiters = new Set();
  owner: number | undefined;
  #contended = false;

  /** `again`: it has waited. */
  lock(tid: number, again: boolean): Outcome {
    if (this.owner === undefined) {
      this.owner = tid;
      this.#contended = again;
      return DONE;
    }
    this.#contended = true;
    this.waiters.add(tid);
    return WAIT;
  }

  /** By its owner. */
  unlock(): Outcome {
    this.owner = undefined;
    if (!this.#contended) return DONE;
    this.#contended = false;
    return wake(first(this.waiters, 1));
  }
}

export class Barrier {
  readonly waiters: Waiters = new Set();

  /** `again`: it has waited, so the last one has arrived. */
  arrive(tid: number, count: number, again: boolean): Outcome {
    if (again) return DONE;
    if (this.waiters.size + 1 >= count) return this.waiters.size === 0 ? DONE : wake(first(this.waiters, Infinity));
    this.waiters.add(tid);
    return WAIT;
  }
}

export class Semaphore {
  readonly waiters: Waiters = new Set();
  #value: number;
  /** Those that wait, and those that were woken and have not had their turn. */
  #nwaiters = 0;

  constructor(value: number) {
    this.#value = value;
  }

  post(): Outcome {
    this.#value++;
    return this.#nwaiters === 0 ? DONE : wake(first(this.waiters, 1));
  }

  /** `again`: it has waited. */
  take(tid: number, again: boolean): Outcome {
    if (this.#value > 0) {
      this.#value--;
      if (again) this.#nwaiters--;
      return DONE;
    }
    if (!again) this.#nwaiters++;
    this.waiters.add(tid);
    return WAIT;
  }
}

/** The tid in a thread's descriptor, which the kernel clears when the thread ends (CLONE_CHILD_CLEARTID). */
export class ClearChildTid {
  readonly waiters: Waiters = new Set();
  #cleared = false;

  join(tid: number): Outcome {
    if (this.#cleared) return DONE;
    this.waiters.add(tid);
    return WAIT;
  }

  /** mm_release() */
  clear(): Outcome {
    this.#cleared = true;
    return wake(first(this.waiters, 1));
  }
}
