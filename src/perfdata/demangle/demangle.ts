/**
 * Names as perf 6.1 shows them: C++ and Rust demangled, functions without their parameters unless -v asks for them.
 *
 * The text is that of the demangler perf is built with (libiberty's). The package for Node, Firefox'
 * (gecko-profiler-demangle 0.4.0), knows names with parameters only: of the 5864 that libstdc++.so.6 exports it prints 22 %
 * as `c++filt -p` does, which is perf's usual form, and 84 % as c++filt does with parameters.
 * Not modelled: OCaml and Java (perf prints them otherwise too), names longer than 1024 characters (perf leaves them too),
 * texts over 65536 characters (perf prints those).
 */
import type { Demangle } from '../elf-symbols.ts';
import { Failure, Parser } from './itanium-parser.ts';
import { Printer } from './itanium-printer.ts';
import { demangleRust } from './rust.ts';

/** C++ names that are longer stay as they are. */
const MOST_NAME = 1024;

/** `parameters`: show those of functions, and what compilers append to copies of them. Undefined: no mangled name. */
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
