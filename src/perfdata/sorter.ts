/**
 * Sorts events by time, as perf's ordered_events does.
 *
 * Buffers of several CPUs reach the file one after the other, so events are out of order within a round: one pass of
 * the recorder over all its buffers, closed by FINISHED_ROUND. What was in a buffer when a round began has been
 * written when it ends, so all events up to the latest time of the previous round are complete and can be released.
 *
 * Events are (time, place) pairs; events of equal time keep their order of arrival. A time is 64 bits wide and held as
 * a double and its low word: the doubles decide, and if they are equal, the times differ only in the low words.
 */
import type { U64 } from '../units.ts';

interface Moment {
  readonly time: number;
  /** The low 32 bits, as a signed number. */
  readonly low: number;
}
const LONG_AGO: Moment = { time: -Infinity, low: 0 };
const compare = (a: Moment, b: Moment): number => a.time - b.time || (a.low - b.low) | 0;

export class OrderedEvents {
  #times = new Float64Array(1024);
  #lows = new Int32Array(1024);
  #places = new Float64Array(1024);
  #length = 0;
  #sorted = true;
  #latest = LONG_AGO;
  /** How far the next end of a round may flush: the latest time seen when this round began. */
  #nextFlush = LONG_AGO;
  #lastFlush = LONG_AGO;
  /** Events that arrived after a later one had been released. */
  unordered = 0;

  /** The lowest place still waiting; Infinity if none is. */
  get oldestPlace(): number {
    let oldest = Infinity;
    for (let i = 0; i < this.#length; i++) oldest = Math.min(oldest, this.#places[i]!);
    return oldest;
  }

  push(time: U64, place: number): void {
    if (this.#length === this.#times.length) this.#grow();
    const exact = typeof time === 'number';
    const event = { time: Number(time), low: exact ? time | 0 : Number(BigInt.asIntN(32, time)) };
    this.#times[this.#length] = event.time;
    this.#lows[this.#length] = event.low;
    this.#places[this.#length] = place;
    this.#length++;
    if (compare(event, this.#latest) >= 0) this.#latest = event;
    else this.#sorted = false;
    if (compare(event, this.#lastFlush) < 0) this.unordered++;
  }

  #grow(): void {
    const times = this.#times;
    const lows = this.#lows;
    const places = this.#places;
    this.#times = new Float64Array(times.length * 2);
    this.#lows = new Int32Array(times.length * 2);
    this.#places = new Float64Array(times.length * 2);
    this.#times.set(times);
    this.#lows.set(lows);
    this.#places.set(places);
  }

  /** Ends a round: releases what is complete, in order. Returns places. */
  round(): Float64Array {
    const out = this.#take(this.#nextFlush);
    this.#nextFlush = this.#latest;
    return out;
  }

  /** Ends the data: releases everything, in order. */
  flush(): Float64Array {
    return this.#take({ time: Infinity, low: 0 });
  }

  #at(i: number): Moment {
    return { time: this.#times[i]!, low: this.#lows[i]! };
  }

  #take(limit: Moment): Float64Array {
    this.#sort();
    let n = 0;
    while (n < this.#length && (this.#times[n]! < limit.time || compare(this.#at(n), limit) <= 0)) n++;
    const out = this.#places.slice(0, n);
    if (n > 0) this.#lastFlush = this.#at(n - 1);
    this.#times.copyWithin(0, n, this.#length);
    this.#lows.copyWithin(0, n, this.#length);
    this.#places.copyWithin(0, n, this.#length);
    this.#length -= n;
    return out;
  }

  #sort(): void {
    if (this.#sorted) return;
    const times = this.#times;
    const lows = this.#lows;
    const places = this.#places;
    const length = this.#length;
    const order = new Uint32Array(length);
    for (let i = 0; i < length; i++) order[i] = i;
    order.sort((a, b) => times[a]! - times[b]! || (lows[a]! - lows[b]!) | 0 || a - b);
    const sortedTimes = Float64Array.from(order, (i) => times[i]!);
    const sortedLows = Int32Array.from(order, (i) => lows[i]!);
    this.#places.set(Float64Array.from(order, (i) => places[i]!));
    this.#times.set(sortedTimes);
    this.#lows.set(sortedLows);
    this.#sorted = true;
  }
}
