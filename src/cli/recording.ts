/**
 * Opens a recording and prints it: where perf looks for the file and its symbols, and its words if the file is missing.
 */
import { fstatSync, statSync } from 'node:fs';
import { hostname, release } from 'node:os';
import { basename } from 'node:path';
import { defaultCacheDir } from '../perfdata/buildid-cache.ts';
import { withoutParameters, withParameters } from '../perfdata/demangle/demangle.ts';
import { PerfDataIoError } from '../perfdata/errors.ts';
import { encodeBytes } from '../perfdata/octets.ts';
import { openPerfData, type Session } from '../perfdata/reader.ts';
import { given } from '../given.ts';
import type { SymbolSource } from '../profile/dso.ts';
import { fileSymbols } from '../profile/symbolize.ts';
import { headerLines } from '../report/header/text.ts';
import { leftOut, type Teller } from '../report/shared/left-out.ts';
import { printable, printableLines, printableText } from '../report/shared/printable.ts';
import { NoSamples, ReportError } from '../report/report/options.ts';
import { PERF_SAMPLE } from '../uapi/perf-event.ts';
import type { CommandContext } from './commands.ts';
import { EXIT, InputError, UsageError } from './errors.ts';
import { optionUsage } from './help.ts';
import type { CommandTable } from './options/option.ts';
import { withFileErrors } from './simulation.ts';

const DEFAULT_INPUT = 'perf.data';

export interface Opened {
  readonly session: Session;
  readonly symbols: SymbolSource;
  /** Closes the recording, and warns if another kernel's symbols were used. */
  readonly close: () => void;
  /** When the file was last changed, in ctime() format. */
  readonly capturedOn: string;
}

/** -i FILE, else standard input if it is a pipe, else perf.data. */
export const inputPath = (input: string | undefined): string => input ?? (fstatSync(0).isFIFO() ? '-' : DEFAULT_INPUT);

/** Runs work that opens and reads a recording; if the default file is missing, perf's hint is added. */
export const openErrors = <T>(input: string | undefined, work: () => T): Promise<T> =>
  withFileErrors(() => {
    try {
      return work();
    } catch (error) {
      if (input === undefined && error instanceof PerfDataIoError && error.code === 'ENOENT')
        throw new InputError(`${error.message}  (try 'gperf record' first)`);
      throw error;
    }
  });

/** Options shared by commands that open recordings. */
export interface OpenOptions {
  readonly symfs?: string | undefined;
  /** False: names stay mangled. */
  readonly demangle?: boolean | undefined;
  /** False: no inlined functions. */
  readonly inline?: boolean | undefined;
  /** Verbosity: from -v on, names include their parameters. */
  readonly verbose?: number | undefined;
  /** -f: read another user's file too. */
  readonly force: boolean | undefined;
}

/** Opens what -i names, or its default. Like perf, reads only one's own files and root's unless forced. */
export async function openRecording(
  input: string | undefined,
  { symfs, force, demangle = true, verbose = 0 }: OpenOptions,
  context: CommandContext,
): Promise<Opened> {
  const path = inputPath(input);
  const session = await openErrors(input, () => openPerfData(path));
  const file = path === '-' ? undefined : statSync(path);
  if (file !== undefined && force !== true && file.uid !== 0 && file.uid !== process.geteuid?.()) {
    session.close();
    throw new InputError(`File ${path} not owned by current user or root (use -f to override)`);
  }
  for (const warning of session.warnings) process.stderr.write(`${printableText(warning)}\n`);
  const cacheDir = context.buildIdDir ?? defaultCacheDir(context.terminal.env);
  const names = demangle ? (verbose > 0 ? withParameters : withoutParameters) : undefined;
  const simulated = session.spec !== undefined;
  let kernelTaken = false;
  const symbols = fileSymbols(given({ dir: cacheDir, symfs, simulated, demangle: names }), () => (kernelTaken = true));
  const close = (): void => {
    const sentence = kernelTaken ? otherKernel(session) : undefined;
    if (sentence !== undefined) process.stderr.write(`${printable(sentence)}\n`);
    session.close();
  };
  return { session, symbols, close, capturedOn: ctime(file ? session.changed : new Date(0)) };
}

