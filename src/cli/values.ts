/** Values of options whose text is more than a number or a word. */
import { UsageError } from './errors.ts';
import { optionUsage } from './help.ts';
import type { CommandTable } from './options/option.ts';

/** -F: Hz, or the most the machine allows. perf reads anything that is not a number as 0, and stops. */
export function parseFreq(text: string): number | 'max' {
  if (text === 'max') return 'max';
  const freq = /^\d+$/.test(text) ? Number(text) : 0;
  if (freq === 0) throw new UsageError('frequency and count are zero, aborting', '', 234);
  if (!Number.isSafeInteger(freq)) throw new UsageError(`-F ${text}: too large a number`);
  return freq;
}

/** --call-graph: only frame pointers are supported. */
export function parseCallGraph(text: string, usage: string): 'fp' {
  const mode = text.split(',')[0];
  if (mode === 'fp') return 'fp';
  if (mode === 'dwarf' || mode === 'lbr') throw new UsageError(`gperf does not model --call-graph ${mode}.`);
  throw new UsageError(`callchain: Unknown --call-graph option value: ${text}\n`, usage);
}

const PAGE_SIZE = 4096;
const UNITS: Readonly<Record<string, number>> = { B: 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** parse_tag_value(): bytes; the unit is required. */
function bytesOf(text: string): number | undefined {
  const [, digits, unit] = /^(\d+)([BKMG])$/.exec(text) ?? [];
  return unit === undefined ? undefined : Number(digits) * UNITS[unit]!;
}

/** A size in bytes, with its unit: 512K. For anything else perf has no message, only the usage. */
export function parseSize(text: string, usage: string): number {
  const bytes = bytesOf(text);
  if (bytes === undefined || !Number.isSafeInteger(bytes)) throw new UsageError('', usage);
  return bytes;
}

/** -m: pages of the buffer, a power of two; `note` is what perf says if it had to round. */
export function parseMmapPages(text: string, usage: string): { pages: number; note?: string } {
  if (text.includes(',')) throw new UsageError('gperf does not model AUX area tracing (-m PAGES,PAGES).');
  const wanted = /^\d+$/.test(text) ? Number(text) : Math.ceil((bytesOf(text) ?? 0) / PAGE_SIZE);
  let pages = 1;
  while (pages < wanted) pages *= 2;
  if (wanted === 0 || pages > 2 ** 20) throw new UsageError('Invalid argument for --mmap_pages/-m\n', usage);
  if (pages === wanted) return { pages };
  const bytes = pages * PAGE_SIZE;
  const size = bytes < 2 ** 20 ? `${bytes / 2 ** 10}K` : `${bytes / 2 ** 20}M`;
  return { pages, note: `rounding mmap pages size to ${size} (${pages} pages)` };
}

/** -x and -t: a backslash followed by t means a tab. */
export const parseSeparator = (text: string): string => (text === String.raw`\t` ? '\t' : text);

/** A comma list of words. */
export const parseWords = (text: string | undefined): readonly string[] | undefined =>
  text?.split(',').filter((word) => word !== '');

/** A comma list of whole numbers up to `most`; `name` is the option's name, `usage` its help. */
export function parseNumbers(
  text: string | undefined,
  most: number,
  name: string,
  usage: string,
): readonly number[] | undefined {
  if (text === undefined) return undefined;
  const words = text.split(',');
  if (words.every((word) => /^\d+$/.test(word) && Number(word) <= most)) return words.map(Number);
  throw new UsageError(`--${name} '${text}': must be whole numbers up to ${most}, joined by commas\n`, usage);
}

/** A pid is a signed int. */
const MOST_PID = 2 ** 31 - 1;

/** --pid, --tid. */
export const parseTasks = (
  text: string | undefined,
  name: 'pid' | 'tid',
  table: CommandTable,
): readonly number[] | undefined => parseNumbers(text, MOST_PID, name, optionUsage(table, name));
