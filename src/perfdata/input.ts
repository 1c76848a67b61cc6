/**
 * Where recordings are read from: a file or memory, which can be read at any offset, or a pipe, which cannot.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { attempt, errnoOf } from './errors.ts';

const STDIN = 0;
const RETRY_MS = 5;
/** Most that one system call is asked for: read(2) gives no more than 2^31 - 4096 bytes. */
const MOST_AT_ONCE = 1 << 30;

/** Waits a little for a non-blocking descriptor (a terminal or socket another process set so). */
export function waitForDescriptor(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
}

const isDirectory = (path: string): boolean => {
  try {
    return statSync(path).isDirectory();
  } catch {
    // Opening says why.
    return false;
  }
};

/** Bytes of a recording already in memory, and the name to call them by. */
export interface HeldFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export class Input {
  readonly path: string;
  /** True if `path` is a directory. */
  readonly directory: boolean;
  /** When the file was last changed. */
  readonly changed: Date;
  /** False for pipes, sockets and terminals: reads continue where the last one ended. */
  readonly seekable: boolean;
  /** Bytes of the file; Infinity if not seekable. */
  readonly size: number;
  #fd: number | undefined;
  readonly #held: Uint8Array | undefined;
  /** For bytes in memory: where the next read without a position starts. */
  #next = 0;
  /** What peek() took from an input that is not seekable. */
  #ahead = new Uint8Array();

  /**
   * Opens a file; "-" is standard input; in a directory (record --threads) the file is "data". Throws PerfDataIoError.
   */
  constructor(from: string | HeldFile) {
    if (typeof from !== 'string') {
      this.path = from.path;
      this.directory = false;
      this.changed = new Date(0);
      this.seekable = true;
      this.size = from.bytes.length;
      this.#held = from.bytes;
      return;
    }
    const path = from;
    this.path = path;
    this.directory = path !== '-' && isDirectory(path);
    const name = this.directory ? join(path, 'data') : path;
    const fd = path === '-' ? STDIN : attempt('open', name, () => openSync(name, 'r'));
    this.#fd = fd;
    const stat = attempt('open', path, () => fstatSync(fd));
    this.changed = stat.mtime;
    this.seekable = stat.isFile() || stat.isBlockDevice();
    this.size = stat.isFile() ? stat.size : Infinity;
  }

  close(): void {
    if (this.#fd !== undefined && this.#fd !== STDIN) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** The first n bytes, or all if there are fewer; reads from the start still return them. */
  peek(n: number): Uint8Array {
    if (this.seekable) return this.read(n, 0);
    this.#ahead = this.read(n).slice();
    return this.#ahead;
  }

  /** Reads up to n bytes, fewer only at the end; from `position`, or else from where the last such read ended. */
  read(n: number, position?: number): Uint8Array {
    const bytes = new Uint8Array(n);
    let got = 0;
    while (got < n) {
      const more = this.readInto(bytes.subarray(got), position === undefined ? undefined : position + got);
      if (more === 0) break;
      got += more;
    }
    return bytes.subarray(0, got);
  }

  /** One read(2) or pread(2); 0 at the end. */
  readInto(into: Uint8Array, position?: number): number {
    const fd = this.#fd;
    const held = this.#held;
    if (held !== undefined) {
      const some = held.subarray(position ?? this.#next, (position ?? this.#next) + into.length);
      into.set(some);
      if (position === undefined) this.#next += some.length;
      return some.length;
    }
    if (fd === undefined) throw new Error(`${this.path} is closed`);
    // Damaged files point anywhere, even beyond what the system call accepts.
    if (into.length === 0 || (position ?? 0) >= this.size) return 0;
    if (this.#ahead.length > 0) {
      const taken = this.#ahead.subarray(0, into.length);
      into.set(taken);
      this.#ahead = this.#ahead.subarray(taken.length);
      return taken.length;
    }
    return attempt('read', this.path, () => {
      for (;;)
        try {
          return readSync(fd, into, 0, Math.min(into.length, MOST_AT_ONCE), position ?? null);
        } catch (error) {
          const code = errnoOf(error);
          if (code === 'EOF') return 0;
          if (code !== 'EAGAIN') throw error;
          waitForDescriptor();
        }
    });
  }
}
