/**
 * A machine spec as text, stored in a recording so that gperf can say how it was made.
 */
import { SPEC_KEYS, isAlwaysKept, printValue, type SpecKey } from '../machine/keys.ts';
import { side } from '../machine/machine.ts';
import { MACHINES, changedValues, type MachineSpec } from '../machine/spec.ts';
import type { Origin } from '../profile/profile.ts';
import { nanos, type Nanos } from '../units.ts';
import { SEED_CONTRACT } from '../workload/seed-contract.ts';
import { isDesignFile } from './design-file.ts';
import { SetUpError, setUpMachine } from './setup.ts';
import { GPERF_VERSION } from './version.ts';

/**
 * One key a line: version, seed contract, machine, design, seed, then the values of the spec; of the machine's many
 * times and of late keys, only those that differ from the preset.
 */
export function specText(spec: MachineSpec): string {
  const values = (Object.keys(SPEC_KEYS) as SpecKey[])
    .filter((key) => isAlwaysKept(key) || spec.values[key] !== spec.preset.values[key])
    .map((key) => `${key}=${printValue(spec.values[key])}`);
  return [
    `gperf=${GPERF_VERSION}`,
    `seed-contract=${SEED_CONTRACT}`,
    `machine=${spec.preset.name}`,
    `vpmu=${spec.vpmu}`,
    `seed=${spec.seed}`,
    ...values,
    '',
  ].join('\n');
}

/** The options that build this spec: --machine, --vpmu, --seed and every --set. */
export const specOptions = (spec: MachineSpec): string[] => [
  '--machine',
  spec.preset.name,
  '--vpmu',
  spec.vpmu,
  '--seed',
  spec.seed,
  ...changedValues(spec).flatMap((set) => ['--set', set]),
];

/** The machine of a recording, from its text. Throws SetUpError if this gperf cannot repeat its runs. */
export async function specFromText(text: string): Promise<MachineSpec> {
  const { gperf, 'seed-contract': contract, machine, vpmu, seed, ...values } = Object.fromEntries(linesOf(text));
  if (gperf !== GPERF_VERSION || contract !== String(SEED_CONTRACT))
    throw new SetUpError(
      `recorded by gperf ${gperf ?? '(unknown)'}, seed contract ${contract ?? '(unknown)'}: gperf ${GPERF_VERSION}, ` +
        `seed contract ${SEED_CONTRACT}, does not repeat its runs`,
    );
  // A preset's name only: no file is read because a recording names it.
  if (machine !== undefined && !MACHINES.some(({ name }) => name === machine))
    throw new SetUpError(`recorded on a machine that is not known: '${machine}'`);
  if (vpmu !== undefined && isDesignFile(vpmu))
    throw new SetUpError(
      `recorded under the design of ${vpmu}, which is code: reading a file runs no code that only the file names`,
    );
  return setUpMachine({ machine, vpmu, seed, sets: Object.entries(values).map(([key, value]) => `${key}=${value}`) });
}

/** Origin of a profile recorded under this spec. */
export const originOf = (spec: MachineSpec, run = 0): Origin => ({
  gperf: GPERF_VERSION,
  machine: spec.preset.name,
  vpmu: spec.vpmu,
  seed: spec.seed,
  run,
});

/** Tick length of the kernel that samples. */
export const tickOf = (spec: MachineSpec): Nanos => nanos(Math.round(1e9 / spec.values[`${side(spec)}.hz`]));

/** The same from a recording's text, whatever version wrote it. */
export function describedBy(text: string): { origin: Origin; tick?: Nanos } {
  const values = new Map(linesOf(text));
  const value = (key: string): string => values.get(key) ?? '';
  const origin = { gperf: value('gperf'), machine: value('machine'), vpmu: value('vpmu'), seed: value('seed'), run: 0 };
  const hz = Number(value(`${side(origin)}.hz`));
  return { origin, ...(hz > 0 && { tick: nanos(Math.round(1e9 / hz)) }) };
}

const linesOf = (text: string): [key: string, value: string][] =>
  text.split('\n').flatMap((line) => {
    const at = line.indexOf('=');
    return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
  });
