/**
 * The destination of a recording.
 *
 * A regular file is written beside its place, readable only by its owner, and renamed at the end: a reader sees the
 * old recording or the whole new one. An old recording becomes PATH.old, as with perf. Pipes, devices (/dev/null) and
 * standard output are written straight.
 */
import { openOutput, type OutputFile } from './output-file.ts';

const FILE_MODE = 0o600;

/** Takes the bytes of one recording. All methods throw PerfDataIoError. */
export interface Sink {
  readonly path: string;
  /** True if bytes can only be appended, so that the pipe format is needed. */
  readonly isPipe: boolean;
  write(bytes: Uint8Array): void;
  /** Overwrites bytes that were written before. Not for pipes. */
  patch(bytes: Uint8Array, offset: number): void;
  /** The recording is complete: puts it in its place. */
  commit(): void;
  /** Gives up: leaves no trace if possible. */
  abort(): void;
}

/** Opens a destination; "-" is standard output, in the pipe format. Fails now rather than after the run. */
export const openSink = (path: string): Sink =>
  new FileSink(openOutput(path, { mode: FILE_MODE, backup: `${path}.old` }));

class FileSink implements Sink {
  readonly path: string;
  readonly isPipe: boolean;
  readonly #file: OutputFile;

  constructor(file: OutputFile) {
    this.path = file.path;
    // Nobody reads a recording back from a device: the file format will do, with its header unfinished.
    this.isPipe = file.kind === 'pipe';
    this.#file = file;
  }
  write(bytes: Uint8Array): void {
    this.#file.write(bytes);
  }
  patch(bytes: Uint8Array, offset: number): void {
    if (this.#file.kind === 'file') this.#file.write(bytes, offset);
  }
  commit(): void {
    this.#file.commit();
  }
  abort(): void {
    this.#file.abort();
  }
}

/** Keeps a recording in memory. */
export class MemorySink implements Sink {
  readonly path: string = 'memory';
  readonly isPipe: boolean;
  #parts: Buffer[] = [];

  constructor(format: 'file' | 'pipe' = 'file') {
    this.isPipe = format === 'pipe';
  }
  /** The recording as written so far. */
  get bytes(): Buffer {
    const whole = Buffer.concat(this.#parts);
    this.#parts = [whole];
    return whole;
  }
  write(bytes: Uint8Array): void {
    this.#parts.push(Buffer.from(bytes));
  }
  patch(bytes: Uint8Array, offset: number): void {
    this.bytes.set(bytes, offset);
  }
  commit(): void {}
  abort(): void {
    this.#parts = [];
  }
}
