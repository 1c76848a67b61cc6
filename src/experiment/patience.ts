/**
 * Tells a thread that never comes back from one that is slow. What counts is the processor time that it has used since the
 * simulation on it last moved on (sim/pulse.ts): on a busy machine a thread waits for a processor, and uses none.
 */
import { readlinkSync } from 'node:fs';
import { pulseSeen, type PulseSeen } from '../sim/pulse.ts';

/** What the system tells about the threads of this process. */
export interface ThreadClock {
  /** ms of processor time that a thread has used, by its number in the system. */
  cpuTime(thread: number): number;
  /** Bytes in use by the process. */
  memory(): number;
  /** Whether no other thread of the process runs, or would if there were a processor or a disk for it. */
  atRest(): boolean;
}

/** ms of processor time until a simulation must have moved on: while it runs, and while a machine is set up. */
export const LONGEST_STEP = 700;
export const LONGEST_START = 20_000;
/**
 * A thread that fills its memory runs out of it in the end, which is the better reason: as long as the process grows by
 * steps of so many bytes, it is waited for. Near its limit V8 collects garbage for long, so that there is more patience in a
 * process that is as large as that.
 */
const STEP = 2 ** 22;
const LARGE = 2 ** 29;
/**
 * Nothing that moves on takes so many bytes in between. V8 would end the thread at its limit, but the whole process if that is
 * passed by 16 MB at once.
 */
const TOO_MUCH = 2 ** 29;

/** Why a thread is given up: it makes no progress, or will run out of memory. */
export type Loss = 'endless' | 'memory';
/** So many looks in a row at a process at rest: nothing in it will ever happen. */
const LOOKS_AT_REST = 8;

/** The number of the calling thread in the system; -1 if it has none that can be found out. */
export function ownThread(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return -1;
  }
}

export class Patience {
  readonly #memory: SharedArrayBuffer;
  readonly #clock: ThreadClock;
  #seen: PulseSeen | undefined;
  /** Memory in use when the pulse last changed, and the most since. */
  #size = 0;
  #most = 0;
  /** Processor time used when the pulse last changed, or the memory last grew. */
  #used = 0;

  constructor(pulse: SharedArrayBuffer, clock: ThreadClock) {
    this.#memory = pulse;
    this.#clock = clock;
  }

  /** Why the thread is to be given up, if it is; to be asked every now and then. */
  get loss(): Loss | undefined {
    const seen = pulseSeen(this.#memory);
    if (seen.thread === 0) return undefined;
    const last = this.#seen;
    this.#seen = seen;
    const used = this.#clock.cpuTime(seen.thread);
    const size = this.#clock.memory();
    const moved = last?.beats !== seen.beats || last.most !== seen.most || last.thread !== seen.thread;
    if (moved) this.#size = size;
    if (moved || size > this.#most + STEP) [this.#most, this.#used] = [size, used];
    if (seen.most === 0) return undefined;
    if (size > this.#size + TOO_MUCH) return 'memory';
    return used - this.#used > (size > LARGE ? LONGEST_START : seen.most) ? 'endless' : undefined;
  }
}

/** Tells whether whoever waits for another thread will wait forever, as nothing happens in this process. */
export class Rest {
  readonly #clock: ThreadClock;
  #looks = 0;

  constructor(clock: ThreadClock) {
    this.#clock = clock;
  }

  /** To be asked every now and then. */
  get isLasting(): boolean {
    this.#looks = this.#clock.atRest() ? this.#looks + 1 : 0;
    return this.#looks >= LOOKS_AT_REST;
  }
}
