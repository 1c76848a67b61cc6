/**
 * The costs of a machine's spec in cycles, looked up once at boot: the table of ring-0 functions that the core walks,
 * and the times that are drawn for each occurrence.
 * Not modelled: event rates that differ between functions.
 */
import { COLUMN, NR_EVENTS, type EventVector } from '../arch/events.ts';
import type { MsrFunctions, Ring0Table } from '../arch/ring0.ts';
import { dsWork, type DsOperation, type DsPrimitives } from '../kernel/ds-buffers.ts';
import type { HostDraws } from '../kernel/host-global.ts';
import { FN, KERNEL_SYMBOLS } from '../kernel/symbols.ts';
import type { KvmDraws } from '../kvm/vpmu.ts';
import { exp, probit } from '../sim/math.ts';
import type { Stream } from '../sim/rng.ts';
import { countersOf } from '../sim/spread.ts';
import { SUBCYCLES, cycles, hertz, toCycles, type Cycles } from '../units.ts';
import { costKeyOf, type CostKey } from './costs.ts';
import { passSpreads } from './spreads.ts';
import { SPEC_KEYS, type MachinePreset, type SpecValues } from './keys.ts';

/** Events per cycle of kernel code; columns not listed do not occur there. */
const PER_CYCLE: Readonly<Partial<Record<keyof typeof COLUMN, number>>> = {
  instructions: 0.8,
  'uops-retired': 1,
  branches: 0.16,
  'branch-misses': 0.002,
  'cond-branches': 0.11,
  'near-calls': 0.014,
  'near-returns': 0.014,
  'taken-branches': 0.09,
  'L1-dcache-loads': 0.24,
  'L1-dcache-load-misses': 0.006,
  'L1-dcache-stores': 0.12,
  'L1-icache-load-misses': 0.006,
  'LLC-references': 0.002,
  'LLC-misses': 0.0002,
  'LLC-loads': 0.001,
  'LLC-load-misses': 0.0001,
  'dTLB-load-misses': 0.0006,
  'dTLB-store-misses': 0.0002,
  'iTLB-loads': 0.0005,
  'iTLB-load-misses': 0.0002,
  'stalled-cycles-frontend': 0.25,
  'stalled-cycles-backend': 0.3,
};

/** A preset, and the values of this machine. */
interface Timed {
  readonly preset: MachinePreset;
  readonly values: SpecValues;
}

/** Converts ns of a cost to cycles: at the preset's clock if it is core-bound, else at this machine's. */
function inCycles({ preset, values }: Timed, key: CostKey): (ns: number) => Cycles {
  const clock = hertz((SPEC_KEYS[key].bound === 'core' ? preset.values : values)['core.clock']);
  return (ns) => toCycles(ns, clock);
}

/** A cost on this machine, ns. */
export const nsOf = ({ preset, values }: Timed, key: CostKey): number =>
  values[key] * (SPEC_KEYS[key].bound === 'core' ? preset.values['core.clock'] / values['core.clock'] : 1);

/** All kernel functions with the cost of one pass on this machine. */
export function ring0Table(machine: Timed): Ring0Table {
  const spreadOf = passSpreads(machine.values['costs.spread']);
  return KERNEL_SYMBOLS.map((symbol, index) => {
    const key = costKeyOf(symbol.name);
    const cost = inCycles(machine, key)(machine.values[key]);
    return {
      index,
      name: symbol.name,
      address: symbol.address,
      size: symbol.size,
      cost,
      events: eventsOf(index, cost),
      spread: spreadOf(symbol.name, cost),
    };
  });
}

/** The counters by which passes through functions are drawn (hw/pass-times.ts). */
export const passCounters = (random: Stream): Int32Array =>
  countersOf(
    random,
    KERNEL_SYMBOLS.map(({ name }) => name),
  );

export const MSR_FUNCTIONS: MsrFunctions = {
  rdmsr: FN.native_read_msr,
  wrmsr: FN.native_write_msr,
  rdpmc: FN.native_read_pmc,
};

/**
 * Whole events of one pass. Fractions are rounded up in some functions and down in others, so that rates hold over
 * many.
 */
function eventsOf(index: number, cost: Cycles): EventVector {
  const events = new Float64Array(NR_EVENTS);
  events[COLUMN.cycles] = cost;
  for (const [name, rate] of Object.entries(PER_CYCLE)) {
    const column = COLUMN[name as keyof typeof COLUMN];
    events[column] = Math.floor(cost * rate + ((index * 0.618034 + column * 0.381966) % 1));
  }
  return events;
}

