/**
 * The cost of a kernel's PMU operations: probes that time them on every CPU of its boot while a machine runs, and keep
 * counts rather than steps.
 *
 * An operation is timed from its first instruction to the one after it, by the clock that sched_clock() of that kernel
 * reads; exits, the host's work and interrupts in between are included. Operations contain each other:
 * intel_pmu_handle_irq, context switches, rotations and ticks contain their register accesses.
 * Not modelled: the cost of measuring. A real probe would lengthen what it times.
 */
import type { Cpu } from '../arch/cpu.ts';
import { PMC_IDX_FIXED, decodePmuMsr } from '../arch/msr.ts';
import { EVENTSEL } from '../arch/perfevtsel.ts';
import type { HostGlobal } from '../kernel/host-global.ts';
import type { KernelFunction } from '../kernel/symbols.ts';
import type { Vcpu } from '../kvm/vcpu.ts';
import { side, type Machine } from '../machine/machine.ts';
import type { MachineSpec } from '../machine/spec.ts';
import type { Operation, OperationRow } from '../results/operations.ts';
import type { Probe, Span } from '../sim/probe.ts';
import { Distribution } from '../stats/distribution.ts';
import type { AccessStep, MachineStep } from './steps.ts';
import { TappedCpu } from './tapped-cpu.ts';

/** Every operation, in the order shown. */
export const OPERATIONS: readonly Operation[] = [
  'enable GLOBAL_CTRL',
  'disable GLOBAL_CTRL',
  'r/w FIXED_CTR_CTRL',
  'enable a fixed counter',
  'r/w EVENTSEL',
  'enable a GP counter',
  'r/w counter',
  'RDPMC',
  'r/w GLOBAL_STATUS, OVF_CTRL',
  'w LVTPC',
  'x86_pmu.handle_irq',
  'context_switch, sched_in',
  'context_switch, sched_out',
  'rotation',
  'tick',
  'pmc_reprogram_counter, GP',
  'pmc_reprogram_counter, fixed',
  'pmc_stop_counter, GP',
  'pmc_stop_counter, fixed',
];

interface Tally {
  readonly durations: Distribution;
  exits: number;
  outside: number;
}
type Tallies = ReadonlyMap<Operation, Tally>;

const noTallies = (): Tallies =>
  new Map(
    OPERATIONS.map((operation): [Operation, Tally] => [
      operation,
      { durations: new Distribution(), exits: 0, outside: 0 },
    ]),
  );

/** For a step that is not timed. */
const UNTIMED: Span = { end: () => undefined };

/** Watches the CPUs of one boot: pass `tap` to its machine's, then the machine to `attach`. */
export class OperationWatch {
  #on = false;
  readonly #of: 'host' | 'guest';
  readonly #cpus = new Map<number, CpuOperations>();
  #machine: Machine | undefined;

  constructor(spec: MachineSpec) {
    this.#of = side(spec);
  }

