/**
 * Reads a text file that the user or another file names. Only regular files of moderate size are accepted: a pipe, a
 * device or a disk image is refused rather than waited for or loaded.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { errnoOf, strerror } from '../strerror.ts';

/** Greatest size of a workload or machine file, bytes. */
export const MOST_BYTES = 2 ** 20;

/** A file cannot be read; the message says why, and is meant to follow the file's name. */
export class SourceError extends Error {
  override readonly name = 'SourceError';
  /** errno's name; undefined where the file itself is wrong. */
  readonly code: string | undefined;
  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

/** At most `most` bytes of a regular file, from its beginning, and its size. Throws SourceError. */
export function readBeginning(path: string, most: number): { bytes: Uint8Array; size: number } {
  try {
    // A FIFO without a writer would block.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(file);
      if (stat.isDirectory()) throw new SourceError('is a directory', 'EISDIR');
      if (!stat.isFile()) throw new SourceError('is not a regular file');
      const buffer = new Uint8Array(Math.min(stat.size, most));
      const bytesRead = readSync(file, buffer, 0, buffer.length, 0);
      return { bytes: buffer.subarray(0, bytesRead), size: stat.size };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new SourceError(strerror(error), errnoOf(error));
  }
}

/** The whole file as text. Throws SourceError. */
export function readSource(path: string): string {
  const { bytes, size } = readBeginning(path, MOST_BYTES);
  if (size > MOST_BYTES)
    throw new SourceError(`has ${size} bytes, more than the ${MOST_BYTES} that are read of one file`);
  return new TextDecoder().decode(bytes);
}
