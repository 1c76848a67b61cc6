/**
 * What perf report --stdio printed, read back as profiles: with its heading, in whatever columns, or, as in a mail, bare rows
 * of "36.95%  comm  dso  [.] symbol". A text may hold several tables; lines of call graphs are passed over.
 *
 * Shares have two decimals, so weights are no better than that; with -n the samples of each row are known, and what was
 * hidden (a percent limit, a filter) is one row of its own, so that shares stay shares of everything. A text that does not
 * say what is to be compared is refused with the options that would make it.
 *
 * Not modelled: call graphs, tables of branches and of memory accesses.
 */
import { byteLength, decodeBytes } from '../perfdata/octets.ts';
import { moduleName, NO_SYMBOL, shortName } from './dso.ts';
import { type Printed, type Profile, profileKey } from './profile.ts';
import {
  bareCells,
  BARE_KEYS,
  type Cells,
  dottedLayout,
  isCut,
  isDotted,
  isKey,
  type ReportLayout,
  separatedLayout,
} from './report-layout.ts';

/** The row of what a table leaves out. */
export const NOT_SHOWN = '[not shown]';
/** Percent that rounding alone may leave out of a table, at most, and by row. */
const ROUNDING = 0.5;
const ROUNDING_OF_ROW = 0.005;

/** A table that cannot be understood. `message` is the whole sentence, place included. */
export class TextError extends Error {
  override readonly name = 'TextError';
}

interface Row {
  readonly shares: readonly number[] | undefined;
  readonly samples: readonly number[] | undefined;
  readonly periods: readonly number[] | undefined;
  readonly comm: string;
  readonly dso: string;
  readonly symbol: string;
}

interface Table {
  readonly heading: string;
  readonly events: readonly string[];
  readonly abbreviated: string | undefined;
  /** From "(5198 samples)" above the table. */
  readonly samples: number | undefined;
  readonly eventCount: number | undefined;
  readonly layout: ReportLayout | undefined;
  /** Of its first row. */
  readonly line: number;
  readonly rows: Row[];
}

/** Keys that make rows what is compared. */
const LISTED = 'comm,dso,sym';
const MULTIPLES: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9 };
const FILTER_TITLES: Readonly<Record<string, string>> = { comm: 'Command', dso: 'Shared Object', symbol: 'Symbol' };
/** What other commands of perf print, by how a line of it begins. */
const OTHER_TEXTS: readonly (readonly [RegExp, string])[] = [
  [
    /^# Baseline(?:\/0)?\s+(?:Delta|Ratio|Weighted|Period)/,
    "what perf diff printed: print 'perf report --stdio' of each file",
  ],
  [/^\s*Percent\s+\|\s+Source code & Disassembly of /, "what perf annotate printed: print 'perf report --stdio'"],
  [
    /^ Performance counter stats for /,
    "what perf stat printed: record with 'perf record', and print 'perf report --stdio'",
  ],
];

/** What an editor puts in front. */
const BYTE_ORDER_MARK = /^\u00ef\u00bb\u00bf/;
/** --stdio-color. */
const COLOR = new RegExp(`${String.fromCharCode(0x1b)}\\[[\\d;]*m`, 'g');

/** Names, as bytes, that a line has; text in a recording is UTF-8 where it can be. */
const decoded = (cell: string): string => decodeBytes(Buffer.from(cell, 'latin1'));

/** Fed line by line, one character a byte; then asked for what it has found. */
export class ReportTextParser {
  readonly #path: string;
  readonly #tables: Table[] = [];
  #line = 0;
  #table: Table | undefined;
  #lost = 0;
  #heading = '';
  #events: readonly string[] = [];
  #abbreviated: string | undefined;
  #samples: number | undefined;
  #eventCount: number | undefined;
  /** The last line of comment, which may have titles. */
  #titles = '';
  #layout: ReportLayout | undefined;
  #blankSeparator = false;
  /** A heading was read: rows are below it, and nothing else is one. */
  #headed = false;
  /** Columns left out, because all rows have this there. */
  readonly #elided = new Map<string, string>();

  constructor(path: string) {
    this.#path = path;
  }

  /** True once a row was read. */
  get found(): boolean {
    return this.#tables.length > 0;
  }

