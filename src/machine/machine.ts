/**
 * A machine assembled from its spec: one core with Linux on it.
 * It models nothing itself; it knows everything and puts it together.
 */
import { Core } from '../hw/core.ts';
import { Kernel } from '../kernel/kernel.ts';
import type { KernelConfig } from '../kernel/config.ts';
import { startWatchdog } from '../kernel/watchdog.ts';
import { stream } from '../sim/rng.ts';
import { hertz } from '../units.ts';
import { MSR_FUNCTIONS, ring0Table } from './costs.ts';
import type { MachineSpec } from './spec.ts';

export interface Machine {
  readonly spec: MachineSpec;
  readonly core: Core;
  readonly kernel: Kernel;
}

/** The simulated CPU's number among host.cpus. */
const CPU = 0;

/** Boots a machine. `path` names the run within the seed ("run=0"); `running_sample_length` is what earlier runs left. */
export function bootMachine(spec: MachineSpec, path: string, running_sample_length: number): Machine {
  const { values: v } = spec;
  const clock = hertz(v['core.clock']);
  const core = new Core(
    {
      caps: {
        version: v['pmu.version'],
        nrGp: v['pmu.gp'],
        nrFixed: v['pmu.fixed'],
        width: v['pmu.width'],
        fullWidthWrite: v['pmu.full_width_write'],
      },
      clocks: { coreHz: clock, tscHz: v['core.tsc'], busHz: v['core.bus'] },
      ring0: ring0Table(spec.preset, clock),
      msrFunctions: MSR_FUNCTIONS,
      skid: { fixed: v['skid.fixed'], mean: v['skid.mean'], max: v['skid.max'] },
    },
    stream(spec.seed, `${path}/core=${CPU}/skid`),
  );
  const config: KernelConfig = {
    release: v['host.kernel'],
    hz: v['host.hz'],
    nrCpus: v['host.cpus'],
    cpu: CPU,
    perf_event_max_sample_rate: v['host.max_sample_rate'],
    perf_cpu_time_max_percent: v['host.cpu_time_max_percent'],
    perf_event_paranoid: v['host.paranoid'],
    perf_event_mlock_kb: v['host.mlock_kb'],
    nmi_watchdog: v['host.watchdog'],
    running_sample_length,
  };
  const kernel = new Kernel(core, clock, config);
  core.setSoftware(kernel);
  kernel.boot();
  if (config.nmi_watchdog) startWatchdog(kernel, hertz(v['core.tsc']));
  return { spec, core, kernel };
}
