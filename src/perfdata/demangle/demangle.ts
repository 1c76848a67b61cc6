/**
 * Names as perf 6.1 shows them: C++ and Rust demangled, functions without their parameters unless -v asks for them.
 *
 * The text is that of libiberty's demangler, which perf is built with. Firefox' package for Node
 * (gecko-profiler-demangle 0.4.0) knows only names with parameters: of the 5864 names that libstdc++.so.6 exports it
 * prints 22 % as `c++filt -p` does, perf's usual form, and 84 % as c++filt does with parameters.
 * Not modelled: OCaml and Java (perf prints them differently, too), names longer than 1024 characters (perf leaves
 * them as well), texts over 65536 characters (perf prints those).
 */
import type { Demangle } from '../elf-symbols.ts';
import { Failure, Parser } from './itanium-parser.ts';
import { Printer } from './itanium-printer.ts';
import { demangleRust } from './rust.ts';

/** Longer C++ names stay as they are. */
const MOST_NAME = 1024;

/**
 * `parameters`: show parameters, and the suffixes compilers append to copies of functions. Undefined if not mangled.
 */
export function demangle(name: string, parameters: boolean): string | undefined {
  if (!name.startsWith('_')) return undefined;
  if (name.startsWith('_Z') || name.startsWith('_R')) {
    const rust = demangleRust(name);
    if (rust !== undefined) return rust;
  }
  if (!/^_(Z|GLOBAL_[._$][DI]_)/.test(name) || name.length > MOST_NAME) return undefined;
  try {
    return new Printer().text(new Parser(name, parameters).read());
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

export const withoutParameters: Demangle = (name) => demangle(name, false);
export const withParameters: Demangle = (name) => demangle(name, true);
