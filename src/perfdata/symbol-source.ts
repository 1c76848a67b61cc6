/**
 * Symbols for what a recording mapped: finds the file (buildid-cache.ts), reads it (elf-read.ts), sorts it (symbols.ts). A
 * stripped file has its symbols from the debug file of its build-id, where that is installed.
 *
 * The kernel's come from the cached kallsyms of its build-id, or from /proc/kallsyms if the running kernel has that very
 * build-id; never from another kernel's, which gives plausible and wrong names.
 * Not modelled: vmlinux, debug files found by .gnu_debuglink, kernel modules.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findSymbolFile, lookupInCache } from './buildid-cache.ts';
import { buildIdInNotes, ElfError, withElf } from './elf-read.ts';
import { errnoOf, PerfDataIoError } from './errors.ts';
import { elfSymbols, kallsymsSymbols, SymbolTable, type Symbol } from './symbols.ts';

/** Where distributions put the symbols that they strip off. */
const DEBUG_FILES = '/usr/lib/debug/.build-id';

/** Where to look. */
export interface SymbolPlaces {
  /** The build-id cache (buildid-cache.ts: defaultCacheDir). */
  readonly dir?: string | undefined;
  /** Directory that holds the recorded system's files (--symfs). */
  readonly symfs?: string;
  /** A kallsyms file that is to be believed (--kallsyms). */
  readonly kallsyms?: string;
}

/** The symbols of one mapped file. */
export interface LoadedSymbols {
  /** The symbol at an offset of the file, or at an address of the kernel. */
  find(at: number): Symbol | undefined;
  /** Kernel only: the symbol of that name. */
  named?(name: string): Symbol | undefined;
  /** perf's letter: B build-id cache, b separate debug file, d the file itself, k kallsyms. */
  readonly origin: string;
  /** Kernel only: from the first symbol to the end of the last. */
  readonly range?: { readonly start: number; readonly end: number };
}

/** Symbols of an ELF file; undefined if there is none to be had with this build-id. */
export function loadElfSymbols(
  path: string,
  buildId: string | undefined,
  places: SymbolPlaces,
): LoadedSymbols | undefined {
  const found = findSymbolFile(path, buildId, places);
  if (found?.kind !== 'elf') return undefined;
  const id = buildId ?? orNone(() => withElf(found.file, (elf) => elf.buildId));
  const debug =
    id === undefined ? undefined : join(places.symfs ?? '', DEBUG_FILES, id.slice(0, 2), `${id.slice(2)}.debug`);
  const symbols = orNone(() =>
    withElf(found.file, (elf) => {
      const separate = elf.hasSymtab || !debug ? undefined : orNone(() => withElf(debug, (d) => elf.symbols(d)));
      return { list: separate ?? elf.symbols(), origin: separate ? 'b' : found.origin };
    }),
  );
  if (!symbols) return undefined;
  const table = elfSymbols(symbols.list);
  return { find: (at) => table.lookup(at), origin: symbols.origin };
}

/** Symbols of a kernel; undefined if its kallsyms are nowhere. */
export function loadKernelSymbols(buildId: string | undefined, places: SymbolPlaces): LoadedSymbols | undefined {
  const cached = buildId === undefined ? undefined : lookupInCache(places.dir, buildId);
  const file =
    places.kallsyms ?? cached?.file ?? (buildId && buildId === runningBuildId() ? '/proc/kallsyms' : undefined);
  if (file === undefined) return undefined;
  const all = orNone(() => kallsymsSymbols(readFileSync(file, 'utf8')));
  // Without the privilege to see addresses, all of them read 0.
  const table = all && new SymbolTable(all.symbols.filter((s) => s.module === undefined && s.start !== 0));
  const [first, last] = [table?.symbols[0], table?.symbols.at(-1)];
  if (!table || !first || !last) return undefined;
  const origin = file === cached?.file ? cached.origin : 'k';
  return {
    find: (at) => table.lookup(at),
    named: (name) => table.named(name),
    origin,
    range: { start: first.start, end: last.end },
  };
}

const runningBuildId = (): string | undefined => orNone(() => buildIdInNotes(readFileSync('/sys/kernel/notes')));

/** A file that cannot be read or is damaged has no symbols. */
function orNone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ElfError || error instanceof PerfDataIoError || errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}
