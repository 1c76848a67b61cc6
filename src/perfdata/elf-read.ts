/**
 * Reads what symbolizing needs from any little-endian ELF file: segments, sections, build-id. Symbols: elf-symbols.ts.
 *
 * Files come from anywhere, so a bad part costs that part only: a section outside the file is empty, a note that is
 * cut off ends its list. Only the parts asked for are read, each once, and together they may not exceed twice the
 * file's size, whatever the headers say (thousands of sections may claim the same bytes).
 * Not modelled: big-endian files, compressed sections (symbols never are), core files with more than 65534 segments.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ByteReader } from './bytes.ts';
import {
  EI_CLASS,
  EI_DATA,
  ELF_MAGIC,
  ELFCLASS32,
  ELFCLASS64,
  ELFDATA2LSB,
  NT_GNU_BUILD_ID,
  PT_LOAD,
  PT_NOTE,
  SHT_NOBITS,
  SHT_NOTE,
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
  readonly index: number;
  /** Offset of its name in the section of names. */
  readonly nameOffset: number;
  readonly type: number;
  readonly flags: number;
  readonly addr: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly entsize: number;
}

/** The file is not an ELF file that gperf reads. */
export class ElfError extends Error {}

/** Reads bytes of the file: fewer than asked for at its end. */
type Range = (offset: number, size: number) => Uint8Array;

/** Longest section name that is compared. */
const LONGEST_SECTION_NAME = 4096;
/** A linker makes ten; every symbol searches them. */
const MOST_SEGMENTS = 256;
/** Most memory that a part of a file may take. */
const LARGEST_PART = 2 ** 28;
const SMALL_CHANGE = 2 ** 16;

export class ElfImage {
  /** ET_*. */
  readonly type: number;
  /** EM_*. */
  readonly machine: number;
  /** Whether addresses have 64 bits. */
  readonly wide: boolean;
  readonly programHeaders: readonly ProgramHeader[];
  readonly sections: readonly SectionHeader[];
  readonly #range: Range;
  readonly #loads: readonly ProgramHeader[];
  readonly #contents = new Map<number, Buffer>();
  readonly #names: Buffer;
  #budget: number;

  /** `size`: of the whole file. Throws ElfError. */
  constructor(range: Range, size: number) {
    this.#range = range;
    this.#budget = 2 * size + SMALL_CHANGE;
    const header = this.#part(0, 64);
    const kind = header[EI_CLASS];
    this.wide = kind === ELFCLASS64;
    const magic = ELF_MAGIC.subarray(0, EI_CLASS).every((byte, i) => header[i] === byte);
    const known = (this.wide || kind === ELFCLASS32) && header[EI_DATA] === ELFDATA2LSB;
    if (!magic || !known || header.length < (this.wide ? 64 : 52)) throw new ElfError('not a little-endian ELF file');
    const r = new ByteReader(header, 16);
    this.type = r.u16();
    this.machine = r.u16();
    r.skip(this.wide ? 12 : 8);
    const [phoff, shoff] = this.wide ? [r.u64(), r.u64()] : [r.u32(), r.u32()];
    r.skip(6);
    const [phentsize, phnum, shentsize, shnum, shstrndx] = [r.u16(), r.u16(), r.u16(), r.u16(), r.u16()];
    this.programHeaders = this.#readProgramHeaders(phoff, phentsize, phnum);
    this.#loads = this.programHeaders
      .filter(({ type, filesz, memsz }) => type === PT_LOAD && Math.max(filesz, memsz) > 0)
      .slice(0, MOST_SEGMENTS);
    this.sections = this.#readSections(shoff, shentsize, shnum);
    // SHN_XINDEX: 16 bits do not hold the number of sections, so the first section's header does.
    const first = this.sections[0];
    this.#names = this.content(this.sections[shstrndx === 0xffff && first ? first.link : shstrndx]);
  }

  /** From the bytes of a whole file. */
  static from(bytes: Uint8Array): ElfImage {
    return new ElfImage((offset, size) => bytes.subarray(offset, offset + size), bytes.length);
  }

