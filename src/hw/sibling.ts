/**
 * A hardware thread's view of the other one of its core (hyperthreads, simultaneous multithreading).
 *
 * Each thread has a clock, registers, counters and a local APIC of its own, all of which go on at full speed; they share
 * what executes. While both are out of HLT, a clock cycle of either does only part of the work that it would do alone:
 * `throughput / 2`, where `throughput` is what the core does with two busy threads over what it does with one. So
 * unhalted cycles grow, and instructions do not.
 *
 * A thread that enters or leaves HLT tells the other, which learns of it the latency of all messages later, and
 * accepts it where it accepts IPIs (hw/core.ts). So neither depends on how far apart the two are simulated.
 *
 * SDM volume 3A "Intel Hyper-Threading Technology Architecture".
 * Not modelled: which resources two programs want, and so which pairs get on better than others; PAUSE, by which a
 * thread leaves them to the other; caches and TLBs, which each thread has as if it were alone; AnyThread; waits of drawn
 * length, the filling of the pipeline and skids, which do not stretch; that the other one's news take no time.
 */
import type { Cycles } from '../units.ts';

/** The stretch is a whole number of these. */
const STEPS = 1024;

export class Sibling {
  /** This thread is in HLT. */
  #halted = false;
  readonly #tell: (busy: boolean, at: Cycles) => void;
  /** Cycles for a cycle's work while both are busy (hw/pace.ts). */
  readonly stretch: number;

  /** `throughput` is from 1 to 2; `tell` sends word to the other thread. */
  constructor(throughput: number, tell: (busy: boolean, at: Cycles) => void) {
    this.stretch = Math.round((2 / throughput) * STEPS) / STEPS;
    this.#tell = tell;
  }

  get halted(): boolean {
    return this.#halted;
  }

  /** The thread enters HLT, unless it is there. */
  halts(at: Cycles): void {
    if (this.#halted) return;
    this.#halted = true;
    this.#tell(false, at);
  }

  /** It leaves HLT, unless it has. */
  wakes(at: Cycles): void {
    if (!this.#halted) return;
    this.#halted = false;
    this.#tell(true, at);
  }
}
