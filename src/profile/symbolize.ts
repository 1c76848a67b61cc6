/**
 * Symbols from where perf looks for them, in its order: for a file the build-id cache, separate debug files, the path
 * itself if its build-id is the recorded one; for the kernel the kallsyms in the cache.
 *
 * A stripped file's symbols may lie in a debug file; addresses then still go by the segments of the file that ran.
 * Source: tools/perf/util/symbol.c (dso__load, binary_type_symtab), dso.c; measured on perf 6.1. Unlike perf, a kernel
 * whose build-id is unknown or not in the cache is not looked up in the kernel of the machine that prints: those names
 * would be plausible and wrong.
 * Not modelled: .gnu_debuglink, vmlinux files, perf-PID.map files of JIT compilers, kernel modules.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { KERNEL_KALLSYMS, lookupInCache } from '../perfdata/buildid-cache.ts';
import { ElfError, ElfImage, withElf } from '../perfdata/elf-read.ts';
import { attempt, PerfDataIoError } from '../perfdata/errors.ts';
import { elfSymbols, kallsymsSymbols, SymbolTable } from '../perfdata/symbols.ts';
import type { Dso, DsoSymbols, SymbolSource } from './dso.ts';

export interface SymbolPlaces {
  /** The build-id cache; undefined: none. */
  readonly cacheDir?: string | undefined;
  /** Paths of files are below this directory (--symfs). */
  readonly symfs?: string;
  /** Where separate debug files are. */
  readonly debugDir?: string;
  /** --kallsyms: the kernel's symbols, whatever its build-id. */
  readonly kallsyms?: string;
}

/** A file that may hold a dso's symbols, and perf's letter for such a place. */
interface Candidate {
  readonly path: string;
  readonly origin: string;
}

/** The symbols of dsos as found on this machine. What cannot be read counts as absent. */
export const fileSymbols =
  (places: SymbolPlaces): SymbolSource =>
  (dso) => {
    try {
      return dso.kernel ? kernelSymbols(dso, places) : userSymbols(dso, places);
    } catch (error) {
      if (error instanceof ElfError || error instanceof PerfDataIoError) return undefined;
      throw error;
    }
  };

function kernelSymbols(dso: Dso, { cacheDir, kallsyms }: SymbolPlaces): DsoSymbols | undefined {
  if (dso.name !== KERNEL_KALLSYMS) return undefined;
  const cached = dso.buildId === undefined ? undefined : lookupInCache(cacheDir, dso.buildId);
  const path = kallsyms ?? (cached?.kind === 'kallsyms' ? cached.file : undefined);
  if (path === undefined) return undefined;
  const table = kallsymsSymbols(attempt('open', path, () => readFileSync(path, 'utf8')));
  const kernel = moved(table, dso);
  const [first, last] = [kernel.symbols[0], kernel.symbols.at(-1)];
  if (!first || !last) return undefined;
  return { origin: 'k', range: { start: first.start, end: last.end }, find: (at) => kernel.lookup(at) };
}

/** kallsyms__delta(): the kernel proper's symbols, where they were while recording. */
function moved(table: SymbolTable, { reference }: Dso): SymbolTable {
  const own = table.symbols.filter(({ module }) => module === undefined);
  const now = reference && table.find(reference.name);
  const delta = now ? now.start - reference.address : 0;
  return new SymbolTable(
    delta ? own.map((symbol) => ({ ...symbol, start: symbol.start - delta, end: symbol.end - delta })) : own,
  );
}

function userSymbols(dso: Dso, places: SymbolPlaces): DsoSymbols | undefined {
  const fitting = candidates(dso, places).filter(({ path }) => fits(path, dso.buildId));
  const chosen = fitting.find(({ path }) => withElf(path, hasSymtab)) ?? fitting[0];
  const ran = fitting.find(({ origin }) => origin === 'B' || origin === 'd');
  if (!chosen) return undefined;
  const symbols =
    ran && ran.origin !== chosen.origin && !'Bd'.includes(chosen.origin)
      ? withElf(ran.path, (runtime) => [
          ...new DebugImage(
            attempt('open', chosen.path, () => readFileSync(chosen.path)),
            runtime,
          ).symbols(),
          ...runtime.symbols().filter(({ name }) => name.endsWith('@plt')),
        ])
      : withElf(chosen.path, (image) => image.symbols());
  const table = elfSymbols(symbols);
  return { origin: chosen.origin, find: (at) => table.lookup(at) };
}

function candidates({ name, buildId }: Dso, { cacheDir, symfs = '', debugDir }: SymbolPlaces): Candidate[] {
  const found: Candidate[] = [];
  if (buildId !== undefined) {
    const cached = lookupInCache(cacheDir, buildId);
    const [head, tail] = [buildId.slice(0, 2), buildId.slice(2)];
    if (cached?.kind === 'elf')
      found.push({ path: cached.file, origin: 'B' }, { path: join(dirname(cached.file), 'debug'), origin: 'D' });
    else if (cacheDir !== undefined && name === '[vdso]')
      found.push({ path: join(cacheDir, '.build-id', head, tail, 'vdso'), origin: 'B' });
    if (debugDir !== undefined)
      found.push({ path: join(symfs, debugDir, '.build-id', head, `${tail}.debug`), origin: 'b' });
  }
  if (name.startsWith('/')) found.push({ path: join(symfs, name), origin: 'd' });
  return found;
}

/** Whether a path is an ELF file, and if a build-id was recorded, the file that has it. */
function fits(path: string, buildId: string | undefined): boolean {
  try {
    return withElf(path, (image) => buildId === undefined || image.buildId === buildId);
  } catch (error) {
    if (error instanceof ElfError || error instanceof PerfDataIoError) return false;
    throw error;
  }
}

const SHT_NOBITS = 8;
const hasSymtab = (image: ElfImage): boolean =>
  image.sections.some(({ name, type }) => name === '.symtab' && type !== SHT_NOBITS);

/** A separate debug file: its segments are empty, so offsets are those of the file that ran. */
class DebugImage extends ElfImage {
  readonly #runtime: ElfImage;

  constructor(bytes: Uint8Array, runtime: ElfImage) {
    super((offset, size) => bytes.subarray(offset, offset + size));
    this.#runtime = runtime;
  }

  override fileOffset(vaddr: number): number {
    return this.#runtime.fileOffset(vaddr);
  }
}
