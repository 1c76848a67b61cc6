/**
 * Reads what symbolizing needs from any 64-bit little-endian ELF file: program headers, build-id, symbols.
 *
 * Symbol addresses are given as file offsets (through the PT_LOAD that holds them), because that is what a mapping's
 * `address - start + pgoff` yields, whatever address the file was linked at. Only the parts asked for are read.
 * Not modelled: 32-bit and big-endian files, compressed sections, more than 65279 sections, demangling.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ByteReader, OutOfBounds } from './bytes.ts';
import {
  EHDR_SIZE,
  ELF_MAGIC,
  NT_GNU_BUILD_ID,
  PHDR_SIZE,
  PT_LOAD,
  PT_NOTE,
  RELA_SIZE,
  SHDR_SIZE,
  SHN_ABS,
  SHN_UNDEF,
  SHT_NOBITS,
  SHT_NOTE,
  STB_GLOBAL,
  STT_FUNC,
  STT_GNU_IFUNC,
  STT_NOTYPE,
  STT_OBJECT,
  STV_HIDDEN,
  STV_INTERNAL,
  SYM_SIZE,
} from './elf-format.ts';
import { attempt } from './errors.ts';

export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly filesz: number;
  readonly memsz: number;
}

export interface SectionHeader {
  readonly name: string;
  readonly type: number;
  readonly addr: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly entsize: number;
}

/** A symbol as symbolizers use it. */
export interface ElfSymbol {
  readonly name: string;
  /** Offset in the file of its first byte. */
  readonly offset: number;
  /** 0 if the file does not say. */
  readonly size: number;
  /** STB_*. */
  readonly binding: number;
}

/** Not an ELF file that gperf reads, or a damaged one. */
export class ElfError extends Error {}

/** Where the bytes of the file come from. */
type Range = (offset: number, size: number) => Uint8Array;

export class ElfImage {
  /** ET_*. */
  readonly type: number;
  readonly machine: number;
  readonly programHeaders: readonly ProgramHeader[];
  readonly sections: readonly SectionHeader[];
  private readonly range: Range;

  /** Throws ElfError. */
  constructor(range: Range) {
    this.range = range;
    const header = range(0, EHDR_SIZE);
    if (header.length < EHDR_SIZE || !ELF_MAGIC.subarray(0, 6).every((byte, i) => header[i] === byte))
      throw new ElfError('not a 64-bit little-endian ELF file');
    const r = new ByteReader(header, 16);
    this.type = r.u16();
    this.machine = r.u16();
    r.skip(12);
    const [phoff, shoff] = [r.u64(), r.u64()];
    r.skip(6);
    const [phentsize, phnum, shentsize, shnum, shstrndx] = [r.u16(), r.u16(), r.u16(), r.u16(), r.u16()];
    if ((phnum && phentsize !== PHDR_SIZE) || (shnum && shentsize !== SHDR_SIZE))
      throw new ElfError('header entries of a strange size');
    this.programHeaders = guard('program headers', () => readProgramHeaders(range(phoff, phnum * PHDR_SIZE), phnum));
    this.sections = guard('sections', () => readSections(range, shoff, shnum, shstrndx));
  }

  /** From the bytes of a whole file. */
  static from(bytes: Uint8Array): ElfImage {
    return new ElfImage((offset, size) => bytes.subarray(offset, offset + size));
  }

  private section(name: string): SectionHeader | undefined {
    return this.sections.find((section) => section.name === name && section.type !== SHT_NOBITS);
  }

  private content(section: SectionHeader | undefined): Uint8Array {
    return section ? this.range(section.offset, section.size) : new Uint8Array();
  }

  /** The GNU build-id in lower-case hex; undefined if the file has none. */
  get buildId(): string | undefined {
    const notes = this.programHeaders.filter(({ type }) => type === PT_NOTE).map((p) => this.range(p.offset, p.filesz));
    // An object file or a stripped image may have sections only.
    if (notes.length === 0) notes.push(...this.sections.filter((s) => s.type === SHT_NOTE).map((s) => this.content(s)));
    for (const note of notes) {
      const id = buildIdInNotes(note);
      if (id) return id;
    }
    return undefined;
  }

  /** The .text section, for disassembly; undefined if the file has none. */
  get text(): { readonly offset: number; readonly addr: number; readonly bytes: Uint8Array } | undefined {
    const section = this.section('.text');
    return section && { offset: section.offset, addr: section.addr, bytes: this.content(section) };
  }

  /** Offset in the file of a virtual address; the address itself if no segment holds it. */
  fileOffset(vaddr: number): number {
    const p = this.programHeaders.find((h) => h.type === PT_LOAD && vaddr >= h.vaddr && vaddr < h.vaddr + h.memsz);
    return p ? vaddr - p.vaddr + p.offset : vaddr;
  }

  /** Virtual address of an offset in the file; the offset itself if no segment holds it. */
  virtualAddress(offset: number): number {
    const p = this.programHeaders.find((h) => h.type === PT_LOAD && offset >= h.offset && offset < h.offset + h.filesz);
    return p ? offset - p.offset + p.vaddr : offset;
  }

  /** Whether the file has a .symtab; a stripped one has not. */
  get hasSymtab(): boolean {
    return this.section('.symtab') !== undefined;
  }

  /**
   * Functions, objects and labels of .symtab and .dynsym, and the PLT entries as "name@plt"; in no order, with doubles.
   * `debug` is the separate debug file of a stripped one: it lends its .symtab, whose addresses are this file's.
   */
  symbols(debug?: ElfImage): ElfSymbol[] {
    return guard('symbols', () => [
      ...(debug ?? this).table('.symtab', this),
      ...this.table('.dynsym', this),
      ...this.plt(),
    ]);
  }

