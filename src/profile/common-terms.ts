/**
 * Puts profiles from several sources into common terms, so that the same program has the same rows: what a printed
 * report leaves out or writes differently is left out of the others too, or written the same way.
 *
 * Not modelled: filters that leave no trace in a text because all that passes them is shown as 100 % (--percentage
 * relative with several names).
 */
import { NO_SYMBOL } from './dso.ts';
import {
  type Granularity,
  parseProfileKey,
  type Printed,
  type Profile,
  profileKey,
  type ProfileKey,
  totalWeight,
  NOT_SHOWN,
} from './profile.ts';
import { TextError } from './text-error.ts';
import { unversioned } from './rows.ts';

type PrintedProfile = Profile & { readonly printed: Printed };
const isPrinted = (profile: Profile): profile is PrintedProfile => profile.printed !== undefined;

/** Rows of a profile, apart from names. */
interface Entry {
  readonly key: ProfileKey;
  readonly weight: number;
}
const entries = ({ weights }: Profile): Entry[] =>
  [...weights].map(([key, weight]) => ({ key: parseProfileKey(key), weight }));

/** Weight by what `of` makes from a row's key. */
function sums(rows: readonly Entry[], of: (key: ProfileKey) => string): Map<string, number> {
  const all = new Map<string, number>();
  for (const { key, weight } of rows) all.set(of(key), (all.get(of(key)) ?? 0) + weight);
  return all;
}

const withKeys = (profile: Profile, change: (key: ProfileKey) => ProfileKey): Profile => ({
  ...profile,
  weights: sums(entries(profile), (key) => profileKey(change(key))),
});

/** The name behind a mangled one, without parameters; undefined if it is not mangled. */
type Demangle = (name: string) => string | undefined;

/**
 * One event's profiles in common terms, with mangled names demangled. Throws TextError if one cannot be compared with
 * the others.
 */
export function inCommonTerms(
  profiles: readonly Profile[],
  by: Granularity,
  demangle: Demangle = () => undefined,
): Profile[] {
  const printed = profiles.filter(isPrinted);
  if (printed.length === 0) return [...profiles];
  const replaced = new Set(printed.flatMap(({ printed: { replaced: character = [] } }) => character));
  const demangled = profiles.map((profile) =>
    withKeys(profile, (key) => ({ ...key, symbol: demangle(key.symbol) ?? key.symbol })),
  );
  let common = demangled.map((profile) => withoutCharacters(profile, replaced));
  if (by === 'symbol') common = withoutNamesOf(filesToPool(common), common);
  for (const one of common.filter(isPrinted)) {
    const others = common.filter((other) => other !== one);
    for (const other of others) if (by === 'symbol') checkNames(one, other);
    common = common.map((other) => (other === one ? one : asFarAs(one, other)));
  }
  return common;
}

/**
 * Files without names become one row each if they are at most this percentage of a profile: beyond, too little is left.
 */
const POOLED = 50;

/** Small files for which a recording knows no function. */
function filesToPool(profiles: readonly Profile[]): Set<string> {
  const files = new Set<string>();
  for (const profile of profiles) {
    if (isPrinted(profile)) continue;
    const shares = nameless(entries(profile), totalWeight(profile));
    const sum = [...shares.values()].reduce((total, share) => total + share, 0);
    if (sum <= POOLED) for (const file of shares.keys()) files.add(file);
  }
  return files;
}

function withoutNamesOf(files: ReadonlySet<string>, profiles: readonly Profile[]): Profile[] {
  if (files.size === 0) return [...profiles];
  const plain = (key: ProfileKey): ProfileKey =>
    key.symbol !== '' && key.symbol !== NOT_SHOWN && files.has(unversioned(key.dso))
      ? { ...key, symbol: NO_SYMBOL }
      : key;
  return profiles.map((profile) => withKeys(profile, plain));
}

/** -t: perf prints a point in place of the separator in names. */
function withoutCharacters(profile: Profile, characters: ReadonlySet<string>): Profile {
  if (characters.size === 0) return profile;
  const plain = (name: string): string =>
    [...characters].reduce((text, character) => text.replaceAll(character, '.'), name);
  return withKeys(profile, ({ comm, dso, symbol }) => ({ comm: plain(comm), dso: plain(dso), symbol: plain(symbol) }));
}

