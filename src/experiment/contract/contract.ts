/**
 * Puts a vPMU design to the contract of a PMU: runs each check on a vCPU of its own, on the host that a spec
 * describes. Deviations that a design declares (VpmuDesign.deviates) must fail their check.
 */
import { Overrun } from '../../hw/core.ts';
import { atLeast } from '../../kernel/config.ts';
import type { Deviation } from '../../kvm/vpmu.ts';
import { pmuCaps } from '../../machine/keys.ts';
import { eventClocks } from '../../machine/turbo.ts';
import { NOTHING_LEFT, bootMachine, perfCaps } from '../../machine/machine.ts';
import type { MachineSpec } from '../../machine/spec.ts';
import { coreTiming } from '../../machine/timing.ts';
import type { ContractReport, ContractFailure } from '../../results/contract.ts';
import { LONGEST_STEP, beatsWithin } from '../../sim/pulse.ts';
import { cycles } from '../../units.ts';
import { faultIn } from '../design-file.ts';
import { asking, CheckFailure, type Check } from './check.ts';
import { CHECKS, WITHOUT_COUNTERS } from './checks.ts';
import { ContractKernel } from './kernel.ts';

/** A quiet host and undisturbed ring 3, so that a counter shows exactly what was put in. */
const QUIET = {
  'core.refill': 0,
  'core.cold': false,
  'core.turbo': false,
  'host.watchdog': false,
  'host.perf': 'off',
  'host.cores': 1,
  'host.guests': 0,
  'guest.pmu_filter': 'none',
} as const;
/** Simulated ns within which any check ends. */
const LIMIT = 60e9;

const FOREVER = cycles(Infinity);

/** Runs a check in ring 0 of a vCPU just out of reset, under a spec's design. Throws CheckFailure, and what the design throws. */
export function runCheck(wanted: MachineSpec, { run }: Pick<Check, 'run'>): void {
  const { 'skid.fixed': fixed, 'skid.mean': mean, 'skid.max': max } = wanted.preset.values;
  const skid = { 'skid.fixed': fixed, 'skid.mean': mean, 'skid.max': max };
  const spec = { ...wanted, values: { ...wanted.values, ...QUIET, ...skid } };
  const { core, host, vcpu } = bootMachine(spec, 'contract', NOTHING_LEFT, () => false);
  const { preset, values } = spec;
  const counted = { events: preset.events, clocks: eventClocks(preset, values), timing: coreTiming(preset, values) };
  const kernel = new ContractKernel(vcpu!, counted, run);
  vcpu!.boot(
    kernel,
    () => undefined,
    () => false,
  );
  core.deadline = host.cyclesOf(LIMIT);
  const before = beatsWithin(LONGEST_STEP);
  try {
    asking('a register does not hold what it must', () => host.run(FOREVER, () => kernel.done));
  } finally {
    beatsWithin(before);
  }
}

/** The checks that apply to a design on a machine: for its PMU's version, or for a guest without a PMU. */
export function checksOf(spec: MachineSpec): readonly Check[] {
  const { version, nrGp, nrFixed } = perfCaps(spec);
  if (nrGp === 0) return WITHOUT_COUNTERS;
  return CHECKS.filter(
    ({ since = 0, needs: { gp = 1, fixed = 0 } = {} }) => since <= version && gp <= nrGp && fixed <= nrFixed,
  );
}

/** A design's declared deviations that show on a spec's core and that its host has not mended yet. */
export const deviationsOf = ({ design, values }: MachineSpec): readonly Deviation[] => {
  const caps = pmuCaps(values);
  const host = { release: values['host.kernel'] };
  return design!.deviates.filter(
    (deviation) =>
      deviation.on?.(caps) !== false && (deviation.mended === undefined || !atLeast(host, ...deviation.mended)),
  );
};

/** The whole contract. */
export function contractOf(spec: MachineSpec): ContractReport {
  const checks = checksOf(spec);
  const deviations = deviationsOf(spec);
  const failures: ContractFailure[] = [];
  const declared: Deviation[] = [];
  for (const check of checks) {
    const deviation = deviations.find((d) => d.check === check.name);
    try {
      runCheck(spec, check);
      if (deviation !== undefined)
        failures.push({ check: check.name, cause: 'declared to fail (deviates), and holds', detail: '' });
    } catch (error) {
      if (deviation !== undefined && error instanceof CheckFailure) declared.push(deviation);
      else failures.push({ check: check.name, ...failureOf(spec, error) });
    }
  }
  for (const { check } of spec.design!.deviates)
    if (![...CHECKS, ...WITHOUT_COUNTERS].some(({ name }) => name === check))
      failures.push({ check, cause: 'declared to fail (deviates), and no check', detail: '' });
  const { vpmu, design, preset, values } = spec;
  return {
    vpmu,
    design: design!.name,
    machine: preset.name,
    release: values['host.kernel'],
    checks: checks.length,
    declared: declared.map(({ check, reason, commit }) => ({ check, reason, commit })),
    failures,
  };
}

function failureOf({ vpmu }: MachineSpec, error: unknown): Pick<ContractFailure, 'cause' | 'detail'> {
  if (error instanceof CheckFailure) return { cause: error.fault, detail: error.message };
  if (error instanceof Overrun)
    return { cause: `it comes to no end in ${LIMIT / 1e9} s of the machine's time`, detail: '' };
  return { cause: faultIn(vpmu, error), detail: '' };
}
