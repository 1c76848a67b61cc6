/**
 * The build-id cache: where perf record keeps copies of what it sampled and perf report looks for symbols first.
 *
 *   DIR/<absolute path>/<hex>/elf                 a file
 *   DIR/[kernel.kallsyms]/<hex>/kallsyms          the kernel's symbols
 *   DIR/.build-id/<2 hex digits>/<the others>     -> ../../<absolute path>/<hex>
 *
 * DIR is $HOME/.debug unless told otherwise (perf --buildid-dir). Others write here too, so nothing that exists is
 * ever replaced or removed: equal content is left alone, other content is reported. Files appear whole or not at all.
 * A failure is returned as a reason, because a recording is worth keeping without its symbols.
 * Not modelled: writing vdso and probes entries, compressed copies.
 */
import { lstatSync, mkdirSync, readFileSync, readlinkSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { errnoOf, PerfDataIoError, strerror } from './errors.ts';
import { createWhole } from './temporary.ts';

/** The path that stands for the kernel. */
export const KERNEL_KALLSYMS = '[kernel.kallsyms]';
const ENTRY_MODE = 0o755;

/** A file to put into the cache. */
export interface CacheEntry {
  /** Absolute path of the file in the recorded system, or KERNEL_KALLSYMS. */
  readonly path: string;
  /** Lower-case hex. */
  readonly buildId: string;
  readonly content: Uint8Array;
}

export type Stored =
  /** `file` is the copy; `fresh` unless it was there before. */
  | { readonly ok: true; readonly file: string; readonly fresh: boolean }
  /** One sentence. */
  | { readonly ok: false; readonly reason: string };

/** A file with symbols. */
export interface SymbolFile {
  readonly file: string;
  readonly kind: 'elf' | 'kallsyms';
}

/** perf's default place; undefined without a HOME. */
export const defaultCacheDir = (env: Readonly<Record<string, string | undefined>> = process.env): string | undefined =>
  env['HOME'] ? join(env['HOME'], '.debug') : undefined;

/** Stores a copy; without `dir` there is no place for it. Errors of the file system are returned, never thrown. */
export function storeInCache(dir: string | undefined, entry: CacheEntry): Stored {
  const { path, buildId, content } = entry;
  const refuse = (reason: string): Stored => ({ ok: false, reason: `${path}: ${reason}` });
  if (dir === undefined) return refuse('no build-id cache, HOME is not set');
  if (!/^([0-9a-f]{2}){2,20}$/.test(buildId)) return refuse(`"${buildId}" is no build-id`);
  const isKernel = path === KERNEL_KALLSYMS;
  if (!isKernel && !(path.startsWith('/') && normalize(path) === path)) return refuse('no absolute path');
  if (path.startsWith('/.build-id/')) return refuse('its place would be in the index of the cache');

  const inside = isKernel ? `/${path}` : path;
  const file = join(dir, inside, buildId, isKernel ? 'kallsyms' : 'elf');
  const link = linkOf(dir, buildId);
  const target = `../..${inside}/${buildId}`;
  try {
    makeDirectory(dirname(file));
    makeDirectory(dirname(link));
    const fresh = createWhole(file, content, ENTRY_MODE);
    if (!fresh && !Buffer.from(content).equals(readFileSync(file)))
      return refuse(`${file} exists with other content and was left as it is`);
    const existing = createLink(link, target);
    if (existing !== target && !lookupInCache(dir, buildId))
      return refuse(`${link} exists, leads to ${existing}, and was left as it is`);
    return { ok: true, file, fresh };
  } catch (error) {
    if (errnoOf(error) === undefined && !(error instanceof PerfDataIoError)) throw error;
    const why = error instanceof PerfDataIoError ? error.reason : strerror(error);
    return refuse(`cannot write to the build-id cache ${dir}: ${why}`);
  }
}

/** The cached copy of a build-id. */
export function lookupInCache(dir: string | undefined, buildId: string): SymbolFile | undefined {
  if (dir === undefined || buildId.length < 4) return undefined;
  const link = linkOf(dir, buildId);
  for (const [name, kind] of [
    ['elf', 'elf'],
    ['kallsyms', 'kallsyms'],
    ['vdso', 'elf'],
  ] as const) {
    const file = join(link, name);
    if (isFile(file)) return { file, kind };
  }
  // Before 4.3, perf linked to the file itself.
  return isFile(link) ? { file: link, kind: 'elf' } : undefined;
}

const linkOf = (dir: string, buildId: string): string => join(dir, '.build-id', buildId.slice(0, 2), buildId.slice(2));

/** Whether a path leads to a regular file that can be examined. (Opening a FIFO would wait.) */
export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** mkdir -p. (Node's own loops forever if the system refuses with ENOENT, as /proc does.) */
function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  if (dirname(path) !== path) makeDirectory(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

/** Creates a symbolic link unless something is there; returns where it leads. */
function createLink(link: string, target: string): string {
  try {
    symlinkSync(target, link);
    return target;
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
    return lstatSync(link).isSymbolicLink() ? readlinkSync(link) : link;
  }
}
