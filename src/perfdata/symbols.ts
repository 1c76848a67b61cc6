/**
 * Which symbol an address belongs to, as perf decides it.
 *
 * A symbol without a size reaches to the next one in the list. Of several symbols at one address perf keeps one: a
 * size beats none (so of kallsyms, which has no sizes, the last one wins), then a function or object beats a label,
 * then strong beats weak, then global, then fewer leading underscores, then the longer name as shown, in bytes. In an
 * ELF file addresses are file offsets (elf-symbols.ts), in kallsyms they are the kernel's.
 * Source: choose_best_symbol(), symbols__fixup_end(), symbols__fixup_duplicate() in tools/perf/util/symbol.c of Linux 6.1.
 * Not modelled: kernel modules as files of their own (their symbols say which module).
 */
import { addressFromU64, type Address } from '../units.ts';
import { STB_GLOBAL, STB_LOCAL, STB_WEAK, STT_FUNC, STT_NOTYPE } from './elf-format.ts';
import type { ElfSymbols } from './elf-symbols.ts';
import { measuresOf, type Symbol } from './symbol.ts';
import { SymbolTree } from './symbol-tree.ts';

const PAGE = 4096;

/** Symbols in ascending order of address. */
export class SymbolTable {
  readonly symbols: readonly Symbol[];
  readonly #tables: readonly (readonly Symbol[])[];
  readonly #removals: readonly (readonly Symbol[])[];
  /** Made at the first lookup. */
  #lookup: ((address: number) => Symbol | undefined) | undefined;

  /**
   * Tables in the order in which perf reads them, each in any order and with duplicates; without a size, end equals
   * start. `added`: symbols that come last and are taken as they are (the PLT).
   */
  constructor(tables: readonly (readonly Symbol[])[], added: readonly Symbol[] = []) {
    const removals: Symbol[][] = [];
    let kept: Symbol[] = [];
    for (const table of tables) {
      const sorted = table.length > 0 ? byStart([...kept, ...table]) : kept;
      stretch(sorted);
      const removed: Symbol[] = [];
      kept = withoutDoubles(sorted, removed);
      removals.push(removed);
    }
    this.symbols = added.length > 0 ? byStart([...kept, ...added]) : kept;
    this.#tables = [...tables, added];
    this.#removals = removals;
  }

  /** The symbol that holds an address. */
  lookup(address: number): Symbol | undefined {
    this.#lookup ??= lookupOf(this.symbols, this.#tables, this.#removals);
    return this.#lookup(address);
  }

  /** The lowest symbol of that name. */
  named(name: string): Symbol | undefined {
    return this.symbols.find((symbol) => symbol.name === name);
  }
}

/** The symbols of an ELF file, by file offset. */
export const elfSymbolTable = ({ symtab, dynsym, plt }: ElfSymbols): SymbolTable =>
  new SymbolTable([symtab, dynsym], plt);

const byStart = (symbols: readonly Symbol[]): Symbol[] => symbols.toSorted((a, b) => a.start - b.start);

/** Whether binary search fails: ranges overlap, or one is empty (it then holds its own address). */
function overlap(starts: Float64Array, ends: Float64Array): boolean {
  for (let i = 0; i < starts.length; i++)
    if (ends[i]! <= starts[i]! || ends[i]! > (starts[i + 1] ?? Infinity)) return true;
  return false;
}

