/** The spec keys of a machine as a list, with ranges and sources: all but its many times, or those matching a word. */
import { SPEC_KEYS, isDetail, printValue, type SpecKey } from '../machine/keys.ts';
import type { Bound, KeyInfo } from '../machine/key-info.ts';
import type { MachineSpec } from '../machine/spec.ts';
import { nearest } from '../nearest.ts';
import { SetUpError, type CatalogueRow } from './setup.ts';

const KEYS = Object.keys(SPEC_KEYS) as SpecKey[];

/** Notes that do not fit into the rows of `specRows`. */
export const SPEC_NOTE =
  "'gperf list spec cost' shows what kernel functions and VM-exits take, 'core' and 'op' misses and instructions; any word: keys with range and source.";

const WHEN_CLOCK_CHANGES: Readonly<Record<Bound, string>> = {
  core: 'cycles of the core: its ns follow core.clock',
  memory: 'memory-bound: its ns stay at any core.clock',
  bus: 'bound by what is outside the core: its ns stay at any core.clock',
};

/** Times that scale with the core's clock are given at one clock; so are cycles that do not. */
function unitOf({ unit, bound }: KeyInfo, { preset }: MachineSpec): string {
  if (bound === undefined || (unit === 'cycles') === (bound === 'core')) return unit;
  return `${unit} at ${preset.values['core.clock'] / 1e9} GHz`;
}

function found(words: readonly string[], spec: MachineSpec): SpecKey[] {
  const keys = new Set<SpecKey>();
  for (const typed of words) {
    const word = typed.toLowerCase();
    const inKey = KEYS.filter((key) => key.toLowerCase().includes(word));
    const inText = (key: SpecKey): boolean =>
      `${SPEC_KEYS[key].about}\n${spec.preset.sources[key]}`.toLowerCase().includes(word);
    const all = inKey.length > 0 ? inKey : KEYS.filter(inText);
    if (all.length === 0) {
      const near = nearest(typed, [...KEYS, ...KEYS.flatMap((key) => key.split('.'))]);
      throw new SetUpError(`no spec key has '${typed}' in it${near === undefined ? '' : ` (did you mean ${near}?)`}`);
    }
    for (const key of all) keys.add(key);
  }
  return KEYS.filter((key) => keys.has(key));
}

const nameOf = (key: SpecKey, spec: MachineSpec): string => `${key}=${printValue(spec.values[key])}`;

/** A key with its range, the effect of another clock, and its source. */
function fullRow(key: SpecKey, spec: MachineSpec): CatalogueRow {
  const info: KeyInfo = SPEC_KEYS[key];
  const { range, bound, about } = info;
  const { values, sources } = spec.preset;
  const label = unitOf(info, spec);
  const instead = spec.values[key] === values[key] ? '' : `set, instead of ${printValue(values[key])}: `;
  return {
    name: nameOf(key, spec),
    label: range === undefined ? label : `${label === '' ? '' : `${label}, `}${range[0]} to ${range[1]}`,
    description: about,
    more: [...(bound === undefined ? [] : [WHEN_CLOCK_CHANGES[bound]]), `source: ${instead}${sources[key]}`],
  };
}

/**
 * Every key but the many times. With words: keys whose name has one of them, or else whose text does. Throws
 * SetUpError.
 */
export function specRows(spec: MachineSpec, words: readonly string[] = []): CatalogueRow[] {
  if (words.length > 0) return found(words, spec).map((key) => fullRow(key, spec));
  return KEYS.filter((key) => !isDetail(key)).map((key) => {
    const { unit, about } = SPEC_KEYS[key];
    return { name: nameOf(key, spec), label: unit, description: about };
  });
}
