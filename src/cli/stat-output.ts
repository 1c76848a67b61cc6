/**
 * Where perf stat's text goes: standard error, the file of -o, the descriptor of --log-fd, or nowhere.
 *
 * The file is opened before the run, so that a wrong path costs no simulation, and replaced as a whole when the run
 * ends; with --append it keeps its content, and the whole text follows.
 */
import { fstatSync } from 'node:fs';
import { PerfDataIoError } from '../perfdata/errors.ts';
import { openAppending, openOutput, type OutputFile } from '../perfdata/output-file.ts';
import { writeFully } from '../perfdata/write.ts';
import { startedOn } from '../report/stat/text.ts';
import { EXIT, InputError } from './errors.ts';

/** The day every simulated run starts on, as ctime() words it. */
const EPOCH = 'Sat Mar 23 14:18:03 2019';

export interface StatOutputOptions {
  readonly output: string | undefined;
  readonly append: boolean | undefined;
  readonly 'log-fd': number | undefined;
  readonly quiet: boolean | undefined;
}

export class StatOutput {
  /** Whether output goes to standard error at once. */
  readonly live: boolean;
  readonly #quiet: boolean;
  readonly #file: OutputFile | undefined;
  readonly #fd: number | undefined;
  #text = '';

  /** Throws InputError if the output cannot be written. */
  constructor({ output, append, 'log-fd': logFd, quiet }: StatOutputOptions) {
    this.#quiet = quiet === true;
    this.live = output === undefined && logFd === undefined;
    if (output !== undefined) this.#file = open(output, append === true);
    else if (logFd !== undefined) this.#fd = usable(logFd);
  }

  write(text: string): void {
    if (this.#quiet) return;
    if (this.live) process.stderr.write(text);
    else if (this.#file !== undefined) this.#text += text;
    else saying(() => writeFully(`file descriptor ${this.#fd}`, this.#fd!, Buffer.from(text)));
  }

  /** Ends the output: everything is written. */
  close(): void {
    const file = this.#file;
    if (file === undefined) return;
    try {
      saying(() => {
        file.write(Buffer.from(startedOn(EPOCH) + this.#text));
        file.commit();
      });
    } finally {
      file.abort();
    }
  }

  /** Drops the output. */
  abort(): void {
    this.#file?.abort();
  }
}

function open(path: string, append: boolean): OutputFile {
  try {
    return append ? openAppending(path) : openOutput(path);
  } catch (error) {
    if (!(error instanceof PerfDataIoError)) throw error;
    throw new InputError(`failed to create output file: ${error.reason}`);
  }
}

/** Reports errors of the file system as the user's to mend. */
function saying(work: () => void): void {
  try {
    work();
  } catch (error) {
    throw error instanceof PerfDataIoError ? new InputError(error.message) : error;
  }
}

/** A descriptor opened by whoever started gperf: Node's own are neither files nor pipes. */
function usable(fd: number): number {
  try {
    const kind = fstatSync(fd);
    if (kind.isFile() || kind.isFIFO() || kind.isCharacterDevice() || kind.isSocket()) return fd;
  } catch {
    // Reported below.
  }
  throw new InputError('Failed opening logfd: Bad file descriptor', EXIT.INVALID);
}
