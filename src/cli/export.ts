/**
 * --export-json, -markdown, -csv, -html: a table written to files as well. A regular file is written beside its place
 * and renamed, so that whoever looks sees the old one or the whole new one; pipes and devices are written straight.
 */
import { closeSync, openSync, realpathSync, renameSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { strerror } from '../perfdata/errors.ts';
import { InputError, UsageError } from './errors.ts';

const STDOUT = 1;
/** A reader that left, and one that is slow. */
const [GONE, SLOW] = ['EPIPE', 'EAGAIN'];
/** How long a slow reader is left alone, ms. */
const PATIENCE = 5;

/** Words of a command line that may be files it reads. */
export const filesRead = (rest: readonly string[], { machine }: { readonly machine: string | undefined }): string[] =>
  machine === undefined ? [...rest] : [...rest, machine];

interface ExportFile {
  readonly path: string;
  readonly text: () => string;
  /** A pipe or a device, open; undefined: a regular file, written when its text is known. */
  readonly fd: number | undefined;
}

/** The files a command was asked for, tried before it runs so that a wrong path costs no simulation. */
export class Exports {
  readonly #files: ExportFile[] = [];

  /**
   * Paths (undefined: not asked for) with what their text will be; `inputs` are words that may be files the command reads.
   * Throws InputError, and UsageError for an empty path, for two exports of one and for an export over an input.
   */
  constructor(wanted: readonly (readonly [path: string | undefined, text: () => string])[], inputs: readonly string[]) {
    const read = new Set(inputs.flatMap(identity));
    for (const [path, text] of wanted) {
      if (path === undefined) continue;
      try {
        if (path === '') throw new UsageError("an export needs the name of a file, not ''");
        if (this.#files.some((other) => place(other.path) === place(path)))
          throw new UsageError(`${path} cannot hold two exports`);
        if (identity(path).some((file) => read.has(file)))
          throw new UsageError(`${path} is read: it cannot be written as well`);
        this.#files.push({ path, text, fd: tried(path) });
      } catch (error) {
        this.abort();
        if (error instanceof UsageError) throw error;
        throw new InputError(`failed to open ${path}: ${strerror(error)}`);
      }
    }
  }

  /** Writes all of them: each is whole, or as it was before. Throws InputError. */
  write(): void {
    for (const { path, fd, text } of this.#files) {
      const bytes = Buffer.from(text());
      try {
        if (fd === undefined) writeBeside(path, bytes);
        else writeAll(fd, bytes);
      } catch (error) {
        throw new InputError(`failed to write ${path}: ${strerror(error)}`);
      }
    }
    this.abort();
  }

  /** Closes what is open. */
  abort(): void {
    for (const { fd } of this.#files.splice(0)) if (fd !== undefined && fd !== STDOUT) closeSync(fd);
  }
}

/** What tells a regular file from all others, whatever it is called; empty for what is none. */
function identity(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true ? [`${stat.dev}:${stat.ino}`] : [];
}

const place = (path: string): string => (path === '-' ? path : resolve(path));

const besideOf = (path: string): string => join(dirname(path), `.${basename(path)}.${process.pid}`);

/** Opens what is no regular file; of one, finds out whether it can be written. */
function tried(path: string): number | undefined {
  if (path === '-') return STDOUT;
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isFile()) return openSync(path, 'w');
  const beside = besideOf(path);
  closeSync(openSync(beside, 'wx'));
  unlinkSync(beside);
  return undefined;
}

function writeBeside(path: string, bytes: Uint8Array): void {
  const target = statSync(path, { throwIfNoEntry: false }) === undefined ? path : realpathSync(path);
  const beside = besideOf(target);
  const fd = openSync(beside, 'wx');
  try {
    writeAll(fd, bytes);
    renameSync(beside, target);
  } catch (error) {
    unlinkSync(beside);
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Writes everything, at a reader's speed; what a reader that left would have read is not missed. */
function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;)
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === GONE) return;
      if (code !== SLOW) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PATIENCE);
    }
}
