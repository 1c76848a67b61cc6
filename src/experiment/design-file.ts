/**
 * A vPMU design from a file outside gperf: a module that exports the design, or a function of the kit that returns it.
 *
 * The module is code and runs with the rights of whoever runs gperf, so only a path that the person typed is loaded.
 * Not modelled: designs in other languages; .ts where Node cannot strip types.
 */
import { statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { VpmuDesign } from '../kvm/vpmu.ts';
import * as kit from '../kvm/vpmu/kit.ts';
import { VPMUS } from '../machine/spec.ts';
import { strerror } from '../strerror.ts';
import { thrownBy } from './patience.ts';

/** A file that yields no design; `message` is the whole sentence. */
export class DesignFileError extends Error {
  override readonly name = 'DesignFileError';
}

/** Whether a word of --vpmu is a path: it has a slash, like a workload's path. */
export const isDesignFile = (vpmu: string): boolean => vpmu.includes('/');

/**
 * Where `@gperf/gperf/vpmu` looks first (build/bundle.mjs), so that a design that imports the kit shares it with the gperf
 * that loads the design, whatever copy its import finds: classes and tables exist once.
 */
const KIT = Symbol.for('@gperf/gperf/vpmu');

const known = new Map<string, VpmuDesign>();

/** Designs loaded so far, by path. */
export const loadedDesigns: ReadonlyMap<string, VpmuDesign> = known;

/** Loads a design once. Throws DesignFileError. */
export async function loadDesign(path: string): Promise<VpmuDesign> {
  const loaded = known.get(path);
  if (loaded !== undefined) return loaded;
  const made = await importDesign(path);
  const wrong = faultOf(made);
  if (wrong !== undefined) throw new DesignFileError(`${path}: ${wrong}`);
  // faultOf() has checked the parts that others rely on.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const design = made as VpmuDesign;
  known.set(path, design);
  return design;
}

async function importDesign(path: string): Promise<unknown> {
  checkFile(path);
  try {
    Object.assign(globalThis, { [KIT]: kit });
    const module = (await import(urlOf(path))) as { default?: unknown };
    if (typeof module.default !== 'function') return module.default;
    return (module.default as (from: typeof kit) => unknown)(kit);
  } catch (error) {
    throw new DesignFileError(faultIn(path, error));
  }
}

function checkFile(path: string): void {
  try {
    if (statSync(path).isDirectory()) throw new DesignFileError(`${path}: is a directory, not a vPMU design`);
  } catch (error) {
    if (error instanceof DesignFileError) throw error;
    throw new DesignFileError(`${path}: ${strerror(error)}`);
  }
  const ending = extname(path);
  if (ending === '.mjs' || ending === '.js') return;
  if (ending !== '.ts' && ending !== '.mts')
    throw new DesignFileError(`${path}: a design is a module: .mjs, .js, or .ts where Node strips types`);
  if (!('typescript' in process.features) || !process.features.typescript)
    throw new DesignFileError(
      `${path}: Node ${process.versions.node} does not strip types (22.18, 23.6 and later do): compile it to .mjs first`,
    );
}

const urlOf = (path: string): string => pathToFileURL(resolve(path)).href;

/** "./mine.mjs:12:3: TypeError: ...", as far as the error says. */
export function faultIn(path: string, error: unknown): string {
  const stack = (error instanceof Error && error.stack) || '';
  const [place] = /^\d+(:\d+)?/.exec(stack.split(`${urlOf(path)}:`)[1] ?? '') ?? [];
  if (!(error instanceof Error)) return thrownBy(path, error);
  return `${path}${place === undefined ? '' : `:${place}`}: ${error.name}: ${error.message}`;
}

/** Who is blamed for what a thread of the pool does with an input: code that is not gperf's, if it runs any. */
export function threadOf(input: object): string {
  const { vpmu } = ('spec' in input ? input.spec : {}) as { readonly vpmu?: string };
  return vpmu !== undefined && isDesignFile(vpmu) ? `${vpmu} in a worker thread` : 'a worker thread';
}

/** Why an object is not a design; undefined if it is one. */
function faultOf(made: unknown): string | undefined {
  if (typeof made !== 'object' || made === null)
    return 'its default export must be a design, or a function that returns one';
  const design = made as Record<string, unknown>;
  for (const key of ['name', 'about', 'source'])
    if (typeof design[key] !== 'string' || design[key] === '') return `its design needs a ${key}, a text`;
  for (const key of ['guestCaps', 'attach'])
    if (typeof design[key] !== 'function') return `its design needs ${key}(), a function`;
  if (!Array.isArray(design['deviates'])) return 'its design needs deviates, a list, which may be empty';
  if (VPMUS.some(({ name }) => name === design['name']))
    return `its design calls itself ${String(design['name'])}, which is the name of another`;
  return undefined;
}
