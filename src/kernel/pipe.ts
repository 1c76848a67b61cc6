/**
 * A pipe: bytes in order, of which at most `capacity` are unread. Readers wait while it is empty, writers while it is
 * full; all of them sleep on one queue, and whoever moves a byte wakes the whole queue, as in Linux before 5.5.
 *
 * Source: fs/pipe.c (pipe_read, pipe_write, pipe_wait), Linux 5.0.
 * Not modelled: buffers of a page that are not full, ends that are closed, signals to writers, non-blocking use.
 */
import type { Outcome } from './futex.ts';

/** A write of at most this many bytes goes in as a whole. */
const PIPE_BUF = 4096;

export class Pipe {
  readonly waiters = new Set<number>();
  readonly capacity: number;
  #used = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** Takes what there is, at most `bytes`; waits for the first byte. */
  read(tid: number, bytes: number): Outcome {
    return this.#move('pipe_read', tid, -Math.min(bytes, this.#used), this.#used === 0);
  }

  /** Puts in what there is room for, at most `bytes`, and waits if that is not all. */
  write(tid: number, bytes: number): Outcome {
    const room = this.capacity - this.#used;
    const least = bytes <= PIPE_BUF ? Math.min(bytes, this.capacity) : 1;
    const moved = room < least ? 0 : Math.min(bytes, room);
    return this.#move('pipe_write', tid, moved, moved < bytes);
  }

  #move(call: 'pipe_read' | 'pipe_write', tid: number, moved: number, sleeps: boolean): Outcome {
    this.#used += moved;
    const wakes = moved === 0 ? [] : [...this.waiters];
    for (const one of wakes) this.waiters.delete(one);
    if (sleeps) this.waiters.add(tid);
    return { call, sleeps, wakes, bytes: Math.abs(moved) };
  }
}
