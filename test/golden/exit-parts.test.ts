/** What a VM-exit consists of, by machine and Linux: the table, and what a vCPU really passes through. */
import { expect } from 'chai';
import { exitPartsOf } from '../../src/experiment/exit-parts.ts';
import { FN, KERNEL_SYMBOLS } from '../../src/kernel/symbols.ts';
import { NOTHING_LEFT, bootMachine, runMachine } from '../../src/machine/machine.ts';
import { machineSpec, type MachineSpec } from '../../src/machine/spec.ts';
import { exitPartsLines } from '../../src/report/explain/text.ts';
import { ToolTask } from '../../src/tool/tool-task.ts';
import { cycles } from '../../src/units.ts';
import { expectKept } from '../kept.ts';

const spec = (machine: string, vpmu: string, ...sets: string[]): MachineSpec =>
  machineSpec(machine, vpmu, 'test', ['costs.spread=0', ...sets]);
const CASES = [
  spec('broadwell-ep', 'v2'),
  spec('broadwell-ep', 'reuse-lazy', 'host.kernel=5.15.0'),
  spec('broadwell-ep', 'reuse-lazy', 'host.kernel=7.0.0'),
  spec('cascadelake-ap', 'reuse-lazy', 'host.kernel=5.15.0'),
  spec('cascadelake-ap', 'mediated'),
  spec('icelake-sp', 'mediated'),
  spec('sapphire-rapids', 'mediated'),
];
const PARTS = new Set(KERNEL_SYMBOLS.filter(({ purpose }) => purpose === 'exits').map(({ name }) => FN[name]));

describe('the parts of an exit', () => {
  it('are those of the machine and its Linux', () => {
    expectKept(
      'fixtures/golden/exit-parts.txt',
      CASES.flatMap((each) => [...exitPartsLines(exitPartsOf(each)), '']).join('\n'),
    );
  });

  it('with the 22 ns for lines that they miss, add up to the 1,060 ns beside which the letter has 1,100 for an access and what it is for', () => {
    expect(exitPartsOf(spec('broadwell-ep', 'v2')).access).to.be.closeTo(1060 - 22, 0.5);
  });

  for (const each of CASES)
    it(`are what a guest passes through: ${each.preset.name}, ${each.values['host.kernel']}`, () => {
      const machine = bootMachine(each, 'run=0', NOTHING_LEFT, () => false);
      const { core, host, kernel, vcpu } = machine;
      const { groups } = exitPartsOf(each);
      // Its ticks make it exit.
      void new ToolTask(kernel, function* (tool) {
        for (;;) yield* tool.user('main', 1e12);
      });
      runMachine(machine, host.cyclesOf(50_000_000), () => false);
      const [passes, exits] = [[...core.passes], vcpu!.exits.total];
      runMachine(machine, cycles(2 * core.now()), () => false);
      const more = (fn: number): number => core.passes[fn]! - passes[fn]!;
      const rounds = vcpu!.exits.total - exits;
      expect(rounds).to.be.greaterThan(20);
      const at = (when: string): ReadonlyMap<number, number> =>
        new Map(
          groups
            .filter((group) => group.when === when)
            .flatMap(({ parts }) => parts.map(({ fn, times }) => [FN[fn as keyof typeof FN], times] as const)),
        );
      for (const fn of PARTS) {
        const times = at('at each exit').get(fn) ?? at('at each entry').get(fn) ?? 0;
        if (fn === FN.vmx_l1d_flush) {
          expect(more(fn) > 0, 'vmx_l1d_flush').to.equal(each.preset.bugs.l1tf);
          expect(more(fn)).to.be.below(rounds);
        } else if (fn === FN.__x86_indirect_thunk_rax) expect(more(fn)).to.be.at.least(times * rounds);
        else if (fn === FN.vcpu_enter_guest) expect(more(fn)).to.be.at.most(times * rounds + 1);
        else expect(more(fn), KERNEL_SYMBOLS[fn]!.name).to.be.closeTo(times * rounds, times);
      }
    });
});
