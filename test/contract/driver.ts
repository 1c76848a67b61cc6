/**
 * What a contract check works with: a processor just out of reset and a kernel that does nothing but take NMIs. Drivers put
 * the same kernel on the bare core, or on a vCPU with a host's Linux below it.
 */
import type { Cpu, Regs, Vector } from '../../src/arch/cpu.ts';
import { eventVector, fixedEventSource, type EventVector } from '../../src/arch/events.ts';
import { Core, type CoreSpec } from '../../src/hw/core.ts';
import type { GuestSoftware } from '../../src/kvm/vcpu.ts';
import type { VpmuDesign } from '../../src/kvm/vpmu.ts';
import type { MachinePreset } from '../../src/machine/keys.ts';
import { stream } from '../../src/sim/rng.ts';
import { cycles } from '../../src/units.ts';
import { branch, func, loop, op, ops, program } from '../../src/workload/build.ts';
import { compile } from '../workload/compiled.ts';
import { BROADWELL, CONFIG, coreSpec } from '../kernel/machine.ts';
import { HostOfOne } from '../kvm/guest.ts';

const FOREVER = cycles(Infinity);

/** Ring-3 code without calls or traps: nine instructions an iteration, two of them branches. */
const CODE = program({
  name: 'contract',
  about: 'a loop of exactly known length',
  params: [{ name: 'times', default: 1, about: 'iterations' }],
  functions: [func('main', [loop('${times}', [ops(5, 'alu'), op('load'), branch(0.5, [op('nop')], [op('nop')])])])],
});

export interface Nmi {
  readonly cpl: Regs['cpl'];
  /** What ring 3 had retired since the code that was interrupted began. */
  readonly retired: EventVector;
}

/** The kernel under which checks run: ring 0 is the check itself. */
export class ContractKernel implements GuestSoftware {
  readonly cpu: Cpu;
  readonly nmis: Nmi[] = [];
  /** What the NMI handler does after it wrote the NMI down; the default acknowledges at the local APIC only. */
  onNmi: () => void = () => this.cpu.setLvtpc('NMI');
  done = false;
  readonly #spec: CoreSpec;
  readonly #check: (kernel: ContractKernel) => void;
  #code: ReturnType<ReturnType<typeof compile>['start']> | undefined;

  constructor(cpu: Cpu, spec: CoreSpec, check: (kernel: ContractKernel) => void) {
    this.cpu = cpu;
    this.#spec = spec;
    this.#check = check;
  }

  run(): void {
    if (this.done) return;
    this.cpu.setLvtpc('NMI');
    this.#check(this);
    this.done = true;
  }

  /** Ring-3 code of so many iterations, to its end; what it retired. */
  user(times = 1000): EventVector {
    const code = compile(CODE, { times }).start('contract');
    this.#code = code;
    while (!code.finished) {
      const reason = this.cpu.execute(code, FOREVER);
      if (reason === 'trap') throw new Error('the code of a check does not trap');
    }
    return code.totals(eventVector());
  }

  /** What fixed counter `i` counts of it, fractions included. */
  fixed(i: number, retired: EventVector): number {
    const { column, scale } = fixedEventSource(this.#spec.events, i, this.#spec.clocks)!;
    return retired[column]! * scale;
  }

  interrupt(vector: Vector, { cpl }: Regs): void {
    if (vector !== 'NMI') return;
    this.nmis.push({ cpl, retired: this.#code?.totals(eventVector()) ?? eventVector() });
    this.onNmi();
  }

  needResched(): boolean {
    return false;
  }
}

export interface ContractDriver {
  readonly name: string;
  /** Of the PMU that software sees. */
  readonly version: number;
  /** Runs a check in ring 0 of a processor just out of reset. */
  run(check: (kernel: ContractKernel) => void): void;
}

/** The processor itself. */
export const bareCore = (name: string, spec: CoreSpec): ContractDriver => ({
  name,
  version: spec.caps.version,
  run(check) {
    const core = new Core(spec, stream('contract', 'skid'));
    const kernel = new ContractKernel(core, spec, check);
    core.setSoftware(kernel);
    kernel.run();
  },
});

/** A vCPU of a design, on a host of that Linux, and of a preset if it is not Broadwell, with nothing else to do. */
export const vcpuUnder = (design: VpmuDesign, release: string, machine?: MachinePreset): ContractDriver => {
  const spec = machine === undefined ? BROADWELL : coreSpec(machine);
  return {
    name: `a vCPU under ${design.name} on Linux ${release}${machine === undefined ? '' : ` on ${machine.name}`}`,
    version: design.guestCaps(spec.caps, { ...CONFIG, release }).version,
    run(check) {
      const { host, vcpu } = new HostOfOne(design, { release, ...(machine && { machine }) });
      const kernel = new ContractKernel(vcpu, spec, check);
      const nothing = (): void => undefined;
      vcpu.boot(kernel, nothing, () => false);
      host.run(FOREVER, () => kernel.done);
    },
  };
};
