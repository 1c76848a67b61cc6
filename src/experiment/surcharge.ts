/**
 * What the first hardware event of a host costs (reserve_ds_buffers) and the last (release_ds_buffers), by the number of the
 * host's CPUs: the work that kernel/ds-buffers.ts does, at this machine's costs. The machine does the same work at run time.
 * Not modelled: nothing; this only counts.
 */
import { dsWork, type DsOperation } from '../kernel/ds-buffers.ts';
import { DS_COSTS, dsScenario, nsOf } from '../machine/ring0.ts';
import type { MachineSpec } from '../machine/spec.ts';
import type { SurchargeReport, SurchargeRow } from '../results/surcharge.ts';

/** Besides the machine's own: a socket without hyperthreads, with them, two sockets, and the largest preset. */
const CPUS = [22, 44, 88, 192];
const CALLS = ['reserve_ds_buffers', 'release_ds_buffers'] as const satisfies readonly DsOperation[];

export function surchargeOf(spec: MachineSpec): SurchargeReport {
  const { values } = spec;
  const own = values['host.cpus'];
  const cpus = [...new Set([...CPUS, own])].toSorted((a, b) => a - b);
  const release = values['host.kernel'];
  const rowsOf = (name: DsOperation): SurchargeRow[] => {
    const each = cpus.map((n) => dsWork(name, n, { release }));
    return each[0]!.map(({ fn, primitive, grows }, i) => ({
      fn,
      cost: DS_COSTS[primitive],
      each: nsOf(spec, DS_COSTS[primitive]),
      times: each.map((work) => work[i]!.times),
      grows,
    }));
  };
  return {
    release,
    scenario: values['host.ipi'],
    share: dsScenario(values).share,
    cpus,
    own,
    calls: CALLS.map((name) => ({ name, rows: rowsOf(name) })),
  };
}
