/**
 * The symbols of an ELF file, as perf reads them: .symtab, then .dynsym, then one "name@plt" for each entry of .plt.
 *
 * Addresses become file offsets, through the PT_LOAD that holds them: a mapping's `address - start + pgoff` is a file
 * offset, whatever address the file was linked at. Names stay in the file's string table until they are printed or
 * compared, so a table of hostile names (all of them suffixes of one long string) costs no more than its own size.
 * Source: dso__load_sym_internal(), dso__synthesize_plt_symbols() in tools/perf/util/symbol-elf.c of Linux 6.1: a
 * .plt.sec has no names there, and symbols in sections that are not loaded (.gnu.warning.*) are skipped.
 * Not modelled: .opd of 64-bit PowerPC, .gnu_debugdata (6.1 does not read it).
 */
import {
  EM_AARCH64,
  EM_ARM,
  SHF_ALLOC,
  SHN_ABS,
  SHN_UNDEF,
  SHN_XINDEX,
  SHT_DYNSYM,
  SHT_NOBITS,
  SHT_RELA,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
  STB_GLOBAL,
  STT_FUNC,
  STT_GNU_IFUNC,
  STT_NOTYPE,
  STT_OBJECT,
  STV_HIDDEN,
  STV_INTERNAL,
} from './elf-format.ts';
import type { ElfImage, SectionHeader } from './elf-read.ts';
import { measuresOf, MOST_UNDERSCORES, type Symbol } from './symbol.ts';

/** Turns a name in the file into the one shown; undefined if they are the same. */
export type Demangle = (name: string) => string | undefined;

/** Symbols by table, as perf inserts one table after the other. */
export interface ElfSymbols {
  readonly symtab: readonly Symbol[];
  readonly dynsym: readonly Symbol[];
  readonly plt: readonly Symbol[];
}

/** The file's .symtab (missing if stripped) or .dynsym (missing in a separate debug file). */
export const tableOf = (elf: ElfImage, name: '.symtab' | '.dynsym'): SectionHeader | undefined => {
  const section = elf.section(name);
  return section?.type === (name === '.symtab' ? SHT_SYMTAB : SHT_DYNSYM) ? section : undefined;
};

/**
 * Symbols of `elf`. If `elf` holds only what was stripped off, `runtime` is the file that was executed: it has the
 * segments and the PLT.
 */
export function elfSymbols(elf: ElfImage, demangle: Demangle = () => undefined, runtime: ElfImage = elf): ElfSymbols {
  const symtab = symbolsIn(elf, tableOf(elf, '.symtab'), demangle, runtime);
  const dynsym = symbolsIn(elf, tableOf(elf, '.dynsym'), demangle, runtime);
  return { symtab, dynsym, plt: symtab.length + dynsym.length > 0 ? pltSymbols(runtime, demangle) : [] };
}

function symbolsIn(
  elf: ElfImage,
  table: SectionHeader | undefined,
  demangle: Demangle,
  runtime: ElfImage,
): readonly Symbol[] {
  if (!table) return [];
  const names = new Names(elf.content(elf.sections[table.link]), demangle);
  const bytes = elf.content(table);
  const extended = extendedIndexes(elf, table);
  const isCode = labelSections();
  const symbols: Symbol[] = [];
  const entries = new SymbolEntries(bytes, elf.wide);
  for (let i = 0; i < entries.count; i++) {
    entries.read(i);
    const { name, value, size, info, other, shndx } = entries;
    const type = info & 15;
    const label = type === STT_NOTYPE;
    if (name === 0 || shndx === SHN_UNDEF || shndx === SHN_ABS) continue;
    if (label ? (other & 3) === STV_HIDDEN || (other & 3) === STV_INTERNAL : !NAMED_TYPES.has(type)) continue;
    const section = elf.sections[shndx === SHN_XINDEX && extended ? (extended[i] ?? 0) : shndx];
    if (!section || !(section.flags & SHF_ALLOC)) continue;
    // A debug file has headers of such sections without their bytes, so their offsets mean nothing.
    const image = section.type === SHT_NOBITS ? runtime : elf;
    const place = image === elf ? section : image.sections[section.index];
    if (!place || (label && !isCode(image, place))) continue;
    if ((elf.machine === EM_ARM || elf.machine === EM_AARCH64) && /^\$[adtx](\.|$)/.test(names.text(name, 3))) continue;
    const thumb = elf.machine === EM_ARM && type === STT_FUNC && value % 2 === 1 ? 1 : 0;
    const start = runtime.fileOffset(value - thumb) ?? value - thumb - place.addr + place.offset;
    symbols.push(new ElfSymbol(names, name, start, wrapped(start + size), info >>> 4, type));
  }
  return symbols;
}

