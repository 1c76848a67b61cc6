/**
 * How a table of perf report is laid out, according to its heading, and how its lines are read. The parts are the four
 * layouts: columns under a dotted line, cells with a separator between them (-t), lines indented by sort key
 * (--hierarchy), and rows without a heading.
 *
 * Lines have one character per byte, as perf fills columns in bytes. Every line is read in one pass.
 *
 * Source: tools/perf/ui/stdio/hist.c, ui/hist.c, util/sort.c; measured on perf 6.1.
 * Not modelled: titles in other languages, tables of memory accesses and of basic blocks.
 */

/** A line of a table by column title: the numbers (one for each event of a group) and the names. */
export interface Cells {
  readonly numbers: ReadonlyMap<string, readonly number[]>;
  readonly names: ReadonlyMap<string, string>;
}

export interface ReportLayout {
  /** Titles of all columns. */
  readonly titles: readonly string[];
  /** The separator between cells, if chosen (-t): in names perf prints a point in place of its first character. */
  readonly separator?: string;
  /** Bytes of each column, if a heading tells. */
  readonly widths: ReadonlyMap<string, number>;
  /** The cells of a line; undefined if it belongs to a call graph, or is a summary line above others. */
  read(line: string): Cells | undefined;
}

const NUMBERS: ReadonlySet<string> = new Set([
  'Overhead',
  'Children',
  'Self',
  'sys',
  'us',
  'usr',
  'guest sys',
  'guest us',
  'guest usr',
  'Samples',
  'Period',
]);

/** Titles of sort keys. */
const KEYS = (
  'Pid:Command|Command|Source Shared Object|Target Shared Object|Shared Object|Source Symbol|Target Symbol' +
  '|Symbol size|Symbol|Parent symbol|CPU|Socket|Source:Line|Source File|Local Weight|Weight|Transaction' +
  '|Trace output|DSO size|Cgroup|cgroup id (dev/inode)|Time|Code Page Size|Data Page Size|Local INSTR Latency' +
  '|INSTR Latency|Local Pipeline Stage Cycle|Pipeline Stage Cycle|Basic Block Cycles|Branch Mispredicted' +
  '|Branch in transaction|Transaction abort|Data Symbol|Data Object|Data Physical Address|Data Cacheline' +
  '|Code Symbol|Memory access|TLB access|Snoop|Locked|Blocked|IPC   [IPC Coverage]'
).split('|');
const TITLES = [...NUMBERS, ...KEYS].toSorted((a, b) => b.length - a.length);

/** Whether a column has names rather than numbers. */
export const isKey = (title: string): boolean => !NUMBERS.has(title);

const isBlank = (text: string): boolean => text.trim() === '';

/** Whether -w cut a title: then names are cut, too. */
export const isCut = (title: string): boolean =>
  title !== '' && !TITLES.includes(title) && TITLES.some((known) => known.startsWith(title));

/** "........  .......": the line below the titles. */
export const isDotted = (line: string): boolean => /^#[ .]*\.\.[ .]*$/.test(line);

/** A number without its percent sign; undefined if the text is not a number. */
function numberOf(text: string): number | undefined {
  if (text === 'N/A') return Number.NaN;
  return /^\d+(?:\.\d+%)?$/.test(text) ? Number.parseFloat(text) : undefined;
}

/** Numbers separated by blanks. */
function numbersOf(text: string): number[] | undefined {
  const numbers = text.split(' ').filter(Boolean).map(numberOf);
  return numbers.length > 0 && numbers.every((n) => n !== undefined) ? numbers : undefined;
}

interface Column {
  readonly title: string;
  readonly start: number;
  readonly width: number;
}

