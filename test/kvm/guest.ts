/** A host's Linux on a core, with a vCPU of a design; the test decides what boots in the guest. */
import type { Regs, Vector } from '../../src/arch/cpu.ts';
import { decodePmuMsr } from '../../src/arch/msr.ts';
import { Core } from '../../src/hw/core.ts';
import { atLeast, type KernelConfig } from '../../src/kernel/config.ts';
import { HostGlobal } from '../../src/kernel/host-global.ts';
import { Kernel } from '../../src/kernel/kernel.ts';
import type { PerfEvent } from '../../src/kernel/perf-event.ts';
import { System } from '../../src/kernel/system.ts';
import { startWatchdog } from '../../src/kernel/watchdog.ts';
import { Vcpu } from '../../src/kvm/vcpu.ts';
import { Vm } from '../../src/kvm/vm.ts';
import { lackedBy, type KvmDraws, type PmuFilter, type VpmuDesign } from '../../src/kvm/vpmu.ts';
import { DESIGNS } from '../../src/kvm/vpmu/index.ts';
import { pmuCaps, type MachinePreset } from '../../src/machine/keys.ts';
import { broadwellEp } from '../../src/machine/presets/broadwell-ep.ts';
import { hostDraws, kvmDraws } from '../../src/machine/ring0.ts';
import { MACHINES } from '../../src/machine/spec.ts';
import { stream } from '../../src/sim/rng.ts';
import { ToolTask, type ToolProgram } from '../../src/tool/tool-task.ts';
import type { PerfEventAttr } from '../../src/uapi/perf-event.ts';
import { parseEventList } from '../../src/perf-events/parse-events.ts';
import { cycles, hertz, type Cycles, type Hertz } from '../../src/units.ts';
import { BROADWELL, CONFIG, CPU0, coreSpec } from '../kernel/machine.ts';

/** The Linux of a host that has a design: that of this machine, or the nearest. */
const releaseFor = ({ linux }: VpmuDesign): string =>
  linux === undefined || atLeast(CONFIG, ...linux.from) ? CONFIG.release : linux.from.join('.');

/** What must be set for a design on this machine. */
export const setsFor = (vpmu: string): string[] => {
  const design = DESIGNS.find(({ name }) => name === vpmu);
  const release = design === undefined ? CONFIG.release : releaseFor(design);
  return release === CONFIG.release ? [] : [`host.kernel=${release}`];
};

/** The designs that give guests counters on this machine. */
export const WITH_COUNTERS = DESIGNS.filter(
  (design) =>
    lackedBy(design, BROADWELL.caps, { release: releaseFor(design) }) === undefined &&
    design.guestCaps(BROADWELL.caps, CONFIG).nrGp > 0,
);

/** Those whose counters are host events, which the host may move; v1 takes registers. */
export const WITH_HOST_EVENTS = WITH_COUNTERS.filter(({ name }) => name !== 'v1');

/** The designs that need more than this machine has, each with the presets that have it. */
export const ELSEWHERE = DESIGNS.filter((design) => design.needs?.(BROADWELL.caps) !== undefined).flatMap((design) =>
  MACHINES.filter(({ values: v }) => lackedBy(design, pmuCaps(v), { release: releaseFor(design) }) === undefined).map(
    (machine) => ({ design, machine }),
  ),
);

export interface HostOptions {
  /** Possible CPUs of the host. */
  readonly cpus?: number;
  readonly watchdog?: boolean;
  /** Linux version of the host. */
  readonly release?: string;
  /** The machine preset, with its Linux versions; default Broadwell. */
  readonly machine?: MachinePreset;
  readonly filter?: PmuFilter;
  readonly hooks?: boolean;
}

/** A core that can record which PMU registers are accessed. */
export class WatchedCore extends Core {
  log: string[] | undefined;
  override rdmsr(msr: number): number {
    this.log?.push(`R ${decodePmuMsr(msr)?.reg}`);
    return super.rdmsr(msr);
  }
  override wrmsr(msr: number, value: number): void {
    this.log?.push(`W ${decodePmuMsr(msr)?.reg}${value === 0 ? '=0' : ''}`);
    super.wrmsr(msr, value);
  }
  override rdpmc(ecx: number): number {
    this.log?.push('RDPMC');
    return super.rdpmc(ecx);
  }
  override setLvtpc(vector: Vector, masked?: boolean): void {
    this.log?.push(`LVTPC ${vector}${masked === true ? ', masked' : ''}`);
    super.setLvtpc(vector, masked);
  }
}

/** The host with a VM of one vCPU, nothing booted in it yet. */
export class HostOfOne {
  readonly core: WatchedCore;
  readonly clock: Hertz;
  readonly guestConfig: KernelConfig;
  readonly global: HostGlobal;
  readonly host: Kernel;
  readonly vcpu: TappedVcpu;
  readonly #draws: KvmDraws;

