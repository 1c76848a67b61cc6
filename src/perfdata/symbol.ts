/** struct symbol: a name and the addresses it stands for, whatever file it is from. */

export interface Symbol {
  readonly name: string;
  /** First address. */
  readonly start: number;
  /** One past the last; equal to start if nothing says, until the table that takes the symbol has stretched it. */
  end: number;
  /** STB_*. */
  readonly binding: number;
  /** STT_*; absent: a function. */
  readonly type?: number;
  /** Kernel symbols: the module that holds it; absent for the kernel proper. */
  readonly module?: string;
  /** Leading underscores and bytes of the name, where they can be had without it. */
  readonly measures?: { readonly underscores: number; readonly length: number };
  /** Whether this symbol is seen, without its name being made, to have the other's, and that to be no SyS_*. */
  plainlyAs?(other: Symbol): boolean;
}

/** Leading underscores are counted so far. */
export const MOST_UNDERSCORES = 1000;

/** What perf compares of names at one address. */
export const measuresOf = (name: string): { readonly underscores: number; readonly length: number } => {
  let underscores = 0;
  while (underscores < MOST_UNDERSCORES && name[underscores] === '_') underscores++;
  return { underscores, length: Buffer.byteLength(name) };
};
