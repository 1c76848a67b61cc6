/**
 * How long work takes on a hardware thread that shares its core with a busy one, or whose core's clock is below that of
 * a lone busy core: each cycle of work takes `stretch` cycles of time.
 *
 * Times in 1/64 cycles stay exact: what a stretched piece of work takes beyond whole 64ths is owed to the next one, so
 * that it does not matter in how many pieces work is done.
 *
 * Not modelled: parts that do not stretch, as time in memory does not with the clock; the filling of the pipeline, skids
 * and waits of drawn length, which never stretch.
 */
import { SUBCYCLES, type Cycles } from '../units.ts';

/** A stretch is a whole number of these. */
const STEPS = 65_536;

export class Pace {
  /** Cycles for a cycle's work, in STEPS. */
  #stretch = STEPS;
  /** Below 1/64 of a cycle. */
  #owed = 0;

  /** From now on, a cycle's work takes so many, at least one. */
  set stretch(stretch: number) {
    this.#stretch = Math.round(stretch * STEPS);
  }

  /** Whether work takes longer than it would by itself. */
  get isStretched(): boolean {
    return this.#stretch !== STEPS;
  }

  /** What so many cycles' work takes. */
  spanOf(work: Cycles): Cycles {
    const exact = this.#owed + (work * this.#stretch) / STEPS;
    const whole = Math.floor(exact * SUBCYCLES) / SUBCYCLES;
    this.#owed = exact - whole;
    return whole as Cycles;
  }

  /** The least work that takes `span`. */
  workIn(span: number): Cycles {
    return (Math.ceil(((span - this.#owed) * SUBCYCLES * STEPS) / this.#stretch) / SUBCYCLES) as Cycles;
  }

  /** What a pass through a ring-0 function takes, which takes `cost` cycles by itself. */
  passOf(cost: number): number {
    return Math.round((cost * this.#stretch * SUBCYCLES) / STEPS) / SUBCYCLES;
  }
}
