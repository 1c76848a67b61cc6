/**
 * Profiles side by side: the same function is the same row in all of them, whatever version of its file it came from,
 * and functions too rare to compare are pooled into one row. No weight is dropped.
 *
 * Two functions are the same if file and name are; a file is identified by its name without version ("libc-2.27.so",
 * "libc.so.6" and "libc-2.17.so" are libc.so). Folded stacks have no files: next to them, functions are identified by
 * name alone.
 *
 * Not modelled: functions that were renamed, or split by a compiler (foo.cold, foo.part.0), unless merged by pattern.
 */
import { type Profile, type ProfileKey, parseProfileKey, totalWeight } from './profile.ts';

/** Rows to merge: those of a file, PLT stubs with what they call, or functions (of a file) by pattern. */
export type RowMerge =
  | { readonly kind: 'dso' }
  | { readonly kind: 'plt' }
  | { readonly kind: 'pattern'; readonly name: string; readonly dso: RegExp | undefined; readonly symbol: RegExp };

/** One row of all profiles. */
export interface Row {
  /** As printed: the function, pattern or file. */
  readonly name: string;
  /** The file; '' if files are not told apart or the row has functions of several. */
  readonly dso: string;
  /** Event counts, parallel to the profiles. */
  readonly weights: readonly number[];
  /** Functions in it. */
  readonly members: readonly ProfileKey[];
}

/** The row of rare functions. */
export const OTHER = '[other]';
/** A share is not tested if fewer samples are expected in its row. */
const FEWEST_EXPECTED = 5;
/** Rare rows are shown up to this many rows in all, and until the rest of every profile is a trifle. */
const LEADING = 20;
const TRIFLE = 0.05;
/** Samples assumed if their number is unknown. */
const ASSUMED_SAMPLES = 1000;

/** "*" and "?" as in a shell. */
const glob = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    's',
  );

/** "dso", "plt", "random*" or "libc*:random*". */
export function parseMerge(text: string): RowMerge {
  if (text === 'dso' || text === 'plt') return { kind: text };
  // C++ names contain "::".
  const [, dso, symbol] = /^([^:]+):([^:].*)$/.exec(text) ?? [];
  return { kind: 'pattern', name: text, dso: dso === undefined ? undefined : glob(dso), symbol: glob(symbol ?? text) };
}

const fits = ({ dso, symbol }: Extract<RowMerge, { kind: 'pattern' }>, key: ProfileKey, file: string): boolean =>
  symbol.test(key.symbol) && (!dso || dso.test(key.dso) || dso.test(file));

/** Whether a pattern has anything to merge in one of the profiles; always true for the other merges. */
export const mergesAny = (merge: RowMerge, profiles: readonly Profile[]): boolean =>
  merge.kind !== 'pattern' ||
  profiles.some(({ weights }) =>
    [...weights.keys()].map(parseProfileKey).some((key) => fits(merge, key, unversioned(key.dso))),
  );

/** A file's name without its version. */
export function unversioned(dso: string): string {
  if (/^ld-linux[\w-]*\.so(\.\d+)*$/.test(dso)) return 'ld.so';
  return dso.replace(/^(\S+?)-\d+(\.\d+)*\.so(\.\d+)*$/, '$1.so').replace(/^(\S+\.so)(\.\d+)+$/, '$1');
}

interface Growing {
  readonly name: string;
  readonly weights: number[];
  readonly members: Map<string, ProfileKey>;
}