  /** Bytes of the file, as far as they exist and within what this image may read in all. */
  #part(offset: number, size: number): Buffer {
    const wanted = Math.min(size, LARGEST_PART, this.#budget);
    if (!(wanted > 0)) return Buffer.alloc(0);
    const bytes = this.#range(offset, wanted);
    this.#budget -= bytes.length;
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #readProgramHeaders(offset: number, entsize: number, count: number): ProgramHeader[] {
    if (entsize !== (this.wide ? 56 : 32)) return [];
    const r = new ByteReader(this.#part(offset, count * entsize));
    const list: ProgramHeader[] = [];
    while (r.left >= entsize) {
      if (this.wide) {
        const [type, flags, at, vaddr] = [r.u32(), r.u32(), r.u64(), r.address()];
        r.skip(8);
        list.push({ type, flags, offset: at, vaddr, filesz: r.u64(), memsz: r.u64() });
        r.skip(8);
      } else {
        const [type, at, vaddr] = [r.u32(), r.u32(), r.u32()];
        r.skip(4);
        const [filesz, memsz, flags] = [r.u32(), r.u32(), r.u32()];
        list.push({ type, flags, offset: at, vaddr, filesz, memsz });
        r.skip(4);
      }
    }
    return list;
  }

  #readSections(offset: number, entsize: number, count: number): SectionHeader[] {
    if (offset === 0 || entsize !== (this.wide ? 64 : 40)) return [];
    const read = (from: number, headers: number): SectionHeader[] => {
      const r = new ByteReader(this.#part(offset + from * entsize, headers * entsize));
      const list: SectionHeader[] = [];
      for (let index = from; r.left >= entsize; index++) {
        const [nameOffset, type] = [r.u32(), r.u32()];
        if (this.wide) {
          const flags = r.u32();
          r.skip(4);
          const [addr, at, size, link, info] = [r.address(), r.u64(), r.u64(), r.u32(), r.u32()];
          r.skip(8);
          list.push({ index, nameOffset, type, flags, addr, offset: at, size, link, info, entsize: r.u64() });
        } else {
          const [flags, addr, at, size, link, info] = [r.u32(), r.u32(), r.u32(), r.u32(), r.u32(), r.u32()];
          r.skip(4);
          list.push({ index, nameOffset, type, flags, addr, offset: at, size, link, info, entsize: r.u32() });
        }
      }
      return list;
    };
    const [first, ...others] = read(0, Math.max(count, 1));
    if (!first) return [];
    return count === 0 ? [first, ...read(1, first.size - 1)] : [first, ...others];
  }

  /** The first section of that name, if any. */
  section(name: string): SectionHeader | undefined {
    const wanted = Buffer.from(`${name}\0`);
    return this.sections.find(({ nameOffset: at }) => this.#names.subarray(at, at + wanted.length).equals(wanted));
  }

  sectionName({ nameOffset }: SectionHeader): string {
    const name = this.#names.subarray(nameOffset, nameOffset + LONGEST_SECTION_NAME);
    const end = name.indexOf(0);
    return name.toString('latin1', 0, end < 0 ? name.length : end);
  }

  /** The bytes of a section that are in the file. */
  content(section: SectionHeader | undefined): Buffer {
    if (!section || section.type === SHT_NOBITS) return Buffer.alloc(0);
    let bytes = this.#contents.get(section.index);
    if (!bytes) this.#contents.set(section.index, (bytes = this.#part(section.offset, section.size)));
    return bytes;
  }

  /** The GNU build-id in lower-case hex; undefined if the file has none. */
  get buildId(): string | undefined {
    const segments = this.programHeaders.filter(({ type }) => type === PT_NOTE);
    for (const { offset, filesz } of segments) {
      const id = buildIdInNotes(this.#part(offset, filesz));
      if (id !== undefined) return id;
    }
    // An object file, or one that was split, may have sections only.
    for (const section of this.sections.filter(({ type }) => type === SHT_NOTE)) {
      const id = buildIdInNotes(this.content(section));
      if (id !== undefined) return id;
    }
    return undefined;
  }

  /** The .text section, for disassembly; undefined if the file has none. */
  get text(): { readonly offset: number; readonly addr: number; readonly bytes: Uint8Array } | undefined {
    const section = this.section('.text');
    return section && { offset: section.offset, addr: section.addr, bytes: this.content(section) };
  }

  /** File offset of a virtual address; undefined if no segment holds it. */
  fileOffset(vaddr: number): number | undefined {
    for (const { vaddr: from, offset, filesz, memsz } of this.#loads)
      if (vaddr >= from && vaddr < from + Math.max(filesz, memsz)) return vaddr - from + offset;
    return undefined;
  }
}

/** Runs `use` on an ELF file, which is read as needed. Throws PerfDataIoError or ElfError. */
export function withElf<T>(path: string, use: (elf: ElfImage) => T): T {
  const fd = attempt('open', path, () => openSync(path, 'r'));
  try {
    const { size: end } = attempt('open', path, () => fstatSync(fd));
    const range: Range = (offset, size) => {
      const bytes = new Uint8Array(Math.max(0, Math.min(size, end - offset)));
      if (bytes.length === 0) return bytes;
      const got = attempt('read', path, () => readSync(fd, bytes, 0, bytes.length, offset));
      return bytes.subarray(0, got);
    };
    return use(new ElfImage(range, end));
  } finally {
    closeSync(fd);
  }
}

/** The GNU build-id among the notes of a section, a segment or /sys/kernel/notes; undefined if it is cut off. */
export function buildIdInNotes(notes: Uint8Array): string | undefined {
  const r = new ByteReader(notes);
  while (r.left >= 12) {
    const [namesz, descsz, type] = [r.u32(), r.u32(), r.u32()];
    if (namesz > r.left) return undefined;
    const name = type === NT_GNU_BUILD_ID && namesz === 4 ? r.string(4) : (r.skip(namesz), '');
    r.skip(Math.min(-namesz & 3, r.left));
    if (descsz > r.left) return undefined;
    const at = r.skip(descsz);
    if (name === 'GNU') return r.bytes.toString('hex', at, at + Math.min(descsz, LONGEST_BUILD_ID));
    r.skip(Math.min(-descsz & 3, r.left));
  }
  return undefined;
}

/** BUILD_ID_SIZE in tools/perf/util/build-id.h. */
const LONGEST_BUILD_ID = 20;