  constructor(design: VpmuDesign, options: HostOptions = {}) {
    const { cpus = 88, watchdog = false, machine, filter, hooks = false } = options;
    const spec = machine === undefined ? BROADWELL : coreSpec(machine);
    const { driver: events, bugs } = machine ?? { driver: CONFIG.events, bugs: CONFIG.bugs };
    const release = options.release ?? machine?.values['host.kernel'] ?? CONFIG.release;
    this.clock = hertz(spec.clocks.coreHz);
    const preset = machine ?? broadwellEp;
    const timed = { preset, values: preset.values };
    this.guestConfig = { ...CONFIG, events, release: machine?.values['guest.kernel'] ?? CONFIG.release };
    this.core = new WatchedCore(spec, stream('test', 'skid'));
    this.global = new HostGlobal(
      hostDraws(stream('test', 'ipi'), { ...timed, values: { ...timed.values, 'host.cpus': cpus } }),
    );
    this.host = new Kernel(
      new System({ ...CONFIG, events, bugs, release }),
      this.core,
      { ...CPU0, clock: this.clock },
      this.global,
    );
    this.core.setSoftware(this.host);
    this.host.boot();
    if (watchdog) startWatchdog(this.host, hertz(2.2e9));
    this.#draws = { ...kvmDraws((name) => stream('test', name), timed), exit_tail: () => 0 as Cycles };
    this.vcpu = this.addVcpu(new Vm(this.host, design, { hooks, ...(filter !== undefined && { filter }) }));
  }

  /** Another vCPU on the core, of its VM or of another. */
  addVcpu(vm: Vm = this.vcpu.vm): TappedVcpu {
    return new TappedVcpu(vm, this.core, this.host, this.#draws);
  }
}

/** A vCPU that records which registers its guest accesses. */
class TappedVcpu extends Vcpu {
  log: string[] = [];
  override rdmsr(msr: number): number {
    this.log.push(`R ${decodePmuMsr(msr)?.reg}`);
    return super.rdmsr(msr);
  }
  override wrmsr(msr: number, value: number): void {
    this.log.push(`W ${decodePmuMsr(msr)?.reg}`);
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

/** What an interrupt did in the guest, and when it came. */
export interface Served {
  readonly vector: Vector;
  readonly when: Cycles;
  /** The ring it interrupted. */
  readonly cpl: 0 | 3;
  readonly accesses: readonly string[];
}

class GuestKernel extends Kernel {
  readonly served: Served[] = [];
  readonly #tap: () => string[];
  constructor(config: KernelConfig, vcpu: TappedVcpu, clock: Hertz) {
    super(new System(config), vcpu, { ...CPU0, clock, tick_phase: TICK_PHASE });
    this.#tap = () => vcpu.log.splice(0);
  }
  override interrupt(vector: Vector, regs: Regs): void {
    const when = this.cpu.now();
    this.#tap();
    super.interrupt(vector, regs);
    this.served.push({ vector, when, cpl: regs.cpl, accesses: this.#tap() });
  }
}

/** Phase of the guest's ticks within the host's. */
export const TICK_PHASE = 0.37;

/** Linux in the guest, with one task that does what the test says. */
export class Guest extends HostOfOne {
  readonly guest: GuestKernel;
  readonly task: ToolTask;

  constructor(design: string | VpmuDesign, program: (tool: ToolTask) => ToolProgram, options: HostOptions = {}) {
    super(typeof design === 'string' ? DESIGNS.find(({ name }) => name === design)! : design, options);
    this.guest = this.boot(this.vcpu);
    this.task = new ToolTask(this.guest, program);
  }

  /** Linux on a vCPU. */
  boot(vcpu: TappedVcpu): GuestKernel {
    const kernel = new GuestKernel(this.guestConfig, vcpu, this.clock);
    const reset = (): void => kernel.boot();
    vcpu.boot(kernel, reset, () => false);
    return kernel;
  }

  /** Lets so many nanoseconds pass. */
  pass(ns: number): void {
    this.host.run(cycles(this.core.now() + this.host.cyclesOf(ns)));
  }
}

/** Opens an event on the task itself. */
export function openOnSelf({ sys, task }: ToolTask, name: string, attr: Partial<PerfEventAttr> = {}): PerfEvent {
  const [evsel] = parseEventList([name], 'stat');
  const wanted: PerfEventAttr = { ...evsel!.attr, disabled: false, enable_on_exec: false, sample_type: 7, ...attr };
  const event = sys.perf_event_open(wanted, { task, cpu: -1, group_leader: undefined });
  if (typeof event === 'number') throw new Error(`${name}: errno ${-event}`);
  return event;
}

/** A task that samples its own cycles in ring 3 and computes for ever. */
export const sampling = (sample_period: number) =>
  function* (tool: ToolTask): ToolProgram {
    openOnSelf(tool, 'cycles:u', { sample_period });
    for (;;) yield* tool.user('main', 1e12);
  };
