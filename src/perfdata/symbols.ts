/**
 * Which symbol an address belongs to, as perf decides it.
 *
 * A symbol without a size reaches to the next one in the list. Of several symbols at one address perf keeps one: a size beats
 * none (so of kallsyms, which knows no sizes, the last one), then not weak, then global, then fewer leading underscores, then
 * the longer name. In an ELF file addresses are file
 * offsets (elf-read.ts), in kallsyms they are the kernel's.
 * Source: choose_best_symbol(), symbols__fixup_end() in tools/perf/util/symbol.c.
 * Not modelled: demangling; kernel modules as files of their own (their symbols say which module).
 */
import { addressFromU64, type Address } from '../units.ts';
import { STB_GLOBAL, STB_LOCAL, STB_WEAK } from './elf-format.ts';
import type { ElfSymbol } from './elf-read.ts';

const PAGE = 4096;

export interface Symbol {
  readonly name: string;
  /** First address. */
  readonly start: number;
  /** One past the last. */
  readonly end: number;
  /** STB_*. */
  readonly binding: number;
  /** Kernel symbols: the module that holds it; absent for the kernel proper. */
  readonly module?: string;
}

/** Symbols in ascending order of address. */
export class SymbolTable {
  readonly symbols: readonly Symbol[];
  /** The furthest end of symbols 0..i: tells whether an earlier symbol can still enclose an address. */
  private readonly reach: Float64Array;

  /** Symbols in any order, doubles included; those without a size have end = start. */
  constructor(symbols: readonly Symbol[]) {
    this.symbols = withoutDoubles(extend(symbols.toSorted((a, b) => a.start - b.start)));
    this.reach = new Float64Array(this.symbols.length);
    let furthest = -Infinity;
    this.symbols.forEach(({ end }, i) => {
      furthest = Math.max(furthest, end);
      this.reach[i] = furthest;
    });
  }

  /** The symbol that holds an address: of nested ones the innermost. */
  lookup(address: number): Symbol | undefined {
    let [low, high] = [0, this.symbols.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.symbols[middle]!.start <= address) low = middle + 1;
      else high = middle;
    }
    for (let i = low - 1; i >= 0 && this.reach[i]! > address; i--)
      if (this.symbols[i]!.end > address) return this.symbols[i];
    return undefined;
  }

  /** The symbol of that name with the lowest address. */
  named(name: string): Symbol | undefined {
    return this.symbols.find((symbol) => symbol.name === name);
  }
}

/** The symbols of an ELF file, by file offset. */
export const elfSymbols = (symbols: readonly ElfSymbol[]): SymbolTable =>
  new SymbolTable(
    symbols.map(({ name, offset, size, binding }) => ({ name, start: offset, end: offset + size, binding })),
  );

/**
 * The symbols of /proc/kallsyms: lines of "address type name [module]". Types T, W, D and B count, in either case; an
 * upper-case one is global. Other lines are passed over.
 */
export function kallsymsSymbols(text: string): SymbolTable {
  const symbols: Symbol[] = [];
  for (const [, hex, type, name, module] of text.matchAll(/^([0-9a-f]{1,16}) ([TtWwDdBb]) (\S+)(?:\s+\[(.+)\])?$/gm)) {
    if (!hex || !type || !name || name.startsWith('$')) continue;
    const start: Address = addressFromU64(BigInt(`0x${hex}`));
    const binding = /w/i.test(type) ? STB_WEAK : type < 'a' ? STB_GLOBAL : STB_LOCAL;
    symbols.push({ name, start, end: start, binding, ...(module !== undefined && { module }) });
  }
  return new SymbolTable(symbols);
}

/** Keeps the best of the symbols that start at the same address. `sorted` is in ascending order. */
function withoutDoubles(sorted: readonly Symbol[]): Symbol[] {
  const kept: Symbol[] = [];
  for (const symbol of sorted) {
    const previous = kept.at(-1);
    if (previous?.start !== symbol.start) kept.push(symbol);
    else if (isBetter(symbol, previous)) kept[kept.length - 1] = symbol;
  }
  return kept;
}

const underscores = (name: string): number => name.length - name.replace(/^_+/, '').length;
/** Old kernels name a system call twice; the plain name is wanted. */
const isSyscallAlias = (name: string): boolean => name.startsWith('SyS') || name.startsWith('compat_SyS');

/** Whether perf prefers a to b, both at the same address. */
function isBetter(a: Symbol, b: Symbol): boolean {
  const criteria: readonly ((s: Symbol) => number)[] = [
    (s) => (s.end > s.start ? 1 : 0),
    (s) => (s.binding === STB_WEAK ? 0 : 1),
    (s) => (s.binding === STB_GLOBAL ? 1 : 0),
    (s) => -underscores(s.name),
    (s) => s.name.length,
    (s) => (isSyscallAlias(s.name) ? 0 : 1),
  ];
  for (const rank of criteria) if (rank(a) !== rank(b)) return rank(a) > rank(b);
  return false;
}

/**
 * Gives symbols without a size an end: the next symbol's start. At the border between the kernel and its modules, where the
 * next symbol may be far away, and at the last one, it is the end of the next page.
 */
function extend(sorted: readonly Symbol[]): Symbol[] {
  return sorted.map((symbol, i) => {
    if (symbol.end > symbol.start) return symbol;
    const next = sorted[i + 1];
    const near = next && (next.module === undefined) === (symbol.module === undefined);
    const end = near ? next.start : Math.ceil(symbol.start / PAGE) * PAGE + PAGE;
    return Object.assign({}, symbol, { end });
  });
}
