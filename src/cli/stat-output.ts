/**
 * Where perf stat's text goes: standard error, the file of -o, the descriptor of --log-fd, or nowhere.
 *
 * The file is opened before the run, so that a wrong path costs no simulation, and written whole at its end; one that
 * was not there before is removed again if nothing came of it.
 */
import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { strerror } from '../perfdata/errors.ts';
import { startedOn } from '../report/stat.ts';
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
  /** What is written goes to standard error at once. */
  readonly live: boolean;
  readonly #path: string | undefined;
  readonly #append: boolean;
  readonly #quiet: boolean;
  readonly #fresh: boolean;
  readonly #fd: number | undefined;
  #text = '';

  /** Throws InputError where nothing can be written. */
  constructor({ output, append, 'log-fd': logFd, quiet }: StatOutputOptions) {
    this.#path = output;
    this.#append = append === true;
    this.#quiet = quiet === true;
    this.#fresh = output !== undefined && !existsSync(output);
    this.live = output === undefined && logFd === undefined;
    if (output !== undefined) this.#fd = open(output);
    else if (logFd !== undefined) this.#fd = usable(logFd);
  }

  write(text: string): void {
    if (this.#quiet) return;
    if (this.live) process.stderr.write(text);
    else if (this.#path !== undefined) this.#text += text;
    else writeAll(this.#fd!, text, `file descriptor ${this.#fd}`);
  }

  /** All is written. */
  close(): void {
    if (this.#path === undefined) return;
    try {
      if (!this.#append && fstatSync(this.#fd!).isFile()) ftruncateSync(this.#fd!);
      writeAll(this.#fd!, startedOn(EPOCH) + this.#text, this.#path);
    } catch (error) {
      this.abort();
      throw error;
    }
    closeSync(this.#fd!);
  }

  /** Nothing came of it. */
  abort(): void {
    if (this.#path === undefined) return;
    closeSync(this.#fd!);
    if (this.#fresh) unlinkSync(this.#path);
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'a');
  } catch (error) {
    throw new InputError(`failed to create output file: ${strerror(error)}`);
  }
}

/** A descriptor that whoever started gperf opened: the runtime's own are neither files nor pipes. */
function usable(fd: number): number {
  try {
    const kind = fstatSync(fd);
    if (kind.isFile() || kind.isFIFO() || kind.isCharacterDevice() || kind.isSocket()) return fd;
  } catch {
    // Told below.
  }
  throw new InputError('Failed opening logfd: Bad file descriptor', EXIT.INVALID);
}

function writeAll(fd: number, text: string, what: string): void {
  const bytes = Buffer.from(text);
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
  } catch (error) {
    throw new InputError(`failed to write ${what}: ${strerror(error)}`);
  }
}
