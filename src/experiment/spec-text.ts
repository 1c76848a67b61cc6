/**
 * A machine spec as text: what a recording carries, so that gperf can say how it came about.
 */
import { SPEC_KEYS, printValue, type SpecKey } from '../machine/keys.ts';
import { changedValues, type MachineSpec } from '../machine/spec.ts';
import { SEED_CONTRACT } from '../workload/samplers.ts';
import { GPERF_VERSION } from './version.ts';

/** One key a line: version, seed contract, machine, design, seed, then every value of the spec. */
export function specText(spec: MachineSpec): string {
  const values = (Object.keys(SPEC_KEYS) as SpecKey[]).map((key) => `${key}=${printValue(spec.values[key])}`);
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

/** The options that put this spec together: --machine, --vpmu, --seed and what was --set. */
export const specOptions = (spec: MachineSpec): string[] => [
  '--machine',
  spec.preset.name,
  '--vpmu',
  spec.vpmu,
  '--seed',
  spec.seed,
  ...changedValues(spec).flatMap((set) => ['--set', set]),
];
