/**
 * --export-json, -markdown, -csv, -html: a table written to files too. Either all are written whole, or none changes.
 */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { PerfDataIoError } from '../perfdata/errors.ts';
import { openOutput, type OutputFile } from '../perfdata/output-file.ts';
import { printableText } from '../report/shared/printable.ts';
import { errnoOf } from '../strerror.ts';
import { InputError, UsageError } from './errors.ts';

/** Words of a command line that may name files it reads. */
export const filesRead = (rest: readonly string[], { machine }: { readonly machine: string | undefined }): string[] =>
  machine === undefined ? [...rest] : [...rest, machine];

interface ExportFile {
  readonly file: OutputFile;
  readonly text: () => string;
}

/** The files a command was asked to write, tried before it runs so that a wrong path costs no simulation. */
export class Exports {
  readonly #files: ExportFile[] = [];

  /**
   * Takes paths (undefined: not asked for) and the text for each; `inputs` are words that may name files the command
   * reads. Throws InputError; UsageError for an empty path, two exports to one file, or an export over an input.
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

  /** Writes all files, and only then moves them into place. Throws InputError. */
  write(): void {
    try {
      for (const { file, text } of this.#files)
        file.write(Buffer.from(file.path === '-' ? printableText(text()) : text()));
      for (const { file } of this.#files) file.commit();
    } catch (error) {
      if (!(error instanceof PerfDataIoError)) throw error;
      // A reader that left does not miss the rest.
      if (error.code !== 'EPIPE') throw new InputError(error.message);
    } finally {
      this.abort();
    }
  }

  /** Leaves every file as it was. */
  abort(): void {
    for (const { file } of this.#files.splice(0)) file.abort();
  }
}

/** Identifies a regular file whatever its name; empty for anything else, or if it cannot be seen. */
function identity(path: string): string[] {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat?.isFile() === true ? [`${stat.dev}:${stat.ino}`] : [];
  } catch (error) {
    // Opening it will say why.
    if (errnoOf(error) === undefined) throw error;
    return [];
  }
}

const place = (path: string): string => (path === '-' ? path : resolve(path));
