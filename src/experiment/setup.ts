/**
 * What the command line can ask for: a machine made from names, files and KEY=VALUE, and the lists of all choices.
 */
import { atLeast } from '../kernel/config.ts';
import { eventCodeOf, eventConstraint } from '../kernel/x86-events.ts';
import { printValue } from '../machine/keys.ts';
import { DESIGNS } from '../kvm/vpmu/index.ts';
import { VcpuRefused, linuxRange, type DesignHue, type VpmuDesign } from '../kvm/vpmu.ts';
import { NOTHING_LEFT, bootMachine, perfCaps, side } from '../machine/machine.ts';
import {
  MACHINES,
  SpecError,
  VPMUS,
  lacking,
  machineSpec,
  parseSet,
  vcpusSet,
  type MachineSpec,
} from '../machine/spec.ts';
import { nearest } from '../nearest.ts';
import type { ParseEventsOptions } from '../perf-events/parse-events.ts';
import { PERF_COUNT_SW, PERF_TYPE, type PerfEventAttr } from '../uapi/perf-event.ts';
import { beatsWithin } from '../sim/pulse.ts';
import { readSource, SourceError } from '../workload/source.ts';
import { LONGEST_START } from './patience.ts';
import { DesignFileError, faultIn, isDesignFile, loadDesign, loadedDesigns } from './design-file.ts';

export type { MachineSpec } from '../machine/spec.ts';

export const DEFAULTS = { machine: 'broadwell-ep', vpmu: 'v2', seed: 'gperf' } as const;
/** What KVM does by default on hosts that the letter's patches were not made for. */
const UNPATCHED = 'reuse-lazy';

export interface SetUp {
  /** A preset's name, or a YAML file. */
  readonly machine?: string | undefined;
  readonly vpmu?: string | undefined;
  readonly seed?: string | undefined;
  /** CPUs of the guest, or of the machine if there is none. */
  readonly vcpus?: number | undefined;
  readonly sets: readonly string[];
}

/** A machine that cannot be set up; `message` is the whole sentence, nearest valid word included. */
export class SetUpError extends Error {
  override readonly name = 'SetUpError';
}

/** Builds the machine's spec. Throws SetUpError. */
export async function setUpMachine(wanted: SetUp): Promise<MachineSpec> {
  const before = beatsWithin(LONGEST_START);
  try {
    return await specOf(wanted);
  } finally {
    beatsWithin(before);
  }
}

async function specOf({
  machine = DEFAULTS.machine,
  vpmu: asked,
  seed = DEFAULTS.seed,
  vcpus,
  sets: more,
}: SetUp): Promise<MachineSpec> {
  const file = /\.ya?ml$/.test(machine) ? await specFile(machine) : undefined;
  const name = file?.machine ?? machine;
  const sets = [...(file?.sets ?? []), ...more];
  const vpmu = asked ?? defaultVpmu(name, sets);
  const design = isDesignFile(vpmu) ? await designFile(vpmu) : undefined;
  if (design === undefined && /\.m?[jt]s$/.test(vpmu))
    throw new SetUpError(`no such vPMU design: ${vpmu}; for the file of this directory write ./${vpmu}`);
  try {
    const cpus = vcpus === undefined ? [] : [vcpusSet(vpmu, vcpus)];
    const spec = machineSpec(name, vpmu, seed, [...(file?.sets ?? []), ...cpus, ...more], design);
    // Only a running host shows whether it can have a vCPU.
    bootMachine(spec, 'set-up', NOTHING_LEFT, () => true);
    return spec;
  } catch (error) {
    if (error instanceof VcpuRefused) throw new SetUpError(`--vpmu ${vpmu}: KVM refuses a vCPU, as ${error.message}`);
    if (error instanceof SpecError) throw new SetUpError(withHint(error.message, error.key, error.known));
    if (design !== undefined) throw new SetUpError(`--vpmu ${faultIn(vpmu, error)}`);
    throw error;
  }
}

/** The letter's proposal, or what KVM of the host's Linux does; a wrong machine or key is told later. */
function defaultVpmu(machine: string, sets: readonly string[]): string {
  try {
    const { values } = machineSpec(machine, 'host', DEFAULTS.seed, sets);
    const letters = DESIGNS.find(({ name }) => name === DEFAULTS.vpmu);
    return lacking(letters, values) === undefined ? DEFAULTS.vpmu : UNPATCHED;
  } catch {
    return DEFAULTS.vpmu;
  }
}

async function designFile(path: string): Promise<VpmuDesign> {
  try {
    return await loadDesign(path);
  } catch (error) {
    if (error instanceof DesignFileError) throw new SetUpError(`--vpmu ${error.message}`);
    throw error;
  }
}

function withHint(message: string, word: string, known: readonly string[]): string {
  if (known.length === 0) return message;
  const near = nearest(word, known);
  return near === undefined ? `${message} (there is ${known.join(', ')})` : `${message} (did you mean ${near}?)`;
}

