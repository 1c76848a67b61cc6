/**
 * When an event was stopped by throttling, out of the stops of each CPU: the time in which it was stopped on one at least.
 *
 * A kernel event is one CPU's (system-wide) or one thread's on one CPU; its stream_id tells it from those that it was cloned
 * to. One that is never started again (its thread has ended) was stopped for a time that nobody knows, and is left out.
 *
 * Memory grows with the stops that no other overlaps while one is under way, and no further than a few thousand.
 */
import { nanos, type Nanos } from '../units.ts';

/** Stretches that are remembered; what comes before them counts as if it were told apart. */
const MOST = 4096;

export class Stops {
  readonly #stretch: (from: Nanos, to: Nanos) => void;
  /** Since when events are stopped, by stream_id, then by CPU or thread. */
  readonly #open = new Map<number | bigint, Map<number, Nanos>>();
  /** Stretches of time in which one was, apart from each other and in order. */
  readonly #known: { from: number; to: number }[] = [];
  total = 0;

  /** `stretch` is told of time that was not known to be stopped, once. */
  constructor(stretch: (from: Nanos, to: Nanos) => void) {
    this.#stretch = stretch;
  }

  begin(time: Nanos, where: number, stream: number | bigint): void {
    let open = this.#open.get(stream);
    if (!open) this.#open.set(stream, (open = new Map()));
    if (!open.has(where)) open.set(where, time);
  }

  end(time: Nanos, where: number, stream: number | bigint): void {
    const open = this.#open.get(stream);
    // A thread's event may be started on another CPU than it was stopped on; without a stream_id nobody knows whose it was.
    const at = open?.has(where) ? where : Number(stream) === 0 ? undefined : open?.keys().next().value;
    if (at === undefined) return;
    const from = open!.get(at)!;
    open!.delete(at);
    if (open!.size === 0) this.#open.delete(stream);
    if (time > from) this.#add(from, time);
  }

  #add(from: Nanos, to: Nanos): void {
    let end: number = to;
    const merged = { from: from as number, to: end };
    // From the last stretch backwards: what lies between them is new.
    for (;;) {
      const last = this.#known.at(-1);
      if (last === undefined || last.to < from) break;
      this.#known.pop();
      this.#tell(Math.max(from, last.to), end);
      end = Math.min(end, last.from);
      merged.from = Math.min(merged.from, last.from);
      merged.to = Math.max(merged.to, last.to);
    }
    this.#tell(from, end);
    this.#known.push(merged);
    if (this.#known.length > 2 * MOST) this.#known.splice(0, MOST);
  }

  #tell(from: number, to: number): void {
    if (!(to > from)) return;
    this.total += to - from;
    this.#stretch(nanos(from), nanos(to));
  }
}
