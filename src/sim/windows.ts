/**
 * How far the cores of one machine may be simulated apart from each other, and in which order what they do to each
 * other takes effect. Neither depends on who simulates which core, nor on how long the windows are.
 *
 * All cores run to the end of a window, and then each gives a promise: a time before which it cannot affect another.
 * Whatever one core does to another takes at least the latency L to arrive. So if the next window ends no later than L
 * after the least promise, nothing that a core does within it can reach another core's past.
 *
 * What crosses between cores is one of three:
 *
 * - An act changes state that all cores share. The core stops in front of it, and it is applied when it has become the
 *   earliest thing that can still happen: acts are in order of (time, number of the core).
 * - A post arrives at one other core, L or more after it was sent.
 * - A view is a number of another core as of the last grid line, which all cores pass before any goes on. Grid lines at
 *   which nothing has changed are left out: all cores have said that what others see of them stays as it is, and that they
 *   neither act nor post.
 *
 * Sources: conservative synchronization with lookahead (K. M. Chandy and J. Misra 1979), in global windows as in YAWNS
 * (D. M. Nicol, C. Micheal, P. Inouye, "Efficient aggregation of multiple LPs in distributed memory parallel
 * simulations", 1989).
 * Not modelled: latencies that differ between pairs of cores.
 */
import { SUBCYCLES, type Cycles } from '../units.ts';

/** Where a core is after a window. */
export interface Standing<A> {
  /** Its clock; Infinity if it has ended, or stands still until another core does something. */
  readonly now: Cycles;
  /** Nothing that it does can affect another core before; unused if it stops in front of an act. */
  readonly promise: Cycles;
  readonly act?: WaitingAct<A> | undefined;
  /** Until then others see of it what they see now; by default, it may change at once. */
  readonly steady?: Cycles | undefined;
  /** What it has posted in the window. */
  readonly posts?: readonly SentPost[] | undefined;
}

/** An act that its core has stopped in front of. */
interface WaitingAct<A> {
  readonly what: A;
  /** Cycles that the acting task works after it until it may next act, if the act neither sleeps nor posts. */
  readonly after: Cycles;
  /** The promise of everything else on its core. */
  readonly others: Cycles;
  /** It looks at what all other cores have done by then, and so has its turn when they have come as far. */
  readonly looks?: boolean | undefined;
}

export interface SentPost {
  /** Number of the core that it is for. */
  readonly to: number;
  readonly sent: Cycles;
}

/** What the acting task does next: it works on, it sleeps, or it posts something that the act has caused. */
export type ActEffect = 'works' | 'sleeps' | 'posts';

/** What happens between two windows. */
export interface Between<A> {
  /**
   * A grid line was passed by all cores: views are as of now. True if some core may do something for that earlier than it
   * has promised, so that all are to tell anew where they stand before any goes on.
   */
  gridLine(): boolean;
  /** Applies the act of a core, at the time where that core stands. */
  apply(what: A, core: number, at: Cycles): ActEffect;
}

export interface WindowOptions {
  /** The least time that anything takes from core to core, above 0. */
  readonly latency: Cycles;
  /** Distance of the grid lines. */
  readonly grid: Cycles;
  /** The longest window; changes nothing but the speed. */
  readonly longest?: Cycles | undefined;
  /** From a grid line to the next one that is not left out there are at most so many; changes nothing but the speed. */
  readonly lines?: number | undefined;
}

const MOST_LINES = 16;

/** A core affected another one earlier than it had promised. The simulation is not exact any more. */
export class PromiseBroken extends Error {
  override readonly name = 'PromiseBroken';

  constructor(core: number, at: Cycles, promise: Cycles) {
    super(`promise broken: core ${core} affects another at ${at}, but not before ${promise}, it had said`);
  }
}

export class Windows {
  /** Where all cores run to. */
  end: Cycles;
  /** The next grid line that is not left out. */
  line: Cycles;
  readonly #latency: Cycles;
  readonly #grid: Cycles;
  readonly #longest: Cycles;
  readonly #lines: number;
  /** What each core had promised for the current window. */
  #promised: Cycles[] = [];

