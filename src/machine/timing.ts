/** The times of penalties.ts for one machine, in cycles of its clock. */
import { SUBCYCLES } from '../units.ts';
import type { CoreTiming } from '../workload/instructions.ts';
import type { CacheSpec } from '../hw/cache-contents.ts';
import type { MachineSpec } from './spec.ts';
import type { MachinePreset, SpecValues } from './keys.ts';
import { OP_COSTS, TIMING_KEYS, type TimingKey } from './penalties.ts';

const LINE = 64;

/** What misses in a core's own caches cost whoever comes back to it: a load and a fetch on average. */
export function cacheSpec({ preset, values }: Pick<MachineSpec, 'preset' | 'values'>): CacheSpec {
  const { load, fetch } = coreTiming(preset, values);
  return {
    l1: (values['core.l1_size'] * 1024) / LINE,
    l2: (values['core.l2_size'] * 1024) / LINE,
    fromL2: (load.l2 + fetch.l2) / 2,
    fromLlc: (load.llc + fetch.llc) / 2,
  };
}

export function coreTiming(preset: MachinePreset, values: SpecValues): CoreTiming {
  const faster = values['core.clock'] / preset.values['core.clock'];
  const of = (key: TimingKey): number => {
    const scaled = TIMING_KEYS[key].bound === 'core' ? values[key] : values[key] * faster;
    return Math.round(scaled * SUBCYCLES) / SUBCYCLES;
  };
  const ops = (Object.keys(OP_COSTS) as (keyof typeof OP_COSTS)[]).map((key) => [key.slice('op.'.length), of(key)]);
  return {
    op: Object.fromEntries(ops) as CoreTiming['op'],
    load: { l2: of('core.l2'), llc: of('core.llc'), memory: of('core.memory'), dtlb: of('core.dtlb') },
    store: { llc: of('core.store.llc'), memory: of('core.store.memory'), dtlb: of('core.store.dtlb') },
    fetch: {
      l2: of('core.fetch.l2'),
      llc: of('core.fetch.llc'),
      memory: of('core.fetch.memory'),
      stlb: of('core.fetch.stlb'),
      itlb: of('core.fetch.itlb'),
    },
    mispredict: of('core.mispredict'),
  };
}
