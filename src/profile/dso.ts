/**
 * struct dso, struct symbol: the files whose code was sampled, and the functions in them.
 *
 * A Dso is what a mapping names; mappings of one file share it. Its symbols are loaded when the first address in it is
 * looked up, by a function that the opener of the recording supplies, so that this floor reads no files.
 *
 * Source: tools/perf/util/dso.c, symbol.c; short names measured on perf 6.1.
 * Not modelled: decompressing kernel modules, namespaces (docker paths), inlined functions as frames of their own.
 */

/** The row for addresses that no symbol covers. */
export const NO_SYMBOL = '[unknown]';

/** A function: [start, end) in the address space of its table. */
export interface Sym {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** The symbols of one dso. */
export interface DsoSymbols {
  /** The symbol that covers a file offset (kernel: an address). */
  find(at: number): Sym | undefined;
  /** perf's letter for their origin, shown by -v: B build-id cache, D the system's file, k kallsyms … */
  readonly origin: string;
  /** Whether the file has debug information, from which perf would learn about inlined functions. */
  readonly debugInfo?: boolean;
  /** Kernel only: the range of the symbols, to which perf trims the kernel's map once they are loaded. */
  readonly range?: { readonly start: number; readonly end: number };
}

/** Finds the symbols of a dso; undefined if there are none. */
export type SymbolSource = (dso: Dso) => DsoSymbols | undefined;

export interface Dso {
  /** As perf script prints it: the path, or a name in brackets. */
  readonly name: string;
  /** As perf report prints it: the base name. */
  readonly shortName: string;
  readonly kernel: boolean;
  /** In order of creation: perf compares dsos of call chains by memory address. */
  readonly index: number;
  /** maj:min:ino:gen of the file if the recording knows; two files with one name are two dsos. */
  fileId: string | undefined;
  /** Kernel only: a symbol and its address while recording; tells how far the kernel has moved since. */
  reference: { readonly name: string; readonly address: number | bigint } | undefined;
  buildId: string | undefined;
  /** Undefined: not loaded yet; null: none found. */
  table: DsoSymbols | null | undefined;
}

/** The name in perf report's "Shared Object" column. */
export function shortName(name: string): string {
  const jit = /^\/tmp\/perf-(\d+)\.map$/.exec(name);
  if (jit) return `[JIT] tid ${jit[1]}`;
  return name.slice(name.lastIndexOf('/') + 1);
}

/** "/lib/modules/…/ext4.ko.xz" is shown as "[ext4]". */
export function moduleName(path: string): string {
  const base = path.slice(path.lastIndexOf('/') + 1).replace(/\.ko(\.(gz|xz|lzma|zst))?$/, '');
  return `[${base.replaceAll('-', '_')}]`;
}

/** All dsos of a recording. */
export class Dsos {
  readonly #byName = new Map<string, Dso[]>();
  #created = 0;

  /**
   * The dso of a name. A file id or build id tells files of one name apart; a dso without one takes the first it is
   * given, as perf adds ids to the dsos of the build-id table.
   */
  find(name: string, id: { fileId?: string; buildId?: string; kernel?: boolean; shortName?: string } = {}): Dso {
    let list = this.#byName.get(name);
    if (!list) this.#byName.set(name, (list = []));
    for (const dso of list) {
      if (id.fileId !== undefined && dso.fileId !== undefined && dso.fileId !== id.fileId) continue;
      dso.fileId ??= id.fileId;
      dso.buildId ??= id.buildId;
      return dso;
    }
    const dso: Dso = {
      name,
      shortName: id.shortName ?? shortName(name),
      kernel: id.kernel ?? false,
      index: this.#created++,
      fileId: id.fileId,
      reference: undefined,
      buildId: id.buildId ?? list[0]?.buildId,
      table: undefined,
    };
    list.push(dso);
    return dso;
  }
}
