/**
 * Tells a thread that never comes back from one that is slow. What counts is the processor time that it has used since the
 * simulation on it last moved on (sim/pulse.ts): on a busy machine a thread waits for a processor, and uses none.
 */
import { readlinkSync } from 'node:fs';
import { inspect } from 'node:util';
import { LONGEST_STEP, pulseMemory, pulseSeen, showPulse, type PulseSeen } from '../sim/pulse.ts';

/** What the system tells about the threads of this process. */
export interface ThreadClock {
  /** ms of processor time that a thread has used, by its number in the system; undefined: it has ended. */
  cpuTime(thread: number): number | undefined;
  /** Bytes in use by the process. */
  memory(): number;
  /** Whether no other thread of the process runs, or would if there were a processor or a disk for it. */
  atRest(): boolean;
}

/** Threads that never come back are waited for. */
export const NO_CLOCK: ThreadClock = { cpuTime: () => 0, memory: () => 0, atRest: () => false };

/** ms of processor time in which a machine is set up. */
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

/**
 * Why a thread is given up: its simulation makes no progress, it does not turn to its messages, does nothing at all, or will run
 * out of memory.
 */
type Loss = 'endless' | 'unanswering' | 'asleep' | 'memory';

/** That, as a sentence. */
export function lostBy(who: string, loss: Loss): string {
  switch (loss) {
    case 'endless':
      return `${who} computes and does not come back: the simulation makes no progress`;
    case 'unanswering':
      return `${who} computes and hears no signal: nothing was written`;
    case 'asleep':
      return `${who} sleeps and does not come back: what was gathered until now is lost`;
    case 'memory':
      return `${who} ran out of memory: a shorter workload, or a longer period (-c), takes less`;
  }
}

/** A thing that is thrown and is no error has no place. gperf throws nothing of the kind. */
export const thrownBy = (who: string, thrown: unknown): string => `${who} threw ${inspect(thrown)}, which is no Error`;

/** So many looks in a row at a process at rest: nothing in it will ever happen. */
const LOOKS_AT_REST = 8;

/** This thread's pulse is seen by whoever made the memory (Patience). */
export const showOwnPulse = (memory: SharedArrayBuffer): void => showPulse(memory, ownThread());

/** The number of the calling thread in the system; -1 if it has none that can be found out. */
export function ownThread(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return -1;
  }
}

export class Patience {
  /** Where the thread is to show its pulse. */
  readonly pulse = pulseMemory();
  readonly #clock: ThreadClock;
  /** The thread has been asked something, and has not answered. */
  #asked = false;
  #seen: PulseSeen | undefined;
  /** Memory in use when the pulse last changed, and the most since. */
  #size = 0;
  #most = 0;
  /** Processor time used when the pulse last changed, or the memory last grew. */
  #used = 0;

  constructor(clock: ThreadClock) {
    this.#clock = clock;
  }

  /** From now on the thread is to turn to its messages, whatever it does; until answered(). */
  ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#seen = undefined;
  }

  answered(): void {
    this.#asked = false;
  }

  /** Why the thread is to be given up, if it is; to be asked every now and then. */
  get loss(): Loss | undefined {
    const seen = pulseSeen(this.pulse);
    if (seen.thread === 0) return undefined;
    const last = this.#seen;
    this.#seen = seen;
    const used = this.#clock.cpuTime(seen.thread);
    if (used === undefined) return undefined;
    const size = this.#clock.memory();
    const moved = last?.beats !== seen.beats || last.most !== seen.most || last.thread !== seen.thread;
    if (moved) this.#size = size;
    if (moved || size > this.#most + STEP) [this.#most, this.#used] = [size, used];
    const most = this.#asked ? LONGEST_STEP : seen.most;
    if (most === 0) return undefined;
    if (size > this.#size + TOO_MUCH) return 'memory';
    if (used - this.#used <= (size > LARGE ? LONGEST_START : most)) return undefined;
    return seen.most === 0 ? 'unanswering' : 'endless';
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
