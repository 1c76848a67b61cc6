/**
 * Opens a recording that is a file: its header, the events, and the features behind the data.
 *
 * Damaged files point anywhere and claim any size, so all sections together take no more bytes than the file has, and
 * never more than MOST_SECTIONS. A section that the file has in part is read as far as it goes; what is wrong with it
 * becomes known at the end of the data (damage.ts).
 * Not modelled: headers of other endianness, the 2009 format.
 */
import { decodeAttr, PERF_ATTR_SIZE_VER0 } from './attr.ts';
import { ByteReader } from './bytes.ts';
import { type Damage, incompatible, UNDECODABLE } from './damage.ts';
import type { Evlist } from './evlist.ts';
import { decodeFeatures, type FeatureView, NO_FEATURES } from './features.ts';
import { decodeFileHeader, FILE_HEADER_SIZE, type FileHeader, type FileSection, HEADER, MAGIC } from './header.ts';
import type { Input } from './input.ts';

/** struct perf_file_section: where the ids of an event are, and the payload of a feature. */
const SECTION_SIZE = 16;
/** More than any feature of a real recording takes: 64 MiB; and all sections of a header together. */
const MOST_FEATURE = 1 << 26;
const MOST_SECTIONS = 1 << 28;
const MOST_ATTR = 4096;
/** How far perf is followed behind the end of a feature that does not decode. */
const BEYOND = 1 << 12;

export interface OpenedFile {
  readonly header: FileHeader;
  /** Payloads of all features, by bit, understood or not. */
  readonly features: ReadonlyMap<number, Uint8Array>;
  readonly view: FeatureView;
}

/** Adds the file's events to `events`. Throws PerfDataFormatError if the file is not a recording, or has no events. */
export function openFile(input: Input, damage: Damage, events: Evlist): OpenedFile {
  const bytes = input.read(FILE_HEADER_SIZE, 0);
  if (bytes.length < FILE_HEADER_SIZE) throw incompatible(input.path);
  const header = decodeFileHeader(bytes);
  const sections = new Sections(input, damage);
  readEvents(header, sections, events);
  // perf stat record -n counts nothing, and its file says so.
  if (events.events.length === 0 && !header.features.includes(HEADER.STAT))
    throw damage.withoutEvents(header.attrs.offset);
  // An unfinished recording has neither a data size nor features.
  if (header.data.size === 0) return { header, features: new Map(), view: NO_FEATURES };
  const { features, view, end } = readFeatures(header, sections, events);
  if (Buffer.from(input.read(MAGIC.length, end)).toString('latin1') === MAGIC) throw damage.several(end);
  return { header, features, view };
}

/** The sections of a file, read within what a header may take; what is wrong with one goes to `damage`. */
class Sections {
  readonly input: Input;
  readonly damage: Damage;
  /** Bytes that may still be read. */
  left: number;

  constructor(input: Input, damage: Damage) {
    this.input = input;
    this.damage = damage;
    this.left = Math.min(input.size, MOST_SECTIONS);
  }

  /** The bytes of a section, as many as the file has. */
  read({ offset, size }: FileSection, what: string): Uint8Array {
    const end = this.input.size;
    if (offset + size > end)
      this.damage.keep('truncated', end, `its ${what} would end at 0x${(offset + size).toString(16)}`);
    const length = Math.max(0, Math.min(size, end - offset));
    if (length > this.left) {
      this.damage.keep('corrupt', offset, `its ${what} and those before take more than a header can hold`);
      return new Uint8Array();
    }
    this.left -= length;
    return this.input.read(length, offset);
  }
}

function readEvents({ attr_size, attrs }: FileHeader, sections: Sections, events: Evlist): void {
  const attrSize = attr_size - SECTION_SIZE;
  if (attrSize < PERF_ATTR_SIZE_VER0 || attrSize > MOST_ATTR) throw incompatible(sections.input.path);
  const r = new ByteReader(sections.read(attrs, 'attrs'));
  while (r.left >= attr_size) {
    const attr = decodeAttr(r, attrSize);
    const ids = sections.read({ offset: r.u64(), size: r.u64() }, 'event ids');
    events.add(attr, ids);
  }
}

/** Reads what follows the data: the table of the features, and their payloads; `end` is where the last of these ends. */
function readFeatures(
  { data, features: bits }: FileHeader,
  sections: Sections,
  events: Evlist,
): Omit<OpenedFile, 'header'> & { readonly end: number } {
  const { input, damage } = sections;
  const at = data.offset + data.size;
  const table = new ByteReader(sections.read({ offset: at, size: SECTION_SIZE * bits.length }, 'feature table'));
  const listed: { readonly bit: number; readonly section: FileSection }[] = [];
  for (const bit of bits) {
    if (table.left < SECTION_SIZE) break;
    listed.push({ bit, section: { offset: table.u64(), size: table.u64() } });
  }
  let end = at + SECTION_SIZE * bits.length;
  const cut = cutFrom(
    listed.map(({ section }) => section),
    end,
    input.size,
  );
  const features = new Map<number, Uint8Array>();
  /** Where the payloads are that the file has. */
  const places = new Map<number, FileSection>();
  for (const [i, { bit, section }] of listed.entries()) {
    if (bit > HEADER.PMU_CAPS) damage.unuse('features of its header that gperf does not know', bit);
    else if (i >= cut) sections.read(section, 'features');
    else if (section.offset + section.size > input.size)
      damage.unuse('features of its header that stand outside of the file', bit);
    else if (section.size > MOST_FEATURE || section.size > sections.left)
      damage.unuse('features of its header that are longer than can be', bit);
    else {
      places.set(bit, section);
      features.set(bit, sections.read(section, 'features'));
      end = Math.max(end, section.offset + section.size);
    }
  }
  const view = decodeFeatures(features, (bit) => {
    damage.unuse(UNDECODABLE, bit);
    const { offset, size } = places.get(bit)!;
    return input.read(Math.min(size + BEYOND, input.size - offset), offset);
  });
  events.describe(view, features.get(HEADER.TRACING_DATA));
  return { features, view, end };
}

/**
 * Of sections in the order of the file's table: the first that a cut of the file took; Infinity if none. Recorders put one
 * behind the other, so a cut takes the end of one and all that follow; anything else that passes the end points anywhere.
 */
function cutFrom(sections: readonly FileSection[], start: number, end: number): number {
  const first = sections.findIndex(({ offset, size }) => offset + size > end);
  if (first < 0) return Infinity;
  const before = sections.slice(0, first).reduce((at, { offset, size }) => Math.max(at, offset + size), start);
  const { offset } = sections[first]!;
  const cut = offset >= before && offset <= end && sections.slice(first + 1).every((later) => later.offset >= end);
  return cut ? first : Infinity;
}
