/**
 * Where the threads of Node that simulate the cores of one machine meet after each window: a barrier, slots in which each
 * tells numbers about its cores, and a box for each that holds whatever else it says.
 *
 * There are two sets of slots and boxes, used in turn: a fast thread may already write the next one while a slow one still
 * reads. A thread that fails ends the meeting for all, so that nobody waits for it. A thread on its own shares no memory.
 *
 * Not modelled: nothing; none of this shows in a simulation.
 */

import { deserialize, serialize } from 'node:v8';

/**
 * Indices into the control words: how many have arrived, how many times all have, whether it is over; then the bytes in
 * each box.
 */
const ARRIVED = 0;
const ROUNDS = 1;
const OVER = 2;
const WORDS = 4;
/** Bytes that a box has at first, and at most. */
const BOX = 4096;
const LARGEST_BOX = 2 ** 30;

/** Memory that grows in place, for all who have it (ES2024; the compiler's library is of 2023). */
interface Box extends SharedArrayBuffer {
  grow(bytes: number): void;
}
const Growable = SharedArrayBuffer as unknown as new (
  bytes: number,
  options: { readonly maxByteLength: number },
) => Box;

/** What threads share; a message can carry it. */
export interface MeetingPlace {
  readonly parties: number;
  readonly cores: number;
  /** Numbers for each core. */
  readonly width: number;
  readonly memory: SharedArrayBuffer | ArrayBuffer;
  /** Two for each thread. */
  readonly boxes: readonly Box[];
}

export function meetingPlace(parties: number, cores: number, width: number): MeetingPlace {
  const bytes = controlBytes(parties) + 2 * cores * width * Float64Array.BYTES_PER_ELEMENT;
  const memory = parties === 1 ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes);
  const box = (): Box => new Growable(BOX, { maxByteLength: LARGEST_BOX });
  return { parties, cores, width, memory, boxes: parties === 1 ? [] : Array.from({ length: 2 * parties }, box) };
}

/** Whole doubles. */
const controlBytes = (parties: number): number => (WORDS + 2 * parties) * Int32Array.BYTES_PER_ELEMENT;

/** Another thread has ended the meeting: it failed, or the run is done. */
export class MeetingOver extends Error {
  override readonly name = 'MeetingOver';
}

export class Meeting {
  readonly #place: MeetingPlace;
  readonly #control: Int32Array;
  /** Of all cores, for even rounds and then for odd ones. */
  readonly #slots: readonly Float64Array[];
  /** Rounds that this thread has been through. */
  #round = 0;

  constructor(place: MeetingPlace) {
    this.#place = place;
    const bytes = controlBytes(place.parties);
    this.#control = new Int32Array(place.memory, 0, bytes / Int32Array.BYTES_PER_ELEMENT);
    const slots = new Float64Array(place.memory, bytes);
    const { cores, width } = place;
    this.#slots = Array.from({ length: 2 * cores }, (_, i) => slots.subarray(i * width, (i + 1) * width));
  }

  /** The numbers of a core: to be written before arrive() by whoever runs it, to be read by all after wait(). */
  slotsOf(core: number): Float64Array {
    return this.#slots[(this.#round & 1) * this.#place.cores + core]!;
  }

  /** What this thread says in this round, as plain data; undefined: nothing. To be called before arrive(). */
  say(party: number, what: unknown): void {
    if (this.#place.parties === 1) return;
    const box = 2 * party + (this.#round & 1);
    const bytes = what === undefined ? undefined : serialize(what);
    this.#control[WORDS + box] = bytes?.length ?? 0;
    if (bytes === undefined) return;
    const memory = this.#place.boxes[box]!;
    if (memory.byteLength < bytes.length) memory.grow(Math.min(LARGEST_BOX, 2 * bytes.length));
    new Uint8Array(memory).set(bytes);
  }

  /** What another thread has said in this round; to be called after wait(). */
  heardOf(party: number): unknown {
    const box = 2 * party + (this.#round & 1);
    const length = this.#control[WORDS + box]!;
    return length === 0 ? undefined : deserialize(new Uint8Array(this.#place.boxes[box]!, 0, length).slice());
  }

  /** This thread has written its slots; once in each round. */
  arrive(): void {
    const { parties } = this.#place;
    if (parties === 1) return;
    if (Atomics.add(this.#control, ARRIVED, 1) + 1 < parties) return;
    Atomics.store(this.#control, ARRIVED, 0);
    Atomics.add(this.#control, ROUNDS, 1);
    Atomics.notify(this.#control, ROUNDS);
  }

  /** Waits until all have arrived, or for so many ms; whether they have. Throws MeetingOver. */
  wait(ms: number): boolean {
    if (this.#place.parties === 1) return true;
    const rounds = Atomics.load(this.#control, ROUNDS);
    if (rounds <= this.#round && Atomics.load(this.#control, OVER) === 0)
      Atomics.wait(this.#control, ROUNDS, rounds, ms);
    if (Atomics.load(this.#control, OVER) !== 0) throw new MeetingOver('another thread has ended the meeting');
    return Atomics.load(this.#control, ROUNDS) > this.#round;
  }

  /** How many times all have met. */
  get rounds(): number {
    return Atomics.load(this.#control, ROUNDS);
  }

  get parties(): number {
    return this.#place.parties;
  }

  /** Everybody's slots have been read. */
  part(): void {
    this.#round++;
  }

  /** Ends the meeting for all, those that wait included. */
  end(): void {
    Atomics.store(this.#control, OVER, 1);
    Atomics.add(this.#control, ROUNDS, 1);
    Atomics.notify(this.#control, ROUNDS);
  }
}