  /** Throws TextError. */
  feed(bytes: string): void {
    this.#line++;
    const line = (this.#line === 1 ? bytes.replace(BYTE_ORDER_MARK, '') : bytes).replaceAll(COLOR, '');
    if (!this.found) this.#other(line);
    if (line.startsWith('#')) this.#comment(line);
    else if (line.trim() === '') return;
    else if (this.#headed) this.#headedRow(line);
    else if (!/^\s*\d+\.\d+%/.test(line)) this.#text(line);
    else this.#row(this.#bare(line));
  }

  #other(line: string): void {
    const other = OTHER_TEXTS.find(([beginning]) => beginning.test(line));
    if (other) throw new TextError(`${this.#path}:${this.#line} is ${other[1]}`);
  }

  #comment(line: string): void {
    const [, samples, names] = /^# Samples:\s+(\d+[KMG]?)\s+of events? '(.*)'/.exec(line) ?? [];
    const count = /^# Event count \(approx\.\): (\d+)/.exec(line)?.[1];
    const lost = /^# Total Lost Samples: (\d+)/.exec(line)?.[1];
    const [, key, value] = /^# (comm|dso|symbol): (.*)$/.exec(line) ?? [];
    const members = Math.max(1, this.#events.length);
    if (names !== undefined) {
      this.#table = this.#layout = undefined;
      this.#headed = this.#blankSeparator = false;
      this.#abbreviated = samples;
      this.#events = decoded(inBraces(names)).split(', ');
    } else if (count !== undefined) this.#eventCount = Number(count);
    else if (lost !== undefined) this.#lost = Number(lost);
    else if (key !== undefined && this.#events.length === 0) this.#elided.set(FILTER_TITLES[key]!, value!);
    else if (isDotted(line) && this.#titles !== '') {
      this.#layout = dottedLayout(this.#titles, line, members);
      this.#headed = true;
    } else {
      const layout = this.#headed ? undefined : separatedLayout(line, members);
      if (layout !== undefined) this.#headed = true;
      if (typeof layout === 'object') this.#layout = layout;
      this.#blankSeparator = layout === '';
    }
    this.#titles = line;
  }

  /** Between tables of a mail: what the next one is called, and how many samples it has. */
  #text(line: string): void {
    const samples = /\((\d{1,15}) samples\)/.exec(line)?.[1];
    this.#table = undefined;
    if (samples !== undefined) this.#samples = Number(samples);
    else if (!line.trimStart().startsWith('[ perf')) this.#heading = decoded(line.trim());
  }

  #headedRow(line: string): void {
    if (this.#layout === undefined) {
      if (this.#blankSeparator && /^\s*\d/.test(line)) this.#refuse('has blanks between cells', "-t ';'");
      return;
    }
    const first = this.#layout.separator?.[0];
    if (first !== undefined && /[\sA-Za-z\d.%[\]]/.test(first) && first !== '\t')
      this.#refuse(
        `has '${this.#layout.separator}' between cells, which cannot be told from what is in them`,
        "-t ';'",
      );
    const cells = this.#layout.read(line);
    if (cells !== undefined) this.#row(cells);
  }