/** Puts profiles side by side, heaviest rows (on average of shares) first. */
export function alignRows(profiles: readonly Profile[], merges: readonly RowMerge[] = []): Row[] {
  const keys = profiles.map(({ weights }) =>
    [...weights].map(([key, weight]) => ({ key: parseProfileKey(key), weight })),
  );
  const knowsFiles = keys.every((list) => list.some(({ key }) => key.dso !== ''));
  const dsoOf = ({ dso }: ProfileKey): string => (knowsFiles ? unversioned(dso) : '');
  const stubs = merges.some(({ kind }) => kind === 'plt') ? callees(keys.flat().map(({ key }) => key)) : undefined;
  const byDso = merges.some(({ kind }) => kind === 'dso');
  const patterns = merges.filter((merge) => merge.kind === 'pattern');

  const rows = new Map<string, Growing>();
  for (const [i, list] of keys.entries())
    for (const { key, weight } of list) {
      const called = stubs?.get(key.symbol) ?? key;
      const pattern = patterns.find((merge) => fits(merge, called, dsoOf(called)));
      const whole = byDso && !pattern && called.dso !== '';
      const name = pattern?.name ?? (whole ? dsoOf(called) : called.symbol || dsoOf(called));
      const identity = pattern ? `p\0${pattern.name}` : `${whole ? 'd' : 's'}\0${dsoOf(called)}\0${name}`;
      let row = rows.get(identity);
      if (!row) rows.set(identity, (row = { name, weights: profiles.map(() => 0), members: new Map() }));
      row.weights[i] = row.weights[i]! + weight;
      row.members.set(`${key.dso}\0${key.symbol}`, key);
    }
  const total = profiles.map(totalWeight);
  const heaviness = ({ weights }: Pick<Row, 'weights'>): number =>
    weights.reduce((sum, w, i) => sum + (total[i] ? w / total[i] : 0), 0);
  return [...rows.values()]
    .map(({ name, weights, members }) => ({
      name,
      weights,
      members: [...members.values()],
      dso: fileOf([...members.values()], knowsFiles),
    }))
    .toSorted((a, b) => heaviness(b) - heaviness(a) || (a.name < b.name ? -1 : 1));
}

/** The file of a row as its members write it, or without the version if they differ. */
function fileOf(members: readonly ProfileKey[], knowsFiles: boolean): string {
  if (!knowsFiles) return '';
  const written = new Set(members.map(({ dso }) => dso));
  if (written.size === 1) return [...written][0]!;
  const plain = new Set(members.map(({ dso }) => unversioned(dso)));
  return plain.size === 1 ? [...plain][0]! : '';
}

/**
 * What PLT stubs call: the function of that name in another file, perhaps with leading underscores (random is
 * __random).
 */
function callees(keys: readonly ProfileKey[]): Map<string, ProfileKey> {
  const bySymbol = new Map(keys.map((key) => [key.symbol, key]));
  return new Map(
    keys.flatMap(({ symbol: stub }) => {
      if (!stub.endsWith('@plt')) return [];
      const name = stub.slice(0, -'@plt'.length);
      const called = bySymbol.get(name) ?? bySymbol.get(`__${name}`) ?? bySymbol.get(`_${name}`);
      return called ? [[stub, called] as const] : [];
    }),
  );
}

/**
 * Pools rare rows into OTHER, which comes last: rows that even the largest profile would sample fewer than five times,
 * and with `most`, those beyond that number. A row of ten thousand samples stays, even beside a profile of five
 * samples: the interval shows how little that one knows. If all rows are rare, the heaviest stay, so that OTHER does
 * not hold everything. Rows without weight go into OTHER too, which keeps their names.
 */
export function poolRare(rows: readonly Row[], profiles: readonly Profile[], most = Infinity): Row[] {
  const total = profiles.map(totalWeight);
  const shareOf = ({ weights }: Row, i: number): number => (total[i] ? weights[i]! / total[i] : 0);
  const finite = profiles.map(({ samples = ASSUMED_SAMPLES }) => samples).filter(Number.isFinite);
  const largest = finite.length > 0 ? Math.max(...finite) : Infinity;
  const left = profiles.map(() => 1);
  let shown = 0;
  const [kept, rare]: [Row[], Row[]] = [[], []];
  for (const row of rows) {
    const shares = profiles.map((_, i) => shareOf(row, i));
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    const leading = mean > 0 && shown < LEADING && left.some((share) => share > TRIFLE);
    if (shown < most && (leading || mean * largest >= FEWEST_EXPECTED)) {
      kept.push(row);
      shown++;
      shares.forEach((share, i) => (left[i]! -= share));
    } else rare.push(row);
  }
  if (rare.length === 0) return kept;
  const pooled: Row = {
    name: OTHER,
    dso: '',
    weights: profiles.map((_, i) => rare.reduce((sum, { weights }) => sum + weights[i]!, 0)),
    members: rare.flatMap(({ members }) => members),
  };
  return [...kept, pooled];
}
