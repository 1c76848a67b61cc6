/**
 * Finding a workload: a built-in name, a file, or a module; and giving it its arguments.
 *
 * Not modelled: executables. gperf simulates programs that are described to it, it cannot run one.
 */
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { didYouMean, WorkloadError, type WorkloadFault } from './fault.ts';
import { parseText } from './parse.ts';
import type { Param, Program } from './program.ts';

/** The workloads that come with gperf: beside dist/ in a checkout as in a package. */
const WORKLOADS = fileURLToPath(new URL('../../../workloads/', import.meta.url));
const INCLUDE = join(WORKLOADS, 'include');
const ENDINGS = ['.yaml', '.yml', '.mjs', '.js'];

export interface WorkloadListing {
  readonly name: string;
  readonly about: string;
}

async function builtinNames(): Promise<string[]> {
  const files = await readdir(WORKLOADS);
  return files
    .filter((f) => f.endsWith('.yaml'))
    .map((f) => basename(f, '.yaml'))
    .toSorted();
}

/** The built-in workloads, by name, with what each is good for. */
export async function listWorkloads(): Promise<WorkloadListing[]> {
  return Promise.all(
    (await builtinNames()).map(async (name) => {
      const text = await readFile(join(WORKLOADS, `${name}.yaml`), 'utf8');
      // `about` is the first key, on one line, so that a listing need not parse programs.
      return { name, about: /^about: *(.*?) *$/m.exec(text)?.[1] ?? '' };
    }),
  );
}

const failed = (file: string, message: string): WorkloadError => new WorkloadError([{ file, message }]);

/** The first bytes of a file, or undefined if it is not a readable file. */
async function firstBytes(path: string): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path);
    try {
      if (!(await file.stat()).isFile()) return undefined;
      const { buffer, bytesRead } = await file.read(new Uint8Array(4), 0, 4, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

const isElf = (bytes: Uint8Array): boolean =>
  bytes.length === 4 && bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

/** The file that a name means: itself, or with an ending, or the built-in one. */
async function find(name: string): Promise<string> {
  for (const candidate of [name, ...ENDINGS.map((e) => name + e)]) {
    const bytes = await firstBytes(candidate);
    if (!bytes) continue;
    if (isElf(bytes))
      throw failed(
        name,
        'is an executable, and gperf simulates: describe the program in a YAML file (workloads/README.md shows how) or take a built-in workload',
      );
    if (ENDINGS.includes(extname(candidate))) return candidate;
    throw failed(candidate, `is neither a workload file (.yaml) nor a module that exports one (.mjs, .js)`);
  }
  const names = await builtinNames();
  // perf users type ./ftest; what matters is that nothing else of that name is here.
  const bare = basename(name);
  if (names.includes(bare) && (bare === name || !(await firstBytes(name)))) return join(WORKLOADS, `${bare}.yaml`);
  if (await isDirectory(name)) throw failed(name, 'is a directory, not a workload');
  throw failed(
    name === '' ? "''" : name,
    `there is no such workload${didYouMean(bare, names)}; \`gperf list workload\` shows the built-in ones`,
  );
}

/** A program with its parameters set from the command line. */
function withArguments(program: Program, args: readonly string[]): Program {
  if (args.length > program.params.length) {
    const takes =
      program.params.length === 0
        ? 'takes no arguments'
        : `takes ${program.params.map((p) => `[${p.name}]`).join(' ')}`;
    throw failed(program.name, `${takes}, got "${args.join(' ')}"`);
  }
  const params = program.params.map((p, i): Param => {
    const text = args[i];
    if (text === undefined) return p;
    if (typeof p.default === 'string') return { ...p, default: text };
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value) || value < 0)
      throw failed(program.name, `${p.name} (${p.about}) must be a number that is not negative, got "${text}"`);
    return { ...p, default: value };
  });
  return { ...program, params };
}

/** What a module threw, at the place in it that the stack names. */
function moduleFault(file: string, url: string, error: unknown): WorkloadFault {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
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
    module = (await import(url)) as { default?: unknown };
    made = typeof module.default === 'function' ? module.default(...args) : module.default;
  } catch (error) {
    throw error instanceof WorkloadError ? error : new WorkloadError([moduleFault(path, url, error)]);
  }
  if (typeof made !== 'object' || made === null || !('functions' in made) || !('entry' in made))
    throw failed(path, 'does not export a Program by default: build one with program() of @gperf/gperf/workload');
  const built = made as Program;
  return typeof module.default === 'function' ? built : withArguments(built, args);
}

/**
 * Loads a workload by built-in name or path (its ending may be left out) and gives it its arguments. Throws a WorkloadError
 * that says what is wrong.
 */
export async function loadWorkload(nameOrPath: string, args: readonly string[] = []): Promise<Program> {
  const path = await find(nameOrPath);
  if (/\.m?js$/.test(path)) return loadModule(path, args);
  const trusted = dirname(path) === dirname(INCLUDE);
  return withArguments(await parseText(path, await readFile(path, 'utf8'), { includeDir: INCLUDE, trusted }), args);
}
