/** --export-json, -markdown, -csv, -html: a table written to files as well, all of them whole or as they were before. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { PerfDataIoError } from '../perfdata/errors.ts';
import { openOutput, type OutputFile } from '../perfdata/output-file.ts';
import { printableText } from '../report/printable.ts';
import { errnoOf } from '../strerror.ts';
import { InputError, UsageError } from './errors.ts';

/** Words of a command line that may be files it reads. */
export const filesRead = (rest: readonly string[], { machine }: { readonly machine: string | undefined }): string[] =>
  machine === undefined ? [...rest] : [...rest, machine];

interface ExportFile {
  readonly file: OutputFile;
  readonly text: () => string;
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
        if (this.#files.some(({ file }) => place(file.path) === place(path)))
          throw new UsageError(`${path} cannot hold two exports`);
        if (identity(path).some((file) => read.has(file)))
          throw new UsageError(`${path} is read: it cannot be written as well`);
        this.#files.push({ text, file: openOutput(path) });
      } catch (error) {
        this.abort();
        throw error instanceof PerfDataIoError ? new InputError(error.message) : error;
      }
    }
  }

  /** Writes all of them, and only then puts them in their places. Throws InputError. */
  write(): void {
    try {
      for (const { file, text } of this.#files)
        file.write(Buffer.from(file.path === '-' ? printableText(text()) : text()));
      for (const { file } of this.#files) file.commit();
    } catch (error) {
      if (!(error instanceof PerfDataIoError)) throw error;
      // What a reader that left would have read is not missed.
      if (error.code !== 'EPIPE') throw new InputError(error.message);
    } finally {
      this.abort();
    }
  }

  /** Leaves everything as it was before. */
  abort(): void {
    for (const { file } of this.#files.splice(0)) file.abort();
  }
}

/** What tells a regular file from all others, whatever it is called; empty for what is none, or cannot be seen. */
function identity(path: string): string[] {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat?.isFile() === true ? [`${stat.dev}:${stat.ino}`] : [];
  } catch (error) {
    // Opening it says why.
    if (errnoOf(error) === undefined) throw error;
    return [];
  }
}

const place = (path: string): string => (path === '-' ? path : resolve(path));