  /** Nothing is known about the cores yet: the first window is empty, and they tell where they stand. */
  constructor({ latency, grid, longest = Infinity as Cycles, lines = MOST_LINES }: WindowOptions) {
    this.#latency = latency;
    this.#grid = grid;
    this.#longest = Math.max(longest, 1 / SUBCYCLES) as Cycles;
    this.#lines = lines;
    this.end = 0 as Cycles;
    this.line = grid;
  }

  /**
   * Ends a window: `cores` says where each core stands, by its number. Passes the grid line if all have reached it,
   * applies the acts whose turn it is and sets `end` anew. Throws PromiseBroken.
   */
  next<A>(cores: readonly Standing<A>[], between: Between<A>): void {
    const promises = cores.map((core, i) => this.#check(core, i));
    const waiting = cores.map(({ act }) => act);
    // Nothing that has arrived in the meantime is in what a core has promised.
    const arrivals = cores.map(() => Infinity);
    for (const { posts } of cores)
      for (const { to, sent } of posts ?? []) arrivals[to] = Math.min(arrivals[to]!, sent + this.#latency);
    const lower = (core: number, to: number): void => {
      const { now } = cores[core]!;
      // Below its clock, a promise would stop all others for ever.
      const arrival = Math.max(now === Infinity ? 0 : now, arrivals[core]!);
      promises[core] = Math.min(to, arrival) as Cycles;
    };
    promises.forEach((promise, core) => lower(core, promise));
    if (cores.every(({ now }) => now >= this.line)) {
      this.line = (this.line + this.#grid) as Cycles;
      if (between.gridLine()) {
        this.#promised = promises;
        return;
      }
      this.#leaveOut(cores, promises);
    }
    for (;;) {
      const first = least(promises);
      const act = waiting[first];
      const at = promises[first]!;
      // An act at or after the grid line may ask for views as of that line.
      if (act === undefined || at >= this.line) break;
      if (act.looks === true && cores.some(({ now }) => now < at)) break;
      waiting[first] = undefined;
      const effect = between.apply(act.what, first, at);
      if (effect === 'posts') promises[first] = at;
      else lower(first, Math.min(act.others, effect === 'works' ? at + act.after : Infinity));
    }
    this.#promised = promises;
    const end = Math.min(this.line, promises[least(promises)]! + this.#latency, this.end + this.#longest);
    this.end = wholeSubcycles(end);
  }

  /** Grid lines ahead up to which nobody posts, acts or changes what others see. What is on its way may change it. */
  #leaveOut(cores: readonly Standing<unknown>[], promises: readonly Cycles[]): void {
    if (cores.some(({ posts = [] }) => posts.length > 0)) return;
    const until = Math.min(promises[least(promises)]!, ...cores.map(({ now, steady = now }) => steady));
    const lines = Math.min(this.#lines - 1, Math.floor((until - this.line) / this.#grid));
    if (lines > 0) this.line = (this.line + lines * this.#grid) as Cycles;
  }

  /** The promise of a core, after a look at whether it kept its last one. */
  #check({ now, promise, act, posts }: Standing<unknown>, core: number): Cycles {
    const promised = this.#promised[core] ?? (0 as Cycles);
    if (act !== undefined && now < promised) throw new PromiseBroken(core, now, promised);
    for (const { sent } of posts ?? []) if (sent < promised) throw new PromiseBroken(core, sent, promised);
    return act === undefined ? (Math.max(now, promise) as Cycles) : now;
  }
}

/** No clock stands between two of them. */
const wholeSubcycles = (at: number): Cycles => (Math.floor(at * SUBCYCLES) / SUBCYCLES) as Cycles;

/** The core with the least promise; of several, the one with the lowest number. */
function least(promises: readonly Cycles[]): number {
  let first = 0;
  for (let i = 1; i < promises.length; i++) if (promises[i]! < promises[first]!) first = i;
  return first;
}
