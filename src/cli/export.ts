/**
 * --export-json, -markdown, -csv, -html: a table written to files as well. A regular file is written beside its place
 * and renamed, so that whoever looks sees the old one or the whole new one; pipes and devices are written straight.
 */
import { closeSync, openSync, renameSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { strerror } from '../perfdata/errors.ts';
import { InputError } from './errors.ts';

const STDOUT = 1;

/** The files a command was asked for, opened before it runs so that a wrong path costs no simulation. */
export class Exports {
  readonly #files: readonly { path: string; fd: number; beside: string | undefined; text: () => string }[];

  /** Paths (undefined: not asked for) with what their text will be. Throws InputError. */
  constructor(wanted: readonly (readonly [path: string | undefined, text: () => string])[]) {
    const files: { path: string; fd: number; beside: string | undefined; text: () => string }[] = [];
    this.#files = files;
    for (const [path, text] of wanted) {
      if (path === undefined) continue;
      try {
        files.push({ path, text, ...open(path) });
      } catch (error) {
        this.abort();
        throw new InputError(`failed to open ${path}: ${strerror(error)}`);
      }
    }
  }

  /** Writes all of them. Throws InputError. */
  write(): void {
    for (const { path, fd, beside, text } of this.#files) {
      try {
        const bytes = Buffer.from(text());
        for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
        if (fd !== STDOUT) closeSync(fd);
        if (beside !== undefined) renameSync(beside, path);
      } catch (error) {
        if (beside !== undefined) unlinkSync(beside);
        throw new InputError(`failed to write ${path}: ${strerror(error)}`);
      }
    }
  }

  /** Nothing came of it. */
  abort(): void {
    for (const { fd, beside } of this.#files) {
      if (fd !== STDOUT) closeSync(fd);
      if (beside !== undefined) unlinkSync(beside);
    }
  }
}

function open(path: string): { fd: number; beside: string | undefined } {
  if (path === '-') return { fd: STDOUT, beside: undefined };
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat !== undefined && !stat.isFile()) return { fd: openSync(path, 'w'), beside: undefined };
  const beside = join(dirname(path), `.${basename(path)}.${process.pid}`);
  return { fd: openSync(beside, 'wx'), beside };
}
