/**
 * The spec of a simulated machine: a preset, with single values changed by --set, a file or the environment.
 * Errors for a wrong key or value say what is allowed.
 */
import { SPEC_KEYS, pmuCaps, printValue, type MachinePreset, type SpecKey, type SpecValues } from './keys.ts';
import { costInstead } from './costs.ts';
import type { KeyInfo } from './key-info.ts';
import { atLeast } from '../kernel/config.ts';
import { lackedBy, type DesignHue, type VpmuDesign } from '../kvm/vpmu.ts';
import { DESIGNS } from '../kvm/vpmu/index.ts';
import { broadwellEp } from './presets/broadwell-ep.ts';
import { cascadelakeAp } from './presets/cascadelake-ap.ts';
import { icelakeSp } from './presets/icelake-sp.ts';
import { sapphireRapids } from './presets/sapphire-rapids.ts';

/** A machine ready to be assembled. A run is a pure function of this, the workload and the command. */
export interface MachineSpec {
  readonly preset: MachinePreset;
  readonly values: SpecValues;
  /** The argument of --vpmu: host, a design's name, or the path of a file with a design. */
  readonly vpmu: string;
  /** The design of the guest's PMU; undefined on bare metal, where there is no guest. */
  readonly design: VpmuDesign | undefined;
  readonly seed: string;
}

export const MACHINES: readonly MachinePreset[] = [broadwellEp, cascadelakeAp, icelakeSp, sapphireRapids];

/** A wrong spec: the key, what is wrong with it, and the keys that may have been meant. */
export class SpecError extends Error {
  readonly key: string;
  readonly known: readonly string[];
  constructor(key: string, why: string, known: readonly string[] = []) {
    super(why);
    this.name = 'SpecError';
    this.key = key;
    this.known = known;
  }
}

/** Where workloads can run: the names that --vpmu takes. */
export const VPMUS: readonly {
  readonly name: string;
  readonly about: string;
  readonly source: string;
  readonly linux?: VpmuDesign['linux'];
  readonly hue?: DesignHue;
}[] = [
  {
    name: 'host',
    about: 'bare metal: no hypervisor between perf and the PMU',
    source: 'Linux 5.0 on the machine itself',
    hue: 'blue',
  },
  ...DESIGNS,
];

/**
 * Puts a spec together. `sets` are KEY=VALUE in order; `loaded` is the design from a file, if any. Throws SpecError.
 */
export function machineSpec(
  machine: string,
  vpmu: string,
  seed: string,
  sets: readonly string[],
  loaded?: VpmuDesign,
): MachineSpec {
  const preset = MACHINES.find((m) => m.name === machine);
  if (preset === undefined)
    throw new SpecError(
      machine,
      `no such machine: ${machine}`,
      MACHINES.map((m) => m.name),
    );
  if (loaded === undefined && !VPMUS.some((v) => v.name === vpmu))
    throw new SpecError(
      vpmu,
      `no such vPMU design: ${vpmu}`,
      VPMUS.map((v) => v.name),
    );
  const changes: Partial<Record<SpecKey, number | string | boolean>> = {};
  for (const set of sets) {
    const [key, value] = parseSet(set);
    changes[key] = value;
  }
  const design = loaded ?? DESIGNS.find(({ name }) => name === vpmu);
  const changed = (values: SpecValues): SpecValues => ({ ...values, ...(changes as Partial<SpecValues>) });
  const values = changed(unchanged({ preset, design }, changed(preset.values)));
  const spec = { preset, values, vpmu, design, seed };
  checkKernels(spec);
  checkDesign(spec);
  checkCpus(values);
  return spec;
}

/** One KEY=VALUE. Throws SpecError. */
export function parseSet(set: string): readonly [key: SpecKey, value: number | string | boolean] {
  const [, key = '', raw = ''] = /^([^=]*)=(.*)$/s.exec(set) ?? [undefined, set, ''];
  if (!Object.hasOwn(SPEC_KEYS, key)) throw noSuchKey(key);
  if (!set.includes('=')) throw new SpecError(key, `${key} needs a value: --set ${key}=VALUE`);
  return [key as SpecKey, parseValue(key as SpecKey, raw)];
}

/**
 * What a machine has if nothing else is said: its preset's values, but for what follows from two keys. A core with one
 * thread has counters of its own; each vCPU is a CPU of the guest, on a core of its own.
 */
function unchanged({ preset, design }: Pick<MachineSpec, 'preset' | 'design'>, said: SpecValues): SpecValues {
  const { values: v, singleThreaded } = preset;
  const vcpus = said['guest.vcpus'];
  const base = said['host.threads_per_core'] === 1 ? { ...v, ...singleThreaded } : v;
  if (vcpus === v['guest.vcpus']) return base;
  const cores = design === undefined ? v['host.cores'] : Math.min(vcpus, base['host.cpus']);
  return { ...base, 'host.cores': cores, 'guest.cpus': Math.max(vcpus, v['guest.cpus']) };
}

