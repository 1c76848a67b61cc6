/**
 * How another thread of Node sees that the simulation on this one moves on: words in memory that both share. A thread whose
 * code is stuck in a loop cannot answer, but its pulse stops.
 *
 * Not modelled: nothing; none of this shows in a simulation.
 */

/**
 * Indices: a number that changes with each beat; the ms of processor time within which there is one, 0 for no limit; the
 * thread's number in the system.
 */
const BEATS = 0;
const MOST = 1;
const THREAD = 2;
const WORDS = 4;

/** ms of processor time in which a machine that runs moves on. */
export const LONGEST_STEP = 700;

/** Until somebody looks, a thread beats for itself. */
let words: Int32Array = new Int32Array(WORDS);

export const pulseMemory = (): SharedArrayBuffer => new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT);

/** From now on, this thread's pulse is in that memory; `thread`: its number in the system. */
export function showPulse(memory: SharedArrayBuffer, thread: number): void {
  words = new Int32Array(memory);
  Atomics.store(words, THREAD, thread);
}

/** The simulation has moved on. */
export function beat(): void {
  words[BEATS] = (words[BEATS]! + 1) | 0;
}

/** From now on there is a beat within so many ms of processor time; 0: whenever. Returns what held until now. */
export function beatsWithin(most: number): number {
  const before = words[MOST]!;
  Atomics.store(words, MOST, most);
  beat();
  return before;
}

/** Another thread's pulse as it is now. */
export interface PulseSeen {
  readonly beats: number;
  readonly most: number;
  /** 0 if the thread has not begun. */
  readonly thread: number;
}

export function pulseSeen(memory: SharedArrayBuffer): PulseSeen {
  const seen = new Int32Array(memory);
  return { beats: Atomics.load(seen, BEATS), most: Atomics.load(seen, MOST), thread: Atomics.load(seen, THREAD) };
}
