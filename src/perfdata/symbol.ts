/** struct symbol: a name and its addresses, whatever file it comes from. */

export interface Symbol {
  readonly name: string;
  /** First address. */
  readonly start: number;
  /** One past the last; equal to start if the size is unknown, until the table that takes the symbol stretches it. */
  end: number;
  /** STB_*. */
  readonly binding: number;
  /** STT_*; absent: a function. */
  readonly type?: number;
  /** Kernel symbols: the module that holds it; absent for the kernel proper. */
  readonly module?: string;
  /** Leading underscores and bytes of the name, if they can be had without reading it. */
  readonly measures?: { readonly underscores: number; readonly length: number };
  /** Whether this symbol is seen, without its name being made, to have the other's, and that to be no SyS_*. */
  plainlyAs?(other: Symbol): boolean;
}

/** Leading underscores are counted up to this many. */
export const MOST_UNDERSCORES = 1000;

/** What perf compares between names at one address. */
export const measuresOf = (name: string): { readonly underscores: number; readonly length: number } => {
  let underscores = 0;
  while (underscores < MOST_UNDERSCORES && name[underscores] === '_') underscores++;
  return { underscores, length: Buffer.byteLength(name) };
};
