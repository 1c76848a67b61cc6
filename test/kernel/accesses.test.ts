/**
 * The register accesses of the x86 driver, in order: under a hypervisor each one is an exit, so their number is the cost of
 * an operation. A version 2 PMU without full-width writes, as KVM of Linux 5.0 shows its guests.
 */
import { expect } from 'chai';
import { decodePmuMsr } from '../../src/arch/msr.ts';
import type { Vector } from '../../src/arch/cpu.ts';
import { Core, type CoreSpec } from '../../src/hw/core.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import { MSR_FUNCTIONS, ring0Table } from '../../src/machine/costs.ts';
import { broadwellEp } from '../../src/machine/presets/broadwell-ep.ts';
import { stream } from '../../src/sim/rng.ts';
import { perfFunction } from '../../src/tool/perf-binary.ts';
import { StraightLine } from '../../src/tool/straight-line.ts';
import { parseEventList } from '../../src/uapi/parse-events.ts';
import { cycles, hertz } from '../../src/units.ts';
import { PerfSyscalls } from '../../src/kernel/perf-syscalls.ts';

const CLOCK = hertz(2.8e9);
const SPEC: CoreSpec = {
  caps: { version: 2, nrGp: 4, nrFixed: 3, width: 48, fullWidthWrite: false },
  clocks: { coreHz: CLOCK, tscHz: 2.2e9, busHz: 1e8 },
  ring0: ring0Table(broadwellEp, CLOCK),
  msrFunctions: MSR_FUNCTIONS,
  skid: { fixed: 20, mean: 20, max: 200 },
};

/** A core that writes down which PMU registers are touched. */
class Tapped extends Core {
  log: string[] = [];
  override rdmsr(msr: number): number {
    this.log.push(`R ${name(msr)}`);
    return super.rdmsr(msr);
  }
  override wrmsr(msr: number, value: number): void {
    this.log.push(`W ${name(msr)}`);
    super.wrmsr(msr, value);
  }
  override rdpmc(ecx: number): number {
    this.log.push('RDPMC');
    return super.rdpmc(ecx);
  }
  override setLvtpc(vector: Vector): void {
    this.log.push('W LVTPC');
    super.setLvtpc(vector);
  }
}
const SHORT: Record<string, string> = { PMC: 'CTR', FIXED_CTR: 'CTR', PERFEVTSEL: 'EVT', FIXED_CTR_CTRL: 'FCC' };
const name = (msr: number): string => {
  const reg = decodePmuMsr(msr)!.reg;
  return SHORT[reg] ?? reg;
};

interface Bench {
  readonly core: Tapped;
  readonly kernel: Kernel;
  readonly task: Kernel['current'];
  /** Registers touched while `work` ran. */
  readonly touched: (work: () => void) => string[];
}

/** A task that runs straight code with these events on it. */
function bench(events: string, sampling?: { period: number }): Bench {
  const core = new Tapped(SPEC, stream('test', 'skid'));
  const kernel = new Kernel(core, CLOCK, {
    release: '5.0.0',
    hz: 250,
    nrCpus: 1,
    cpu: 0,
    perf_event_max_sample_rate: 100000,
    perf_cpu_time_max_percent: 25,
    perf_event_paranoid: -1,
    perf_event_mlock_kb: 516,
    nmi_watchdog: false,
    running_sample_length: 0,
  });
  core.setSoftware(kernel);
  kernel.boot();
  const code = new StraightLine(perfFunction('main'), cycles(1e12));
  const task = kernel.spawn('work', {
    run: (cpu, until) => {
      cpu.execute(code, until);
    },
  });
  const sys = new PerfSyscalls(kernel);
  for (const evsel of parseEventList([events], 'stat')) {
    const attr = {
      ...evsel.attr,
      read_format: 3,
      ...(sampling === undefined ? {} : { sample_period: sampling.period, sample_type: 7 }),
    };
    const event = sys.perf_event_open(evsel, attr, { task, cpu: -1, group_leader: undefined });
    expect(event, evsel.name).to.be.an('object');
  }
  kernel.run(cycles(core.now() + 1e5));
  const touched = (work: () => void): string[] => {
    core.log = [];
    work();
    return core.log;
  };
  return { core, kernel, task, touched };
}

const FOUR_AND_ONE = 'branches,branch-misses,L1-dcache-loads,L1-dcache-stores,cycles';

describe('kernel: register accesses of the x86 driver', () => {
  it('schedules four general-purpose events and one fixed out in 13 accesses', () => {
    const { kernel, task, touched } = bench(FOUR_AND_ONE);
    const log = touched(() => kernel.perf.task_sched_out(task));
    expect(log).to.deep.equal([
      'W GLOBAL_CTRL',
      ...Array.from({ length: 4 }, () => ['W EVT', 'RDPMC']).flat(),
      'R FCC',
      'W FCC',
      'RDPMC',
      'W GLOBAL_CTRL',
    ]);
    expect(log).to.have.length(13);
  });

  it('schedules them in in 14, the LVTPC write among them', () => {
    const { kernel, task, touched } = bench(FOUR_AND_ONE);
    kernel.perf.task_sched_out(task);
    const log = touched(() => kernel.perf.task_sched_in(task));
    expect(log).to.deep.equal([
      'W GLOBAL_CTRL',
      ...Array.from({ length: 4 }, () => ['W CTR', 'W EVT']).flat(),
      'W CTR',
      'R FCC',
      'W FCC',
      'W LVTPC',
      'W GLOBAL_CTRL',
    ]);
    expect(log).to.have.length(14);
  });

  it('serves a PMI of one counter in 8 accesses, acknowledging LVTPC last', () => {
    const { core, kernel, touched } = bench('cycles:u', { period: 1_000_000 });
    const before = kernel.nmis;
    const log = touched(() => {
      while (kernel.nmis === before) kernel.run(cycles(core.now() + 1e4));
    });
    expect(log).to.deep.equal([
      'W GLOBAL_CTRL',
      'R GLOBAL_STATUS',
      'W GLOBAL_OVF_CTRL',
      'RDPMC',
      'W CTR',
      'R GLOBAL_STATUS',
      'W GLOBAL_CTRL',
      'W LVTPC',
    ]);
  });

  it('rotates six events on five counters in 25 accesses when the fixed event stays', () => {
    const { core, kernel, touched } = bench(`${FOUR_AND_ONE},cache-misses`);
    const lengths = new Set<number>();
    for (let i = 0; i < 6; i++) {
      const before = kernel.perf.rotations;
      const log = touched(() => {
        while (kernel.perf.rotations === before) kernel.run(cycles(core.now() + 1e5));
      });
      lengths.add(log.length);
    }
    expect([...lengths].toSorted((a, b) => a - b)).to.deep.equal([22, 25]);
  });

  it('feeds back a frequency at the tick in 8 accesses', () => {
    const core = bench('cycles:u', { period: 1_000_000 });
    const [event] = core.kernel.perf.contextsOf(core.task)[0]!.flexible_groups;
    event!.attr.freq = true;
    event!.attr.sample_period = 4000;
    core.kernel.perf.contextsOf(core.task)[0]!.nr_freq = 1;
    const log = core.touched(() => core.kernel.perf.task_tick());
    expect(log).to.deep.equal(['W GLOBAL_CTRL', 'R FCC', 'W FCC', 'RDPMC', 'W CTR', 'R FCC', 'W FCC', 'W GLOBAL_CTRL']);
  });
});