/** Spread of the time for one reserve or release. */
const IPI_SIGMA = { warm: 0.75, cold: 0.05 } as const;
/**
 * How much of what its parts cost a reserve or release takes. Warm, a residue: at these costs a PMI of the legacy vPMU is
 * longer than a tick on 88 CPUs, where the letter has 5198 samples; INVLPG alone would take too long.
 */
const IPI_SHARE = { warm: 0.136, cold: 1 } as const;

/** The costs of what DS buffers take. */
export const DS_COSTS = {
  clear_page: 'cost.clear_page_erms',
  invlpg: 'cost.invlpg',
  broadcast: 'cost.ipi_broadcast',
  target: 'cost.ipi_target',
  wrmsr: 'cost.wrmsr',
} as const satisfies Readonly<Record<keyof DsPrimitives, CostKey>>;

/** Their share and spread on that machine. */
export const dsScenario = ({ 'host.ipi': state }: SpecValues): { readonly share: number; readonly sigma: number } => {
  const name = state === 'cold' ? 'cold' : 'warm';
  return { share: IPI_SHARE[name], sigma: IPI_SIGMA[name] };
};

/** A log-normal draw with mean `mean`. */
const logNormal = (random: Stream, mean: number, sigma: number): number =>
  mean * exp(sigma * probit(random.uniform() || 0.5) - (sigma * sigma) / 2);

/** Draws of the host-wide surcharges (kernel/host-global.ts). */
export function hostDraws(random: Stream, machine: Timed): HostDraws {
  const { values } = machine;
  const { share, sigma } = dsScenario(values);
  const parts = (operation: DsOperation): readonly (readonly [fn: number, span: Cycles])[] => {
    const byFn = new Map<number, number>();
    for (const { fn, primitive, times } of dsWork(operation, values['host.cpus'], { release: values['host.kernel'] })) {
      const key = DS_COSTS[primitive];
      byFn.set(FN[fn], (byFn.get(FN[fn]) ?? 0) + inCycles(machine, key)(times * values[key]));
    }
    return [...byFn].map(([fn, span]) => [fn, cycles(span)] as const);
  };
  const inFractions = (span: number): Cycles => cycles(Math.round(span * SUBCYCLES) / SUBCYCLES);
  const work = { reserve_ds_buffers: parts('reserve_ds_buffers'), release_ds_buffers: parts('release_ds_buffers') };
  const meanOf = (operation: DsOperation): Cycles =>
    inFractions(work[operation].reduce((sum, [, span]) => sum + span * share, 0));
  const key = values['cost.static_branch_enable'];
  const keyCycles = inCycles(machine, 'cost.static_branch_enable');
  return {
    ds_buffers: (operation) => {
      const slow = logNormal(random, share, sigma);
      return work[operation].map(([fn, span]) => [fn, inFractions(span * slow)]);
    },
    static_branch_enable: () => keyCycles(key / 2 + random.uniform() * (key - key / 2)),
    means: { reserve_ds_buffers: meanOf('reserve_ds_buffers'), release_ds_buffers: meanOf('release_ds_buffers') },
  };
}

/** The share of exits that take longer. */
const TAIL_SHARE = 0.001;

/** Makes the longest of a run's 10,000 to 60,000 creates and stops twice the mean, as in the letter's table (1). */
const KERNEL_COUNTER_SIGMA = 0.2;

/** Draws of KVM's times (kvm/vpmu.ts), each from its own stream. */
export function kvmDraws(streamOf: (name: string) => Stream, machine: Timed): KvmDraws {
  const exit = streamOf('exit');
  const tail = machine.values['cost.exit_tail'];
  const tailCycles = inCycles(machine, 'cost.exit_tail');
  const kernelCounter = (fn: 'perf_event_create_kernel_counter' | 'perf_event_release_kernel') => {
    const random = streamOf(fn);
    const mean = machine.values[`cost.${fn}`];
    const ofNs = inCycles(machine, `cost.${fn}`);
    return () => ofNs(logNormal(random, mean, KERNEL_COUNTER_SIGMA));
  };
  return {
    pmi_residue: inCycles(machine, 'cost.pmi_residue')(machine.values['cost.pmi_residue']),
    exit_tail: () => tailCycles(exit.uniform() < TAIL_SHARE ? exit.exponential(tail) : 0),
    perf_event_create_kernel_counter: kernelCounter('perf_event_create_kernel_counter'),
    perf_event_release_kernel: kernelCounter('perf_event_release_kernel'),
  };
}
