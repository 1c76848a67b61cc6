/**
 * What is wrong with a recording, and the sentences that say so: faults, which end it, and features of its header that
 * cannot be used, which do not.
 *
 * A fault is told after everything before it was read. The first one found in the header's sections is kept until then;
 * one in the records comes before it.
 * Not modelled: repair; what follows a fault is not looked for.
 */
import { PerfDataFormatError } from './errors.ts';
import { featureName, type FileHeader } from './header.ts';
import { ANOTHER, type RecordStream } from './record-stream.ts';
import type { DirectoryFile } from './record-walk.ts';

/** A part of the recording is not there, or what is there cannot be right. */
type How = 'truncated' | 'corrupt';

const sentence = (path: string, how: How, offset: number, what: string): PerfDataFormatError =>
  new PerfDataFormatError(path, `${path} is ${how} at offset 0x${offset.toString(16)}: ${what}`, offset);

/** Why a feature's payload is of no use. */
export const UNDECODABLE = 'features of its header that do not decode';

/** perf's words for what is not a recording. */
export const incompatible = (path: string): PerfDataFormatError =>
  new PerfDataFormatError(path, 'incompatible file format (rerun with -v to learn more)');

export class Damage {
  readonly #path: string;
  /** In the header's sections. */
  #kept: PerfDataFormatError | undefined;
  /** Features that could not be used, by what is wrong with them. */
  readonly #unused = new Map<string, string[]>();

  constructor(path: string) {
    this.#path = path;
  }

  /** What of the header could not be used, a sentence each; the samples are none the worse. */
  get warnings(): readonly string[] {
    return [...this.#unused].map(([what, names]) => `${this.#path}: ${what}: ${names.join(', ')}`);
  }

  /** Adds a feature, by bit, to those that have the same wrong with them. */
  unuse(what: string, bit: number): void {
    const names = this.#unused.get(what);
    if (names) names.push(featureName(bit));
    else this.#unused.set(what, [featureName(bit)]);
  }

  /** Keeps what is wrong with a section, unless something is kept already. */
  keep(how: How, offset: number, what: string): void {
    this.#kept ??= sentence(this.#path, how, offset, what);
  }

  /** What was kept; else that there are no events. */
  withoutEvents(offset: number): PerfDataFormatError {
    return this.#kept ?? this.corrupt(offset, 'it has no events');
  }

  corrupt(offset: number, what: string): PerfDataFormatError {
    return sentence(this.#path, 'corrupt', offset, what);
  }

  /** Files put together: perf takes the first for the whole, and says nothing. */
  several(offset: number): PerfDataFormatError {
    return new PerfDataFormatError(
      this.#path,
      `${this.#path} is several recordings put together, the second from offset 0x${offset.toString(16)} on: cut them apart there`,
      offset,
    );
  }

  /** What to say once all records of a stream were read; `header` and `size` are those of its file, if it is one. */
  ofStream(
    { fault, place }: RecordStream,
    header: FileHeader | undefined,
    size: number,
  ): PerfDataFormatError | undefined {
    if (fault?.what === ANOTHER) return this.several(fault.offset);
    if (fault && fault.what !== 'truncated') return this.corrupt(fault.offset, fault.what);
    if (header?.data.size === 0) {
      const what = "its data size field is 0; was 'perf record' properly terminated?";
      return sentence(this.#path, 'truncated', place, what);
    }
    if (!fault) return this.#kept;
    if (!header) return sentence(this.#path, 'truncated', fault.offset, 'a record goes on');
    const end = header.data.offset + header.data.size;
    // All of the data is there: what passes its end is wrong itself.
    if (end <= size) return this.corrupt(fault.offset, `a record passes the end of the data at 0x${end.toString(16)}`);
    return sentence(this.#path, 'truncated', fault.offset, 'its data goes on');
  }

  /** The same for the other files of a directory: of the first that has a fault. */
  ofParts(parts: readonly DirectoryFile[]): PerfDataFormatError | undefined {
    const part = parts.find(({ stream }) => stream.fault);
    const fault = part?.stream.fault;
    if (!part || !fault) return undefined;
    const path = `${this.#path}/${part.name}`;
    if (fault.what === 'truncated') return sentence(path, 'truncated', fault.offset, 'a record goes on');
    return sentence(path, 'corrupt', fault.offset, fault.what);
  }
}
