/**
 * How long each pass through a ring-0 function takes: its least time and a drawn part on top (sim/spread.ts), in 1/64
 * cycles. A function's draws are numbered by its own passes, so they are the same whatever else runs.
 * Not modelled: passes that are slow together, since what one misses in a cache the next one often misses, too.
 */
import type { Ring0Table } from '../arch/ring0.ts';
import { cellOf, nextBits } from '../sim/spread.ts';
import { SUBCYCLES, cycles, type Cycles } from '../units.ts';

/** Of a function that always takes the same. */
const ALWAYS_THE_SAME = new Float64Array(cellOf(-1) + 1);

export class PassTimes {
  /** By function, in 1/64 cycles: the least, and the mean of what comes on top. */
  readonly #least: Float64Array;
  readonly #above: Float64Array;
  /** All tables in a row, and where each function's begins. */
  readonly #quantiles: Float64Array;
  readonly #from: Int32Array;

  constructor(table: Ring0Table) {
    const inUnits = (of: (fn: Ring0Table[number]) => Cycles): Float64Array =>
      Float64Array.from(table, (fn) => Math.round(of(fn) * SUBCYCLES));
    this.#least = inUnits(({ cost, spread }) => spread?.least ?? cost);
    this.#above = inUnits(({ cost, spread }) => cycles(spread === undefined ? 0 : cost - spread.least));
    const each = table.map(({ spread }) => spread?.quantiles ?? ALWAYS_THE_SAME);
    const tables = [...new Set(each)];
    this.#quantiles = new Float64Array(tables.length * ALWAYS_THE_SAME.length);
    tables.forEach((quantiles, i) => this.#quantiles.set(quantiles, i * ALWAYS_THE_SAME.length));
    this.#from = Int32Array.from(each, (quantiles) => tables.indexOf(quantiles) * ALWAYS_THE_SAME.length);
  }

  /** The next pass through a function, by the counters of whoever makes it. */
  draw(fn: number, counters: Int32Array): number {
    const least = this.#least[fn]!;
    const above = this.#above[fn]!;
    if (above === 0) return least / SUBCYCLES;
    const quantile = this.#quantiles[this.#from[fn]! + cellOf(nextBits(counters, fn))]!;
    return Math.floor(least + above * quantile + 0.5) / SUBCYCLES;
  }

  /** No pass takes less. */
  least(fn: number): Cycles {
    return cycles(this.#least[fn]! / SUBCYCLES);
  }
}
