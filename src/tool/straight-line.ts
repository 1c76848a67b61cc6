/**
 * An execution cursor over straight-line code: a number of cycles with a fixed rate of all other events, from the first
 * to the last byte of one function. It stands for the perf tool's own user code.
 *
 * Not modelled: branches within it, calls.
 */
import type { ExecutionCursor, Trap } from '../arch/cpu.ts';
import { COLUMN, CYCLES, NR_EVENTS, type EventColumn, type EventVector } from '../arch/events.ts';
import { FRACTION } from '../sim/doubles.ts';
import { address, cycles, type Address, type Cycles } from '../units.ts';

const SUBCYCLES = 64;

/** Events per cycle of plain C code; columns not listed do not occur. */
const RATES = new Float64Array(NR_EVENTS);
RATES[COLUMN.cycles] = 1;
RATES[COLUMN.instructions] = 1.25;
RATES[COLUMN['uops-retired']] = 1.5;
RATES[COLUMN.branches] = 0.25;
RATES[COLUMN['cond-branches']] = 0.1875;
RATES[COLUMN['L1-dcache-loads']] = 0.375;
RATES[COLUMN['L1-dcache-stores']] = 0.125;

export class StraightLine implements ExecutionCursor {
  finished = false;
  readonly trap: Trap | undefined = undefined;
  counts = new Float64Array(NR_EVENTS);
  #columns: readonly EventColumn[] = [];
  #done = 0;
  readonly #length: number;
  readonly #at: { readonly address: Address; readonly size: number };

  constructor(at: { readonly address: Address; readonly size: number }, length: Cycles) {
    this.#at = at;
    this.#length = length;
    this.#done = FRACTION;
    this.#done = 0;
  }

  /** Cycles that it still works. */
  get left(): Cycles {
    return cycles(this.#length - this.#done);
  }

  arm(columns: readonly EventColumn[]): void {
    this.#columns = columns;
    this.#refresh();
  }

  advance(limits: Float64Array): number {
    let stop = this.#length;
    let fired = -1;
    this.#columns.forEach((column, slot) => {
      const rate = RATES[column]!;
      if (rate === 0) return;
      // Events are whole: a column reaches its limit where its share passes the next whole number.
      const at = Math.max(
        this.#done,
        Math.ceil((Math.ceil(limits[slot]! * SUBCYCLES) / SUBCYCLES / rate) * SUBCYCLES) / SUBCYCLES,
      );
      if (at < stop) {
        stop = at;
        fired = slot;
      }
    });
    this.#done = stop;
    this.finished = fired < 0;
    this.#refresh();
    return fired;
  }

  totals(into: EventVector): EventVector {
    for (let column = 0; column < NR_EVENTS; column++) into[column] = this.#total(column);
    return into;
  }

  get ip(): Address {
    const { address: start, size } = this.#at;
    return address(start + Math.min(size - 1, Math.floor((size * this.#done) / this.#length)));
  }

  callchain(): void {}

  #total(column: EventColumn): number {
    return column === CYCLES ? this.#done : Math.floor(this.#done * RATES[column]!);
  }

  #refresh(): void {
    this.#columns.forEach((column, slot) => {
      this.counts[slot] = this.#total(column);
    });
  }
}