/** Percentage points by which one function's share may differ if its name was cut in one of two texts. */
const ABOUT = 1;

/** Throws TextError if names in a text are cut, or are not what they were taken for. */
function checkNames(one: PrintedProfile, other: Profile): void {
  const { path, full, headed } = one.printed;
  const [mine, theirs] = [entries(one), entries(other)];
  const [total, otherTotal] = [totalWeight(one), totalWeight(other)];
  for (const of of ['symbol', 'dso'] as const) {
    if (full[of].size === 0) continue;
    const [own, known] = [sums(mine, (key) => key[of]), sums(theirs, (key) => key[of])];
    for (const name of full[of]) {
      if (known.has(name)) continue;
      const longer = [...known].filter(([long]) => long.startsWith(name));
      const share = longer.reduce((sum, [, weight]) => sum + weight, 0) / otherTotal;
      if (longer.length > 0 && 100 * Math.abs(share - own.get(name)! / total) < ABOUT)
        throw new TextError(
          `${path} has names that were cut (${longer[0]![0]} is ${name} there): print 'perf report --stdio' without -w`,
        );
    }
  }
  const still = mangledShare(mine, theirs) - mangledShare(theirs, mine);
  if (Math.abs(still) > ABOUT) {
    const how = still > 0 ? "' without --no-demangle" : " --no-demangle'";
    throw new TextError(
      `${path} has names ${still > 0 ? 'mangled that are not' : 'demangled that are mangled'} in ${other.label}: print 'perf report --stdio${how}`,
    );
  }
  for (const [file, share] of nameless(theirs, otherTotal))
    if (share > ABOUT && !mine.some(({ key: { dso, symbol } }) => unversioned(dso) === file && symbol === NO_SYMBOL))
      if (mine.some(({ key: { dso, symbol } }) => unversioned(dso) === file && symbol !== ''))
        throw new TextError(
          `no symbols of ${file} were found (${share.toFixed(2)} % of ${other.label}), and ${path} has them: give --symfs, or compare by file (--by dso)`,
        );
  if (headed) return;
  const place = ({ dso, symbol }: ProfileKey): string => `${unversioned(dso)}\0${symbol}`;
  const places = new Set(theirs.map(({ key }) => place(key)));
  const functions = new Set(theirs.map(({ key: { symbol } }) => symbol));
  const commands = new Set(theirs.flatMap(({ key: { comm, dso } }) => [comm, unversioned(dso)]));
  const files = new Set(theirs.map(({ key: { dso } }) => unversioned(dso)));
  const known = mine.filter(({ key: { symbol } }) => functions.has(symbol) && symbol !== NO_SYMBOL);
  const none = known.length > 0 && !known.some(({ key: { dso } }) => files.has(unversioned(dso)));
  const elsewhere = known.filter(({ key }) => commands.has(unversioned(key.dso)) && !places.has(place(key)));
  const share = (100 * elsewhere.reduce((sum, { weight }) => sum + weight, 0)) / total;
  if (files.size > 1 && (none || share > ABOUT))
    throw new TextError(
      `${path} has no heading, and what stands before its functions is not their file in ${other.label}: print 'perf report --stdio' without -q`,
    );
}

const MANGLED = /^(?:_Z|_R[A-Z\d])/;

/** Percentage of `rows` with mangled names, if `others` have none but do have names that are missing in `rows`. */
function mangledShare(rows: readonly Entry[], others: readonly Entry[]): number {
  if (others.some(({ key: { symbol } }) => MANGLED.test(symbol))) return 0;
  const known = new Set(rows.map(({ key: { symbol } }) => symbol));
  if (others.every(({ key: { symbol } }) => known.has(symbol) || symbol === NOT_SHOWN)) return 0;
  const total = rows.reduce((sum, { weight }) => sum + weight, 0);
  const mangled = rows.filter(({ key: { symbol } }) => MANGLED.test(symbol));
  return (100 * mangled.reduce((sum, { weight }) => sum + weight, 0)) / total;
}

