/**
 * Reads a text file that the user or another file names. Only regular files of moderate size are accepted: a pipe, a
 * device or a disk image is refused rather than waited for or loaded.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
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
export async function readBeginning(path: string, most: number): Promise<{ bytes: Uint8Array; size: number }> {
  try {
    // A FIFO without a writer would block.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (stat.isDirectory()) throw new SourceError('is a directory', 'EISDIR');
      if (!stat.isFile()) throw new SourceError('is not a regular file');
      const buffer = new Uint8Array(Math.min(stat.size, most));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      return { bytes: buffer.subarray(0, bytesRead), size: stat.size };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof SourceError) throw error;
    throw new SourceError(strerror(error), errnoOf(error));
  }
}

/** The whole file as text. Throws SourceError. */
export async function readSource(path: string): Promise<string> {
  const { bytes, size } = await readBeginning(path, MOST_BYTES);
  if (size > MOST_BYTES)
    throw new SourceError(`has ${size} bytes, more than the ${MOST_BYTES} that are read of one file`);
  return new TextDecoder().decode(bytes);
}