  /** Wraps the CPU under a kernel; passes everything through. */
  readonly tap = (cpu: Cpu, of: 'host' | 'guest', number: number): Cpu => {
    if (of !== this.#of) return cpu;
    const operations = new CpuOperations(cpu, () => this.#on);
    this.#cpus.set(number, operations);
    return new TappedCpu(cpu, operations, false);
  };

  attach(machine: Machine): void {
    this.#machine = machine;
    for (const kernel of machine.kernels) kernel.probe = this.#cpus.get(kernel.number)!;
    for (const vcpu of machine.vcpus) vcpu.probe = this.#cpus.get(vcpu.number)!.under(vcpu);
  }

  /** Starts timing: the kernel has booted and perf begins. */
  start(): void {
    this.#on = true;
  }

  /** The host's surcharges so far. */
  get paid(): HostGlobal['paid'] {
    const { cpus, kernels, host } = this.#machine!;
    const all = (kernels.length > 1 ? cpus.map((cpu) => cpu.host) : [host]).map(({ global }) => global!.paid);
    const sum = (key: keyof HostGlobal['paid']): number => all.reduce((total, paid) => total + paid[key], 0);
    return { reserve: sum('reserve'), release: sum('release'), static_key: sum('static_key') };
  }

  /** The operations that were timed on all CPUs. */
  rows(): OperationRow[] {
    const all = noTallies();
    for (const { tallies } of this.#cpus.values())
      for (const [operation, { durations, exits, outside }] of tallies) {
        const tally = all.get(operation)!;
        tally.durations.addAll(durations);
        tally.exits += exits;
        tally.outside += outside;
      }
    return this.#rows(all);
  }

  /** The same of each CPU. */
  rowsByCpu(): { cpu: number; operations: OperationRow[] }[] {
    return [...this.#cpus].map(([cpu, { tallies }]) => ({ cpu, operations: this.#rows(tallies) }));
  }

  #rows(tallies: Tallies): OperationRow[] {
    const clock = this.#machine!.spec.values['core.clock'];
    const ns = (span: number): number => (span * 1e9) / clock;
    return OPERATIONS.map((operation) => {
      const { durations, exits, outside } = tallies.get(operation)!;
      const { count } = durations;
      if (count === 0)
        return { operation, calls: 0, mean: 0, min: 0, p50: 0, p99: 0, max: 0, exits: 0, host: 0, exact: true };
      return {
        operation,
        calls: count,
        mean: ns(durations.mean),
        min: ns(durations.min),
        p50: ns(durations.quantile(0.5)),
        p99: ns(durations.quantile(0.99)),
        max: ns(durations.max),
        exits: exits / count,
        host: ns(outside / count),
        exact: durations.exact,
      };
    });
  }
}

/** Times what one CPU does. */
class CpuOperations implements Probe<MachineStep> {
  readonly tallies = noTallies();
  readonly #cpu: Cpu;
  readonly #on: () => boolean;
  #vcpu: Vcpu | undefined;
  #fixedCtrCtrl = 0;

  constructor(cpu: Cpu, on: () => boolean) {
    this.#cpu = cpu;
    this.#on = on;
  }

  /** The vCPU that the CPU is to its host. */
  under(vcpu: Vcpu): this {
    this.#vcpu = vcpu;
    return this;
  }

  instant(): void {}

  begin(step: MachineStep): Span {
    if (!this.#on()) return UNTIMED;
    const operations = this.#operationsOf(step);
    if (operations.length === 0) return UNTIMED;
    const at = this.#cpu.now();
    const [exits, outside] = [this.#vcpu?.exits.total ?? 0, this.#vcpu?.exits.outside ?? 0];
    const inHost = 'pmc' in step;
    const end = (): void => {
      const time = this.#cpu.now() - at;
      const left = (this.#vcpu?.exits.total ?? 0) - exits;
      const host = inHost ? time : (this.#vcpu?.exits.outside ?? 0) - outside;
      for (const operation of operations) {
        const tally = this.tallies.get(operation)!;
        tally.durations.add(time);
        tally.exits += left;
        tally.outside += host;
      }
    };
    return { end };
  }

  #operationsOf(step: MachineStep): readonly Operation[] {
    switch (step.kind) {
      case 'rdmsr':
      case 'wrmsr':
        return this.#accessOf(step);
      case 'rdpmc':
        return ['RDPMC'];
      case 'lvtpc':
        return ['w LVTPC'];
      case 'frame':
        return FRAMES[step.fn] ?? NONE;
      case 'sched_in':
      case 'sched_out':
        return step.context === 'hw' ? [`context_switch, ${step.kind}`] : NONE;
      case 'rotation':
        return ['rotation'];
      case 'create':
        return [step.pmc >= PMC_IDX_FIXED ? 'pmc_reprogram_counter, fixed' : 'pmc_reprogram_counter, GP'];
      case 'stop':
      case 'release':
        return [step.pmc >= PMC_IDX_FIXED ? 'pmc_stop_counter, fixed' : 'pmc_stop_counter, GP'];
      case 'switch':
      case 'pause':
      case 'resume':
      case 'timer':
      case 'call':
      case 'surcharge':
      case 'wrap':
      case 'exit':
      case 'inject':
      case 'residue':
      case 'request':
      case 'overflow':
      case 'mediated_pmi':
      case 'load':
      case 'put':
        return NONE;
    }
  }

  #accessOf(access: AccessStep & { readonly kind: 'rdmsr' | 'wrmsr' }): readonly Operation[] {
    const written = access.kind === 'wrmsr' ? access.value : undefined;
    switch (decodePmuMsr(access.msr)?.reg) {
      case 'GLOBAL_CTRL':
        return written === undefined ? NONE : [written === 0 ? 'disable GLOBAL_CTRL' : 'enable GLOBAL_CTRL'];
      case 'FIXED_CTR_CTRL': {
        // Compared with the previous value: one field more enables, one less disables.
        const enables = written !== undefined && written > this.#fixedCtrCtrl;
        this.#fixedCtrCtrl = written ?? this.#fixedCtrCtrl;
        return enables ? ['r/w FIXED_CTR_CTRL', 'enable a fixed counter'] : ['r/w FIXED_CTR_CTRL'];
      }
      case 'PERFEVTSEL':
        return written !== undefined && (written & EVENTSEL.ENABLE) !== 0
          ? ['r/w EVENTSEL', 'enable a GP counter']
          : ['r/w EVENTSEL'];
      case 'PMC':
      case 'FIXED_CTR':
        return ['r/w counter'];
      case 'GLOBAL_STATUS':
      case 'GLOBAL_OVF_CTRL':
        return ['r/w GLOBAL_STATUS, OVF_CTRL'];
      case 'GLOBAL_STATUS_SET':
      case 'GLOBAL_INUSE':
      case 'OFFCORE_RSP':
      case 'PERF_CAPABILITIES':
      case undefined:
        return NONE;
    }
  }
}

const NONE: readonly Operation[] = [];
const FRAMES: { readonly [Fn in KernelFunction]?: readonly Operation[] } = {
  intel_pmu_handle_irq: ['x86_pmu.handle_irq'],
  tick_sched_timer: ['tick'],
};