/** The layout above a line of dots; `members`: events with a number in each column. */
export function dottedLayout(titleLine: string, dots: string, members: number): ReportLayout {
  const [head] = /^# \.+/.exec(dots) ?? [];
  if (head !== undefined && titleLine.includes(' / '))
    return new Hierarchy(titleLine.slice(0, head.length), titleLine.slice(head.length), undefined, members);
  const columns = [...dots.matchAll(/\.+/g)].map(({ index: start, 0: { length: width } }): Column => ({
    title: titleLine.slice(start, start + width).trim(),
    start,
    width,
  }));
  return new Columns(columns, members);
}

/** Where a cell really ends that should end at `end`, two blanks before the next one. */
function cellEnd(line: string, end: number): number {
  if (line.slice(end, end + 2).trim() === '') return end;
  const gap = line.indexOf('  ', end);
  return gap < 0 ? line.length : gap;
}

class Columns implements ReportLayout {
  readonly titles: readonly string[];
  readonly widths: ReadonlyMap<string, number>;
  readonly #columns: readonly Column[];
  readonly #members: number;

  constructor(columns: readonly Column[], members: number) {
    this.#columns = columns;
    this.#members = members;
    this.titles = columns.map(({ title }) => title);
    this.widths = new Map(columns.map(({ title, width }) => [title, width]));
  }

  read(line: string): Cells | undefined {
    const numbers = new Map<string, readonly number[]>();
    const names = new Map<string, string>();
    // What is too wide for its column shifts the rest: large numbers, addresses under -v, CPU -001.
    let shift = 0;
    const last = this.#columns.length - 1;
    for (const [i, { title, start, width }] of this.#columns.entries()) {
      const at = start + shift;
      if (i === 0 && !isBlank(line.slice(0, at))) return undefined;
      if (NUMBERS.has(title)) {
        const cell = this.#numbers(line, at, width);
        if (cell === undefined) return undefined;
        numbers.set(title, cell.numbers);
        shift = cell.end - start - width;
      } else {
        const end = i === last ? line.length : cellEnd(line, at + width);
        names.set(title, line.slice(at, end).trim());
        if (i < last) shift += end - at - width;
      }
    }
    return names.size > 0 && [...names.values()].every((name) => name === '') ? undefined : { numbers, names };
  }

  #numbers(line: string, start: number, width: number): { numbers: number[]; end: number } | undefined {
    const each = width % this.#members === 0 && width / this.#members >= 'Overhead'.length ? this.#members : 1;
    const numbers: number[] = [];
    let at = start;
    for (let member = 0; member < each; member++) {
      let from = at;
      while (line[from] === ' ') from++;
      let to = from;
      while (to < line.length && line[to] !== ' ') to++;
      const number = numberOf(line.slice(from, to));
      const end = at + width / each;
      if (number === undefined || from >= end || (to > end && from > at + 1)) return undefined;
      numbers.push(number);
      at = Math.max(end, to);
    }
    return { numbers, end: at };
  }
}

/** The layout of -t, if this line has its titles; '' if the separator consists of blanks. */
export function separatedLayout(titleLine: string, members: number): ReportLayout | '' | undefined {
  const titles: string[] = [];
  const text = titleLine.slice('#'.length);
  let separator: string | undefined;
  let at = 0;
  const skip = (): number => {
    while (text[at] === ' ') at++;
    return at;
  };
  for (skip(); at < text.length; skip()) {
    const title = TITLES.find((known) => text.startsWith(known, at));
    if (title === undefined) return undefined;
    titles.push(title);
    const from = (at += title.length);
    if (skip() === text.length) break;
    if (separator === undefined) {
      const next = nextTitle(text, at);
      if (next === undefined) return undefined;
      separator = text.slice(from, next).replaceAll(/^ +| +$/g, '');
    }
    if (separator !== '' && text.startsWith(' / ', from)) {
      const line = titles.pop()!;
      const head = titles.join(separator);
      return new Hierarchy(head, line + text.slice(from), separator, members);
    }
    if (separator !== '' && !text.startsWith(separator, at)) return undefined;
    at += separator.length;
  }
  if (titles.length < 2 || separator === undefined) return undefined;
  return separator === '' ? '' : new Separated(titles, separator);
}

