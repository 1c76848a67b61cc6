/**
 * Symbols for what a recording mapped: finds the files, reads them (elf-read.ts, elf-symbols.ts), sorts them
 * (symbols.ts).
 *
 * As in perf, the symbols come from the first candidate with a .symtab, the PLT and the segments from the first with a
 * .dynsym; a file that is damaged or has another build-id is skipped. Under --symfs all candidates lie below that
 * directory, including the build-id cache (its .debug).
 *
 * The kernel's symbols come from the cached kallsyms of its build-id; or from /proc/kallsyms if the running kernel has
 * that build-id, or if the recording does not name one. In the last case, as in perf, the running kernel is assumed,
 * and the caller that opens the recording warns if that is likely wrong. A simulated system's kernel never runs here,
 * so it is never assumed to.
 * Source: dso__load(), binary_type_symtab[], dso__find_kallsyms() in tools/perf/util/symbol.c,
 * dso__read_binary_type_filename() in dso.c of 6.1.
 * Not modelled: vmlinux, kernel modules, containers' namespaces.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isFile, lookupInCache } from './buildid-cache.ts';
import { buildIdInNotes, ElfError, ElfImage, withElf } from './elf-read.ts';
import { type Demangle, type ElfSymbols, elfSymbols, tableOf } from './elf-symbols.ts';
import { errnoOf, PerfDataIoError } from './errors.ts';
import { isPerfMap, readPerfMap } from './perf-map.ts';
import type { Symbol } from './symbol.ts';
import { elfSymbolTable, kallsymsSymbols, SymbolTable } from './symbols.ts';

/** Where to look. */
export interface SymbolPlaces {
  /** The build-id cache (buildid-cache.ts: defaultCacheDir). */
  readonly dir?: string | undefined;
  /** Directory that holds the recorded system's files (--symfs), and its own build-id cache. */
  readonly symfs?: string;
  /** A simulated system was recorded: without a build-id, no file of this machine is used for it. */
  readonly simulated?: boolean;
  /** A kallsyms file to be trusted (--kallsyms). */
  readonly kallsyms?: string;
  /** How names are shown; absent: as they are in the file. */
  readonly demangle?: Demangle;
}

/** The symbols of one mapped file. */
export interface LoadedSymbols {
  /** The symbol at an offset in the file, or at an address of the kernel. */
  find(at: number): Symbol | undefined;
  /** Kernel only: the symbol of that name. */
  named?(name: string): Symbol | undefined;
  /**
   * perf's letter: B build-id cache, d the file itself, l, f, u, b, o, x separate debug files, j a JIT map, k kallsyms.
   */
  readonly origin: string;
  /** Whether the file has debug information, from which perf would learn about inlined functions. */
  readonly debugInfo?: boolean;
  /** Kernel only: from the first symbol to the end of the last. */
  readonly range?: { readonly start: number; readonly end: number };
}

/** A file that may have symbols, with perf's letter for it. */
interface Candidate {
  readonly file: string;
  readonly origin: string;
}

const VDSO = '[vdso]';
/** Where distributions put symbols stripped off programs. */
const DEBUG_FILES = '/usr/lib/debug';

/** Symbols of an ELF file, or of a JIT compiler's code; undefined if there are none for this build-id. */
export function loadElfSymbols(
  path: string,
  buildId: string | undefined,
  places: SymbolPlaces,
): LoadedSymbols | undefined {
  if (places.simulated === true && buildId === undefined && places.symfs === undefined) return undefined;
  if (isPerfMap(path)) return compiledSymbols(path);
  const own = path.startsWith('/') ? join(places.symfs ?? '', path) : undefined;
  const id = buildId ?? (own === undefined ? undefined : using(own, (elf) => elf.buildId));
  let symbols: Candidate | undefined;
  let runtime: Candidate | undefined;
  for (const candidate of candidates(path, id, own, places)) {
    const has = using(candidate.file, (elf) => {
      if (id !== undefined && elf.buildId !== id) return undefined;
      return { symtab: tableOf(elf, '.symtab'), dynsym: tableOf(elf, '.dynsym') };
    });
    if (has?.symtab) symbols ??= candidate;
    if (has?.dynsym) runtime ??= candidate;
    if (symbols && runtime) break;
  }
  const [from, ran] = [symbols ?? runtime, runtime ?? symbols];
  if (!from || !ran) return path === VDSO ? ownVdso(id, places) : undefined;
  const read = using(from.file, (elf): ElfSymbols | undefined =>
    from === ran
      ? elfSymbols(elf, places.demangle)
      : using(ran.file, (executed) => elfSymbols(elf, places.demangle, executed)),
  );
  const debugInfo = using(from.file, (elf) => elf.section('.debug_info') !== undefined) === true;
  return read && { ...found(read, from.origin), debugInfo };
}

/** Symbols of code compiled at run time. perf looks there under --symfs too. */
function compiledSymbols(path: string): LoadedSymbols | undefined {
  const table = isFile(path) ? orNone(() => readPerfMap(path)) : undefined;
  return table && table.symbols.length > 0 ? { find: (at) => table.lookup(at), origin: 'j' } : undefined;
}

