/**
 * Maps written by JIT compilers: lines of "start size name", both numbers hexadecimal, in /tmp/perf-PID.map.
 *
 * As in perf, the file is taken as it is, whoever owns it and whatever process has had that PID since. Numbers are
 * read as strtoull() reads them, a line too short for a name is skipped, and the last character of every line is
 * dropped as its end, even if the file ends without one.
 * Source: dso__load_perf_map() in tools/perf/util/symbol.c, hex2u64() in tools/perf/util/util.c of Linux 6.1; what it makes
 * of odd lines measured on perf 6.1.
 * Not modelled: maps that lie in a container; more of a map than MOST_BYTES and MOST_SYMBOLS.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { STB_GLOBAL, STT_NOTYPE } from './elf-format.ts';
import { decodeBytes } from './octets.ts';
import type { Symbol } from './symbol.ts';
import { SymbolTable } from './symbols.ts';

/** Path prefix of such a map; perf takes every such file for one. */
const PERF_MAP = '/tmp/perf-';
/** A JIT compiler makes a few hundred thousand functions at most. */
const MOST_BYTES = 2 ** 26;
const MOST_SYMBOLS = 2 ** 20;
const TWO64 = 2 ** 64;

export const isPerfMap = (path: string): boolean => path.startsWith(PERF_MAP);

/** The functions of a map; throws errors of the file system. */
export function readPerfMap(path: string): SymbolTable {
  const bytes = Buffer.allocUnsafe(MOST_BYTES);
  const fd = openSync(path, 'r');
  try {
    let size = 0;
    for (let got = 1; got > 0 && size < MOST_BYTES; size += got)
      got = readSync(fd, bytes, size, MOST_BYTES - size, null);
    return perfMapSymbols(bytes.subarray(0, size));
  } finally {
    closeSync(fd);
  }
}

/** The functions of a map's text. */
export function perfMapSymbols(bytes: Buffer): SymbolTable {
  const symbols: Symbol[] = [];
  for (let from = 0, next: number; from < bytes.length && symbols.length < MOST_SYMBOLS; from = next) {
    const newline = bytes.indexOf(NEWLINE, from);
    next = newline < 0 ? bytes.length : newline + 1;
    const line = bytes.subarray(from, next - 1);
    const start = hexNumber(line, 0);
    const sizeAt = start.end + 1;
    if (sizeAt + 2 >= line.length) continue;
    const size = hexNumber(line, sizeAt);
    const nameAt = size.end + 1;
    if (nameAt + 2 >= line.length) continue;
    const nul = line.indexOf(0, nameAt);
    const name = decodeBytes(line.subarray(nameAt, nul < 0 ? line.length : nul));
    const end = (start.value + size.value) % TWO64;
    symbols.push({ name, start: start.value, end, binding: STB_GLOBAL, type: STT_NOTYPE });
  }
  return new SymbolTable([], symbols);
}

const NEWLINE = 0x0a;
/** Characters in which a number is looked for. */
const LONGEST_NUMBER = 64;

/** strtoull(line + at, 16): the number, and where it ends; 0 and `at` if there is none. */
function hexNumber(line: Buffer, at: number): { readonly value: number; readonly end: number } {
  const text = line.toString('latin1', at, at + LONGEST_NUMBER);
  const [whole, sign, digits] = /^[ \t\v\f\r]*([+-]?)(?:0[xX](?=[\da-fA-F]))?([\da-fA-F]+)/.exec(text) ?? [];
  if (whole === undefined || digits === undefined) return { value: 0, end: at };
  const value = Math.min(parseInt(digits, 16), TWO64 - 1);
  return { value: sign === '-' ? TWO64 - value : value, end: at + whole.length };
}
