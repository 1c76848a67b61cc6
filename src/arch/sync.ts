/**
 * Threads of a program and what they wait for each other by: the objects, and the acts of one thread that others may
 * notice.
 *
 * An act is a trap of the instruction that decides it in the C library: the locked compare-and-exchange of a mutex or a
 * semaphore, the `syscall` of clone or of read. What a thread executes in ring 3 is the same whether or not it has to
 * wait; whether the act enters the kernel, and for how long, is the kernel's business. Every act is one step of one
 * thread: `spawn` four times is four acts.
 *
 * Every exec has a set of objects of its own, known by their names: the process and all threads and processes that come
 * from it by spawn and fork share them (as PTHREAD_PROCESS_SHARED in shared memory, and inherited descriptors).
 *
 * Source: glibc's nptl (pthread_mutex_lock, pthread_barrier_wait, sem_post, sem_wait, pthread_create, pthread_join),
 * which waits by futex(2); pipe(7).
 * Not modelled: priority-inheriting, robust and recursive mutexes, condition variables, read-write locks, spin locks (how
 * long one spins depends on time, and what a thread executes does not), try and timed variants, signals.
 */

/** Held by one thread at a time. */
interface Mutex {
  readonly kind: 'mutex';
  readonly name: string;
}
/** Releases its threads, all at once, when `count` of them have arrived; then it starts afresh. */
interface Barrier {
  readonly kind: 'barrier';
  readonly name: string;
  /** At least 1. */
  readonly count: number;
}
/** A number that `post` raises by one and `take` lowers by one, once it is above 0. */
interface Semaphore {
  readonly kind: 'semaphore';
  readonly name: string;
  /** At the start of the program. */
  readonly value: number;
}
/** Bytes in order, at most `capacity` of them unread. */
interface Pipe {
  readonly kind: 'pipe';
  readonly name: string;
  /** Bytes; at least 1. */
  readonly capacity: number;
}

export type SyncObject = Mutex | Barrier | Semaphore | Pipe;

/** What one thread does that others may notice or that waits for others. */
export type SyncAct =
  /** pthread_mutex_lock and pthread_mutex_unlock: enter the kernel only if another thread holds it, or waits for it. */
  | { readonly op: 'lock' | 'unlock'; readonly object: Mutex }
  /** pthread_barrier_wait: the last thread to arrive wakes the others. */
  | { readonly op: 'arrive'; readonly object: Barrier }
  /** sem_post and sem_wait: enter the kernel only to wake a thread that waits, or to wait. */
  | { readonly op: 'post' | 'take'; readonly object: Semaphore }
  /**
   * read(2) and write(2) on a pipe: always enter the kernel. A read waits for the first byte and takes what there is of
   * `bytes`, as read(2) does; a write waits until all are in.
   */
  | { readonly op: 'read' | 'write'; readonly object: Pipe; readonly bytes: number }
  /**
   * pthread_create, and fork with the child's work: one more thread of this process, or one more process. `entry` names
   * what it executes, for Executable.start; a forked process ends by exit_group. It stays on `cpu`, if that is given
   * (pthread_attr_setaffinity_np).
   */
  | { readonly op: 'spawn' | 'fork'; readonly entry: string; readonly cpu?: number }
  /** pthread_join of every thread that this thread has spawned and not yet joined: enters the kernel for those that live. */
  | { readonly op: 'join' }
  /** wait4(2) until every process that this thread's process has forked has ended and is reaped. */
  | { readonly op: 'wait' }
  /** exit(2): ends this thread, and the process if it is the last one. exit_group is a system call as ever. */
  | { readonly op: 'exit' };
