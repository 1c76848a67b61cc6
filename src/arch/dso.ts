/**
 * A program image as the loader and the symbolizer see it: text bytes at a file offset, symbols over them.
 *
 * Offsets double as virtual addresses of the file (ET_DYN linked at zero, text offset = text vaddr), so a run-time
 * address is `base + offset`.
 * Not modelled: data sections, relocations, dynamic symbols.
 */
import type { Address, Cycles } from '../units.ts';
import type { ExecutionCursor, Trap } from './cpu.ts';

export interface DsoSymbol {
  readonly name: string;
  /** Offset of the first instruction in the file, equal to its virtual address there. */
  readonly offset: number;
  /** Bytes of code; a symbol's code never overlaps the next one's. */
  readonly size: number;
}

export interface DsoImage {
  /** Path in the simulated system; independent of the machine that runs gperf. */
  readonly path: string;
  /** Address at which offset 0 is mapped. */
  readonly base: Address;
  /** File offset (and virtual address) of `text`; a multiple of the page size. */
  readonly textOffset: number;
  readonly text: Uint8Array;
  /** In ascending order of offset. */
  readonly symbols: readonly DsoSymbol[];
}

/**
 * Which thread of a run: pure data, from which the same execution starts anywhere. A child's lineage tells it apart from
 * all others, whatever pid it gets and in whatever order threads start.
 */
export interface ThreadStart {
  /** What it executes, as spawn or fork named it; undefined: the program, from its entry point. */
  readonly entry: string | undefined;
  /** '' for the first thread; for the j-th that a thread spawned or forked (from 0), that one's with `/clone=j` added. */
  readonly path: string;
}

/** The thread that exec starts. */
export const FIRST_THREAD: ThreadStart = { entry: undefined, path: '' };

/** The thread that `parent` spawns or forks as its j-th, counting from 0. */
export const cloneOf = (parent: ThreadStart, j: number, entry: string): ThreadStart => ({
  entry,
  path: `${parent.path}/clone=${j}`,
});

/** The numbers j in a path, outermost first. */
export const clonesIn = (path: string): number[] => [...path.matchAll(/=(\d+)/g)].map(([, j]) => Number(j));

/** When a thread next does what others may notice, or what lets others run; known long before it comes to it. */
export interface LookAhead {
  /** The first such act that was not passed, at that many of the thread's own cycles; without a trap: its end. */
  readonly next: { readonly at: Cycles; readonly trap: Trap | undefined };
  /** The first trap of any kind after that many of its own cycles, no later than `next`. Never called with fewer again. */
  trapAfter(done: Cycles): Cycles;
  /** Goes on to the one after; does nothing at the last. */
  pass(): void;
  /** For Executable.scout. */
  snapshot?(): LookAheadState;
}

/** How far a look ahead has come, as plain data. */
export interface LookAheadState {
  readonly cursor: ArrayBuffer;
  /** Traps before its next act that have not been passed, and whether these are all. */
  readonly traps: readonly Cycles[];
  readonly complete: boolean;
}

/** An executable: what exec maps, what the program maps later, and its code. */
export interface Executable {
  /** Base name: the thread's comm. */
  readonly comm: string;
  readonly program: DsoImage;
  /** The dynamic loader, which exec maps too; undefined if the program is statically linked. */
  readonly interpreter: DsoImage | undefined;
  /** What the program's mmap system calls map, by the name that they give. */
  readonly libraries: ReadonlyMap<string, DsoImage>;
  /** Mean cycles of its own code, if known. */
  readonly expected?: number;
  /**
   * A fresh thread, before its first instruction; without an argument, FIRST_THREAD. Or one that goes on where a cursor of
   * it has taken a snapshot.
   */
  start(thread?: ThreadStart, snapshot?: ArrayBuffer): ExecutionCursor;
  /** The thread at that cursor goes on from a snapshot, and nobody will use the cursor again. */
  left?(cursor: ExecutionCursor): void;
  /** The thread at that cursor has ended, and nobody will use the cursor again. */
  ended?(cursor: ExecutionCursor): void;
  /** A look ahead of a thread; absent: nothing is known before it happens. */
  scout?(thread: ThreadStart, from?: LookAheadState): LookAhead;
}
