/**
 * Puts events into the order of their times, as perf's ordered_events does.
 *
 * Buffers of several CPUs reach the file one after the other, so events are out of order within a round: one pass of the
 * recorder over all its buffers, closed by FINISHED_ROUND. What was in a buffer when a round began has been written by its
 * end, so all events up to the latest time of the round before are complete and may leave.
 *
 * Events are (time, place) pairs of numbers; events of the same time keep their order of arrival.
 */
export class OrderedEvents {
  private times = new Float64Array(1024);
  private places = new Float64Array(1024);
  private length = 0;
  private sorted = true;
  private latest = -Infinity;
  /** Up to where the next round's end may flush: the latest time seen when this round began. */
  private nextFlush = -Infinity;
  private lastFlush = -Infinity;
  /** Events that came after a later one had already left. */
  unordered = 0;

  /** The lowest place still waiting; Infinity if none is. */
  get oldestPlace(): number {
    let oldest = Infinity;
    for (let i = 0; i < this.length; i++) oldest = Math.min(oldest, this.places[i]!);
    return oldest;
  }

  push(time: number, place: number): void {
    if (this.length === this.times.length) this.grow();
    this.times[this.length] = time;
    this.places[this.length] = place;
    this.length++;
    if (time >= this.latest) this.latest = time;
    else this.sorted = false;
    if (time < this.lastFlush) this.unordered++;
  }

  private grow(): void {
    const [times, places] = [this.times, this.places];
    this.times = new Float64Array(times.length * 2);
    this.places = new Float64Array(times.length * 2);
    this.times.set(times);
    this.places.set(places);
  }

  /** A round ended: takes what is complete, in order. Returns places. */
  round(): Float64Array {
    const out = this.take(this.nextFlush);
    this.nextFlush = this.latest;
    return out;
  }

  /** The end of the data: takes everything, in order. */
  flush(): Float64Array {
    return this.take(Infinity);
  }

  private take(limit: number): Float64Array {
    this.sort();
    let n = 0;
    while (n < this.length && this.times[n]! <= limit) n++;
    const out = this.places.slice(0, n);
    if (n > 0) this.lastFlush = this.times[n - 1]!;
    this.times.copyWithin(0, n, this.length);
    this.places.copyWithin(0, n, this.length);
    this.length -= n;
    return out;
  }

  private sort(): void {
    if (this.sorted) return;
    const { times, places, length } = this;
    const order = new Uint32Array(length);
    for (let i = 0; i < length; i++) order[i] = i;
    order.sort((a, b) => times[a]! - times[b]! || a - b);
    const sortedTimes = Float64Array.from(order, (i) => times[i]!);
    this.places.set(Float64Array.from(order, (i) => places[i]!));
    this.times.set(sortedTimes);
    this.sorted = true;
  }
}
