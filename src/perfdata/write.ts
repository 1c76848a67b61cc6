/** write(2), repeated until everything is written. */
import { writeSync } from 'node:fs';
import { errnoOf, PerfDataIoError } from './errors.ts';
import { waitForDescriptor } from './input.ts';

/**
 * Writes everything, at the reader's pace; without a position, where the last such write ended. Throws PerfDataIoError.
 */
export function writeFully(path: string, fd: number, bytes: Uint8Array, position?: number): void {
  for (let done = 0; done < bytes.length;)
    try {
      done += writeSync(fd, bytes, done, bytes.length - done, position === undefined ? null : position + done);
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') throw new PerfDataIoError('write', path, error);
      waitForDescriptor();
    }
}
