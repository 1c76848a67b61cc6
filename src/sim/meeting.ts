/**
 * Where the threads of Node that simulate the cores of one machine meet after each window: a barrier, and slots in which
 * each tells numbers about its cores.
 *
 * There are two sets of slots, used in turn: a fast thread may already write the next one while a slow one still reads.
 * A thread that fails ends the meeting for all, so that nobody waits for it. A thread on its own shares no memory.
 *
 * Not modelled: nothing; none of this shows in a simulation.
 */

/** Indices into the control words: how many have arrived, how many times all have, whether it is over. */
const ARRIVED = 0;
const ROUNDS = 1;
const OVER = 2;
const WORDS = 4;

/** What threads share; a message can carry it. */
export interface MeetingPlace {
  readonly parties: number;
  readonly cores: number;
  /** Numbers for each core. */
  readonly width: number;
  readonly memory: SharedArrayBuffer | ArrayBuffer;
}

export function meetingPlace(parties: number, cores: number, width: number): MeetingPlace {
  const bytes = WORDS * Int32Array.BYTES_PER_ELEMENT + 2 * cores * width * Float64Array.BYTES_PER_ELEMENT;
  return { parties, cores, width, memory: parties === 1 ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes) };
}

/** Another thread has ended the meeting: it failed, or the run is done. */
export class MeetingOver extends Error {
  override readonly name = 'MeetingOver';
}

export class Meeting {
  readonly #place: MeetingPlace;
  readonly #control: Int32Array;
  readonly #slots: Float64Array;
  /** Rounds that this thread has been through. */
  #round = 0;

  constructor(place: MeetingPlace) {
    this.#place = place;
    this.#control = new Int32Array(place.memory, 0, WORDS);
    this.#slots = new Float64Array(place.memory, WORDS * Int32Array.BYTES_PER_ELEMENT);
  }

  /** The numbers of a core: to be written before arrive() by whoever runs it, to be read by all after wait(). */
  slotsOf(core: number): Float64Array {
    const { cores, width } = this.#place;
    const at = ((this.#round & 1) * cores + core) * width;
    return this.#slots.subarray(at, at + width);
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