const NAMED_TYPES: ReadonlySet<number> = new Set([STT_FUNC, STT_GNU_IFUNC, STT_OBJECT]);

/** Tells whether perf takes a section's labels for symbols; decided once per section. */
function labelSections(): (image: ElfImage, section: SectionHeader) => boolean {
  const known = new Map<SectionHeader, boolean>();
  return (image, section) => {
    let answer = known.get(section);
    if (answer === undefined) known.set(section, (answer = /text|data/.test(image.sectionName(section))));
    return answer;
  };
}

/** Section numbers that do not fit 16 bits: a table parallel to the symbols. */
function extendedIndexes(elf: ElfImage, table: SectionHeader): Uint32Array | undefined {
  const section = elf.sections.find(({ type, link }) => type === SHT_SYMTAB_SHNDX && link === table.index);
  if (!section) return undefined;
  const bytes = Uint8Array.from(elf.content(section));
  return new Uint32Array(bytes.buffer, 0, bytes.length >>> 2);
}

/** Elf64_Sym and Elf32_Sym, whose fields differ in order: after `read(i)` the fields are those of entry i. */
class SymbolEntries {
  readonly count: number;
  name = 0;
  value = 0;
  size = 0;
  info = 0;
  other = 0;
  shndx = 0;
  readonly #view: DataView;
  readonly #wide: boolean;

  constructor(bytes: Uint8Array, wide: boolean) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#wide = wide;
    this.count = Math.floor(bytes.length / (wide ? 24 : 16));
  }

  read(i: number): void {
    const v = this.#view;
    const at = i * (this.#wide ? 24 : 16);
    this.name = v.getUint32(at, true);
    if (this.#wide) {
      this.info = v.getUint8(at + 4);
      this.other = v.getUint8(at + 5);
      this.shndx = v.getUint16(at + 6, true);
      this.value = v.getInt32(at + 12, true) * TWO32 + v.getUint32(at + 8, true);
      this.size = v.getUint32(at + 20, true) * TWO32 + v.getUint32(at + 16, true);
      return;
    }
    this.value = v.getUint32(at + 4, true);
    this.size = v.getUint32(at + 8, true);
    this.info = v.getUint8(at + 12);
    this.other = v.getUint8(at + 13);
    this.shndx = v.getUint16(at + 14, true);
  }
}

const TWO32 = 0x1_0000_0000;
const TWO64 = TWO32 * TWO32;

/** A 64-bit sum: an end beyond the last address wraps to before the start, and the symbol is empty. */
const wrapped = (end: number): number => (end >= TWO64 ? end - TWO64 : end);

/** Entry i of .plt, after its header, belongs to relocation i of .rela.plt; without names there are no symbols. */
function pltSymbols(elf: ElfImage, demangle: Demangle): readonly Symbol[] {
  const dynsym = tableOf(elf, '.dynsym');
  const relocations = elf.section('.rela.plt') ?? elf.section('.rel.plt');
  const plt = elf.section('.plt');
  if (!dynsym || !plt || !relocations || relocations.link !== dynsym.index) return [];
  const names = new Names(elf.content(elf.sections[dynsym.link]), demangle);
  const entries = new SymbolEntries(elf.content(dynsym), elf.wide);
  if (entries.count === 0) return [];
  const bytes = elf.content(relocations);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [header, size] = PLT_SIZES[elf.machine] ?? [plt.entsize, plt.entsize];
  const words = relocations.type === SHT_RELA ? 3 : 2;
  const step = words * (elf.wide ? 8 : 4);
  const symbols: Symbol[] = [];
  for (let at = 0, start = plt.offset + header; at + step <= bytes.length; at += step, start += size) {
    const index = elf.wide ? view.getUint32(at + 12, true) : view.getUint32(at + 4, true) >>> 8;
    if (index < entries.count) entries.read(index);
    const name = index < entries.count ? entries.name : 0;
    symbols.push(new PltSymbol(names, name, start, start + size, STB_GLOBAL, STT_FUNC));
  }
  return symbols;
}

/** Bytes of the PLT's header and of an entry, if the section does not tell. */
const PLT_SIZES: Readonly<Record<number, readonly [number, number]>> = { [EM_ARM]: [20, 12], [EM_AARCH64]: [32, 16] };

/** A symbol that reads its name on demand. */
class ElfSymbol implements Symbol {
  readonly names: Names;
  readonly nameOffset: number;
  readonly start: number;
  end: number;
  readonly binding: number;
  readonly type: number;