function found(symbols: ElfSymbols, origin: string): LoadedSymbols {
  const table = elfSymbolTable(symbols);
  return { find: (at) => table.lookup(at), origin };
}

/** In perf's order. */
function* candidates(
  path: string,
  id: string | undefined,
  own: string | undefined,
  { symfs = '', dir }: SymbolPlaces,
): Generator<Candidate> {
  const debug = join(symfs, DEBUG_FILES);
  if (own !== undefined) yield* debugLink(own);
  const cache = cacheOf(symfs, dir);
  const cached = id === undefined ? undefined : lookupInCache(cache, id);
  if (cached?.kind === 'elf') yield { file: cached.file, origin: 'B' };
  if (cached && cached.file.endsWith('/elf')) yield { file: join(dirname(cached.file), 'debug'), origin: 'D' };
  if (own === undefined) return;
  yield { file: join(debug, `${path}.debug`), origin: 'f' };
  yield { file: join(debug, path), origin: 'u' };
  if (id !== undefined) yield { file: join(debug, '.build-id', id.slice(0, 2), `${id.slice(2)}.debug`), origin: 'b' };
  yield { file: own, origin: 'd' };
  yield { file: join(dirname(own), '.debug', own.slice(own.lastIndexOf('/') + 1)), origin: 'o' };
  if (path.startsWith('/usr/lib/')) yield { file: join(debug, path.slice('/usr'.length)), origin: 'x' };
}

/** The build-id cache in use. */
const cacheOf = (symfs: string, dir: string | undefined): string | undefined =>
  symfs === '' ? dir : join(symfs, '.debug');

/** The debug file that a stripped file names, in the first place that has one. perf does not check its CRC. */
function* debugLink(own: string): Generator<Candidate> {
  const link = using(own, (elf) => {
    const text = elf.content(elf.section('.gnu_debuglink'));
    const end = text.indexOf(0);
    return text.toString('utf8', 0, end < 0 ? text.length : end);
  });
  if (!link) return;
  const dir = dirname(own);
  const places = [link, join(dir, link), join(dir, '.debug', link), join(DEBUG_FILES, dir, link)];
  const file = places.find(isFile);
  if (file !== undefined) yield { file, origin: 'l' };
}

/**
 * The vDSO is not a file, but the kernel maps it into every process, so into this one. Undefined if the recorded
 * kernel's differs.
 */
function ownVdso(id: string | undefined, { demangle }: SymbolPlaces): LoadedSymbols | undefined {
  return orNone(() => {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) .*\[vdso\]$/m.exec(readFileSync('/proc/self/maps', 'latin1')) ?? [];
    if (from === undefined || to === undefined) return undefined;
    const start = parseInt(from, 16);
    const bytes = Buffer.alloc(Math.min(parseInt(to, 16) - start, LARGEST_VDSO));
    const fd = openSync('/proc/self/mem', 'r');
    try {
      readSync(fd, bytes, 0, bytes.length, start);
    } finally {
      closeSync(fd);
    }
    const elf = ElfImage.from(bytes);
    return id !== undefined && elf.buildId !== id ? undefined : found(elfSymbols(elf, demangle), 'd');
  });
}

const LARGEST_VDSO = 2 ** 20;

/** Symbols of a kernel; undefined if its kallsyms cannot be found. */
export function loadKernelSymbols(buildId: string | undefined, places: SymbolPlaces): LoadedSymbols | undefined {
  const { symfs = '', kallsyms } = places;
  const cached = buildId === undefined ? undefined : lookupInCache(cacheOf(symfs, places.dir), buildId);
  const running = symfs === '' && places.simulated !== true && (buildId === undefined || buildId === runningBuildId());
  const file = kallsyms ?? cached?.file ?? (running ? '/proc/kallsyms' : undefined);
  if (file === undefined) return undefined;
  const all = orNone(() => kallsymsSymbols(readFileSync(file, 'utf8')));
  // Without the privilege to see addresses, all of them read as 0.
  const table = all && new SymbolTable([all.symbols.filter((s) => s.module === undefined && s.start !== 0)]);
  const [first, last] = [table?.symbols[0], table?.symbols.at(-1)];
  if (!table || !first || !last) return undefined;
  return {
    find: (at) => table.lookup(at),
    named: (name) => table.named(name),
    origin: file === cached?.file ? 'B' : 'k',
    range: { start: first.start, end: last.end },
  };
}

const runningBuildId = (): string | undefined => orNone(() => buildIdInNotes(readFileSync('/sys/kernel/notes')));

/** Reads an ELF file; undefined if there is none. */
const using = <T>(path: string, use: (elf: ElfImage) => T): T | undefined =>
  isFile(path) ? orNone(() => withElf(path, use)) : undefined;

/** An unreadable file, or one of another format, has no symbols. */
function orNone<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ElfError || error instanceof PerfDataIoError || errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}
