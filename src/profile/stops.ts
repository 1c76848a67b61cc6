/**
 * When an event was stopped by throttling on at least one CPU, from the stops of each.
 *
 * A kernel event belongs to one CPU (system-wide) or to one thread on one CPU; its stream_id distinguishes it from its
 * clones. If it is never started again (its thread has ended), the length of the stop is unknown, and it is left out.
 *
 * Memory grows with the stops that do not overlap others while one is under way, up to a few thousand.
 */
import { nanos, type Nanos } from '../units.ts';

/** Stretches remembered; time before them counts as not yet reported. */
const MOST = 4096;

export class Stops {
  readonly #stretch: (from: Nanos, to: Nanos) => void;
  /** When each event was stopped, by stream_id, then by CPU or thread. */
  readonly #open = new Map<number | bigint, Map<number, Nanos>>();
  /** Stretches of time with a stop, disjoint and in order. */
  readonly #known: { from: number; to: number }[] = [];
  total = 0;

  /** `stretch` is called once for each stretch of newly known stopped time. */
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
    // A thread's event may be started on another CPU than it was stopped on; without a stream_id its owner is unknown.
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
    // From the last stretch backwards: the gaps between stretches are new.
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