/** Where the next title begins, a few characters later. */
function nextTitle(text: string, from: number): number | undefined {
  const MOST = 64;
  for (let at = from; at < Math.min(text.length, from + MOST); at++)
    if (TITLES.some((known) => text.startsWith(known, at))) return at;
  return undefined;
}

class Separated implements ReportLayout {
  readonly titles: readonly string[];
  readonly separator: string;
  readonly widths: ReadonlyMap<string, number> = new Map();

  constructor(titles: readonly string[], separator: string) {
    this.titles = titles;
    this.separator = separator;
  }

  read(line: string): Cells | undefined {
    const cells = line.split(this.separator);
    if (cells.length !== this.titles.length) return undefined;
    const numbers = new Map<string, readonly number[]>();
    const names = new Map<string, string>();
    for (const [i, title] of this.titles.entries()) {
      if (!NUMBERS.has(title)) {
        names.set(title, cells[i]!.trim());
        continue;
      }
      const list = numbersOf(cells[i]!);
      if (list === undefined) return undefined;
      numbers.set(title, list);
    }
    return { numbers, names };
  }
}

/** HIERARCHY_INDENT. */
const INDENT = 3;
/** Position of the first percent sign in a first-level line. */
const FIRST_PERCENT = '   100.00%'.indexOf('%');

class Hierarchy implements ReportLayout {
  readonly titles: readonly string[];
  readonly separator?: string;
  readonly widths: ReadonlyMap<string, number> = new Map();
  readonly #keys: readonly string[];
  readonly #numbers: readonly string[];
  readonly #members: number;
  readonly #path: string[] = [];

