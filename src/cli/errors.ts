/**
 * Errors: perf's words and exit codes, no stack traces.
 *
 * UsageError: the command line is wrong; message, then usage; exit code 129. InputError: a file, workload or machine
 * is wrong; 255 unless another code is given. A refusal of the system is reported in the system's words; 255. Anything
 * else is a bug: one line that says so, and the stack if GPERF_DEBUG is set.
 */
import { closeSync, openSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EventSyntaxError } from '../perf-events/event-syntax-error.ts';
import { printableText } from '../report/shared/printable.ts';
import { errnoOf, strerror, strerrorOf } from '../strerror.ts';

/**
 * LIVE_LOCK: the program would never end; CONDITION: the condition of --fail-if holds; INVALID: perf's code for -EINVAL.
 */
export const EXIT = { OK: 0, BARE: 1, LIVE_LOCK: 3, CONDITION: 99, USAGE: 129, INVALID: 234, INPUT: 255 } as const;

export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** Printed below the message; '' for none. */
  readonly usage: string;
  readonly exitCode: number;

  constructor(message: string, usage = '', exitCode: number = EXIT.USAGE) {
    super(message);
    this.usage = usage;
    this.exitCode = exitCode;
  }
}

export class InputError extends Error {
  override readonly name = 'InputError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.INPUT) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Help was asked for: not an error, but it ends the command. */
export class HelpRequest extends Error {
  override readonly name = 'HelpRequest';
  readonly text: string;
  /** -h: perf's usage goes to stderr with 129; --help: to stdout with 0. */
  readonly exitCode: number;

  constructor(text: string, exitCode: number) {
    super('help');
    this.text = text;
    this.exitCode = exitCode;
  }
}

type ErrorClass = abstract new (...args: never[]) => Error;

/**
 * Runs work that may throw errors of a lower floor that the user can mend; those become InputErrors with their message.
 * Event syntax errors become UsageErrors, with `usage` printed below.
 */
export async function blamingInput<T>(
  work: () => T | Promise<T>,
  classes: readonly ErrorClass[],
  usage = '',
  exitCode: number = EXIT.INPUT,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof EventSyntaxError) throw eventError(error, usage);
    if (error instanceof Error && classes.some((c) => error instanceof c))
      throw new InputError(error.message, exitCode);
    throw error;
  }
}

/** perf's report of a wrong -e: caret, hint, where to find the list of events, and the option's usage. */
export function eventError(error: EventSyntaxError, usage: string, columns = 80): UsageError {
  return new UsageError(`${error.format(columns)}\nRun 'gperf list' for a list of valid events\n`, usage);
}

export interface Streams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** What was being done, where the system call's name would not say it. */
const DOING: Readonly<Record<string, string>> = {
  access: 'open',
  copyfile: 'copy',
  fstat: 'open',
  lstat: 'open',
  mkdir: 'create',
  opendir: 'read',
  scandir: 'read',
  stat: 'open',
  unlink: 'remove',
  uv_cwd: 'find the working directory',
};

/** One sentence about a system call that failed: "failed to open x: Permission denied". */
function refusal(error: Error): string {
  const { syscall = '', path } = error as NodeJS.ErrnoException;
  return `failed to ${[DOING[syscall] ?? syscall, path].filter(Boolean).join(' ')}: ${strerror(error)}`;
}

/** Where gperf and its dependencies are installed. */
const OWN = fileURLToPath(new URL('../../../', import.meta.url));

/** file:line:column of an error thrown by somebody else's code: a workload's or a design's. */
export function foreignPlace(error: unknown): string | undefined {
  const stack = (error instanceof Error && error.stack) || '';
  for (const [, place = '', line, column] of stack.matchAll(/^ +at (?:async )?(?:.*? \()?(.*):(\d+):(\d+)\)?$/gm)) {
    const path = place.startsWith('file://') ? fileURLToPath(place) : place;
    // Not one of Node's own modules, and no text that was compiled while running.
    if (isAbsolute(path)) return path.startsWith(OWN) ? undefined : `${path}:${line}:${column}`;
  }
  return undefined;
}

/**
 * The message for a package of gperf's own that Node could not find only because it could not be opened; undefined for
 * any other error.
 */
function unopened(error: unknown): string | undefined {
  if (!(error instanceof Error) || (error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') return undefined;
  const at = /^Cannot find package '(.*?)\/?(?:index\.js)?' imported from /.exec(error.message)?.[1];
  if (at === undefined) return undefined;
  const manifest = join(at, 'package.json');
  try {
    closeSync(openSync(manifest, 'r'));
  } catch (cause) {
    return errnoOf(cause) === undefined || errnoOf(cause) === 'ENOENT' ? undefined : refusal(cause as Error);
  }
  // It opens now: file descriptors had run out while everything was loaded at once (ulimit -n).
  return `failed to open ${manifest}: ${strerrorOf('EMFILE')}`;
}

/** Prints what went wrong and returns the exit code. */
export function reportError(error: unknown, { stdout, stderr }: Streams, env: NodeJS.ProcessEnv): number {
  if (error instanceof HelpRequest) {
    (error.exitCode === EXIT.OK ? stdout : stderr).write(error.text);
    return error.exitCode;
  }
  const debug = env['GPERF_DEBUG'] !== undefined && env['GPERF_DEBUG'] !== '';
  if (error instanceof UsageError || error instanceof InputError) {
    stderr.write(`${printableText(error.message)}\n`);
    if (error instanceof UsageError) stderr.write(error.usage);
    if (debug) stderr.write(`${error.stack ?? ''}\n`);
    return error.exitCode;
  }
  const refused = error instanceof Error && errnoOf(error) !== undefined ? refusal(error) : unopened(error);
  if (refused !== undefined) {
    stderr.write(`${printableText(refused)}\n`);
    if (debug) stderr.write(`${(error instanceof Error && error.stack) || ''}\n`);
    return EXIT.INPUT;
  }
  const what = printableText(error instanceof Error ? error.message : String(error));
  const elsewhere = foreignPlace(error);
  if (elsewhere !== undefined) {
    stderr.write(`${printableText(elsewhere)}: ${what}\n`);
    if (debug) stderr.write(`${(error instanceof Error && error.stack) || ''}\n`);
    return EXIT.INPUT;
  }
  stderr.write(`gperf: internal error: ${what}\n`);
  if (debug) stderr.write(`${(error instanceof Error && error.stack) || ''}\n`);
  else stderr.write('This is a fault of gperf. Set GPERF_DEBUG=1 to see where it happened.\n');
  return EXIT.INPUT;
}
