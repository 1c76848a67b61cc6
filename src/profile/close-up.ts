/**
 * A few ticks of a recording in full, every sample and every stop, in memory that does not grow.
 *
 * The window begins a power of two of its own length after the first sample. So it lies in the later half of whatever
 * was recorded, when the period has long settled. The previous window is kept until the next is complete.
 *
 * Not modelled: separate CPUs.
 */
import { nanos, type Nanos } from '../units.ts';
import type { SampledTicks } from './profile.ts';

/** Ticks in a window. */
export const TICKS = 12;

interface Window {
  /** Ticks from the first sample's tick to the window's first. */
  readonly at: number;
  readonly samples: number[];
  readonly stops: [number, number][];
}

export class CloseUpFinder {
  readonly #tick: Nanos;
  #start: number | undefined;
  #open: Window = { at: 0, samples: [], stops: [] };
  #whole: Window | undefined;

  /** Ticks begin at multiples of `tick`. */
  constructor(tick: Nanos) {
    this.#tick = tick;
  }

  add(time: Nanos): void {
    this.#move(time);
    const into = this.#into(time);
    if (into >= 0 && into < TICKS * this.#tick) this.#open.samples.push(into);
  }

  /** The event was stopped during this time. */
  stop(from: Nanos, to: Nanos): void {
    this.#move(from);
    this.#shade(from, to);
    const before = this.#open;
    this.#move(to);
    if (this.#open !== before) this.#shade(from, to);
  }

  #shade(from: Nanos, to: Nanos): void {
    const [begins, ends] = [Math.max(0, this.#into(from)), Math.min(TICKS * this.#tick, this.#into(to))];
    if (ends > begins) this.#open.stops.push([begins, ends]);
  }

  readonly #into = (time: Nanos): number => time - this.#start! - this.#open.at * this.#tick;

  /** Opens the window for a time. */
  #move(time: Nanos): void {
    this.#start ??= Math.floor(time / this.#tick) * this.#tick;
    const ticks = Math.floor((time - this.#start) / this.#tick);
    if (ticks >= this.#open.at + TICKS) this.#whole = this.#open;
    let { at } = this.#open;
    while (ticks >= Math.max(2 * at, TICKS)) at = Math.max(2 * at, TICKS);
    if (at !== this.#open.at) this.#open = { at, samples: [], stops: [] };
  }

  /** The last complete window, or the part of the first one so far; undefined if nothing came. */
  taken(): SampledTicks | undefined {
    if (this.#start === undefined) return undefined;
    const { at, samples, stops } = this.#whole ?? this.#open;
    return {
      start: nanos(this.#start + at * this.#tick),
      tick: this.#tick,
      ticks: TICKS,
      samples: [...samples],
      stops: [...stops],
    };
  }
}
