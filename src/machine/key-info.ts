/** The description of a spec key: its kind, unit, meaning and range. */
export type KeyKind = 'number' | 'string' | 'boolean';

/**
 * What limits a time. Core-bound times take the same number of cycles at any core.clock. Memory and the bus (the
 * interconnect with the last-level cache and other CPUs) have clocks of their own: such times take the same number of
 * ns.
 */
export type Bound = 'core' | 'memory' | 'bus';

export interface KeyInfo {
  readonly kind: KeyKind;
  readonly unit: string;
  readonly about: string;
  /** Least and greatest number. */
  readonly range?: readonly [low: number, high: number];
  /** For a time, which is given at the preset's clock. */
  readonly bound?: Bound;
  /**
   * One of the many times of a machine: listed only when asked for; a recording keeps it if it differs from the
   * preset's.
   */
  readonly detail?: boolean;
  /** A recording keeps it only if it differs from the preset's, as those do that are older than the key. */
  readonly late?: boolean;
  /** Why a value is not allowed; undefined: it is. */
  readonly check?: (value: number | string) => string | undefined;
}

/** A record from its entries, which must cover every key. */
export const recordOf = <K extends string, V>(entries: Iterable<readonly [K, V]>): Readonly<Record<K, V>> =>
  Object.fromEntries(entries) as Record<K, V>;

type NumberInfo = KeyInfo & { readonly kind: 'number' };
type TextInfo = KeyInfo & { readonly kind: 'string' };

export const number = (unit: string, about: string, low: number, high: number, whole = true): NumberInfo => ({
  kind: 'number',
  unit,
  about,
  range: [low, high],
  check: (value) =>
    typeof value === 'number' && value >= low && value <= high && (!whole || Number.isInteger(value))
      ? undefined
      : `must be ${whole ? 'a whole number' : 'a number'} from ${low} to ${high}`,
});

/** A time of the machine, at the clock of its preset. */
export const time = (unit: 'ns' | 'cycles', about: string, bound: Bound, high: number): NumberInfo => ({
  ...number(unit, about, 0, high, false),
  bound,
  detail: true,
});

export const text = (about: string, pattern: RegExp, what: string): TextInfo => ({
  kind: 'string',
  unit: '',
  about,
  check: (value) => (pattern.test(String(value)) ? undefined : `must be ${what}`),
});

/** A Linux version between two others, both included. */
export const linux = (about: string, oldest: readonly number[], newest: readonly number[]): TextInfo => ({
  kind: 'string',
  unit: '',
  about,
  check: (value) => {
    if (!/^\d+\.\d+(\.\d+)?$/.test(String(value))) return 'must be a version like 5.0.0';
    const ordered = ([major = 0, minor = 0]: readonly number[]): number => 1000 * major + minor;
    const release = ordered(String(value).split('.').map(Number));
    return release >= ordered(oldest) && release <= ordered(newest)
      ? undefined
      : `gperf knows Linux ${oldest.join('.')} to ${newest.join('.')}`;
  },
});

export const choice = (about: string, words: readonly string[]): TextInfo => ({
  kind: 'string',
  unit: words.join('|'),
  about,
  check: (value) => (words.includes(String(value)) ? undefined : `must be ${words.join(' or ')}`),
});

export const flag = (about: string): KeyInfo & { readonly kind: 'boolean' } => ({
  kind: 'boolean',
  unit: 'on|off',
  about,
});