  /** Throws what a table is refused with: what it does, and the options to print it with instead. */
  #refuse(what: string, instead: string, line = this.#line): never {
    throw new TextError(`${this.#path}:${line} ${what}: print 'perf report --stdio ${instead}'`);
  }

  #row(cells: Cells): void {
    if (!this.#table) {
      if (this.#layout) this.#check(this.#layout);
      this.#tables.push(
        (this.#table = {
          heading: this.#heading,
          events: this.#events,
          abbreviated: this.#abbreviated,
          samples: this.#samples,
          eventCount: this.#eventCount,
          layout: this.#layout,
          line: this.#line,
          rows: [],
        }),
      );
      this.#samples = this.#eventCount = undefined;
    }
    const { numbers, names } = cells;
    const name = (title: string): string => decoded(names.get(title) ?? this.#elided.get(title) ?? '');
    this.#table.rows.push({
      shares: numbers.get('Self') ?? numbers.get('Overhead'),
      samples: numbers.get('Samples'),
      periods: numbers.get('Period'),
      comm: name('Command'),
      dso: fileName(name('Shared Object')),
      symbol: symbolName(name('Symbol')),
    });
  }

  /** Throws TextError if a table does not say what is compared. */
  #check({ titles }: ReportLayout): void {
    const has = (title: string): boolean => titles.includes(title) || this.#elided.has(title);
    const names = `-s ${LISTED}`;
    if (titles.some(isCut)) this.#refuse('has names that were cut (-w)', `${names}' without '-w`);
    if (!has('Symbol') && !has('Shared Object')) this.#refuse('names neither functions nor files', names);
    const withCallers =
      titles.includes('Children') && (this.#elided.has('Symbol') || this.#elided.has('Shared Object'));
    if (withCallers) this.#refuse('shows callers beside what was filtered', '--no-children');
    if (['Self', 'Overhead', 'Period'].some(has)) return;
    this.#refuse("does not say how much is each row's own", has('Children') ? '--no-children' : `-n ${names}`);
  }

  /** "36.95%  [self%]  [samples]  comm  dso  [.] symbol". */
  #bare(line: string): Cells {
    const keys = BARE_KEYS.filter((title) => !this.#elided.has(title));
    if (keys.length < BARE_KEYS.length && /^\s*[\d.]+%\s+[\d.]+%/.test(line))
      this.#refuse('shows callers beside what was filtered', '--no-children');
    const squeezed = keys.length === BARE_KEYS.length ? [keys, keys.slice(1)] : [keys];
    for (const wanted of squeezed) {
      const cells = bareCells(line, wanted);
      if (cells !== undefined) return cells;
    }
    throw new TextError(
      `${this.#path}:${this.#line}: cannot tell the columns apart; keep perf report's heading (no -q), or 'comm dso [.] symbol'`,
    );
  }

  /** One profile for each table and event, in the order of the text; `label` stands before a table's own heading. */
  profiles(label: string): Profile[] {
    const several = this.#tables.filter(({ events }) => events.length === 0).length > 1;
    return this.#tables.flatMap((table) => {
      const own = table.heading.replace(/^\(\d+\)\s*/, '').replace(/[:.]$/, '');
      const name = several && table.events.length === 0 && own !== '' ? own : label;
      const events = table.events.length === 0 ? [''] : table.events;
      return events.map((event, member) => this.#profile(table, event, member, name));
    });
  }

  #profile(table: Table, event: string, member: number, label: string): Profile {
    // A group's samples and period are those of all its members.
    const alone = table.events.length <= 1;
    const rows = table.layout ? table.rows : ownShares(table, () => this.#several(table));
    const of = (list: readonly number[] | undefined): number => list?.[member] ?? 0;
    const exact = table.layout !== undefined && rows.every(({ periods }) => periods !== undefined);
    const shared = rows.every(({ shares }) => shares !== undefined);
    const unit = (table.eventCount ?? 100) / 100;
    const weights = new Map<string, number>();
    let [weighed, shown, counted] = [0, 0, 0];
    for (const row of rows) {
      const key = profileKey(row);
      const weight = exact ? of(row.periods) : of(row.shares) * unit;
      weights.set(key, (weights.get(key) ?? 0) + weight);
      weighed += weight;
      shown += of(row.shares);
      counted += of(row.samples);
    }
    const [, digits, multiple = ''] = /^(\d+)([KMG]?)$/.exec(table.abbreviated ?? '') ?? [];
    const told = digits === undefined || !alone ? undefined : Number(digits) * MULTIPLES[multiple]!;
    if (!shared) {
      const all = rows.reduce((sum, { periods }) => sum + (periods ?? []).reduce((a, b) => a + b, 0), 0);
      shown = ratio(all, table.eventCount);
      if (!alone && shown < 100)
        this.#refuse('does not say how much of each event it shows', `-F overhead,${LISTED}`, table.line);
    }
    if (shown > 100 + ROUNDING || (!table.layout && weights.size < rows.length)) this.#several(table);
    const rounding = Math.min(ROUNDING, ROUNDING_OF_ROW * (rows.length + 1));
    const whole = shown >= 100 - rounding;
    if (!whole && shown > 0)
      weights.set(profileKey({ comm: '', dso: '', symbol: NOT_SHOWN }), (weighed * (100 - shown)) / shown);
    const samplesKnown = whole && rows.every(({ samples }) => samples !== undefined);
    const samples = samplesKnown && (alone || table.layout) ? counted : (table.samples ?? told);
    return {
      event,
      label,
      samples,
      ...(samples === told && multiple !== '' && { samplesAbbreviated: true }),
      lost: this.#lost,
      throttled: 0,
      weights,
      printed: this.#printed(table, whole),
    };
  }

  /** More than everything was counted: nothing tells where a table ends and the next begins. */
  #several(table: Table): never {
    throw new TextError(
      `${this.#path}:${table.line}: the rows add up to more than 100 %, so there are several tables or columns: print 'perf report --stdio' with its headings (no -q)`,
    );
  }

  #printed({ layout, rows }: Table, whole: boolean): Printed {
    const titles = layout?.titles ?? BARE_KEYS;
    const columns = Object.values(FILTER_TITLES);
    const knows = (title: string): boolean => titles.includes(title) || this.#elided.has(title);
    const firstOf = layout?.separator?.[0];
    const [comm, dso, symbol] = columns.map((title) => this.#elided.get(title));
    return {
      path: this.#path,
      whole,
      headed: layout !== undefined,
      finest: columns.every(knows),
      finer: layout !== undefined && titles.some((title) => isKey(title) && !columns.includes(title)),
      filters: {
        ...(comm !== undefined && { comm: decoded(comm) }),
        ...(dso !== undefined && { dso: fileName(decoded(dso)) }),
        ...(symbol !== undefined && { symbol: decoded(symbol) }),
      },
      full: { dso: fullNames(layout, rows, 'dso'), symbol: fullNames(layout, rows, 'symbol') },
      ...(firstOf !== undefined && { replaced: firstOf }),
    };
  }
}

