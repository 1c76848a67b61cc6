/**
 * The names in cells of perf report's text as recordings have them: text in bytes, files by their base names, functions
 * without what -v prints beside them.
 *
 * Source: tools/perf/util/sort.c (_hist_entry__sym_snprintf, _hist_entry__dso_snprintf).
 * Not modelled: demangled names of languages other than C++ under -v.
 */
import { decodeBytes } from '../perfdata/octets.ts';
import { moduleName, NO_SYMBOL, shortName } from './dso.ts';

/** A name that has one character a byte; text in a recording is UTF-8 where it can be. */
export const decodedName = (cell: string): string => decodeBytes(Buffer.from(cell, 'latin1'));

/** The base name that recordings know a file by; -v prints the path. */
export function fileName(name: string): string {
  if (!name.startsWith('/')) return name;
  return /\.ko(\.(gz|xz|lzma|zst))?$/.test(name) ? moduleName(name) : shortName(name);
}

/** The name of "[.] name", of "0x1186 B [.] name" (-v), and of an address. */
export function symbolName(cell: string): string {
  const [, verbose, name = cell] = /^((?:0x[\da-f]+|0)\s+\S )?\[.\] (.*)$/s.exec(cell) ?? [];
  if (/^(?:0x[\da-f]{8,16}|0{8,16})$/.test(name)) return NO_SYMBOL;
  return verbose === undefined ? name : withoutParameters(name);
}

const QUALIFIERS = [' const', ' volatile', ' &', ' &&'];
const PAIRS: Readonly<Record<string, string>> = { ')': '(', '>': '<', '}': '{', ']': '[' };

/**
 * "void ns::f<int>(int) const" is "ns::f<int>" without -v: parameters, qualifiers and the type that a template's instance
 * returns go.
 */
function withoutParameters(name: string): string {
  let text = name;
  if (text.endsWith(']')) text = text.slice(0, Math.max(0, text.indexOf(' [clone ')));
  const clone = name.slice(text.length);
  for (let word; (word = QUALIFIERS.find((qualifier) => text.endsWith(qualifier)));) text = text.slice(0, -word.length);
  if (!text.endsWith(')')) return name;
  let depth = 0;
  let at = text.length - 1;
  for (; at > 0; at--) {
    if (text[at] === ')') depth++;
    else if (text[at] === '(' && --depth === 0) break;
  }
  const head = text.slice(0, at);
  if (head === '' || /(?:^|::)$/.test(head)) return name;
  return withoutType(head) + clone;
}

/** What follows the last blank outside of brackets, unless that is an operator's. */
function withoutType(head: string): string {
  if (!head.endsWith('>') || / ?operator/.test(head)) return head;
  let depth = 0;
  for (let at = head.length - 1; at >= 0; at--) {
    const letter = head[at]!;
    if (letter in PAIRS) depth++;
    else if (Object.values(PAIRS).includes(letter)) depth--;
    else if (letter === ' ' && depth === 0) return head.slice(at + 1);
  }
  return head;
}
