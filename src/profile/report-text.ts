/**
 * What perf report --stdio printed, read back as profiles: with its heading (columns are where the dotted line says) or,
 * as in a mail, bare rows of "36.95%  comm  dso  [.] symbol". A text may hold several tables.
 *
 * Shares have two decimals, so weights are no better than that; with -n the samples of each row are known, and what was
 * hidden (a percent limit, a filter) is one row of its own, so that shares stay shares of everything.
 * Not modelled: --hierarchy, a field separator, call graphs (the lines of a table are read, their graphs passed over).
 */
import { type Profile, profileKey } from './profile.ts';

/** The row of what a table leaves out. */
export const NOT_SHOWN = '[not shown]';
/** Percent that rounding alone may leave out of a table. */
const ROUNDING = 0.5;

/** A table that cannot be understood. `message` is the whole sentence, place included. */
export class TextError extends Error {
  override readonly name = 'TextError';
}

interface Column {
  readonly title: string;
  readonly start: number;
  readonly end: number;
}

interface Row {
  readonly shares: readonly number[];
  readonly samples: number | undefined;
  readonly period: number | undefined;
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
  readonly rows: Row[];
}

const PERCENT = /^\s*\d+\.\d+%/;
const MULTIPLES: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9 };

/** Fed line by line; then asked for what it has found. */
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
  #titles = '';
  #columns: readonly Column[] | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** True once a row was read. */
  get found(): boolean {
    return this.#tables.length > 0;
  }

  /** Throws TextError. */
  feed(line: string): void {
    this.#line++;
    if (line.startsWith('#')) this.#comment(line);
    else if (this.#columns ? this.#isRow(line, this.#columns) : PERCENT.test(line)) this.#row(line);
    else if (line.trim() !== '' && !this.#columns) this.#text(line);
  }

  #comment(line: string): void {
    const [, samples, names] = /^# Samples:\s+(\d+[KMG]?)\s+of events? '(.*)'/.exec(line) ?? [];
    const count = /^# Event count \(approx\.\): (\d+)/.exec(line)?.[1];
    const lost = /^# Total Lost Samples: (\d+)/.exec(line)?.[1];
    if (names !== undefined) {
      this.#table = undefined;
      this.#columns = undefined;
      this.#abbreviated = samples;
      const members = /\{ (.*) \}/.exec(names)?.[1] ?? names;
      this.#events = members.split(', ');
    } else if (count !== undefined) this.#eventCount = Number(count);
    else if (lost !== undefined) this.#lost = Number(lost);
    else if (/^#\s+(Overhead|Children|Self)\b/.test(line)) this.#titles = line;
    else if (/^#\s+\.\.\./.test(line)) {
      this.#columns = [...line.matchAll(/\.+/g)].map(({ index, 0: dots }) => {
        const [start, end] = [index, index + dots.length];
        return { title: this.#titles.slice(start, end).trim(), start, end };
      });
    }
  }

  /** Between tables of a mail: what the next one is called, and how many samples it has. */
  #text(line: string): void {
    const samples = /\((\d+) samples\)/.exec(line)?.[1];
    this.#table = undefined;
    if (samples !== undefined) this.#samples = Number(samples);
    else if (!line.trimStart().startsWith('[ perf')) this.#heading = line.trim();
  }

  #isRow(line: string, columns: readonly Column[]): boolean {
    const [first] = columns;
    return first !== undefined && /^\s*(\d+\.\d+%\s*)+$/.test(line.slice(0, first.end));
  }

  #row(line: string): void {
    if (!this.#table) {
      this.#tables.push(
        (this.#table = {
          heading: this.#heading,
          events: this.#events,
          abbreviated: this.#abbreviated,
          samples: this.#samples,
          eventCount: this.#eventCount,
          rows: [],
        }),
      );
      this.#samples = this.#eventCount = undefined;
    }
    this.#table.rows.push(this.#columns ? byColumns(line, this.#columns) : this.#byWords(line));
  }

  /** "36.95%  [self%]  [samples]  comm  dso  [.] symbol". */
  #byWords(line: string): Row {
    const [, percents = '', count, comm, dso, symbol] =
      /^\s*((?:\d+\.\d+%\s+)+)(?:(\d+)\s+)?(?:(\S.*?)\s+)?(\S+)\s+\[.\] (.*\S)\s*$/.exec(line) ?? [];
    if (symbol === undefined || dso === undefined)
      throw new TextError(
        `${this.#path}:${this.#line}: cannot tell the columns apart; keep perf report's heading, or 'comm dso [.] symbol'`,
      );
    const shares = percentsIn(percents);
    return {
      shares: shares.slice(-1),
      samples: count === undefined ? undefined : Number(count),
      period: undefined,
      comm: comm ?? '',
      dso,
      symbol,
    };
  }

  /** One profile for each table and event, in the order of the text; `label` stands before a table's own heading. */
  profiles(label: string): Profile[] {
    const several = this.#tables.filter(({ events }) => events.length === 0).length > 1;
    return this.#tables.flatMap((table) => {
      const own = table.heading.replace(/^\(\d+\)\s*|[:.]\s*$/g, '');
      const name = several && table.events.length === 0 && own !== '' ? own : label;
      const events = table.events.length === 0 ? [''] : table.events;
      return events.map((event, member) => this.#profile(table, event, member, name));
    });
  }

  #profile(table: Table, event: string, member: number, label: string): Profile {
    const { rows } = table;
    const weights = new Map<string, number>();
    const exact = rows.every(({ period }) => period !== undefined);
    const unit = (table.eventCount ?? 100) / 100;
    let [weighed, shown, counted] = [0, 0, 0];
    for (const { comm, dso, symbol, shares, samples, period } of rows) {
      const share = shares[member] ?? 0;
      const key = profileKey({ comm, dso, symbol });
      const weight = exact ? period! : share * unit;
      weights.set(key, (weights.get(key) ?? 0) + weight);
      weighed += weight;
      shown += share;
      counted += samples ?? 0;
    }
    if (shown < 100 - ROUNDING && shown > 0) {
      const rest = (weighed * (100 - shown)) / shown;
      weights.set(profileKey({ comm: '', dso: '', symbol: NOT_SHOWN }), rest);
    }
    const [, digits, multiple = ''] = /^(\d+)([KMG]?)$/.exec(table.abbreviated ?? '') ?? [];
    const whole = shown >= 100 - ROUNDING && rows.every(({ samples }) => samples !== undefined);
    // A group's samples are those of all its members.
    const alone = table.events.length <= 1;
    const abbreviated = digits === undefined || !alone ? undefined : Number(digits) * MULTIPLES[multiple]!;
    const samples = whole && alone ? counted : (table.samples ?? abbreviated);
    return {
      event,
      label,
      samples,
      ...(samples === abbreviated && multiple !== '' && { samplesAbbreviated: true }),
      lost: this.#lost,
      throttled: 0,
      weights,
    };
  }
}

const percentsIn = (text: string): number[] => [...text.matchAll(/(\d+\.\d+)%/g)].map(([, n]) => Number(n));

function byColumns(line: string, columns: readonly Column[]): Row {
  const last = columns.length - 1;
  const cells = new Map(
    columns.map(({ title, start, end }, i) => [title, line.slice(start, i === last ? undefined : end).trim()]),
  );
  const number = (title: string): number | undefined => (cells.has(title) ? Number(cells.get(title)) : undefined);
  return {
    shares: percentsIn(cells.get('Self') ?? cells.get('Overhead') ?? ''),
    samples: number('Samples'),
    period: number('Period'),
    comm: cells.get('Command') ?? '',
    dso: cells.get('Shared Object') ?? '',
    symbol: (cells.get('Symbol') ?? '').replace(/^\[.\] /, ''),
  };
}