/**
 * A warning if the running kernel was used in place of one the recording does not identify; undefined if the recording
 * was made here. Another kernel's names look plausible and are wrong.
 */
export function otherKernel({ env, path }: Pick<Session, 'env' | 'path'>): string | undefined {
  if (env.os_release === release() && env.hostname === hostname()) return undefined;
  const made =
    env.os_release === undefined ? '' : `, made under ${env.os_release} on ${env.hostname ?? 'another machine'},`;
  return `Names of kernel functions are those of the kernel that runs here, as in perf: ${path}${made} has no build-id of its own.`;
}

/** Options shared by report and script. */
interface PrintOptions extends OpenOptions {
  readonly input: string | undefined;
  readonly header: boolean | undefined;
  readonly 'header-only': boolean | undefined;
  readonly 'show-info': boolean | undefined;
  readonly 'call-graph'?: string | undefined;
  readonly 'hide-call-graph'?: boolean | undefined;
}

/** Whether perf prints call chains; frames of inlined functions appear only there. */
const showsChains = (session: Session, o: PrintOptions): boolean =>
  o['hide-call-graph'] !== true &&
  !o['call-graph']?.startsWith('none') &&
  session.evlist.some(({ attr }) => (attr.sample_type & PERF_SAMPLE.CALLCHAIN) !== 0);

/** Passes symbols on, and remembers the first file in which perf would show inlined functions. */
function watched(symbols: SymbolSource): { readonly symbols: SymbolSource; readonly first: () => string | undefined } {
  let first: string | undefined;
  const watching: SymbolSource = (dso) => {
    const found = symbols(dso);
    if (found?.debugInfo === true) first ??= dso.name;
    return found;
  };
  return { symbols: watching, first: () => first };
}

/**
 * Opens a recording and prints `lines`, or only its header. `table` has the usage text for an option that cannot be
 * honoured; `trouble` starts the message if something else cannot be done. What was read but not shown is reported at
 * the end. Returns the exit code.
 */
export async function printRecording(
  o: PrintOptions,
  context: CommandContext,
  table: CommandTable,
  trouble: string,
  teller: Teller,
  lines: (opened: Opened, header: { readonly header?: readonly string[] }) => Iterable<string>,
): Promise<number> {
  const opened = await openRecording(o.input, o, context);
  const { session, capturedOn } = opened;
  const { symbols, first } = watched(opened.symbols);
  try {
    await withFileErrors(() => {
      const wanted = o.header === true || o['header-only'] === true;
      const header = wanted ? [...headerLines(session, { capturedOn, full: o['show-info'] === true })] : undefined;
      return printLines(o['header-only'] === true ? header! : lines({ ...opened, symbols }, given({ header })));
    });
    const file = first();
    if (file !== undefined && o.inline !== false && showsChains(session, o))
      process.stderr.write(
        `Functions inlined in ${printable(basename(file))} are not shown in call chains (as with --no-inline).\n`,
      );
  } catch (error) {
    if (!(error instanceof ReportError)) throw error;
    if (error.option !== undefined) throw new UsageError(trouble + error.message, optionUsage(table, error.option));
    throw new InputError(trouble + error.message, error instanceof NoSamples ? EXIT.OK : EXIT.INPUT);
  } finally {
    for (const sentence of leftOut(session, teller)) process.stderr.write(`${printable(sentence)}\n`);
    opened.close();
  }
  return 0;
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** "%a %b %e %T %Y" in local time. */
function ctime(date: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = String(date.getDate()).padStart(2);
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
  return `${DAYS[date.getDay()]} ${MONTHS[date.getMonth()]} ${day} ${time} ${date.getFullYear()}`;
}

/** Lines per write. Waiting for a full pipe keeps memory small. */
const BATCH = 512;

/** Prints lines to standard output as they come. Names keep their bytes, except those a terminal would act on. */
export async function printLines(lines: Iterable<string>): Promise<void> {
  let batch: string[] = [];
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    const bytes = encodeBytes(printableLines(batch));
    batch = [];
    if (!process.stdout.write(bytes)) await new Promise((resolve) => process.stdout.once('drain', resolve));
  };
  try {
    for (const line of lines) if (batch.push(line) >= BATCH) await flush();
  } finally {
    // What was read before an error is still printed.
    await flush();
  }
}