  private table(name: string, runtime: ElfImage): ElfSymbol[] {
    const table = this.section(name);
    const names = new ByteReader(this.content(table && this.sections[table.link]));
    const r = new ByteReader(this.content(table));
    const symbols: ElfSymbol[] = [];
    while (r.left >= SYM_SIZE) {
      const [nameOffset, info, other, shndx, value, size] = [r.u32(), r.u8(), r.u8(), r.u16(), r.address(), r.u64()];
      if (nameOffset === 0 || !symbolizes(info & 15, other & 3, shndx)) continue;
      symbols.push({ name: stringAt(names, nameOffset), offset: runtime.fileOffset(value), size, binding: info >>> 4 });
    }
    return symbols;
  }

  /** Entry i of the PLT belongs to relocation i of .rela.plt: .plt.sec where there is one, else .plt behind its header entry. */
  private plt(): ElfSymbol[] {
    const [rela, second, first] = [this.section('.rela.plt'), this.section('.plt.sec'), this.section('.plt')];
    const plt = second ?? first;
    const dynsym = rela && this.sections[rela.link];
    if (!rela || !plt || !dynsym) return [];
    const size = plt.entsize || 16;
    const names = new ByteReader(this.content(this.sections[dynsym.link]));
    const syms = new ByteReader(this.content(dynsym));
    const relocations = new ByteReader(this.content(rela));
    const symbols: ElfSymbol[] = [];
    for (let offset = plt.offset + (second ? 0 : size); relocations.left >= RELA_SIZE; offset += size) {
      relocations.skip(12);
      syms.pos = relocations.u32() * SYM_SIZE;
      relocations.skip(8);
      const name = stringAt(names, syms.u32());
      if (name) symbols.push({ name: `${name}@plt`, offset, size, binding: STB_GLOBAL });
    }
    return symbols;
  }
}

/** Runs `use` on an ELF file, read as needed. Throws PerfDataIoError or ElfError. */
export function withElf<T>(path: string, use: (elf: ElfImage) => T): T {
  const fd = attempt('open', path, () => openSync(path, 'r'));
  try {
    const { size: end } = attempt('open', path, () => fstatSync(fd));
    return use(
      new ElfImage((offset, size) => {
        const bytes = new Uint8Array(Math.max(0, Math.min(size, end - offset)));
        if (bytes.length === 0) return bytes;
        const got = attempt('read', path, () => readSync(fd, bytes, 0, bytes.length, offset));
        return bytes.subarray(0, got);
      }),
    );
  } finally {
    closeSync(fd);
  }
}

function guard<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof OutOfBounds) throw new ElfError(`its ${what} are cut off`, { cause: error });
    throw error;
  }
}

function readProgramHeaders(bytes: Uint8Array, nr: number): ProgramHeader[] {
  const r = new ByteReader(bytes);
  return Array.from({ length: nr }, () => {
    const [type, flags, offset, vaddr] = [r.u32(), r.u32(), r.u64(), r.address()];
    r.skip(8);
    const [filesz, memsz] = [r.u64(), r.u64()];
    r.skip(8);
    return { type, flags, offset, vaddr, filesz, memsz };
  });
}

function readSections(range: Range, shoff: number, shnum: number, shstrndx: number): SectionHeader[] {
  const r = new ByteReader(range(shoff, shnum * SHDR_SIZE));
  const raw = Array.from({ length: shnum }, () => {
    const [name, type] = [r.u32(), r.u32()];
    r.skip(8);
    const [addr, offset, size, link] = [r.address(), r.u64(), r.u64(), r.u32()];
    r.skip(12);
    return { name, type, addr, offset, size, link, entsize: r.u64() };
  });
  const strings = raw[shstrndx];
  const names = new ByteReader(strings ? range(strings.offset, strings.size) : new Uint8Array());
  return raw.map(({ name, type, addr, offset, size, link, entsize }) => {
    return { name: stringAt(names, name), type, addr, offset, size, link, entsize };
  });
}

function stringAt(table: ByteReader, offset: number): string {
  if (offset >= table.end) return '';
  table.pos = offset;
  return table.string(table.left);
}

/** What perf takes for a symbol: a defined function, object or visible label. */
function symbolizes(type: number, visibility: number, shndx: number): boolean {
  if (shndx === SHN_UNDEF || shndx === SHN_ABS) return false;
  if (type === STT_FUNC || type === STT_GNU_IFUNC || type === STT_OBJECT) return true;
  return type === STT_NOTYPE && visibility !== STV_HIDDEN && visibility !== STV_INTERNAL;
}

/** The GNU build-id among the notes of a section, segment or /sys/kernel/notes. */
export const buildIdInNotes = (notes: Uint8Array): string | undefined =>
  guard('notes', () => buildIdIn(new ByteReader(notes)));

function buildIdIn(r: ByteReader): string | undefined {
  while (r.left >= 12) {
    const [namesz, descsz, type] = [r.u32(), r.u32(), r.u32()];
    const name = r.string(namesz);
    r.skip(Math.min(-namesz & 3, r.left));
    const desc = r.take(descsz);
    r.skip(Math.min(-descsz & 3, r.left));
    if (type === NT_GNU_BUILD_ID && name === 'GNU') return Buffer.from(desc).toString('hex');
  }
  return undefined;
}
