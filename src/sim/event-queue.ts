/**
 * The timers of one kernel: alarms in order of time, then `Order`, then insertion.
 *
 * `Order` makes the outcome of ties explicit, like gem5's event priorities.
 */
import type { Cycles } from '../units.ts';

const ORDERS = ['tick', 'timer', 'work'] as const;
/** Which kind goes first when several alarms are due at the same time. */
export type Order = (typeof ORDERS)[number];

export interface Alarm {
  readonly when: Cycles;
  cancelled: boolean;
}

interface Entry extends Alarm {
  readonly rank: number;
  readonly serial: number;
  readonly fire: (when: Cycles) => void;
}

export class EventQueue {
  readonly #entries: Entry[] = [];
  #serial = 0;

  /** When the next alarm is due; Infinity if there is none. */
  get next(): Cycles {
    this.#drop();
    return this.#entries[0]?.when ?? (Infinity as Cycles);
  }

  /** The same of alarms of one order, or of all others. */
  nextOf(order: Order): Cycles {
    return this.#first(({ rank }) => ORDERS[rank] === order);
  }
  nextBut(order: Order): Cycles {
    return this.#first(({ rank }) => ORDERS[rank] !== order);
  }

  /** Arms an alarm. One in the past is due at once. */
  at(when: Cycles, order: Order, fire: (when: Cycles) => void): Alarm {
    const entry: Entry = { when, cancelled: false, rank: ORDERS.indexOf(order), serial: this.#serial++, fire };
    let i = this.#entries.length;
    while (i > 0 && before(entry, this.#entries[i - 1] as Entry)) i--;
    this.#entries.splice(i, 0, entry);
    return entry;
  }

  /** Fires everything due at `now` in order, including alarms armed meanwhile. */
  fireDue(now: () => Cycles): void {
    while (this.next <= now()) {
      const entry = this.#entries.shift() as Entry;
      entry.fire(entry.when);
    }
  }

  #first(wanted: (entry: Entry) => boolean): Cycles {
    return this.#entries.find((entry) => !entry.cancelled && wanted(entry))?.when ?? (Infinity as Cycles);
  }

  #drop(): void {
    while (this.#entries[0]?.cancelled === true) this.#entries.shift();
  }
}

const before = (a: Entry, b: Entry): boolean =>
  a.when !== b.when ? a.when < b.when : a.rank !== b.rank ? a.rank < b.rank : a.serial < b.serial;
