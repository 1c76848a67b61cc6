/**
 * The objects of one program: what its threads and processes wait for each other by, and the acts upon them.
 *
 * An act is one step: it changes the objects and says which threads wake and whether the acting one sleeps. It has no
 * clock and spends no time; the CPU that acts does (thread-acts.ts).
 *
 * Not modelled: objects of other programs, descriptors that are closed.
 */
import type { SyncAct } from '../arch/sync.ts';
import { Barrier, ClearChildTid, Mutex, ProgramError, Semaphore, type Outcome } from './futex.ts';
import { Pipe } from './pipe.ts';

/** Acts on objects; `join` waits for one thread. */
export type ObjectAct =
  | Exclude<SyncAct, { readonly op: 'spawn' | 'fork' | 'join' | 'wait' | 'exit' }>
  | { readonly op: 'join_thread'; readonly tid: number }
  | { readonly op: 'clear_child_tid' };

/** A thread as a message names it: "worker (tid 1003)". */
type Who = (tid: number) => string;

export class SyncObjects {
  readonly #mutexes = new Map<string, Mutex>();
  readonly #barriers = new Map<string, Barrier>();
  readonly #semaphores = new Map<string, Semaphore>();
  readonly #pipes = new Map<string, Pipe>();
  /** By tid. */
  readonly #ends = new Map<number, ClearChildTid>();

  /** Thread `tid` acts; `again`: it has slept in this act and was woken. Throws ProgramError. */
  apply(tid: number, act: ObjectAct, again: boolean, who: Who): Outcome {
    switch (act.op) {
      case 'lock':
        return this.#mutex(act.object).lock(tid, again);
      case 'unlock': {
        const mutex = this.#mutex(act.object);
        const { owner } = mutex;
        if (owner === tid) return mutex.unlock();
        const holder = owner === undefined ? 'nobody' : who(owner);
        throw new ProgramError(`${who(tid)} unlocks mutex ${act.object.name}, which is held by ${holder}`);
      }
      case 'arrive':
        return this.#barrier(act.object).arrive(tid, act.object.count, again);
      case 'post':
        return this.#semaphore(act.object).post();
      case 'take':
        return this.#semaphore(act.object).take(tid, again);
      case 'read':
        return this.#pipe(act.object).read(tid, act.bytes);
      case 'write':
        return this.#pipe(act.object).write(tid, act.bytes);
      case 'join_thread': {
        const outcome = this.#end(act.tid).join(tid);
        if (!outcome.sleeps) this.#ends.delete(act.tid);
        return outcome;
      }
      case 'clear_child_tid':
        return this.#end(tid).clear();
    }
  }

  /** Thread `tid` will not try again what it waits for. */
  leave(tid: number): void {
    for (const objects of [this.#mutexes, this.#barriers, this.#semaphores, this.#pipes, this.#ends])
      for (const { waiters } of objects.values()) waiters.delete(tid);
  }

  /** What somebody waits for who cannot go on with an act: "mutex m, held by main (tid 1001)". */
  waitsFor(act: ObjectAct, who: Who): string {
    switch (act.op) {
      case 'lock': {
        const { owner } = this.#mutex(act.object);
        return `mutex ${act.object.name}${owner === undefined ? '' : `, held by ${who(owner)}`}`;
      }
      case 'arrive':
        return `barrier ${act.object.name}, where ${this.#barrier(act.object).waiters.size} of ${act.object.count} have arrived`;
      case 'take':
        return `semaphore ${act.object.name}, which nobody will post`;
      case 'read':
        return `pipe ${act.object.name}, which is empty and which nobody will write`;
      case 'write':
        return `pipe ${act.object.name}, which is full and which nobody will read`;
      case 'join_thread':
        return `${who(act.tid)} to end`;
      case 'unlock':
      case 'post':
      case 'clear_child_tid':
        throw new Error(`${act.op} never waits`);
    }
  }

  #mutex({ name }: { readonly name: string }): Mutex {
    return made(this.#mutexes, name, () => new Mutex());
  }
  #barrier({ name }: { readonly name: string }): Barrier {
    return made(this.#barriers, name, () => new Barrier());
  }
  #semaphore({ name, value }: { readonly name: string; readonly value: number }): Semaphore {
    return made(this.#semaphores, name, () => new Semaphore(value));
  }
  #pipe({ name, capacity }: { readonly name: string; readonly capacity: number }): Pipe {
    return made(this.#pipes, name, () => new Pipe(capacity));
  }
  #end(tid: number): ClearChildTid {
    return made(this.#ends, tid, () => new ClearChildTid());
  }
}

function made<K, T>(objects: Map<K, T>, key: K, make: () => T): T {
  let one = objects.get(key);
  if (one === undefined) objects.set(key, (one = make()));
  return one;
}
