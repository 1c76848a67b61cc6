/** Two hardware threads of a core: what both get done while both are busy, and what one tells the other. */
import { expect } from 'chai';
import fc from 'fast-check';
import { COLUMN } from '../../src/arch/events.ts';
import { MSR } from '../../src/arch/msr.ts';
import { EVENTSEL } from '../../src/arch/perfevtsel.ts';
import { Pace } from '../../src/hw/pace.ts';
import { Sibling } from '../../src/hw/sibling.ts';
import { perfFunction } from '../../src/tool/perf-binary.ts';
import { StraightLine } from '../../src/tool/straight-line.ts';
import { SUBCYCLES, cycles } from '../../src/units.ts';
import { F, RING0, bareCore } from './bare-core.ts';

const FULL = 2 ** 48;

/** A core of two threads that do 1.6 times as much together as one, and what this one has told the other. */
function shared() {
  const { core, script } = bareCore();
  const told: (readonly [busy: boolean, at: number])[] = [];
  core.shareWith(new Sibling(1.6, (busy, at) => told.push([busy, at])));
  return { core, script, told };
}
/** The pace of a thread beside a busy one. */
function paced(throughput: number): Pace {
  const pace = new Pace();
  pace.stretch = new Sibling(throughput, () => undefined).stretch;
  return pace;
}
const userCode = (length: number): StraightLine => new StraightLine(perfFunction('main'), cycles(length));

describe('hw/sibling', () => {
  it('takes the same time in any number of pieces, to a 64th of a cycle', () => {
    const work = fc.array(fc.integer({ min: 0, max: 1e6 }), { maxLength: 30 });
    fc.assert(
      fc.property(fc.double({ min: 1, max: 2, noNaN: true }), work, (throughput, pieces) => {
        const [split, whole] = [paced(throughput), paced(throughput)];
        const spans = pieces.map((n) => split.spanOf(cycles(n / SUBCYCLES)));
        const sum = pieces.reduce((total, n) => total + n, 0);
        expect(spans.reduce((total, span) => total + span, 0)).to.equal(whole.spanOf(cycles(sum / SUBCYCLES)));
      }),
    );
  });

  it('finds the least work that takes a time', () => {
    const number = fc.integer({ min: 1, max: 1e9 });
    fc.assert(
      fc.property(fc.double({ min: 1, max: 2, noNaN: true }), number, number, (throughput, before, n) => {
        const after = (): Pace => {
          const pace = paced(throughput);
          pace.spanOf(cycles(before / SUBCYCLES));
          return pace;
        };
        const span = n / SUBCYCLES;
        const work = after().workIn(span);
        expect(after().spanOf(work)).to.be.at.least(span);
        expect(after().spanOf(cycles(work - 1 / SUBCYCLES))).to.be.below(span);
      }),
    );
  });

  it('slows ring 3 down while both are busy: more cycles, the same instructions', () => {
    const { core } = shared();
    core.pmu.wrmsr(MSR.IA32_PERFEVTSEL0, EVENTSEL.USR | EVENTSEL.ENABLE | 0x3c);
    core.pmu.wrmsr(MSR.IA32_PERFEVTSEL0 + 1, EVENTSEL.USR | EVENTSEL.ENABLE | 0xc0);
    core.pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 3);
    const code = userCode(10_000);
    // The last instruction of this straight line ends with its time.
    core.execute(code, cycles(1250));
    expect([core.now(), code.counts[0]]).to.deep.equal([1250, 1000]);
    core.siblingIs(false);
    core.execute(code, cycles(2250));
    expect([core.now(), code.counts[0]]).to.deep.equal([2250, 2000]);
    expect(core.pmu.rdpmc(0)).to.equal(2250);
    expect(core.pmu.rdpmc(1)).to.equal(code.totals(new Float64Array(Object.keys(COLUMN).length))[COLUMN.instructions]);
  });

  it('interrupts after as many cycles of the clock as the counter was armed for', () => {
    const { core, script } = shared();
    core.pmu.wrmsr(MSR.IA32_A_PMC0, FULL - 1000);
    core.pmu.wrmsr(MSR.IA32_PERFEVTSEL0, EVENTSEL.USR | EVENTSEL.ENABLE | EVENTSEL.INT | 0x3c);
    core.pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 1);
    core.execute(userCode(10_000), cycles(3000));
    expect(script.seen.map(({ when }) => when)).to.deep.equal([1000]);
  });

  it('slows ring 0 down as well', () => {
    const { core } = shared();
    core.spend(F.long);
    const cost = RING0[F.long]!.cost;
    expect(core.now()).to.equal(1.25 * cost);
    core.siblingIs(false);
    core.spend(F.long);
    expect(core.now()).to.equal(2.25 * cost);
  });

  it('tells of HLT once, however often it is called to go on, and of the interrupt that ends it', () => {
    const { core, told } = shared();
    core.spend(F.idle);
    const start = core.now();
    core.setTimer(cycles(start + 5000));
    for (const until of [start, start + 10, start + 20, start + 9000]) core.halt(cycles(until));
    expect(told).to.deep.equal([
      [false, start],
      [true, start + 5000],
    ]);
  });

  it('does not halt while something waits to be served', () => {
    const { core, told } = shared();
    core.lapic.receive(cycles(0), 1, () => 'RESCHEDULE');
    core.halt(cycles(1000));
    expect([core.now(), told]).to.deep.equal([0, []]);
  });
});
