/**
 * Assembles a machine from its spec: cores with Linux on them; under a vPMU design also a guest with Linux on its vCPUs,
 * which are dealt over the cores; other users of the host's perf; other guests, likewise. It models nothing itself.
 *
 * On bare metal without guests the CPUs are those of one boot, and threads of the workload run on all of them. So they are
 * with guests whose vCPUs float (host.sched): the scheduler moves the threads of these. With guests whose vCPUs are pinned
 * they have a System each, as if each were a boot of its own: they look at each other's perf events
 * (kernel/host-global.ts) and sampling limits, and pass on what the vCPUs of one guest send each other. The threads of
 * the workload run on all vCPUs of the first guest.
 * Not modelled: other guests with several vCPUs; hardware threads that slow each other down where CPUs only look at each
 * other (guests with one vCPU each).
 */
import type { Cpu } from '../arch/cpu.ts';
import type { PmuCaps } from '../arch/cpuid.ts';
import type { CpuConfig, KernelConfig } from '../kernel/config.ts';
import { HostGlobal } from '../kernel/host-global.ts';
import { Core, type CoreSpec, type LedgerPage } from '../hw/core.ts';
import { Sibling } from '../hw/sibling.ts';
import { Kernel } from '../kernel/kernel.ts';
import { System } from '../kernel/system.ts';
import { startSystemWideStat } from '../kernel/system-wide.ts';
import { startWatchdog } from '../kernel/watchdog.ts';
import { Vcpu } from '../kvm/vcpu.ts';
import type { GuestCpu } from '../kvm/vcpu-mail.ts';
import { Vm } from '../kvm/vm.ts';
import type { PmuFilter, VpmuDesign } from '../kvm/vpmu.ts';
import { none } from '../kvm/vpmu/none.ts';
import { LONGEST_STEP, beatsWithin } from '../sim/pulse.ts';
import { stream } from '../sim/rng.ts';
import { startBackground } from '../tool/background.ts';
import { startSystemWideRecord } from '../tool/system-wide-record.ts';
import { SUBCYCLES, cycles, hertz, type Cycles } from '../units.ts';
import type { HostCpu } from './boots.ts';
import { CoreGroup, type Party } from './group.ts';
import { pmuCaps, type SpecValues } from './keys.ts';
import { MSR_FUNCTIONS, hostDraws, kvmDraws, passCounters, ring0Table } from './ring0.ts';
import type { MachineSpec } from './spec.ts';
import { cacheSpec } from './timing.ts';
import { threadSibling } from './topology.ts';
import { Turbo, eventClocks } from './turbo.ts';

export interface Machine {
  readonly spec: MachineSpec;
  /** The host's CPUs by number, and what runs them together; undefined: there is only one. */
  readonly cpus: readonly HostCpu[];
  readonly group: CoreGroup | undefined;
  /** The first of them. */
  readonly core: Core;
  readonly host: Kernel;
  /** The CPUs of the boot that perf and the workload run on, by number: the host's, or the guest's. */
  readonly kernels: readonly Kernel[];
  /** The first of them, on which perf is. */
  readonly kernel: Kernel;
  /** The vCPUs of that guest, and the first of them. */
  readonly vcpus: readonly Vcpu[];
  readonly vcpu: Vcpu | undefined;
  /** The kernels of other guests. They have the design's PMU; without a design, none. */
  readonly others: readonly Kernel[];
}

/** State left behind by earlier runs of perf. */
export interface Leftovers {
  /** ns of running_sample_length on each CPU of the boot that perf runs on, by number. */
  readonly running_sample_length: readonly number[];
  /** The host's perf_sched_events is still on; perf_sched_delayed() is due in a second. */
  readonly perf_sched_events: boolean;
}
export const NOTHING_LEFT: Leftovers = { running_sample_length: [], perf_sched_events: false };

/**
 * Whether perf runs on the host's kernel (bare metal) or in a guest. Also the first word of that kernel's spec keys.
 */
export const side = ({ vpmu }: Pick<MachineSpec, 'vpmu'>): 'host' | 'guest' => (vpmu === 'host' ? 'host' : 'guest');

/** Whether vCPUs' threads may move between cores. */
export const isFloating = ({ vpmu, values }: Pick<MachineSpec, 'vpmu' | 'values'>): boolean =>
  values['host.sched'] === 'floating' && values['host.cores'] > 1 && (vpmu !== 'host' || values['host.guests'] > 0);

/** Whether the cores are one boot's, whose CPUs affect each other at any time; otherwise they only look at each other. */
export const isOneBoot = (spec: Pick<MachineSpec, 'vpmu' | 'values'>): boolean =>
  isFloating(spec) || (spec.vpmu === 'host' && spec.values['host.guests'] === 0 && spec.values['host.cores'] > 1);

/** Whether cores affect each other between grid lines: they are one boot's, or a guest's vCPUs are on them. */
const hasLatency = (spec: MachineSpec): boolean =>
  isOneBoot(spec) || (spec.design !== undefined && spec.values['guest.vcpus'] > 1);

