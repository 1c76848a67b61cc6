/** A kernel on a core, with tasks that do what a test says. */
import type { Executable } from '../../src/arch/dso.ts';
import { Core, type CoreSpec } from '../../src/hw/core.ts';
import type { CpuConfig, KernelConfig } from '../../src/kernel/config.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import type { PerfEvent } from '../../src/kernel/perf-event.ts';
import { PerfSyscalls } from '../../src/kernel/perf-syscalls.ts';
import { System } from '../../src/kernel/system.ts';
import type { Task } from '../../src/kernel/task.ts';
import { pmuCaps, type MachinePreset } from '../../src/machine/keys.ts';
import { eventClocks } from '../../src/machine/turbo.ts';
import { broadwellEp } from '../../src/machine/presets/broadwell-ep.ts';
import { MSR_FUNCTIONS, ring0Table } from '../../src/machine/ring0.ts';
import { stream } from '../../src/sim/rng.ts';
import { ToolTask, type ToolProgram } from '../../src/tool/tool-task.ts';
import type { PerfEventAttr } from '../../src/uapi/perf-event.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { cycles, hertz } from '../../src/units.ts';
import { compile } from '../workload/compiled.ts';
import type { Program } from '../../src/workload/program.ts';

const CLOCK = hertz(2.8e9);
export const MS = 1_000_000;
export const CONFIG: KernelConfig = {
  release: '5.0.0',
  hz: 250,
  events: broadwellEp.driver,
  bugs: broadwellEp.bugs,
  nrCpus: 1,
  perf_event_max_sample_rate: 100_000,
  perf_cpu_time_max_percent: 25,
  perf_event_paranoid: -1,
  perf_event_mlock_kb: 516,
  nmi_watchdog: false,
};
export const CPU0: CpuConfig = { number: 0, clock: CLOCK, tick_phase: 0, running_sample_length: 0 };
/**
 * The core of a preset with undisturbed ring 3, so that a counter shows exactly what was put in, and with costs that are
 * always the same.
 */
export function coreSpec(preset: MachinePreset): CoreSpec {
  const v = { ...preset.values, 'costs.spread': 0 };
  return {
    caps: pmuCaps(v),
    events: preset.events,
    clocks: eventClocks(preset, { ...v, 'core.turbo': false }),
    ring0: ring0Table({ preset, values: v }),
    msrFunctions: MSR_FUNCTIONS,
    skid: { fixed: v['skid.fixed'], mean: v['skid.mean'], max: v['skid.max'] },
    refill: cycles(0),
  };
}
export const BROADWELL = coreSpec(broadwellEp);

/** A program as exec loads it. */
export function executableOf(code: Program): Executable {
  const image = compile(code);
  const [program] = image.dsos;
  return {
    comm: image.comm,
    program: program!,
    interpreter: undefined,
    libraries: new Map(),
    start: () => image.start('test'),
  };
}

/** What perf_event_open is asked for, one event for each name. */
export interface OpenOptions {
  readonly attr?: Partial<PerfEventAttr>;
  readonly cpu?: number;
  /** All in one group, led by the first. */
  readonly group?: boolean;
}

/** A machine that stands still until a test lets time pass. */
export class Bench<C extends Core = Core> {
  readonly core: C;
  readonly kernel: Kernel;
  readonly sys: PerfSyscalls;

  constructor(
    config: Partial<KernelConfig> = {},
    spec: Partial<CoreSpec> = {},
    makeCore = Core as new (...args: ConstructorParameters<typeof Core>) => C,
  ) {
    this.core = new makeCore({ ...BROADWELL, ...spec }, stream('test', 'skid'));
    this.kernel = new Kernel(new System({ ...CONFIG, ...config }), this.core, CPU0);
    this.core.setSoftware(this.kernel);
    this.kernel.boot();
    this.sys = new PerfSyscalls(this.kernel);
  }

  /** A task that does what the generator says; `tool.user('main', ns)` is user time. */
  task(program: (tool: ToolTask) => ToolProgram): Task {
    return new ToolTask(this.kernel, program).task;
  }

  /** A task that computes for ever. */
  spinner(): Task {
    return this.task(function* (tool) {
      for (;;) yield* tool.user('main', 1e12);
    });
  }

  /** A task that becomes this program the first time it runs. */
  exec(code: Program | Executable): Task {
    const executable = 'start' in code ? code : executableOf(code);
    return this.kernel.spawn('perf-exec', { run: () => this.kernel.execve(executable) });
  }

  /** Opens a counter for each event; throws at the first that is refused. */
  open(events: string, task: Task | undefined, options: OpenOptions = {}): PerfEvent[] {
    const opened: PerfEvent[] = [];
    for (const evsel of parseEventList([events], 'stat')) {
      const attr: PerfEventAttr = { ...evsel.attr, sample_type: 7, read_format: 3, ...options.attr };
      const group_leader = options.group === true ? opened[0] : undefined;
      const event = this.sys.perf_event_open(attr, { task, cpu: options.cpu ?? -1, group_leader });
      if (typeof event === 'number') throw new Error(`${evsel.name}: errno ${-event}`);
      opened.push(event);
    }
    return opened;
  }

  /** Lets so many nanoseconds pass. */
  pass(ns: number): void {
    this.kernel.run(cycles(this.core.now() + this.kernel.cyclesOf(ns)));
  }
}
