/** ELF files of any shape, made from parts without checks, so that a test can make them as wrong as it likes. */
import { ByteWriter } from '../../src/perfdata/bytes.ts';
import {
  ELF_MAGIC,
  ELFCLASS32,
  EI_CLASS,
  EM_X86_64,
  ET_DYN,
  NT_GNU_BUILD_ID,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHN_XINDEX,
  SHT_DYNSYM,
  SHT_NOTE,
  SHT_NULL,
  SHT_PROGBITS,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_GLOBAL,
  STT_FUNC,
} from '../../src/perfdata/elf-format.ts';

export interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags?: number;
  readonly addr?: number;
  readonly content?: Uint8Array;
  /** Absent: where the content is put. */
  readonly offset?: number;
  readonly size?: number;
  readonly link?: number;
  readonly entsize?: number;
}

export interface ElfParts {
  readonly wide?: boolean;
  readonly machine?: number;
  /** From number 1 on; the names' own section is added as the last one. */
  readonly sections: readonly Section[];
  readonly loads?: readonly { readonly vaddr: number; readonly offset: number; readonly size: number }[];
  /** The number of sections and of the names' section, where 16 bits would hold them too. */
  readonly extendedNumbers?: boolean;
  readonly withoutSectionHeaders?: boolean;
}

export interface SymbolPart {
  readonly name: string;
  readonly value: number;
  readonly size?: number;
  readonly type?: number;
  readonly other?: number;
  /** Number of its section. */
  readonly section: number;
}

const word = (w: ByteWriter, wide: boolean, value: number): void => (wide ? w.u64(value) : w.u32(value));

export function elf(parts: ElfParts): Buffer {
  const { wide = true, machine = EM_X86_64, loads = [], extendedNumbers = false } = parts;
  const [headerSize, programHeader, sectionHeader]: readonly [number, number, number] = wide
    ? [64, 56, 64]
    : [52, 32, 40];
  const nameBytes: number[] = [0];
  const nameOf = (name: string): number => {
    const at = nameBytes.length;
    nameBytes.push(...Buffer.from(`${name}\0`));
    return at;
  };
  const names = [...parts.sections.map(({ name }) => name), '.shstrtab'].map(nameOf);
  const all: readonly Section[] = [
    ...parts.sections,
    { name: '.shstrtab', type: SHT_STRTAB, content: Uint8Array.from(nameBytes) },
  ];
  let at = headerSize + loads.length * programHeader;
  const offsets = all.map(({ content }) => (at += content?.length ?? 0) - (content?.length ?? 0));
  const count = all.length + 1;

  const w = new ByteWriter();
  const magic = Uint8Array.from(ELF_MAGIC);
  if (!wide) magic[EI_CLASS] = ELFCLASS32;
  w.put(magic);
  w.zeros(8);
  w.u16(ET_DYN);
  w.u16(machine);
  w.u32(1);
  word(w, wide, 0);
  word(w, wide, loads.length > 0 ? headerSize : 0);
  word(w, wide, parts.withoutSectionHeaders ? 0 : at);
  w.u32(0);
  for (const half of [headerSize, programHeader, loads.length, sectionHeader]) w.u16(half);
  w.u16(extendedNumbers || parts.withoutSectionHeaders ? 0 : count);
  w.u16(parts.withoutSectionHeaders ? 0 : extendedNumbers ? SHN_XINDEX : count - 1);
  for (const { vaddr, offset, size } of loads) {
    w.u32(1);
    if (wide) w.u32(5);
    for (const value of [offset, vaddr, vaddr, size, size]) word(w, wide, value);
    if (!wide) w.u32(5);
    word(w, wide, 4096);
  }
  for (const { content } of all) if (content) w.put(content);
  if (parts.withoutSectionHeaders) return Buffer.from(w.taken());
  const header = (
    name: number,
    { type, flags = 0, addr = 0, link = 0, entsize = 0 }: Section,
    offset: number,
    size: number,
  ): void => {
    w.u32(name);
    w.u32(type);
    for (const value of [flags, addr, offset, size]) word(w, wide, value);
    w.u32(link);
    w.u32(0);
    word(w, wide, 1);
    word(w, wide, entsize);
  };
  const numbers = extendedNumbers ? { size: count, link: count - 1 } : { size: 0, link: 0 };
  header(0, { name: '', type: SHT_NULL, link: numbers.link }, 0, numbers.size);
  for (const [i, section] of all.entries())
    header(names[i]!, section, section.offset ?? offsets[i]!, section.size ?? section.content?.length ?? 0);
  return Buffer.from(w.taken());
}

/** A symbol table, and the strings it names. */
function table(symbols: readonly SymbolPart[], wide = true): { entries: Uint8Array; strings: Uint8Array } {
  const w = new ByteWriter(symbols.length * 24 + 24);
  const strings = new ByteWriter();
  strings.u8(0);
  w.zeros(wide ? 24 : 16);
  for (const { name, value, size = 0, type = STT_FUNC, other = 0, section } of symbols) {
    const at = name === '' ? 0 : strings.pos;
    if (name !== '') strings.string(name, Buffer.byteLength(name) + 1);
    w.u32(at);
    if (!wide) w.u32(value);
    if (!wide) w.u32(size);
    w.u8((STB_GLOBAL << 4) | type);
    w.u8(other);
    w.u16(section);
    if (wide) w.u64(value);
    if (wide) w.u64(size);
  }
  return { entries: w.taken(), strings: strings.taken() };
}

/** Section 1: code, that ends up somewhere in the file, at that address. */
export const text = (addr: number, size = 256): Section => ({
  name: '.text',
  type: SHT_PROGBITS,
  flags: SHF_ALLOC | SHF_EXECINSTR,
  addr,
  content: new Uint8Array(size),
});

/** A table of symbols and its strings, as sections number `index` and `index + 1`. */
export function symtab(index: number, symbols: readonly SymbolPart[], wide = true, dynamic = false): Section[] {
  const { entries, strings } = table(symbols, wide);
  const [name, type, strtab] = dynamic ? ['.dynsym', SHT_DYNSYM, '.dynstr'] : ['.symtab', SHT_SYMTAB, '.strtab'];
  return [
    { name, type, content: entries, link: index + 1, entsize: wide ? 24 : 16 },
    { name: strtab, type: SHT_STRTAB, content: strings },
  ];
}

export function buildIdNote(id: string, cut = 0): Section {
  const w = new ByteWriter();
  for (const value of [4, id.length / 2, NT_GNU_BUILD_ID]) w.u32(value);
  w.put(Buffer.from('GNU\0'));
  w.put(Buffer.from(id, 'hex'));
  const content = w.taken();
  return {
    name: '.note.gnu.build-id',
    type: SHT_NOTE,
    flags: SHF_ALLOC,
    content: content.slice(0, content.length - cut),
  };
}

/** R_X86_64_JUMP_SLOT for each of these symbols of .dynsym. */
export function relaPlt(link: number, indexes: readonly number[]): Section {
  const w = new ByteWriter();
  for (const index of indexes) {
    w.u64(0);
    w.u32(7);
    w.u32(index);
    w.u64(0);
  }
  return { name: '.rela.plt', type: SHT_RELA, flags: SHF_ALLOC, content: w.taken(), link, entsize: 24 };
}
