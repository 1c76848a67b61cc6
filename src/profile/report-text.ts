/**
 * What perf report --stdio printed, read back as profiles: with its heading, in whatever columns, or, as in a mail, bare rows
 * of "36.95%  comm  dso  [.] symbol". A text may hold several tables; lines of call graphs are passed over. A text that does
 * not say what is to be compared is refused with the options that would make it.
 *
 * Here lines become tables. How a table's lines are laid out is in report-layout.ts, what its names are called in recordings
 * in report-names.ts, and how tables become profiles in report-profiles.ts.
 *
 * Not modelled: call graphs, tables of branches and of memory accesses.
 */
import type { Profile } from './profile.ts';
import {
  bareCells,
  BARE_KEYS,
  type Cells,
  dottedLayout,
  isCut,
  isDotted,
  type ReportLayout,
  separatedLayout,
} from './report-layout.ts';
import { decodedName, fileName, symbolName } from './report-names.ts';
import { KEY_TITLES, LISTED, profilesOf, type ReportRow, type ReportTable } from './report-profiles.ts';
import { refuseReport, TextError } from './text-error.ts';

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

/** A table whose rows are still being read. */
type OpenTable = ReportTable & { readonly rows: ReportRow[] };

/** Fed line by line, one character a byte; then asked for what it has found. */
export class ReportTextParser {
  readonly #path: string;
  readonly #tables: OpenTable[] = [];
  #line = 0;
  #table: OpenTable | undefined;
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
      this.#events = decodedName(inBraces(names)).split(', ');
    } else if (count !== undefined) this.#eventCount = Number(count);
    else if (lost !== undefined) this.#lost = Number(lost);
    else if (key !== undefined && this.#events.length === 0) this.#elided.set(KEY_TITLES[key]!, value!);
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
    else if (!line.trimStart().startsWith('[ perf')) this.#heading = decodedName(line.trim());
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

  /** Throws TextError: what the table does, and the options to print it with instead. */
  #refuse(what: string, instead: string): never {
    refuseReport(this.#path, this.#line, what, instead);
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
    const name = (title: string): string => decodedName(names.get(title) ?? this.#elided.get(title) ?? '');
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
    return profilesOf({ path: this.#path, tables: this.#tables, elided: this.#elided, lost: this.#lost }, label);
  }
}

/** What stands between the first opening and the last closing brace, or all. */
function inBraces(names: string): string {
  const [from, to] = [names.indexOf('{ '), names.lastIndexOf(' }')];
  return from >= 0 && to > from ? names.slice(from + 2, to) : names;
}
