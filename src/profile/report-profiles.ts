/**
 * From the tables that perf report printed to profiles: one for each table and event. The parts are the weights and samples
 * of a table, what the profile says of where it comes from, and the shares of rows that have no heading.
 *
 * Shares have two decimals, so weights are no better than that; with -n the samples of each row are known, and what was
 * hidden (a percent limit, a filter) is one row of its own, so that shares stay shares of everything.
 *
 * Not modelled: how perf rounded; half a percent may be missing from a whole table.
 */
import { byteLength } from '../perfdata/octets.ts';
import { NOT_SHOWN, type Printed, type Profile, profileKey } from './profile.ts';
import { BARE_KEYS, isKey, type ReportLayout } from './report-layout.ts';
import { decodedName, fileName } from './report-names.ts';
import { refuseReport, TextError } from './text-error.ts';

/** Percent that rounding alone may leave out of a table, at most, and by row. */
const ROUNDING = 0.5;
const ROUNDING_OF_ROW = 0.005;
const MULTIPLES: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9 };

/** Keys that make rows what is compared, as -s takes them. */
export const LISTED = 'comm,dso,sym';
/** The titles of the columns that these keys print, by the words of a filter above the table. */
export const KEY_TITLES: Readonly<Record<string, string>> = { comm: 'Command', dso: 'Shared Object', symbol: 'Symbol' };

/** What one text holds. */
export interface ReportText {
  readonly path: string;
  readonly tables: readonly ReportTable[];
  /** Columns left out, by title, because all rows have this there. */
  readonly elided: ReadonlyMap<string, string>;
  readonly lost: number;
}

export interface ReportTable {
  readonly heading: string;
  readonly events: readonly string[];
  /** "5K" above the table. */
  readonly abbreviated: string | undefined;
  /** From "(5198 samples)" above the table. */
  readonly samples: number | undefined;
  readonly eventCount: number | undefined;
  readonly layout: ReportLayout | undefined;
  /** Of its first row. */
  readonly line: number;
  readonly rows: readonly ReportRow[];
}

/** Numbers are one for each event of a group; undefined if no column has them. */
export interface ReportRow {
  readonly shares: readonly number[] | undefined;
  readonly samples: readonly number[] | undefined;
  readonly periods: readonly number[] | undefined;
  readonly comm: string;
  readonly dso: string;
  readonly symbol: string;
}

/** In the order of the text; `label` stands before a table's own heading. Throws TextError. */
export function profilesOf(text: ReportText, label: string): Profile[] {
  const several = text.tables.filter(({ events }) => events.length === 0).length > 1;
  return text.tables.flatMap((table) => {
    const own = table.heading.replace(/^\(\d+\)\s*/, '').replace(/[:.]$/, '');
    const name = several && table.events.length === 0 && own !== '' ? own : label;
    const events = table.events.length === 0 ? [''] : table.events;
    return events.map((event, member) => profileOf(text, table, event, member, name));
  });
}

function profileOf(text: ReportText, table: ReportTable, event: string, member: number, label: string): Profile {
  // A group's samples and period are those of all its members.
  const alone = table.events.length <= 1;
  const rows = table.layout ? table.rows : ownShares(table, () => refuseSeveral(text, table));
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
      refuseReport(text.path, table.line, 'does not say how much of each event it shows', `-F overhead,${LISTED}`);
  }
  if (shown > 100 + ROUNDING || (!table.layout && weights.size < rows.length)) refuseSeveral(text, table);
  if (weights.size < rows.length && text.elided.has(KEY_TITLES['symbol']!) && !finerKeys(table.layout))
    refuseReport(text.path, table.line, 'shows callers beside what was filtered', '--no-children');
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
    lost: text.lost,
    throttled: 0,
    weights,
    printed: printedOf(text, table, whole),
  };
}

/** More than everything was counted: nothing tells where a table ends and the next begins. */
function refuseSeveral({ path }: ReportText, { line }: ReportTable): never {
  throw new TextError(
    `${path}:${line}: the rows add up to more than 100 %, so there are several tables or columns: print 'perf report --stdio' with its headings (no -q)`,
  );
}

function printedOf({ path, elided }: ReportText, { layout, rows }: ReportTable, whole: boolean): Printed {
  const titles = layout?.titles ?? BARE_KEYS;
  const columns = Object.values(KEY_TITLES);
  const knows = (title: string): boolean => titles.includes(title) || elided.has(title);
  const firstOf = layout?.separator?.[0];
  const [comm, dso, symbol] = columns.map((title) => elided.get(title));
  return {
    path,
    whole,
    headed: layout !== undefined,
    finest: columns.every(knows),
    finer: finerKeys(layout),
    filters: {
      ...(comm !== undefined && { comm: decodedName(comm) }),
      ...(dso !== undefined && { dso: fileName(decodedName(dso)) }),
      ...(symbol !== undefined && { symbol: decodedName(symbol) }),
    },
    full: { dso: fullNames(layout, rows, 'dso'), symbol: fullNames(layout, rows, 'symbol') },
    ...(firstOf !== undefined && { replaced: firstOf }),
  };
}

/** Whether rows are told apart by more than what is compared. */
const finerKeys = (layout: ReportLayout | undefined): boolean =>
  layout !== undefined && layout.titles.some((title) => isKey(title) && !Object.values(KEY_TITLES).includes(title));

/** Names that fill their column: the widest, or, with -w, those that were cut. */
function fullNames(
  layout: ReportLayout | undefined,
  rows: readonly ReportRow[],
  of: 'dso' | 'symbol',
): ReadonlySet<string> {
  const width = layout?.widths.get(KEY_TITLES[of]!);
  if (width === undefined) return new Set();
  const room = of === 'symbol' ? width - '[.] '.length : width;
  return new Set(rows.flatMap(({ [of]: name }) => (byteLength(name) === room ? [name] : [])));
}

/** Percent of a whole that may be known only as 5K; of one that is not known it is everything. */
function ratio(part: number, whole: number | undefined): number {
  return whole === undefined || whole === 0 || part >= whole ? 100 : (100 * part) / whole;
}

/**
 * Rows without a heading: two percentages may be Children and Self, or two events. `refuse` is called where nothing tells
 * which; counts that are sums of periods are taken off.
 */
function ownShares({ rows }: ReportTable, refuse: () => never): readonly ReportRow[] {
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
