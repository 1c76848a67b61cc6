/**
 * Finds a workload (a built-in name, a file, or a module) and gives it its arguments.
 *
 * A module is code, and runs with the user's rights: only a path that the user typed can name one.
 * Not modelled: executables. gperf simulates programs that are described to it; it cannot run real ones.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { didYouMean, WorkloadError, type WorkloadFault } from './fault.ts';
import { linked, parseText } from './parse.ts';
import type { Param, Program } from './program.ts';
import { shippedProgram } from './shipped.ts';
import { readBeginning, readSource, SourceError } from './source.ts';

/** The built-in workloads: next to dist/, both in a checkout and in a package. */
const WORKLOADS = fileURLToPath(new URL('../../../workloads/', import.meta.url));
const INCLUDE = join(WORKLOADS, 'include');
const ENDINGS = ['.yaml', '.yml', '.mjs', '.js'];

export interface WorkloadListing {
  readonly name: string;
  readonly about: string;
}

function builtinNames(): string[] {
  const files = readdirSync(WORKLOADS);
  return files
    .filter((f) => f.endsWith('.yaml'))
    .map((f) => basename(f, '.yaml'))
    .toSorted();
}

/** The built-in workloads, by name, with a line about each. */
export function listWorkloads(): WorkloadListing[] {
  return builtinNames().map((name) => {
    const text = readFileSync(join(WORKLOADS, `${name}.yaml`), 'utf8');
    // By convention `about` is the first key, on one line, so that a listing need not parse YAML.
    return { name, about: /^about: *(.*?) *$/m.exec(text)?.[1] ?? '' };
  });
}

const failed = (file: string, message: string): WorkloadError => new WorkloadError([{ file, message }]);

/** The first bytes of a file; undefined if it does not exist. Throws WorkloadError if it cannot be read. */
function firstBytes(path: string): Uint8Array | undefined {
  try {
    return readBeginning(path, 4).bytes;
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    // A directory ./x does not hide ./x.yaml.
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EISDIR') return undefined;
    throw failed(path, error.message);
  }
}

const isElf = (bytes: Uint8Array): boolean =>
  bytes.length === 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** The file that a path means: itself, or with an extension added; data files come before code. */
function fileAt(path: string): string | undefined {
  for (const candidate of [path, ...ENDINGS.map((e) => path + e)]) {
    const bytes = firstBytes(candidate);
    if (!bytes) continue;
    if (isElf(bytes))
      throw failed(
        path,
        'is an executable, and gperf simulates: describe the program in a YAML file (workloads/README.md shows how) or take a built-in workload',
      );
    if (ENDINGS.includes(extname(candidate))) return candidate;
    throw failed(candidate, `is neither a workload file (.yaml) nor a module that exports one (.mjs, .js)`);
  }
  return undefined;
}

const isPath = (name: string): boolean => name.includes('/');

/**
 * The file of a workload. A word without a slash is a built-in workload, whatever the working directory contains; only
 * a path names a file.
 */
function find(name: string): string {
  const names = builtinNames();
  const bare = basename(name);
  const builtin = names.includes(bare) ? join(WORKLOADS, `${bare}.yaml`) : undefined;
  if (!isPath(name)) {
    if (builtin !== undefined) return builtin;
    if (name !== '' && fileAt(`./${name}`) !== undefined)
      throw failed(name, `there is no such built-in workload; for the file of this directory write ./${name}`);
  } else {
    const file = fileAt(name);
    if (file !== undefined) return file;
    // perf users type ./ftest: that means the built-in one if no such file exists.
    if (builtin !== undefined && !isDirectory(name)) return builtin;
  }
  if (name !== '' && isDirectory(name)) throw failed(name, 'is a directory, not a workload');
  throw failed(
    name === '' ? "''" : name,
    `there is no such workload${didYouMean(bare, names)}; \`gperf list workload\` shows the built-in ones`,
  );
}

/**
 * A hint for an option after the workload's name: as with perf, it goes to the workload, but was probably meant for
 * gperf.
 */
function misplaced(name: string, args: readonly string[]): string {
  const at = args.findIndex((word) => /^-[a-z-]/i.test(word));
  return at < 0
    ? ''
    : ` (options stand before the workload: ${[...args.slice(at), name, ...args.slice(0, at)].join(' ')})`;
}

