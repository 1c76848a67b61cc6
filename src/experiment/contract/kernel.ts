/** The kernel that contract checks run in: it only takes NMIs. */
import type { Cpu, Regs, Vector } from '../../arch/cpu.ts';
import { eventVector, fixedEventSource, type EventVector } from '../../arch/events.ts';
import type { CoreSpec } from '../../hw/core.ts';
import type { GuestSoftware } from '../../kvm/guest-software.ts';
import { cycles } from '../../units.ts';
import { branch, func, loop, op, ops, program } from '../../workload/build.ts';
import { compile } from '../../workload/compile.ts';
import type { CoreTiming } from '../../workload/instructions.ts';

const FOREVER = cycles(Infinity);

/** Ring-3 code without calls or traps: nine instructions per iteration, two of them branches. */
const CODE = program({
  name: 'contract',
  about: 'a loop of exactly known length',
  params: [{ name: 'times', default: 1, about: 'iterations' }],
  functions: [func('main', [loop('${times}', [ops(5, 'alu'), op('load'), branch(0.5, [op('nop')], [op('nop')])])])],
});

export interface Nmi {
  readonly cpl: Regs['cpl'];
  /** What ring 3 had retired since the interrupted code began. */
  readonly retired: EventVector;
}

/** What the code's columns count on a core, and how long its instructions take there. */
type Counted = Pick<CoreSpec, 'events' | 'clocks'> & { readonly timing: CoreTiming };

/** The kernel in which checks run: the check itself is ring 0. */
export class ContractKernel implements GuestSoftware {
  readonly cpu: Cpu;
  readonly nmis: Nmi[] = [];
  /** Called by the NMI handler after it recorded the NMI; by default acknowledges at the local APIC only. */
  onNmi: () => void = () => this.cpu.setLvtpc('NMI');
  done = false;
  readonly #spec: Counted;
  readonly #check: (kernel: ContractKernel) => void;
  #code: ReturnType<ReturnType<typeof compile>['start']> | undefined;

  constructor(cpu: Cpu, spec: Counted, check: (kernel: ContractKernel) => void) {
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

  /** Runs ring-3 code of so many iterations to its end; returns what it retired. */
  user(times = 1000): EventVector {
    const code = compile(CODE, this.#spec.timing, { times }).start('contract');
    this.#code = code;
    while (!code.finished) {
      const reason = this.cpu.execute(code, FOREVER);
      if (reason === 'trap') throw new Error('the code of a check does not trap');
    }
    return code.totals(eventVector());
  }

  /** The count of fixed counter `i` for `retired`, fractions included. */
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