/** What stands between the first opening and the last closing brace, or all. */
function inBraces(names: string): string {
  const [from, to] = [names.indexOf('{ '), names.lastIndexOf(' }')];
  return from >= 0 && to > from ? names.slice(from + 2, to) : names;
}

/** Percent of a whole that may be known only as 5K; of one that is not known it is everything. */
function ratio(part: number, whole: number | undefined): number {
  return whole === undefined || whole === 0 || part >= whole ? 100 : (100 * part) / whole;
}

/**
 * Rows without a heading: two percentages may be Children and Self, or two events. `refuse` is called where nothing tells
 * which; counts that are sums of periods are taken off.
 */
function ownShares({ rows }: Table, refuse: () => never): readonly Row[] {
  const sum = (at: number): number => rows.reduce((all, { shares }) => all + (shares?.[at] ?? shares?.at(-1) ?? 0), 0);
  const most = Math.max(...rows.map(({ shares }) => shares?.length ?? 0));
  const same = rows.every(({ shares }) => shares?.every((share) => share === shares[0]));
  if (most > 2 || (most === 2 && !same && sum(0) <= 100 + ROUNDING)) refuse();
  const counts = rows.flatMap(({ samples }) => samples ?? []);
  const areSamples = rows.every(({ samples }) => samples?.length === 1) && !areMultiples(counts);
  return rows.map((row) => ({ ...row, shares: row.shares?.slice(-1), samples: areSamples ? row.samples : undefined }));
}

/** Counts that no program hits as often as that, or that have a period in common. */
function areMultiples(counts: readonly number[]): boolean {
  const MOST_SAMPLES = 1e8;
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  return (
    counts.some((n) => n > MOST_SAMPLES) ||
    (counts.length > 1 && counts.reduce(gcd, 0) > 1 && Math.max(...counts) > 100 * counts.length)
  );
}

/** The base name that recordings know a file by; -v prints the path. */
function fileName(name: string): string {
  if (!name.startsWith('/')) return name;
  return /\.ko(\.(gz|xz|lzma|zst))?$/.test(name) ? moduleName(name) : shortName(name);
}

/** The name of "[.] name", of "0x1186 B [.] name" (-v), and of an address. */
function symbolName(cell: string): string {
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

/** Names that fill their column: the widest, or, with -w, those that were cut. */
function fullNames(layout: ReportLayout | undefined, rows: readonly Row[], of: 'dso' | 'symbol'): ReadonlySet<string> {
  const width = layout?.widths.get(FILTER_TITLES[of]!);
  if (width === undefined) return new Set();
  const room = of === 'symbol' ? width - '[.] '.length : width;
  return new Set(rows.flatMap(({ [of]: name }) => (byteLength(name) === room ? [name] : [])));
}
