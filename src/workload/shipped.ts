/**
 * The programs of the workloads that come with gperf, as the build parsed them (build/workloads.mjs): running one then loads
 * no YAML parser. Each comes with the text it was parsed from, included files and all; where another stands there now, it
 * is not the program of that file.
 * Not modelled: programs that were not checked; what is here was parsed by the rules for files of strangers.
 */
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Program } from './program.ts';

/** What a file of dist/src/workload/shipped/ holds. */
interface Shipped {
  /** Texts of the workload's file and of all it may include, by their paths from the directory of workloads. */
  readonly sources: Readonly<Record<string, string>>;
  readonly program: Program;
}

/** The program of a shipped workload's file whose text was just read; undefined where the build knows no such text. */
export function shippedProgram(path: string, text: string): Program | undefined {
  const name = basename(path);
  let shipped: Shipped;
  try {
    const file = new URL(`./shipped/${basename(name, '.yaml')}.json`, import.meta.url);
    shipped = JSON.parse(readFileSync(file, 'utf8')) as Shipped;
    for (const [source, then] of Object.entries(shipped.sources)) {
      const now = source === name ? text : readFileSync(join(dirname(path), source), 'utf8');
      if (now !== then) return undefined;
    }
  } catch (error) {
    // Not built yet, or a file it was built from is gone: the file itself has the program.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return shipped.program;
}