  constructor(numbers: string, keys: string, separator: string | undefined, members: number) {
    const plain = numbers.replace('#', ' ');
    this.#numbers = (separator === undefined ? plain.split('  ') : plain.split(separator))
      .map((title) => title.trim())
      .filter(Boolean);
    this.#keys = keys.split(' / ').map((title) => title.trim());
    this.titles = [...this.#numbers, ...this.#keys];
    this.#members = members;
    if (separator !== undefined) this.separator = separator;
  }

  read(line: string): Cells | undefined {
    const percent = line.indexOf('%');
    if (percent < 0 || numberOf(line.slice(0, percent + 1).trim()) === undefined) return undefined;
    const blanks = line.length - line.trimStart().length;
    const depth = this.separator === undefined ? (percent - FIRST_PERCENT) / INDENT : Math.floor(blanks / INDENT);
    if (!Number.isInteger(depth) || depth < 0 || depth >= this.#keys.length) return undefined;
    const taken = this.#take(line);
    if (taken === undefined || taken.name === '') return undefined;
    this.#path.length = depth;
    this.#path[depth] = taken.name;
    if (depth < this.#keys.length - 1) return undefined;
    return { numbers: taken.numbers, names: new Map(this.#keys.map((key, i) => [key, this.#path[i] ?? ''])) };
  }

  /** The numbers of a line, and the name after them. */
  #take(line: string): { numbers: Map<string, number[]>; name: string } | undefined {
    const numbers = new Map<string, number[]>();
    let at = 0;
    for (const title of this.#numbers) {
      const list: number[] = [];
      for (let member = 0; member < this.#members; member++) {
        while (line[at] === ' ') at++;
        let to = at;
        while (to < line.length && line[to] !== ' ' && !this.#ends(line, to)) to++;
        const number = numberOf(line.slice(at, to));
        if (number === undefined) return undefined;
        list.push(number);
        at = to;
      }
      numbers.set(title, list);
      if (this.separator === undefined) continue;
      while (line[at] === ' ') at++;
      if (!this.#ends(line, at)) return undefined;
      at += this.separator.length;
    }
    return { numbers, name: line.slice(at).trim() };
  }

  #ends(line: string, at: number): boolean {
    return this.separator !== undefined && line.startsWith(this.separator, at);
  }
}

/** Titles of a row without a heading, in order. */
export const BARE_KEYS = ['Command', 'Shared Object', 'Symbol'] as const;
const PERCENTS = 'Overhead';

/**
 * A row without a heading: percentages, perhaps counts, and the names that `keys` lists; undefined for other lines.
 * perf puts two blanks between columns; in a mail that squeezed them, the last word before "[.]" is the file.
 */
export function bareCells(line: string, keys: readonly string[]): Cells | undefined {
  const fields = line.split('  ').flatMap((field) => (isBlank(field) ? [] : [field.trim()]));
  const numbers: number[] = [];
  const counts: number[] = [];
  const rest = fields.join('  ');
  let at = 0;
  for (;;) {
    while (rest[at] === ' ') at++;
    const to = wordEnd(rest, at);
    const word = rest.slice(at, to);
    const number = numberOf(word);
    if (number === undefined || (counts.length > 0 && word.endsWith('%'))) break;
    if (word.endsWith('%')) numbers.push(number);
    // A command's name may be a number; counts stand in columns of their own. N/A is a share that this row has none of.
    else if (numbers.length > 0 && (fields.includes(word) || keys.length < BARE_KEYS.length)) {
      if (!Number.isNaN(number)) counts.push(number);
    } else break;
    at = to;
  }
  if (numbers.length === 0) return undefined;
  const names = bareNames(rest.slice(at).trim(), keys);
  if (names === undefined) return undefined;
  const all = new Map<string, readonly number[]>([[PERCENTS, numbers]]);
  if (counts.length > 0) all.set('Samples', counts);
  return { numbers: all, names };
}

function wordEnd(text: string, from: number): number {
  const blank = text.indexOf(' ', from);
  return blank < 0 ? text.length : blank;
}

/** A command may look like a mark ("[k] odd"): the symbol's mark is the first one not followed by another column. */
function bareNames(text: string, keys: readonly string[]): Map<string, string> | undefined {
  if (keys.at(-1) !== 'Symbol') return inCells(text, keys);
  const from = text.trimEnd().lastIndexOf('  ') + 1;
  const mark = /(?:^|\s)\[.\] /.exec(text.slice(from));
  if (mark === null) return undefined;
  const index = from + mark.index;
  // -v: an address and a letter come before it.
  const address = /(?:(?:^|.)0x[\da-f]+|(?:^|[^\da-f])0)\s+\S$/.exec(text.slice(0, index));
  // It is preceded by a separator.
  if (address !== null && !/^\s|^0/.test(address[0])) return undefined;
  const at = address?.index ?? index;
  const [before, symbol] = [text.slice(0, at).trim(), text.slice(at).trim()];
  const others = keys.slice(0, -1);
  const names = inCells(before, others) ?? (hasCount(before) ? undefined : inWords(before, others));
  return names?.set('Symbol', symbol);
}

/** Whether a column between the names holds a count (-F comm,period,symbol), which could be a part of either. */
const hasCount = (text: string): boolean => text.split('  ').some((field) => /^\d+$/.test(field.trim()));

/** Names separated by two or more blanks. */
function inCells(text: string, keys: readonly string[]): Map<string, string> | undefined {
  const cells = text.split('  ').flatMap((field) => (isBlank(field) ? [] : [field.trim()]));
  return cells.length === keys.length ? new Map(keys.map((key, i) => [key, cells[i]!])) : undefined;
}

/** A command, which may contain blanks, and a file, which has none. */
function inWords(text: string, keys: readonly string[]): Map<string, string> | undefined {
  if (!keys.includes('Shared Object'))
    return keys.length === 1 && text !== '' ? new Map([[keys[0]!, text]]) : undefined;
  const blank = text.lastIndexOf(' ');
  if (blank < 0 ? keys.length > 1 || text === '' : keys.length === 1) return undefined;
  return new Map([
    ['Shared Object', text.slice(blank + 1)],
    ['Command', text.slice(0, Math.max(0, blank)).trim()],
  ]);
}