/** A machine file: `machine: PRESET`, then spec keys, nested or dotted. Errors carry file:line:column. */
async function specFile(path: string): Promise<{ machine: string; sets: string[] }> {
  const { LineCounter, isMap, isScalar, parseDocument } = await import('yaml');
  let text: string;
  try {
    text = readSource(path);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    throw new SetUpError(`cannot read the machine file ${path}: ${error.message}`);
  }
  const lines = new LineCounter();
  // The library checks keys for duplicates in quadratic time.
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    schema: 'core',
    merge: false,
    resolveKnownTags: false,
  });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const [syntax] = [...document.errors, ...document.warnings];
  if (syntax !== undefined) throw new SetUpError(`${at(syntax.pos[0])}: ${syntax.message}`);
  let machine: string = DEFAULTS.machine;
  const sets: string[] = [];
  const seen = new Set<string>();
  const walk = (node: unknown, prefix: string): void => {
    if (!isMap(node)) throw new SetUpError(`${path}:1:1: a machine file is a map of spec keys`);
    for (const { key, value } of node.items) {
      if (!isScalar(key)) throw new SetUpError(`${at(node.range?.[0] ?? 0)}: a key must be a word`);
      const name = prefix + String(key.value);
      const place = at(key.range?.[0] ?? 0);
      if (seen.has(name)) throw new SetUpError(`${place}: ${name} is there twice`);
      seen.add(name);
      if (isMap(value)) {
        walk(value, `${name}.`);
        continue;
      }
      if (!isScalar(value)) throw new SetUpError(`${place}: ${name} needs a value`);
      const raw = typeof value.value === 'boolean' ? printValue(value.value) : String(value.source ?? value.value);
      try {
        if (name === 'machine') machineSpec(raw, 'host', DEFAULTS.seed, []);
        else parseSet(`${name}=${raw}`);
      } catch (error) {
        if (!(error instanceof SpecError)) throw error;
        const { message, key: word, known } = error;
        const where = name !== 'machine' && known.length > 0 ? place : at(value.range?.[0] ?? 0);
        throw new SetUpError(withHint(`${where}: ${message}`, word, known));
      }
      if (name === 'machine') machine = raw;
      else sets.push(`${name}=${raw}`);
    }
  };
  walk(document.contents, '');
  return { machine, sets };
}

/** A row of a list: a name, its kind, a sentence. */
export interface CatalogueRow {
  readonly name: string;
  readonly label: string;
  readonly description: string;
  /** Further lines. */
  readonly more?: readonly string[];
}

const marked = (about: string, isDefault: boolean): string => (isDefault ? `${about} (default)` : about);

export const catalogue = {
  vpmu: (): CatalogueRow[] =>
    VPMUS.map(({ name, about, source, linux }) => ({
      name,
      label: source,
      description: marked(about, name === DEFAULTS.vpmu),
      ...(linux !== undefined && { more: [`on hosts with Linux ${linuxRange(linux)}`] }),
    })),
  machine: (): CatalogueRow[] =>
    MACHINES.map(({ name, about, identity, turbo }) => ({
      name,
      label: identity.cpu_desc,
      description: marked(about, name === DEFAULTS.machine),
      more: [turboText(turbo)],
    })),
};

/** "core.turbo: 3.6 GHz with 2 busy cores in a socket, 3.4 with 3, ..., 2.8 with 22". */
function turboText({ limits }: MachineSpec['preset']['turbo']): string {
  const [first, ...rest] = limits.map(([cores, hz]) => [(hz / 1e9).toFixed(1), cores] as const);
  return `core.turbo=on: ${first![0]} GHz with up to ${first![1]} busy cores in a socket, ${rest.map(([ghz, cores]) => `${ghz} with ${cores}`).join(', ')}`;
}

/** Colours of the choices for --vpmu. */
export const designHues = (): Record<string, DesignHue> =>
  Object.fromEntries(
    [
      ...VPMUS.map(({ name, hue }) => [name, hue] as const),
      ...[...loadedDesigns].map(([path, { hue }]) => [path, hue] as const),
    ].flatMap(([name, hue]) => (hue === undefined ? [] : [[name, hue]])),
  );

/** Whether perf_event_open would take an event on the machine. */
export function canOpen(spec: MachineSpec, { type, config }: PerfEventAttr): boolean {
  if (type === PERF_TYPE.SOFTWARE) return Number(config) <= PERF_COUNT_SW.CGROUP_SWITCHES;
  return perfCaps(spec).nrGp > 0 && eventCodeOf(spec.preset.driver, type, Number(config)) !== undefined;
}

/** Whether a guest sees no counters where the core has some. */
export const guestWithoutPmu = (spec: MachineSpec): boolean => spec.values['pmu.gp'] > 0 && perfCaps(spec).nrGp === 0;

/** The designs' names: all, or those that can do something that not all can. */
export const designsWith = (ability?: 'flexible' | 'hooks'): string[] =>
  DESIGNS.filter((design) => ability === undefined || design[ability] === true).map(({ name }) => name);

/** What perf's event syntax needs from the kernel that perf runs on, for all these machines. */
export const parseOptions = (...specs: readonly MachineSpec[]): ParseEventsOptions => ({
  cpuPmu: specs.every((spec) => perfCaps(spec).nrGp > 0),
  ...(specs.every(hasSlots) && { cpuEvents: { slots: SLOTS } }),
});

/** TOPDOWN.SLOTS as a pseudo-event: fixed counter 3 and no other. */
const SLOTS = 0x0400;
/** Whether sysfs has it (from 7b2c05a15d29, Linux 5.10). */
function hasSlots(spec: MachineSpec): boolean {
  const { nrGp, nrFixed } = perfCaps(spec);
  const { indices } = eventConstraint(spec.preset.driver, SLOTS, nrGp, nrFixed);
  const release = spec.values[`${side(spec)}.kernel`];
  return nrFixed > 3 && indices.length === 1 && atLeast({ release }, 5, 10);
}

/** kernel.perf_event_max_sample_rate where perf runs. */
export const sampleRateLimit = (spec: MachineSpec): number => spec.values[`${side(spec)}.max_sample_rate`];
/** Whether the kernel perf runs on has its NMI watchdog on. */
export const watchdogOf = (spec: MachineSpec): boolean => spec.values[`${side(spec)}.watchdog`];
