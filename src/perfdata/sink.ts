/**
 * Where a recording is written to.
 *
 * A regular file is written beside its place, readable by its owner only, and renamed at the end: whoever looks sees the old
 * recording or the whole new one. A recording that was there becomes PATH.old, as with perf. Pipes, devices (/dev/null) and
 * standard output are written straight.
 */
import {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { attempt, errnoOf, PerfDataIoError } from './errors.ts';
import { pause } from './input.ts';

const STDOUT = 1;
const FILE_MODE = 0o600;

/** Takes the bytes of one recording. All methods throw PerfDataIoError. */
export interface Sink {
  readonly path: string;
  /** True if bytes can only be appended, so that the pipe format must be written. */
  readonly isPipe: boolean;
  write(bytes: Uint8Array): void;
  /** Overwrites bytes that were written before. Not for a pipe. */
  patch(bytes: Uint8Array, offset: number): void;
  /** The recording is complete: puts it in its place. */
  commit(): void;
  /** It never will be: leaves no trace where that can be had. */
  abort(): void;
}

/** Opens the place for a recording; "-" is standard output, in the pipe format. Fails now rather than after the run. */
export function openSink(path: string): Sink {
  if (path === '-') return new StraightSink(path, STDOUT);
  const stat = statOf(path);
  if (stat?.isDirectory()) throw new PerfDataIoError('open', path, errno('EISDIR'));
  if (stat && !stat.isFile())
    return new StraightSink(
      path,
      attempt('open', path, () => openSync(path, 'w')),
    );
  return new FileSink(path);
}

const statOf = (path: string): Stats | undefined =>
  attempt('open', path, () => statSync(path, { throwIfNoEntry: false }));

/** The error that the system would give. */
const errno = (code: string): Error => Object.assign(new Error(code), { code, syscall: 'open' });

function writeFully(path: string, fd: number, bytes: Uint8Array, position: number | null): void {
  for (let done = 0; done < bytes.length;)
    try {
      done += writeSync(fd, bytes, done, bytes.length - done, position === null ? null : position + done);
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') throw new PerfDataIoError('write', path, error);
      pause();
    }
}

class StraightSink implements Sink {
  readonly path: string;
  readonly isPipe: boolean;
  private readonly fd: number;

  constructor(path: string, fd: number) {
    this.path = path;
    this.fd = fd;
    // A device is no place to read a recording from; the file format serves, its header left unfinished.
    this.isPipe = path === '-' || !attempt('open', path, () => fstatSync(fd)).isCharacterDevice();
  }
  write(bytes: Uint8Array): void {
    writeFully(this.path, this.fd, bytes, null);
  }
  patch(): void {}
  commit(): void {
    if (this.fd !== STDOUT) attempt('write', this.path, () => closeSync(this.fd));
  }
  abort(): void {
    if (this.fd !== STDOUT) closeSync(this.fd);
  }
}

class FileSink implements Sink {
  readonly path: string;
  readonly isPipe = false;
  private readonly beside: string;
  private readonly fd: number;

  constructor(path: string) {
    this.path = path;
    const { fd, name } = attempt('open', path, () => createBeside(path));
    this.fd = fd;
    this.beside = name;
  }
  write(bytes: Uint8Array): void {
    writeFully(this.path, this.fd, bytes, null);
  }
  patch(bytes: Uint8Array, offset: number): void {
    writeFully(this.path, this.fd, bytes, offset);
  }
  commit(): void {
    try {
      attempt('write', this.path, () => closeSync(this.fd));
      if (statOf(this.path)?.size) attempt('move', this.path, () => renameSync(this.path, `${this.path}.old`));
      attempt('open', this.path, () => renameSync(this.beside, this.path));
    } catch (error) {
      unlinkSync(this.beside);
      throw error;
    }
  }
  abort(): void {
    closeSync(this.fd);
    unlinkSync(this.beside);
  }
}

/** Creates a file of a free name in the same directory. */
export function createBeside(path: string): { readonly fd: number; readonly name: string } {
  for (let n = 0; ; n++) {
    const name = join(dirname(path), `.${basename(path)}.${process.pid}.${n}`);
    if (!lstatSync(name, { throwIfNoEntry: false })) return { fd: openSync(name, 'wx', FILE_MODE), name };
  }
}

/** Keeps a recording in memory. */
export class MemorySink implements Sink {
  readonly path: string = 'memory';
  readonly isPipe: boolean;
  private parts: Buffer[] = [];

  constructor(format: 'file' | 'pipe' = 'file') {
    this.isPipe = format === 'pipe';
  }
  /** The recording as written so far. */
  get bytes(): Buffer {
    const whole = Buffer.concat(this.parts);
    this.parts = [whole];
    return whole;
  }
  write(bytes: Uint8Array): void {
    this.parts.push(Buffer.from(bytes));
  }
  patch(bytes: Uint8Array, offset: number): void {
    this.bytes.set(bytes, offset);
  }
  commit(): void {}
  abort(): void {
    this.parts = [];
  }
}