/** Keys from whose values others follow. */
const LEADING: ReadonlySet<SpecKey> = new Set(['host.threads_per_core', 'guest.vcpus']);

/** --vcpus: so many CPUs where perf runs, as KEY=VALUE. */
export const vcpusSet = (vpmu: string, vcpus: number): string =>
  `${vpmu === 'host' ? 'host.cores' : 'guest.vcpus'}=${vcpus}`;

function checkCpus(values: SpecValues): void {
  for (const [simulated, possible] of [
    ['host.cores', 'host.cpus'],
    ['guest.vcpus', 'guest.cpus'],
  ] as const)
    if (values[simulated] > values[possible])
      throw new SpecError(
        simulated,
        `${simulated}=${values[simulated]} is more than ${possible}=${values[possible]} (--set ${possible}=${values[simulated]})`,
      );
}

function noSuchKey(key: string): SpecError {
  const instead = costInstead(key);
  const known = instead === undefined ? Object.keys(SPEC_KEYS) : [instead];
  return new SpecError(key, `no such spec key: ${key}`, known);
}

/** What a design needs but a machine with these values lacks. */
export function lacking(design: VpmuDesign | undefined, values: SpecValues): string | undefined {
  return design && lackedBy(design, pmuCaps(values), { release: values['host.kernel'] });
}

/** Throws if a kernel is older than the machine's processor. */
function checkKernels({ preset, values, design }: MachineSpec): void {
  const { since, name } = preset.driver;
  if (since === undefined) return;
  for (const key of design === undefined ? (['host.kernel'] as const) : (['host.kernel', 'guest.kernel'] as const))
    if (!atLeast({ release: values[key] }, ...since))
      throw new SpecError(
        key,
        `${key}=${values[key]}: Linux knows ${name}, as ${preset.name} has it, from ${since.join('.')} on`,
      );
}

/** Throws if the machine cannot run the design; the error names machines that can. */
function checkDesign({ preset, values, vpmu, design }: MachineSpec): void {
  const lacks = lacking(design, values);
  if (lacks !== undefined) {
    const able = MACHINES.filter((m) => lacking(design, m.values) === undefined).map((m) => m.name);
    const elsewhere = able.length === 0 || able.includes(preset.name) ? '' : `; there is --machine ${able.join(', ')}`;
    throw new SpecError('', `--vpmu ${vpmu} on ${preset.name} needs ${lacks}${elsewhere}`);
  }
  for (const { set, needs, why } of SPECIALTIES) {
    if (!set(values) || design?.[needs] === true) continue;
    const able = DESIGNS.filter((other) => other[needs] === true).map(({ name }) => name);
    throw new SpecError('', `${why(vpmu)[0]} needs --vpmu ${able.join(' or ')}: ${why(vpmu)[1]}`);
  }
}

/** Keys that only some designs honour. */
const SPECIALTIES: readonly {
  readonly set: (values: SpecValues) => boolean;
  readonly needs: 'filters' | 'flexible' | 'hooks';
  readonly why: (vpmu: string) => readonly [words: string, because: string];
}[] = [
  {
    set: (v) => v['guest.pmu_filter'] !== 'none',
    needs: 'filters',
    why: (vpmu) => ['guest.pmu_filter', `gperf models no event filter for ${vpmu}`],
  },
  {
    set: (v) => !v['kvm.pinned'],
    needs: 'flexible',
    why: (vpmu) => ['kvm.pinned=off', `${vpmu} has no events that could take turns with those of the host`],
  },
  {
    set: (v) => v['kvm.hooks'],
    needs: 'hooks',
    why: (vpmu) => ['kvm.hooks=on', `${vpmu} drives no counters behind the back of the host's perf`],
  },
];

function parseValue(key: SpecKey, raw: string): number | string | boolean {
  const info: KeyInfo = SPEC_KEYS[key];
  if (info.kind === 'boolean') {
    if (['on', 'true', '1', 'yes'].includes(raw)) return true;
    if (['off', 'false', '0', 'no'].includes(raw)) return false;
    throw new SpecError(key, `${key}=${raw}: must be on or off`);
  }
  const value = info.kind === 'number' ? (raw.trim() === '' ? NaN : Number(raw)) : raw;
  const wrong = info.check?.(value);
  if (wrong !== undefined) throw new SpecError(key, `${key}=${raw}: ${wrong}`);
  return value;
}

/** What a spec changes in its preset, as --set arguments. Recordings store this to name their machine. */
export function changedValues(spec: MachineSpec): string[] {
  const { preset, values } = spec;
  const others = unchanged(spec, values);
  return (Object.keys(SPEC_KEYS) as SpecKey[])
    .filter((key) => values[key] !== (LEADING.has(key) ? preset.values : others)[key])
    .map((key) => `${key}=${printValue(spec.values[key])}`);
}

/** Whether a spec already has KEY=VALUE. */
export const isSet = ({ values }: MachineSpec, set: `${string}=${string}`): boolean =>
  (Object.keys(SPEC_KEYS) as SpecKey[]).some((key) => set === `${key}=${printValue(values[key])}`);
