/**
 * What can go wrong with a file, as one sentence each: the system's words for a refusal (strerror), and perf's or
 * gperf's own for content that is not a recording.
 */
import { errnoOf, strerror } from '../strerror.ts';

export { errnoOf, strerror };

/** A file could not be opened, read or written. `message` is the whole sentence. */
export class PerfDataIoError extends Error {
  readonly path: string;
  /** errno's name, e.g. "ENOSPC". */
  readonly code: string;
  /** The system's words. */
  readonly reason: string;

  constructor(doing: string, path: string, cause: unknown) {
    const reason = strerror(cause);
    super(`failed to ${doing} ${path || "''"}: ${reason}`, { cause });
    this.name = 'PerfDataIoError';
    this.path = path;
    this.code = errnoOf(cause) ?? '';
    this.reason = reason;
  }
}

/** Content that is not a recording, or only partly. `message` is the whole sentence. */
export class PerfDataFormatError extends Error {
  readonly path: string;
  /** Byte in the file (or pipe) where reading stopped; undefined if nothing of the file is a recording. */
  readonly offset: number | undefined;

  constructor(path: string, message: string, offset?: number) {
    super(message);
    this.name = 'PerfDataFormatError';
    this.path = path;
    this.offset = offset;
  }
}

/** Runs a system call on a file; a failure becomes a PerfDataIoError. */
export function attempt<T>(doing: string, path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw new PerfDataIoError(doing, path, error);
  }
}