/** Files without any known function, and their shares in percent. */
function nameless(rows: readonly Entry[], total: number): Map<string, number> {
  const shares = new Map<string, number>();
  for (const { key, weight } of rows) {
    const file = unversioned(key.dso);
    if (key.symbol === NO_SYMBOL) shares.set(file, (shares.get(file) ?? 0) + (100 * weight) / total);
  }
  for (const { key } of rows) if (key.symbol !== NO_SYMBOL) shares.delete(unversioned(key.dso));
  return shares;
}

/** How much more than a percent limit a hidden row may weigh: in points, and as a factor. */
const LIMIT_POINTS = 0.5;
const LIMIT_TIMES = 2;

/**
 * `other`, with everything that `one` does not show in the row NOT_SHOWN. Throws TextError if that cannot be decided.
 */
function asFarAs(one: PrintedProfile, other: Profile): Profile {
  const { path, whole, finest, finer, filters } = one.printed;
  if (whole && Object.keys(filters).length === 0) return other;
  const rows = entries(one).filter(({ key: { symbol } }) => symbol !== NOT_SHOWN);
  if (!whole && finer)
    throw new TextError(
      `${path} leaves out parts of functions: print 'perf report --stdio -s comm,dso,sym', or without --percent-limit`,
    );
  const others = entries(other);
  const shows = whole ? (): boolean => true : shownBy(rows, others);
  const fits = ({ comm, dso, symbol }: ProfileKey): boolean =>
    (filters.comm === undefined || comm === '' || comm === filters.comm) &&
    (filters.dso === undefined || dso === '' || unversioned(dso) === unversioned(filters.dso)) &&
    (filters.symbol === undefined || symbol === '' || symbol === filters.symbol);
  const hidden = others.filter(({ key }) => key.symbol !== NOT_SHOWN && !(fits(key) && shows(key)));
  const share = (weight: number): number => (100 * weight) / totalWeight(other);
  const hiddenShare = share(hidden.reduce((sum, { weight }) => sum + weight, 0));
  if (whole && hiddenShare > LIMIT_POINTS)
    throw new TextError(
      `${path} holds the shares of a part (${Object.values(filters).join(', ')}), of which ${hiddenShare.toFixed(2)} % of ${other.label} is none: print 'perf report --stdio --percentage absolute', or without -c, -d and -S`,
    );
  if (!whole && !finest) {
    const least = Math.min(...rows.flatMap(({ weight }) => (weight > 0 ? [(100 * weight) / totalWeight(one)] : [])));
    const left = [...sums(hidden, ({ dso, symbol }) => `${symbol}\0${dso}`)].toSorted(([, a], [, b]) => b - a)[0];
    if (left !== undefined && share(left[1]) > LIMIT_TIMES * least + LIMIT_POINTS)
      throw new TextError(
        `${path} leaves out ${left[0].split('\0')[0]} (${share(left[1]).toFixed(2)} % of ${other.label}), so that more than a limit is at work: print 'perf report --stdio -s comm,dso,sym'`,
      );
  }
  const gone = new Set(hidden.map(({ key }) => profileKey(key)));
  return withKeys(other, (key) => (gone.has(profileKey(key)) ? { comm: '', dso: '', symbol: NOT_SHOWN } : key));
}

/** Whether an incomplete table has a row for a row of another profile, as finely as the table tells them apart. */
function shownBy(rows: readonly Entry[], others: readonly Entry[]): (key: ProfileKey) => boolean {
  const knows = (of: 'dso' | 'symbol'): boolean =>
    rows.some(({ key }) => key[of] !== '') && others.some(({ key }) => key[of] !== '');
  const [byFile, byName] = [knows('dso'), knows('symbol')];
  const comms = new Set(rows.map(({ key }) => key.comm));
  // If all commands have other names, they are from another run and were not left out.
  const byComm = others.some(({ key: { comm } }) => comm !== '' && comms.has(comm));
  const identity = ({ comm, dso, symbol }: ProfileKey): string =>
    [byComm ? comm : '', byFile ? unversioned(dso) : '', byName ? symbol : ''].join('\0');
  const shown = new Set(rows.map(({ key }) => identity(key)));
  return (key) => shown.has(identity(key));
}
