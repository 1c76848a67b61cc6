/**
 * What a core's own caches (first and second level) still hold for whoever gets the core next: the program in ring 3,
 * the kernel of each page of the ledger. Whoever comes back finds a part of its lines gone, in proportion to what others
 * touched meanwhile, and pays for them as it meets them again. What it executes stays the same; it takes longer.
 *
 * A kernel touches LINES_PER_CYCLE until it has touched KERNEL_LINES. Stints of one kernel go over the same lines, so the
 * longest since then says what it has displaced; a stint brings back the share of its kernel's lines that it touches.
 * A program's lines are its cursor's (arch/cpu.ts: footprint).
 *
 * Exits and interrupts flush no TLB: entries are tagged (VPID, PCID). A flush of the L1D before VM-entry displaces it
 * wholly. Source of the order of magnitude: Soares and Stumm, "FlexSC: Flexible System Call Scheduling with
 * Exception-Less System Calls" (OSDI 2010), which counts lines of the L1 caches that system calls displace, 200 to 560
 * in 4,000 to 10,000 instructions, and sees a program's speed recover over thousands of cycles.
 * Not modelled: which lines (placement, associativity), the last-level cache, first-level TLBs, branch predictors, and
 * the events of these misses, which no counter counts; what a hardware thread does to its sibling's caches; threads that
 * take each other's place share one set of lines, and one that comes from another core finds them like any other; the
 * perf tool's own user code, which has no footprint.
 */
import { FRACTION } from '../sim/doubles.ts';
import { SUBCYCLES, cycles, type Cycles } from '../units.ts';

export interface CacheSpec {
  /** Lines of the first level, code and data, and of the second. */
  readonly l1: number;
  readonly l2: number;
  /** Cycles for a line that the second level serves, and for one that the last level serves. */
  readonly fromL2: number;
  readonly fromLlc: number;
}

/** Who may have the core: ring 3, or a kernel; and what flushes took. */
const RING3 = 0;
const OCCUPANTS = 4;
const FLUSHES = OCCUPANTS;
const COLUMNS = FLUSHES + 1;
/** Kernels, by whose page of the ledger their time is on. */
export const KERNELS = { host: 1, guest: 2, others: 3 } as const;
export type KernelIndex = (typeof KERNELS)[keyof typeof KERNELS];

/** Chosen: the mean of FlexSC's system calls (one line in 16 instructions), at 0.8 instructions a cycle. */
const LINES_PER_CYCLE = 0.05;
/** FlexSC's greatest: open, write and close. */
const KERNEL_LINES = 560;
/** From its first cycle, a kernel meets new lines for so many. */
export const NEW_FOR = KERNEL_LINES / LINES_PER_CYCLE;

export class CacheContents {
  readonly #spec: CacheSpec;
  /** For each occupant, the lines that each other one, and flushes, put in place of its own. */
  readonly #displaced = new Float64Array(OCCUPANTS * COLUMNS);
  #who: number = KERNELS.host;
  #since = 0;
  /** Lines of the program that ran last. */
  #program = 0;

  constructor(spec: CacheSpec) {
    this.#spec = spec;
    this.#since = this.#program = FRACTION;
    this.#since = this.#program = 0;
  }

  /**
   * A kernel takes over at `now`: how many cycles it waits for each that it works, for its first NEW_FOR.
   */
  kernelTakes(kernel: KernelIndex, now: Cycles): number {
    this.#end(now);
    this.#who = kernel;
    return LINES_PER_CYCLE * this.#each(kernel, KERNEL_LINES);
  }

  /** A program with so many lines takes over; the cycles that it will wait for those that are gone. */
  programTakes(lines: number, now: Cycles): Cycles {
    this.#end(now);
    // What another program left there is not this one's.
    if (lines !== this.#program) this.#displaced[RING3 * COLUMNS + RING3] = this.#program;
    this.#who = RING3;
    this.#program = lines;
    return cycles(Math.floor(lines * this.#each(RING3, lines) * SUBCYCLES) / SUBCYCLES);
  }

  /** Whoever has the core only waits for so long. */
  waits(span: Cycles): void {
    this.#since += span;
  }

  /** The whole L1D was emptied: half of the first level. */
  flushL1d(): void {
    for (let who = 0; who < OCCUPANTS; who++) this.#displaced[who * COLUMNS + FLUSHES] = this.#spec.l1 / 2;
  }

  /** Cycles for each of an occupant's `lines`, on average over all of them. */
  #each(who: number, lines: number): number {
    const { l1, l2, fromL2, fromLlc } = this.#spec;
    const d = this.#displaced;
    const at = who * COLUMNS;
    // A flush spares the second level.
    const others = d[at]! + d[at + 1]! + d[at + 2]! + d[at + 3]!;
    const displaced = others + d[at + FLUSHES]!;
    if (displaced === 0 || lines === 0) return 0;
    return gone(displaced, lines, l1) * fromL2 + gone(others, lines, l2) * (fromLlc - fromL2);
  }

  #end(now: Cycles): void {
    const who = this.#who;
    const d = this.#displaced;
    const own = who === RING3 ? this.#program : KERNEL_LINES;
    const lines = Math.max(0, Math.min(own, (now - this.#since) * LINES_PER_CYCLE));
    this.#since = now;
    if (lines === 0) return;
    const still = 1 - lines / own;
    for (let other = who * COLUMNS; other < (who + 1) * COLUMNS; other++) d[other]! *= still;
    for (let at = who; at < d.length; at += COLUMNS) if (lines > d[at]!) d[at] = lines;
    d[who * COLUMNS + who] = 0;
  }
}

/** The share of `lines` that others put out of a cache of some size. */
const gone = (displaced: number, lines: number, size: number): number =>
  Math.min(1, displaced / size) * (lines > size ? size / lines : 1);
