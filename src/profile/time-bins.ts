/**
 * Samples, their periods and stops by throttling over time, in memory that does not grow: when the bins are used up,
 * neighbours are merged and all become twice as wide.
 *
 * If the tick is known, bins begin with a tick and are whole ticks wide, so that samples in step with the tick spread
 * over them evenly.
 *
 * Not modelled: separate CPUs; an event stopped on one counts as stopped.
 */
import { nanos, type Nanos } from '../units.ts';
import type { SampledTime } from './profile.ts';

/** Most bins: somewhat more than a wide screen can tell apart. */
const MOST = 256;
/** Initial width in ns if the tick is unknown. */
const NARROWEST = 1_000_000;

export class TimeBins {
  readonly #samples: number[] = [];
  readonly #periods: number[] = [];
  readonly #stopped: number[] = [];
  #start: number | undefined;
  #width: number;
  #end = 0;

  constructor(tick: Nanos | undefined) {
    this.#width = tick ?? NARROWEST;
  }

  add(time: Nanos, period: number): void {
    const i = this.#at(time);
    this.#samples[i] = this.#samples[i]! + 1;
    this.#periods[i] = this.#periods[i]! + period;
    this.#end = Math.max(this.#end, time);
  }

  /** The event was stopped during this time. */
  stop(from: Nanos, to: Nanos): void {
    this.#at(from);
    this.#at(to);
    const start = this.#start!;
    for (let i = this.#at(from); i <= this.#at(to); i++) {
      const [begins, ends] = [start + i * this.#width, start + (i + 1) * this.#width];
      this.#stopped[i] = this.#stopped[i]! + Math.max(0, Math.min(ends, to) - Math.max(begins, from));
    }
    this.#end = Math.max(this.#end, to);
  }

  /** The bin for a time, created if needed; times before the first bin count there. */
  #at(time: number): number {
    this.#start ??= Math.floor(time / this.#width) * this.#width;
    while (time >= this.#start + MOST * this.#width) this.#widen();
    const i = Math.max(0, Math.floor((time - this.#start) / this.#width));
    while (this.#samples.length <= i) for (const bins of this.#all()) bins.push(0);
    return i;
  }

  #widen(): void {
    for (const bins of this.#all()) {
      for (let i = 0; 2 * i < bins.length; i++) bins[i] = bins[2 * i]! + (bins[2 * i + 1] ?? 0);
      bins.length = Math.ceil(bins.length / 2);
    }
    this.#width *= 2;
  }

  readonly #all = (): readonly number[][] => [this.#samples, this.#periods, this.#stopped];

  /** What was gathered so far; undefined if nothing came. */
  taken(): SampledTime | undefined {
    if (this.#start === undefined) return undefined;
    return {
      start: nanos(this.#start),
      end: nanos(this.#end),
      width: nanos(this.#width),
      samples: [...this.#samples],
      periods: [...this.#periods],
      stopped: [...this.#stopped],
    };
  }
}
