/**
 * A program image as the loader and the symbolizer see it: text bytes at a file offset, symbols over them.
 *
 * Offsets double as virtual addresses of the file (ET_DYN linked at zero, text offset = text vaddr), so a run-time
 * address is `base + offset`.
 * Not modelled: data sections, relocations, dynamic symbols.
 */
import type { Address } from '../units.ts';
import type { ExecutionCursor } from './cpu.ts';

export interface DsoSymbol {
  readonly name: string;
  /** Offset of the first instruction in the file, equal to its virtual address there. */
  readonly offset: number;
  /** Bytes of code; a symbol's code never overlaps the next one's. */
  readonly size: number;
}

export interface DsoImage {
  /** Where the simulated system keeps it; the same on every machine that runs gperf. */
  readonly path: string;
  /** Address at which offset 0 is mapped. */
  readonly base: Address;
  /** File offset (and virtual address) of `text`; a multiple of the page size. */
  readonly textOffset: number;
  readonly text: Uint8Array;
  /** In ascending order of offset. */
  readonly symbols: readonly DsoSymbol[];
}

/** An executable: what exec maps at once, what the program maps later, and its code. */
export interface Executable {
  /** Base name: the thread's comm. */
  readonly comm: string;
  readonly program: DsoImage;
  /** The dynamic loader that exec maps along, if the program is dynamically linked. */
  readonly interpreter: DsoImage | undefined;
  /** What mmap system calls of the program map, by the name they give. */
  readonly libraries: ReadonlyMap<string, DsoImage>;
  /** Cycles that its own code takes on average, if that is known. */
  readonly expected?: number;
  /** A fresh thread at the entry point. */
  start(): ExecutionCursor;
}