/** Searches ascending symbols, or, if they overlap, the tree that perf would search. */
function lookupOf(
  symbols: readonly Symbol[],
  tables: readonly (readonly Symbol[])[],
  removals: readonly (readonly Symbol[])[],
): (address: number) => Symbol | undefined {
  const starts = new Float64Array(symbols.length);
  const ends = new Float64Array(symbols.length);
  for (const [i, symbol] of symbols.entries()) [starts[i], ends[i]] = [symbol.start, symbol.end];
  if (overlap(starts, ends)) return asInserted(tables, removals);
  return (address) => {
    let [low, high] = [0, symbols.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (starts[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    return low > 0 && address < ends[low - 1]! ? symbols[low - 1] : undefined;
  };
}

/** Searches the tree left by all insertions and removals; nodes are numbered in the order of the symbols. */
function asInserted(
  tables: readonly (readonly Symbol[])[],
  removals: readonly (readonly Symbol[])[],
): (address: number) => Symbol | undefined {
  const all = tables.flat();
  const starts = new Float64Array(all.length);
  const ends = new Float64Array(all.length);
  const removed = new Map<Symbol, number>();
  for (const symbols of removals) for (const symbol of symbols) removed.set(symbol, 0);
  for (const [i, symbol] of all.entries()) {
    starts[i] = symbol.start;
    ends[i] = symbol.end;
    if (removed.has(symbol)) removed.set(symbol, i);
  }
  const tree = new SymbolTree(starts);
  let next = 0;
  for (const [i, table] of tables.entries()) {
    for (const end = next + table.length; next < end; next++) tree.insert(next);
    for (const symbol of removals[i] ?? []) tree.remove(removed.get(symbol)!);
  }
  return (address) => {
    const node = tree.find(address, ends);
    return node === undefined ? undefined : all[node];
  };
}

/**
 * The symbols of /proc/kallsyms: lines of "address type name [module]". Types T, W, D and B count, in either case;
 * upper case means global. Other lines are skipped.
 */
export function kallsymsSymbols(text: string): SymbolTable {
  const symbols: Symbol[] = [];
  for (const [, hex, type, name, module] of text.matchAll(/^([0-9a-f]{1,16}) ([TtWwDdBb]) (\S+)(?:\s+\[(.+)\])?$/gm)) {
    if (!hex || !type || !name || name.startsWith('$')) continue;
    const start: Address = addressFromU64(BigInt(`0x${hex}`));
    const binding = /w/i.test(type) ? STB_WEAK : type < 'a' ? STB_GLOBAL : STB_LOCAL;
    symbols.push({ name, start, end: start, binding, ...(module !== undefined && { module }) });
  }
  return new SymbolTable([symbols]);
}

/** Keeps the best of the symbols that start at one address; the others go to `removed`. `sorted` is ascending. */
function withoutDoubles(sorted: readonly Symbol[], removed: Symbol[]): Symbol[] {
  const kept: Symbol[] = [];
  for (const symbol of sorted) {
    const previous = kept.at(-1);
    if (previous?.start !== symbol.start) kept.push(symbol);
    else if (isBetter(symbol, previous)) {
      removed.push(previous);
      kept[kept.length - 1] = symbol;
    } else removed.push(symbol);
  }
  return kept;
}

/** Old kernels have two names for a system call; the plain one is wanted. */
const isSyscallAlias = (name: string): boolean => name.startsWith('SyS') || name.startsWith('compat_SyS');
const isLabel = ({ type = STT_FUNC }: Symbol): number => (type === STT_NOTYPE ? 1 : 0);

/** Whether perf prefers b, which comes later, to a, both at the same address. */
function isBetter(b: Symbol, a: Symbol): boolean {
  const sized = (s: Symbol): number => (s.end > s.start ? 1 : 0);
  const weak = (s: Symbol): number => (s.binding === STB_WEAK ? 1 : 0);
  const global = (s: Symbol): number => (s.binding === STB_GLOBAL ? 1 : 0);
  const plain = sized(b) - sized(a) || isLabel(a) - isLabel(b) || weak(a) - weak(b) || global(b) - global(a);
  if (plain !== 0) return plain > 0;
  // Most often a function of .symtab that .dynsym has too.
  if (b.plainlyAs?.(a)) return false;
  const [ours, theirs] = [b.measures ?? measuresOf(b.name), a.measures ?? measuresOf(a.name)];
  const named = theirs.underscores - ours.underscores || ours.length - theirs.length;
  return named === 0 ? isSyscallAlias(a.name) : named > 0;
}

/**
 * Gives symbols without a size an end: the next symbol's start. For the last one, and at the border between the kernel
 * and its modules, where the next symbol may be far away, it is the end of the next page.
 */
function stretch(sorted: readonly Symbol[]): void {
  for (const [i, symbol] of sorted.entries()) {
    if (symbol.end !== symbol.start) continue;
    const next = sorted[i + 1];
    const near = next && (next.module === undefined) === (symbol.module === undefined);
    symbol.end = near ? next.start : Math.ceil(symbol.start / PAGE) * PAGE + PAGE;
  }
}