/** How several cores are simulated; none of it changes what they do. */
export interface HowToRun {
  /** The longest window. */
  readonly longest?: Cycles | undefined;
  /** The most grid lines from one that is not left out to the next. */
  readonly lines?: number | undefined;
  /** This thread's part of them; undefined: all. */
  readonly party?: Party | undefined;
}

/** May put an observer between a kernel and its CPU; `number`: of the CPU in its boot. */
export type Tap = (cpu: Cpu, of: 'host' | 'guest', number: number) => Cpu;

/**
 * Boots a machine. `path` names the run within the seed ("run=0"); the guest stops when `stop` holds. `tap` is asked
 * for the CPUs of the first core, and of one boot for all; how several cores run changes nothing. Throws VcpuRefused.
 */
export function bootMachine(
  spec: MachineSpec,
  path: string,
  { running_sample_length, perf_sched_events }: Leftovers,
  stop: (machine: Machine) => boolean,
  tap: Tap = (cpu) => cpu,
  { longest, lines, party }: HowToRun = {},
): Machine {
  const { values: v } = spec;
  const clock = hertz(v['core.clock']);
  const coreSpec: CoreSpec = {
    caps: pmuCaps(v),
    events: spec.preset.events,
    clocks: eventClocks(spec.preset, v),
    ring0: ring0Table(spec),
    msrFunctions: MSR_FUNCTIONS,
    skid: { fixed: v['skid.fixed'], mean: v['skid.mean'], max: v['skid.max'] },
    refill: cycles(Math.round(v['core.refill'] * SUBCYCLES) / SUBCYCLES),
    caches: v['core.cold'] ? cacheSpec(spec) : undefined,
  };
  const cpuConfig = (number: number, tick_phase: number, average: number): CpuConfig => ({
    number,
    clock,
    tick_phase,
    running_sample_length: average,
  });
  const system = isOneBoot(spec) ? new System(kernelConfig(spec, 'host')) : undefined;
  const vcpus = spec.design === undefined ? 1 : v['guest.vcpus'];
  const makeCpu = (number: number): HostCpu & { readonly guests: GuestCpu[] } => {
    const of = `${path}/core=${number}`;
    const passes = passCounters(stream(spec.seed, `${of}/passes`));
    const core = new Core(coreSpec, stream(spec.seed, `${of}/skid`), passes);
    const ipis = number === 0 ? `${path}/host/ipi` : `${path}/host/cpu=${number}/ipi`;
    const host = new Kernel(
      system ?? new System(kernelConfig(spec, 'host'), vcpus > 1),
      number === 0 || system !== undefined ? tap(core, 'host', number) : core,
      cpuConfig(number, 0, side(spec) === 'host' ? (running_sample_length[number] ?? 0) : 0),
      new HostGlobal(hostDraws(stream(spec.seed, ipis), spec)),
    );
    core.setSoftware(host);
    return { core, host, guests: [] };
  };
  const bootCpu = ({ host }: HostCpu): void => {
    host.boot();
    if (v['host.watchdog']) startWatchdog(host, hertz(v['core.tsc']));
    if (v['host.perf'] === 'stat') startSystemWideStat(host);
    if (v['host.perf'] === 'record') startSystemWideRecord(host);
  };
  const cpus = Array.from({ length: v['host.cores'] }, (_, number) => makeCpu(number));
  const floating = isFloating(spec);
  if (hasLatency(spec)) for (const cpu of cpus) pairUp(cpu, cpus, v);
  // Each finds all the others there.
  for (const cpu of cpus) bootCpu(cpu);
  const { core, host } = cpus[0]!;
  if (perf_sched_events) host.global!.leaveSwitchedOn(host);
  if (v['host.perf'] === 'task') host.global!.accountTaskElsewhere();

  const filter = pmuFilter(v['guest.pmu_filter']);
  const bootGuest = (
    design: VpmuDesign,
    name: string,
    on: readonly ReturnType<typeof makeCpu>[],
    page: LedgerPage,
    averages: readonly number[],
    tapped: typeof tap = (cpu) => cpu,
  ): Guest => {
    const vm = new Vm(on[0]!.host, design, { page, filter, flexible: !v['kvm.pinned'], hooks: v['kvm.hooks'] });
    const inside = new System(kernelConfig(spec, 'guest'));
    const made = on.map((cpu, number) => {
      const of = `${name}/vcpu=${number}`;
      const draws = kvmDraws((what) => stream(spec.seed, `${of}/${what}`), spec);
      const passes = passCounters(stream(spec.seed, `${of}/passes`));
      const vcpu = new Vcpu(vm, cpu.core, cpu.host, draws, passes, floating ? cpus : [cpu]);
      const phase = stream(spec.seed, `${of}/tick`).uniform();
      const config = cpuConfig(number, phase, averages[number] ?? 0);
      const kernel = new Kernel(inside, tapped(vcpu, 'guest', number), config);
      const background = (): void => {
        if (page === 'guest' && number === 0)
          startBackground(kernel, v['guest.background'], stream(spec.seed, `${of}/background`));
      };
      // Who has only others of the guest's vCPUs must know of the task from the start.
      if (on.length > 1) background();
      const reset = (): void => {
        kernel.boot();
        if (on.length === 1) background();
        if (v['guest.watchdog']) startWatchdog(kernel, hertz(v['core.tsc']));
      };
      // What runs on other cores does not see when this one ends.
      vcpu.boot(kernel, reset, () => !floating && cpu.core === core && stop(machine));
      if (on.length > 1 || (floating && page === 'guest')) cpu.guests.push(vcpu.asSeenBy(kernel));
      return { vcpu, kernel };
    });
    return { vcpus: made.map(({ vcpu }) => vcpu), kernels: made.map(({ kernel }) => kernel) };
  };
  const { design } = spec;
  const dealt = Array.from({ length: vcpus }, (_, i) => cpus[i % cpus.length]!);
  const guest = design && bootGuest(design, path, dealt, 'guest', running_sample_length, tap);
  const others = Array.from({ length: v['host.guests'] }, (_, i) => {
    const averages = v['host.guests_perf'] ? running_sample_length : [];
    const on = cpus[(i + 1) % cpus.length]!;
    return bootGuest(design ?? none, `${path}/guest=${i + 1}`, [on], 'others', averages).kernels[0]!;
  });
  // Without a boot in common nothing takes effect between grid lines.
  const latency = hasLatency(spec) ? host.cyclesOf(v['host.ipi_latency']) : cycles(Infinity);
  const grid = host.cyclesOf(v['machine.grid']);
  const turbo = new Turbo(spec.preset, v, grid);
  const group =
    cpus.length === 1 && vcpus === 1
      ? undefined
      : new CoreGroup(
          cpus,
          // The clocks of cores change with what each grid line shows: none is left out.
          { latency, grid, longest, lines: v['core.turbo'] ? 1 : lines, floating, turbo },
          party,
        );
  const kernels = guest?.kernels ?? (system === undefined ? [host] : cpus.map((cpu) => cpu.host));
  const [kernel = host] = kernels;
  const inside = guest?.vcpus ?? [];
  const machine: Machine = { spec, cpus, group, core, host, kernels, kernel, vcpus: inside, vcpu: inside[0], others };
  return machine;
}

