/**
 * A look ahead: when a thread next does what others may notice, or what lets others run.
 *
 * What a thread executes follows from its image and seed alone. So a second cursor of both, which stops only at traps,
 * says how much work there is before the next act, long before the thread comes to it; how long that work takes, with
 * interrupts and the turns of others, is the machine's business.
 * Not modelled: how long an act takes, and whether the thread has to wait in it.
 */
import type { Trap } from '../arch/cpu.ts';
import type { LookAheadState } from '../arch/dso.ts';
import { CYCLES, TRAPS } from '../arch/events.ts';
import { cycles, type Cycles } from '../units.ts';
import type { CompiledProgram } from './compile.ts';
import { EXITS } from './program.ts';

/** What a thread comes to. */
interface Act {
  /** The thread's own cycles when the act's instruction has retired: of its cursor's counts, those of cycles. */
  readonly at: Cycles;
  /** Undefined: the end of its program. */
  readonly trap: Trap | undefined;
}

/** System calls in which a thread sleeps, or goes to another CPU. */
const SLEEPS: ReadonlySet<string> = new Set(['nanosleep', 'clock_nanosleep', 'sched_setaffinity']);

/** Whether a trap concerns others: it touches what they share, or may let them run. Faults, brk and mmap do not. */
const concernsOthers = (trap: Trap): boolean =>
  trap.kind === 'sync' || (trap.kind === 'syscall' && (SLEEPS.has(trap.name) || EXITS.has(trap.name)));

/** Traps before an act that are remembered; of more, only the first are known. */
const MOST_TRAPS = 256;

export class Scout {
  readonly #cursor: ReturnType<CompiledProgram['start']>;
  readonly #limits = Float64Array.of(Infinity, 0);
  #next: Act;
  /** Where traps before `next` are, and how many of them have been passed. */
  #traps: Cycles[] = [];
  #passed = 0;
  /** Whether these are all. */
  #complete = true;

  /** Of the thread that an image and a seed make; or where such a scout took a snapshot. */
  constructor(image: CompiledProgram, from: string | LookAheadState) {
    this.#cursor = typeof from === 'string' ? image.start(from) : image.resume(from.cursor);
    if (typeof from === 'string') {
      this.#cursor.arm([CYCLES, TRAPS]);
      this.#next = this.#look();
    } else {
      this.#next = this.#here();
      this.#traps = [...from.traps];
      this.#complete = from.complete;
    }
  }

  /** The first act that was not passed. */
  get next(): Act {
    return this.#next;
  }

  /**
   * The first trap after that many of the thread's own cycles, or where it may be; no later than `next`. Calls may only
   * go forward.
   */
  trapAfter(done: Cycles): Cycles {
    while (this.#passed < this.#traps.length && this.#traps[this.#passed]! <= done) this.#passed++;
    return this.#traps[this.#passed] ?? (this.#complete ? this.#next.at : done);
  }

  /** Goes on to the act after `next`; does nothing at the last, which is an exit or the end of the program. */
  pass(): void {
    if (!this.#cursor.finished) this.#next = this.#look();
  }

  /** For another scout of the same image. */
  snapshot(): LookAheadState {
    return { cursor: this.#cursor.snapshot(), traps: this.#traps.slice(this.#passed), complete: this.#complete };
  }

  #look(): Act {
    const cursor = this.#cursor;
    this.#traps = [];
    this.#passed = 0;
    this.#complete = true;
    for (;;) {
      this.#limits[1] = cursor.counts[1]! + 1;
      if (cursor.advance(this.#limits) < 0 || concernsOthers(cursor.trap!)) return this.#here();
      if (this.#traps.length < MOST_TRAPS) this.#traps.push(cycles(cursor.counts[0]!));
      else this.#complete = false;
    }
  }

  #here(): Act {
    const { counts, trap } = this.#cursor;
    return { at: cycles(counts[0]!), trap: trap !== undefined && concernsOthers(trap) ? trap : undefined };
  }
}
