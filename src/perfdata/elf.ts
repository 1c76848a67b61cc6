/**
 * A DsoImage as an ELF file that readelf, objdump, perf annotate and elfutils accept: ET_DYN for x86-64, linked at zero.
 *
 *   Elf64_Ehdr; Elf64_Phdr[3]; .note.gnu.build-id; … .text at DsoImage.textOffset; .symtab; .strtab; .shstrtab; Elf64_Shdr[6]
 *
 * The first PT_LOAD maps the headers at address zero (without it elfutils computes a wrong bias), the second maps
 * .text at its offset. The build-id is the SHA-1 of everything else in the file, so equal content has an equal id.
 * Source: System V ABI, chapters 4 and 5; AMD64 supplement.
 * Not modelled: dynamic linking (no .dynamic, .dynsym, .plt: a PLT entry is a symbol named "random@plt"), data, debug
 * information.
 */
import { createHash } from 'node:crypto';
import type { DsoImage } from '../arch/dso.ts';
import { align, ByteWriter } from './bytes.ts';
import {
  EHDR_SIZE,
  ELF_MAGIC,
  EM_X86_64,
  ET_DYN,
  NT_GNU_BUILD_ID,
  PF_R,
  PF_X,
  PHDR_SIZE,
  PT_LOAD,
  PT_NOTE,
  SHDR_SIZE,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHT_NOTE,
  SHT_NULL,
  SHT_PROGBITS,
  SHT_STRTAB,
  SHT_SYMTAB,
  STB_GLOBAL,
  STT_FUNC,
  SYM_SIZE,
} from './elf-format.ts';

const PAGE = 4096;
const PHDRS = 3;
const NOTE_OFFSET = EHDR_SIZE + PHDRS * PHDR_SIZE;
const NOTE_HEADER = 16;
const SHA1_SIZE = 20;
const NOTE_SIZE = NOTE_HEADER + SHA1_SIZE;
const TEXT_INDEX = 1;
const STRTAB_INDEX = 4;
const SHSTRTAB_INDEX = 5;

interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags?: number;
  readonly addr?: number;
  readonly offset: number;
  readonly size: number;
  readonly link?: number;
  readonly info?: number;
  readonly addralign: number;
  readonly entsize?: number;
}

/** NUL-terminated strings one after the other, the empty one first. */
class StringTable {
  readonly #w = new ByteWriter();
  constructor() {
    this.#w.u8(0);
  }
  /** Adds a string and returns its offset. */
  add(s: string): number {
    if (s === '') return 0;
    const at = this.#w.pos;
    this.#w.string(s, Buffer.byteLength(s) + 1);
    return at;
  }
  get bytes(): Uint8Array {
    return this.#w.taken();
  }
}

/** The file, and its build-id in lower-case hex. Throws RangeError if the text leaves no room for the headers. */
export function encodeElf(dso: DsoImage): { readonly bytes: Uint8Array; readonly buildId: string } {
  const { text, textOffset } = dso;
  if (textOffset < PAGE || textOffset % PAGE) throw new RangeError(`${dso.path}: text at offset ${textOffset}`);
  const names = new StringTable();
  const symtab = new ByteWriter((dso.symbols.length + 1) * SYM_SIZE);
  symtab.zeros(SYM_SIZE);
  for (const { name, offset, size } of dso.symbols) {
    symtab.u32(names.add(name));
    symtab.u8((STB_GLOBAL << 4) | STT_FUNC);
    symtab.u8(0);
    symtab.u16(TEXT_INDEX);
    symtab.u64(offset);
    symtab.u64(size);
  }

  const symtabOffset = align(textOffset + text.length, 8);
  const strtabOffset = symtabOffset + symtab.pos;
  const shstrtabOffset = strtabOffset + names.bytes.length;
  const sectionNames = new StringTable();
  const sections: readonly Section[] = [
    { name: '', type: SHT_NULL, offset: 0, size: 0, addralign: 0 },
    {
      name: '.text',
      type: SHT_PROGBITS,
      flags: SHF_ALLOC | SHF_EXECINSTR,
      addr: textOffset,
      offset: textOffset,
      size: text.length,
      addralign: 16,
    },
    {
      name: '.note.gnu.build-id',
      type: SHT_NOTE,
      flags: SHF_ALLOC,
      addr: NOTE_OFFSET,
      offset: NOTE_OFFSET,
      size: NOTE_SIZE,
      addralign: 4,
    },
    {
      name: '.symtab',
      type: SHT_SYMTAB,
      offset: symtabOffset,
      size: symtab.pos,
      link: STRTAB_INDEX,
      // Index of the first symbol that is not local: all but the empty one.
      info: 1,
      addralign: 8,
      entsize: SYM_SIZE,
    },
    { name: '.strtab', type: SHT_STRTAB, offset: strtabOffset, size: names.bytes.length, addralign: 1 },
    { name: '.shstrtab', type: SHT_STRTAB, offset: shstrtabOffset, size: 0, addralign: 1 },
  ];
  const nameOffsets = sections.map((section) => sectionNames.add(section.name));
  const shoff = align(shstrtabOffset + sectionNames.bytes.length, 8);

  const w = new ByteWriter(shoff + sections.length * SHDR_SIZE);
  const entry = dso.symbols.find(({ name }) => name === '_start')?.offset ?? 0;
  encodeHeaders(w, textOffset, text.length, entry, shoff, sections.length);
  w.u32(4);
  w.u32(SHA1_SIZE);
  w.u32(NT_GNU_BUILD_ID);
  w.string('GNU', 4);
  const idOffset = w.pos;
  w.zeros(textOffset - w.pos);
  w.put(text);
  w.pad(8);
  w.put(symtab.taken());
  w.put(names.bytes);
  w.put(sectionNames.bytes);
  w.pad(8);
  sections.forEach((section, i) => {
    const size = i === SHSTRTAB_INDEX ? sectionNames.bytes.length : section.size;
    w.u32(nameOffsets[i]!);
    w.u32(section.type);
    w.u64(section.flags ?? 0);
    w.u64(section.addr ?? 0);
    w.u64(section.offset);
    w.u64(size);
    w.u32(section.link ?? 0);
    w.u32(section.info ?? 0);
    w.u64(section.addralign);
    w.u64(section.entsize ?? 0);
  });

  const bytes = w.taken();
  const id = createHash('sha1').update(bytes).digest();
  bytes.set(id, idOffset);
  return { bytes, buildId: id.toString('hex') };
}

function encodeHeaders(
  w: ByteWriter,
  textOffset: number,
  textSize: number,
  entry: number,
  shoff: number,
  shnum: number,
): void {
  w.put(ELF_MAGIC);
  w.zeros(8);
  w.u16(ET_DYN);
  w.u16(EM_X86_64);
  w.u32(1);
  w.u64(entry);
  w.u64(EHDR_SIZE);
  w.u64(shoff);
  w.u32(0);
  for (const n of [EHDR_SIZE, PHDR_SIZE, PHDRS, SHDR_SIZE, shnum, SHSTRTAB_INDEX]) w.u16(n);
  const segment = (type: number, flags: number, offset: number, size: number, alignment: number): void => {
    w.u32(type);
    w.u32(flags);
    for (const n of [offset, offset, offset, size, size, alignment]) w.u64(n);
  };
  segment(PT_LOAD, PF_R, 0, NOTE_OFFSET + NOTE_SIZE, PAGE);
  segment(PT_LOAD, PF_R | PF_X, textOffset, textSize, PAGE);
  segment(PT_NOTE, PF_R, NOTE_OFFSET, NOTE_SIZE, 4);
}