/** Whether two hardware threads of a core are simulated. */
export const sharesCores = (spec: MachineSpec): boolean =>
  hasLatency(spec) && (threadSibling(spec.values, 0) ?? Infinity) < spec.values['host.cores'];

/** Gives a CPU the other hardware thread of its core, if that is simulated. */
function pairUp({ core, host }: HostCpu, cpus: readonly HostCpu[], values: SpecValues): void {
  const to = threadSibling(values, host.number);
  if (to === undefined || to >= cpus.length) return;
  host.system.siblings.set(host.number, to);
  core.shareWith(
    new Sibling(values['core.smt_throughput'], (busy, sent) => host.mail.post({ kind: 'sibling', to, sent, busy })),
  );
}

interface Guest {
  readonly vcpus: readonly Vcpu[];
  readonly kernels: readonly Kernel[];
}

/** Lets time pass on all cores; false if other threads that run some of them are late (CoreGroup.run). */
export function runMachine({ group, host }: Machine, until: Cycles, stop: () => boolean): boolean {
  const before = beatsWithin(LONGEST_STEP);
  try {
    if (group !== undefined) return group.run(until, stop);
    host.run(until, stop);
    return true;
  } finally {
    beatsWithin(before);
  }
}

/** Parses guest.pmu_filter. */
export function pmuFilter(words: string): PmuFilter {
  const numbers = (pattern: RegExp, radix: number): Set<number> =>
    new Set([...words.matchAll(pattern)].map(([, digits]) => Number.parseInt(digits!, radix)));
  return { codes: numbers(/\br([0-9a-f]+)/g, 16), fixed: numbers(/\bfixed(\d)/g, 10) };
}

/** CPUID.0AH where perf runs: the core's, or what the design shows the guest. */
export function perfCaps(spec: MachineSpec): PmuCaps {
  const caps = pmuCaps(spec.values);
  return spec.design?.guestCaps(caps, kernelConfig(spec, 'host')) ?? caps;
}

function kernelConfig({ preset, values: v }: MachineSpec, of: 'host' | 'guest'): KernelConfig {
  return {
    release: v[`${of}.kernel`],
    hz: v[`${of}.hz`],
    events: preset.driver,
    bugs: preset.bugs,
    nrCpus: v[`${of}.cpus`],
    perf_event_max_sample_rate: v[`${of}.max_sample_rate`],
    perf_cpu_time_max_percent: v[`${of}.cpu_time_max_percent`],
    perf_event_paranoid: v[`${of}.paranoid`],
    perf_event_mlock_kb: v[`${of}.mlock_kb`],
    nmi_watchdog: v[`${of}.watchdog`],
  };
}