  constructor(names: Names, nameOffset: number, start: number, end: number, binding: number, type: number) {
    this.names = names;
    this.nameOffset = nameOffset;
    this.start = start;
    this.end = end;
    this.binding = binding;
    this.type = type;
  }

  get name(): string {
    return this.names.at(this.nameOffset);
  }

  get measures(): { readonly underscores: number; readonly length: number } {
    return this.names.measures(this.nameOffset);
  }

  plainlyAs(other: Symbol): boolean {
    return other instanceof ElfSymbol && this.names.plainlyAs(this.nameOffset, other.names, other.nameOffset);
  }
}

/** perf writes these names into 1024 bytes. */
const LONGEST_PLT_NAME = 1023;

class PltSymbol extends ElfSymbol {
  override get name(): string {
    const name = `${super.name}@plt`;
    return name.length <= LONGEST_PLT_NAME ? name : Buffer.from(name).toString('utf8', 0, LONGEST_PLT_NAME);
  }
}

/** What is left of a name once the names read are longer together than their table. */
const CUT_NAME = 256;
/** Most demangled text of one table: beyond it, names are shown as they are in the file. */
const MOST_DEMANGLED = 2 ** 26;
const SMALL_CHANGE = 2 ** 16;

/** A string table. Names are decoded once; names that share bytes may not grow to many times the table. */
class Names {
  readonly #bytes: Buffer;
  readonly #demangle: Demangle;
  readonly #known = new Map<number, string>();
  #ends: Uint32Array | undefined;
  #left: number;
  #demangled = MOST_DEMANGLED;

  constructor(bytes: Buffer, demangle: Demangle) {
    this.#bytes = bytes;
    this.#demangle = demangle;
    this.#left = 2 * bytes.length + SMALL_CHANGE;
  }

  /** The name at an offset, as shown; '' outside the table. */
  at(offset: number): string {
    let name = this.#known.get(offset);
    if (name === undefined) this.#known.set(offset, (name = this.#read(offset)));
    return name;
  }

  /** At most n bytes of the name in the file. */
  text(offset: number, n: number): string {
    return this.#bytes.toString('latin1', offset, Math.min(offset + n, this.#end(offset)));
  }

  /** What perf compares between names at one address: leading underscores, bytes. */
  measures(offset: number): { readonly underscores: number; readonly length: number } {
    if (this.#mayBeMangled(offset)) return measuresOf(this.at(offset));
    let underscores = 0;
    while (underscores < MOST_UNDERSCORES && this.#bytes[offset + underscores] === UNDERSCORE) underscores++;
    return { underscores, length: Math.max(0, this.#end(offset) - offset) };
  }

  /** Whether a name and one of another table are the same bytes, few, and without the mark of a system call's second name. */
  plainlyAs(offset: number, names: Names, other: number): boolean {
    const [ours, theirs] = [this.#bytes, names.#bytes];
    for (let i = 0; i < MOST_COMPARED; i++) {
      const byte = ours[offset + i];
      if (byte !== theirs[other + i]) return false;
      if (byte === 0) return true;
      if (byte === CAPITAL_S && ours[offset + i + 1] === SMALL_Y && ours[offset + i + 2] === CAPITAL_S) return false;
    }
    return false;
  }

  #mayBeMangled(offset: number): boolean {
    return this.#bytes[offset] === UNDERSCORE || this.#bytes[offset] === CAPITAL_L || this.#bytes[offset] === SMALL_C;
  }

  #read(offset: number): string {
    const length = Math.max(0, this.#end(offset) - offset);
    const taken = Math.min(length, Math.max(this.#left, CUT_NAME));
    this.#left -= taken;
    const name = this.#bytes.toString('utf8', offset, offset + taken);
    if (this.#demangled <= 0) return name;
    const shown = this.#demangle(name) ?? name;
    if (shown !== name) this.#demangled -= shown.length;
    return shown;
  }

  /** The end of the name at an offset: the next NUL. */
  #end(offset: number): number {
    const ends = (this.#ends ??= nulsOf(this.#bytes));
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ends[middle]! < offset) low = middle + 1;
      else high = middle;
    }
    return ends[low] ?? this.#bytes.length;
  }
}

const UNDERSCORE = 0x5f;
const CAPITAL_L = 0x4c;
const SMALL_C = 0x63;
const CAPITAL_S = 0x53;
const SMALL_Y = 0x79;
/** Bytes of two names that are compared: as many as a name has that perf demangles. */
const MOST_COMPARED = 1024;

function nulsOf(bytes: Buffer): Uint32Array {
  const nuls: number[] = [];
  for (let at = bytes.indexOf(0); at >= 0; at = bytes.indexOf(0, at + 1)) nuls.push(at);
  return Uint32Array.from(nuls);
}
