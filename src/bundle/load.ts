/**
 * How a package of gperf starts: all of it is one file, gperf.js, which needs no search for some 200 modules, and V8's code
 * for the functions that a command uses lies beside it, so that V8 need not compile them again.
 *
 * build/bundle.mjs makes gperf.js; build/code-cache.mjs makes gperf.WHAT.VERSION.cache by running WHAT, the name of a command.
 * A cache holds for one version of V8 and its flags. Where there is none, Node compiles the file, from 22.1 on with a cache
 * of its own (NODE_DISABLE_COMPILE_CACHE=1 turns it off). So it does where stack traces are to name the sources, as
 * V8's cache would keep Node from seeing their map.
 */
import { readFileSync } from 'node:fs';
import module from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';
import type { PARTS } from './parts.ts';

/** The file's name beside this one's; its code for a command, on this version of V8. */
const FILE = 'gperf.js';
const cacheName = (what: string): string => `gperf.${what}.${process.versions.v8}-${process.arch}.cache`;

let loaded: typeof PARTS | undefined;

/** The parts of gperf, with the code cached for `what`. All who ask in one thread share one copy. */
export function loadParts(what: string): typeof PARTS {
  return (loaded ??= evaluate(what));
}

/** import() for the code in gperf.js: V8 forgets in what it takes from a cache how to import. */
export const importModule = async (url: string): Promise<unknown> => import(url);

function evaluate(what: string): typeof PARTS {
  const file = join(__dirname, FILE);
  const debug = process.env['GPERF_DEBUG'] !== undefined && process.env['GPERF_DEBUG'] !== '';
  if (debug) process.setSourceMapsEnabled(true);
  const cachedData = process.sourceMapsEnabled ? undefined : contentOf(join(__dirname, cacheName(what)));
  if (cachedData === undefined) {
    (module as { enableCompileCache?: () => unknown }).enableCompileCache?.();
    return (require(file) as Exports).PARTS;
  }
  // One byte for each character: the bundler escapes all that is not ASCII.
  const script = new Script(module.wrap(readFileSync(file, 'latin1')), { filename: file, cachedData });
  const own = { exports: {} };
  (script.runInThisContext() as Wrapped)(own.exports, require, own, file, dirname(file));
  return (own.exports as Exports).PARTS;
}

interface Exports {
  readonly PARTS: typeof PARTS;
}

/** The text of a CommonJS module as a function. */
type Wrapped = (exports: object, require: NodeJS.Require, own: object, filename: string, dirname: string) => void;

function contentOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