/** A program with its parameters set from the command line. */
function withArguments(program: Program, args: readonly string[]): Program {
  if (args.length > program.params.length) {
    const takes =
      program.params.length === 0
        ? 'takes no arguments'
        : `takes ${program.params.map((p) => `[${p.name}]`).join(' ')}`;
    throw failed(program.name, `${takes}, got "${args.join(' ')}"${misplaced(program.name, args)}`);
  }
  const params = program.params.map((p, i): Param => {
    const text = args[i];
    if (text === undefined) return p;
    if (typeof p.default === 'string') return { ...p, default: text };
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value) || value < 0)
      throw failed(
        program.name,
        `${p.name} (${p.about}) must be a number that is not negative, got "${text}"${misplaced(program.name, args)}`,
      );
    return { ...p, default: value };
  });
  return { ...program, params };
}

/**
 * Where `@gperf/gperf/workload` looks first (build/bundle.mjs), so that a workload's module shares the builder with the gperf
 * that loads it, whatever copy its import finds.
 */
const BUILDER = Symbol.for('@gperf/gperf/workload');

/** Node seeks packages in the folders above a module; gperf itself may be installed elsewhere. */
const lacksPackage = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  error.code === 'ERR_MODULE_NOT_FOUND' &&
  error.message.includes(`package '@gperf/gperf'`);

/** What a module threw, located by the stack. */
function moduleFault(file: string, url: string, error: unknown): WorkloadFault {
  const told = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const message = lacksPackage(error) ? `${told}: install gperf's package in the module's folder, too` : told;
  const stack = (error instanceof Error && error.stack) || '';
  const behind = stack.split(`${url}:`)[1] ?? '';
  const [, line, column] = /^(\d+)(?::(\d+))?/.exec(behind) ?? [];
  if (line === undefined) return { file, message };
  return { file, line: Number(line), ...(column === undefined ? {} : { column: Number(column) }), message };
}

async function loadModule(path: string, args: readonly string[]): Promise<Program> {
  const url = pathToFileURL(resolve(path)).href;
  let module: { default?: unknown };
  let made: unknown;
  try {
    Object.assign(globalThis, { [BUILDER]: await import('./build.ts') });
    module = (await import(url)) as { default?: unknown };
    made = typeof module.default === 'function' ? module.default(...args) : module.default;
  } catch (error) {
    throw error instanceof WorkloadError ? error : new WorkloadError([moduleFault(path, url, error)]);
  }
  if (typeof made !== 'object' || made === null || !('functions' in made) || !('entry' in made))
    throw failed(path, 'does not export a Program by default: build one with program() of @gperf/gperf/workload');
  const built = await linked(made as Program, dirname(path), { includeDir: INCLUDE });
  return typeof module.default === 'function' ? built : withArguments(built, args);
}

const isModule = (path: string): boolean => /\.m?js$/.test(path);

/** Loads a workload file or module that `find` found. */
async function load(name: string, path: string, args: readonly string[]): Promise<Program> {
  if (isModule(path)) return loadModule(path, args);
  const trusted = dirname(path) === dirname(INCLUDE);
  let text: string;
  try {
    text = readSource(path);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw failed(name, error.message);
  }
  const shipped = dirname(resolve(path)) === dirname(INCLUDE) ? shippedProgram(path, text) : undefined;
  return withArguments(shipped ?? (await parseText(path, text, { includeDir: INCLUDE, trusted })), args);
}

/**
 * Loads a workload that the user named, by built-in name or path (the extension may be omitted), and gives it its
 * arguments. Throws WorkloadError.
 */
export async function loadWorkload(name: string, args: readonly string[] = []): Promise<Program> {
  return load(name, find(name), args);
}

/** A recording names a workload that is code. */
export class ModuleRefused extends Error {
  override readonly name = 'ModuleRefused';
}

/**
 * The same for a name that a recording contains: no code is run for it, and errors do not quote the workload's file.
 * Throws WorkloadError, and ModuleRefused for a module.
 */
export async function loadRecordedWorkload(name: string, args: readonly string[] = []): Promise<Program> {
  const path = find(name);
  if (isModule(path))
    throw new ModuleRefused(`${path} is a module: reading a file runs no code that only the file names`);
  if (dirname(path) === dirname(INCLUDE)) return load(name, path, args);
  try {
    return await load(name, path, args);
  } catch (error) {
    if (!(error instanceof WorkloadError) || error.faults.every(({ line }) => line === undefined)) throw error;
    throw failed(path, 'is not, or no longer, a workload that can be simulated: `gperf truth` of it says why');
  }
}
