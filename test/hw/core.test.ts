/** The core: when interrupts arrive, which address they report, how they nest, and that no event is lost. */
import { expect } from 'chai';
import fc from 'fast-check';
import type { Trap } from '../../src/arch/cpu.ts';
import { COLUMN, eventVector, type EventName } from '../../src/arch/events.ts';
import { MSR, RDPMC_FIXED } from '../../src/arch/msr.ts';
import { EVENTSEL, FIXED_CTRL } from '../../src/arch/perfevtsel.ts';
import { ROWS, type Core, type CoreSpec } from '../../src/hw/core.ts';
import { perfFunction } from '../../src/tool/perf-binary.ts';
import { StraightLine } from '../../src/tool/straight-line.ts';
import { cycles } from '../../src/units.ts';
import { func, ops, program as programOf, syscall } from '../../src/workload/build.ts';
import { compile } from '../workload/compiled.ts';
import { Threads, work } from '../kernel/scripts.ts';
import { F, RING0, at, bareCore, inside, type Seen } from './bare-core.ts';

const FULL = 2 ** 48;
const CODE = { cycles: 0x3c, instructions: 0xc0, branches: 0xc4, 'L1-dcache-loads': 0x81d0 } as const;
type Event = keyof typeof CODE;

/** Programs general-purpose counter `i` behind the core's back: registers change, no time passes. */
function program(core: Core, i: number, event: Event, ring: 'USR' | 'OS', period?: number): void {
  core.pmu.wrmsr(MSR.IA32_A_PMC0 + i, period === undefined ? 0 : FULL - period);
  const int = period === undefined ? 0 : EVENTSEL.INT;
  core.pmu.wrmsr(MSR.IA32_PERFEVTSEL0 + i, (CODE[event] | EVENTSEL[ring] | EVENTSEL.ENABLE | int) >>> 0);
  core.pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 0x70000000f);
}
/** The least a handler does: acknowledge, and unmask LVTPC. */
function acknowledge(core: Core): void {
  core.pmu.wrmsr(MSR.IA32_PERF_GLOBAL_OVF_CTRL, core.pmu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS));
  core.lapic.setLvtpc('NMI');
}
/** Works, asks the kernel once, and works on. */
const reading = programOf({
  name: 'reading',
  about: 'a test',
  functions: [func('main', [ops(100, 'alu'), syscall('read'), ops(100, 'alu')])],
});
const userCode = (length: number): StraightLine => new StraightLine(perfFunction('main'), cycles(length));

const CACHES = { l1: 1024, l2: 4096, fromL2: 8, fromLlc: 30 };

/** A program with so many lines. */
class Lines extends StraightLine {
  readonly footprint: number;
  constructor(lines: number) {
    super(perfFunction('main'), cycles(1e9));
    this.footprint = lines;
  }
  get work(): number {
    return 1e9 - this.left;
  }
}

describe('hw/core', () => {
  describe('ring 3', () => {
    it('runs to its allowance, and says why it stopped', () => {
      const { core, script } = bareCore();
      const code = userCode(5000);
      expect(core.execute(code, cycles(1200))).to.equal('until');
      expect(core.now()).to.equal(1200);
      script.resched = true;
      expect(core.execute(code, cycles(1500))).to.equal('resched');
      script.resched = false;
      expect(core.execute(code, cycles(1e9))).to.equal('finished');
      expect(core.now()).to.equal(5000);
    });

    it('is interrupted by an overflow, the skid later', () => {
      const { core, script } = bareCore({ fixed: 25, mean: 0, max: 100 });
      program(core, 0, 'cycles', 'USR', 1000);
      const code = userCode(10_000);
      core.execute(code, cycles(5000));
      expect(script.seen).to.have.length(1);
      expect(script.seen[0]).to.include({ vector: 'NMI', when: 1025, cpl: 3 });
      const { address: start, size } = perfFunction('main');
      expect(script.seen[0]!.ip).to.equal(start + Math.floor((size * 1025) / 10_000));
      expect(core.pmu.rdpmc(0), 'the counter keeps counting').to.equal(4000);
    });

    it('draws skids from fixed to max', () => {
      const { core, script } = bareCore({ fixed: 20, mean: 20, max: 90 });
      script.on.NMI = () => {
        core.pmu.wrmsr(MSR.IA32_A_PMC0, FULL - 1000);
        acknowledge(core);
      };
      program(core, 0, 'cycles', 'USR', 1000);
      core.execute(userCode(1e7), cycles(1e7));
      const skids = script.seen.map((s, i) => s.when - (script.seen[i - 1]?.when ?? 0) - 1000);
      expect(Math.min(...skids)).to.be.within(20, 21);
      expect(Math.max(...skids)).to.equal(90);
      const mean = skids.reduce((a, b) => a + b) / skids.length;
      expect(mean).to.be.within(38.5, 40);
    });

    it('stops for the timer, runs the handler in ring 0, and goes on', () => {
      const { core, script } = bareCore();
      script.on.LOCAL_TIMER = () => core.spend(F.handler);
      core.setTimer(cycles(700));
      core.execute(userCode(10_000), cycles(3000));
      expect(script.seen).to.deep.equal([
        { vector: 'LOCAL_TIMER', when: 700, cpl: 3, ip: script.seen[0]!.ip, frames: [] },
      ]);
      expect(core.now()).to.equal(3000);
    });

    it('counts cycles after an interrupt before anything retires, and is sampled where it was', () => {
      const { core, script } = bareCore({ fixed: 10, mean: 0, max: 10 }, 'test', 200);
      const code = userCode(10_000);
      const retired = (): number => code.totals(eventVector())[COLUMN.cycles]!;
      const periods = [1000, 4, 26, 179, 1e6];
      const seen: { when: number; retired: number }[] = [];
      const arm = (): void => {
        core.pmu.wrmsr(MSR.IA32_A_PMC0, FULL - periods.shift()!);
        acknowledge(core);
      };
      script.on.NMI = () => {
        seen.push({ when: core.now(), retired: retired() });
        core.spend(F.handler);
        arm();
      };
      program(core, 0, 'cycles', 'USR', 1);
      arm();
      core.execute(code, cycles(20_000));
      const ips = script.seen.map(({ ip }) => ip);
      // It starts with a return to ring 3, which takes 200 of the first 1010 cycles; the other events retire no
      // instruction.
      expect(seen.map((s) => s.retired)).to.deep.equal([810, 810, 810, 810]);
      expect(new Set(ips).size).to.equal(1);
      const handler = RING0[F.handler]!.cost;
      expect(seen.map((s, i) => s.when - (i === 0 ? 0 : seen[i - 1]!.when + handler))).to.deep.equal([
        1010, 14, 36, 189,
      ]);
      expect(retired()).to.equal(10_000);
    });

    it('does not take a SYSRET without a system call for an interruption', () => {
      for (const [interrupted, expected] of [
        [false, 200],
        [true, 400],
      ] as const) {
        const { core, script } = bareCore(undefined, 'test', 200);
        const code = compile(reading).start('test');
        script.on.LOCAL_TIMER = () => undefined;
        core.pmu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, FIXED_CTRL.USR << 4);
        core.pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 0x70000000f);
        expect(core.execute(code, cycles(1e9))).to.equal('trap');
        if (interrupted) core.setTimer(cycles(core.now() + 1));
        core.spend(F.handler);
        expect(core.execute(code, cycles(1e9))).to.equal('finished');
        const { [COLUMN.cycles]: worked } = code.totals(eventVector());
        expect(core.pmu.rdpmc(RDPMC_FIXED + 1) - Math.floor(worked!)).to.equal(expected);
      }
    });

    it('returns from the system call of an act as from any other, and not as from a fault', () => {
      const refilled = (trap: Trap): number => {
        const { core } = bareCore(undefined, 'test', 200);
        const code = new Threads({ main: [{ cycles: 1000, trap }, work(1000)] }).start();
        expect(core.execute(code, cycles(1e6))).to.equal('trap');
        core.spend(F.handler);
        const before = core.now();
        expect(core.execute(code, cycles(1e6))).to.equal('finished');
        return core.now() - before - 1000;
      };
      expect(refilled({ kind: 'syscall', name: 'read', args: {} })).to.equal(0);
      expect(refilled({ kind: 'sync', op: 'join' })).to.equal(0);
      expect(refilled({ kind: 'page_fault', write: true })).to.equal(200);
    });

    it('lets handlers count nothing on a user counter', () => {
      const { core, script } = bareCore();
      program(core, 0, 'instructions', 'USR');
      script.on.LOCAL_TIMER = () => {
        core.spend(F.long, 5);
        core.setTimer(cycles(core.now() + 999));
      };
      core.setTimer(cycles(10));
      const code = userCode(100_000);
      core.execute(code, cycles(1e9));
      expect(script.seen.length).to.be.greaterThan(90);
      expect(core.pmu.rdpmc(0)).to.equal(code.totals(eventVector())[COLUMN.instructions]);
    });
  });

  describe('ring 0', () => {
    it('stops at the offset where a counter overflows', () => {
      const { core, script } = bareCore();
      program(core, 0, 'cycles', 'OS', 2500);
      core.spend(F.long);
      expect(script.seen).to.deep.equal([{ vector: 'NMI', when: 2500, cpl: 0, ip: at(F.long, 250), frames: [] }]);
      expect(core.now()).to.equal(10_000);
    });

    it('is slower at first after ring 3 had the caches, with the same events; the difference is booked apart', () => {
      const passes = (caches: CoreSpec['caches']): { readonly core: Core; readonly instructions: number } => {
        const { core } = bareCore(undefined, 'test', 0, false, caches);
        program(core, 0, 'instructions', 'OS', FULL / 2);
        const code = new Lines(300);
        core.spend(F.long, 2);
        core.execute(code, cycles(core.now() + 50_000));
        core.spend(F.long, 3);
        return { core, instructions: core.pmu.rdpmc(0) };
      };
      const [warm, cold] = [passes(undefined), passes(CACHES)];
      expect(cold.instructions).to.equal(warm.instructions);
      const missed = cold.core.now() - warm.core.now();
      // 300 lines displaced: of 560 that it touches in 11,200 cycles.
      expect(missed).to.be.closeTo(560 * ((300 / 1024) * 8 + (300 / 4096) * 22), 1);
      expect(cold.core.spent.host[RING0.length + ROWS.cold]).to.equal(missed);
      expect(cold.core.spent.host[F.long]).to.equal(warm.core.spent.host[F.long]);
    });

    it('waits in a function: clocks count, and nothing else', () => {
      const { core, script } = bareCore();
      program(core, 0, 'cycles', 'OS', 2500);
      program(core, 1, 'instructions', 'OS', 10);
      core.stall(F.long, cycles(5000));
      expect(script.seen.map(({ when, ip }) => [when, ip])).to.deep.equal([[2500, at(F.long, 500)]]);
      expect(FULL - core.pmu.rdpmc(1)).to.equal(10);
      expect([core.now(), core.spent.host[RING0.length + ROWS.stall], core.drawn[COLUMN.cycles]]).to.deep.equal(
        Array(3).fill(5000),
      );
    });

    it('finds whole events where their running share passes a whole number', () => {
      const { core, script } = bareCore();
      program(core, 0, 'L1-dcache-loads', 'OS', 2);
      core.spend(F.long);
      // Three loads in 10000 cycles: the second is there after 6666.67, rounded up to 1/64.
      expect(script.seen[0]!.when).to.be.within(6666.66, 6666.69);
    });

    it('goes on where it was, also when the handler reprogrammed its counters', () => {
      const { core, script } = bareCore();
      script.on.NMI = () => {
        acknowledge(core);
        program(core, 0, script.seen.length % 2 === 0 ? 'cycles' : 'instructions', 'OS', 2000);
      };
      program(core, 0, 'cycles', 'OS', 2000);
      core.spend(F.long);
      // 2000 cycles, then 2000 instructions at 0.8 a cycle, in turn.
      expect(script.seen.map((s) => s.ip)).to.deep.equal([200, 450, 650, 900].map((offset) => at(F.long, offset)));
      expect(core.now()).to.equal(10_000);
    });

    it('shows its callers, and each function once', () => {
      const { core, script } = bareCore();
      core.enter(F.idle);
      core.enter(F.long);
      program(core, 0, 'cycles', 'OS', 2500);
      core.spend(F.long);
      expect(script.seen[0]).to.deep.include({ ip: at(F.long, 250), frames: [inside(F.idle)] });
      core.spend(F.tiny);
      script.seen.length = 0;
      core.setTimer(cycles(core.now() + 1));
      core.spend(F.tiny);
      expect(script.seen[0]!.frames).to.deep.equal([inside(F.long), inside(F.idle)]);
    });

    it('nests an NMI inside a timer handler', () => {
      const { core, script } = bareCore();
      script.on.LOCAL_TIMER = () => {
        core.enter(F.handler);
        core.spend(F.long);
        core.leave();
      };
      core.setTimer(cycles(100));
      program(core, 0, 'cycles', 'OS', 5000);
      core.execute(userCode(10_000), cycles(1000));
      expect(script.seen.map((s) => s.vector)).to.deep.equal(['LOCAL_TIMER', 'NMI']);
      expect(script.seen[1]).to.deep.include({ when: 5100, cpl: 0, ip: at(F.long, 500), frames: [inside(F.handler)] });
    });

    it('defers timers while interrupts are off, not NMIs', () => {
      const { core, script } = bareCore();
      program(core, 0, 'cycles', 'OS', 4000);
      core.setTimer(cycles(1000));
      core.irqDisable();
      core.irqDisable();
      core.spend(F.long);
      expect(script.seen.map((s) => [s.vector, s.when])).to.deep.equal([['NMI', 4000]]);
      core.irqEnable();
      expect(script.seen).to.have.length(1);
      core.irqEnable();
      expect(script.seen.map((s) => [s.vector, s.when])).to.deep.equal([
        ['NMI', 4000],
        ['LOCAL_TIMER', 10_000],
      ]);
    });

    it('keeps timers and irq_work out of handlers, and serves them after', () => {
      const { core, script } = bareCore();
      script.on.LOCAL_TIMER = () => {
        if (script.seen.length > 1) return;
        core.raiseIrqWork();
        core.setTimer(cycles(core.now() + 100));
        core.spend(F.long);
        expect(script.seen).to.have.length(1);
      };
      core.setTimer(cycles(50));
      core.spend(F.long);
      expect(script.seen.map((s) => [s.vector, s.when])).to.deep.equal([
        ['LOCAL_TIMER', 50],
        ['LOCAL_TIMER', 10_050],
        ['IRQ_WORK', 10_050],
      ]);
      expect(core.now()).to.equal(20_000);
    });
  });

  describe('NMIs', () => {
    it('do not nest: one that comes inside the handler waits for its end', () => {
      const { core, script } = bareCore();
      script.on.NMI = () => {
        acknowledge(core);
        core.spend(F.long);
        if (script.seen.length === 1) program(core, 0, 'cycles', 'OS', 1000);
        core.spend(F.long);
        if (script.seen.length === 1) expect(core.lapic.nmiPending).to.equal(true);
        core.pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 0);
      };
      program(core, 0, 'cycles', 'OS', 5000);
      core.spend(F.long);
      expect(script.seen.map((s) => s.when)).to.deep.equal([5000, 25_000]);
      // The second one hits at the same instruction as the first: nothing ran between the two.
      expect(script.seen[1]!.ip).to.equal(script.seen[0]!.ip);
    });

    it('LVTPC masks itself on delivery: a PMI that is served before it is written again makes no NMI', () => {
      const { core, script } = bareCore();
      const clear = (): void =>
        core.pmu.wrmsr(MSR.IA32_PERF_GLOBAL_OVF_CTRL, core.pmu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS));
      script.on.NMI = () => {
        clear();
        core.pmu.wrmsr(MSR.IA32_A_PMC0, FULL - 1000);
      };
      program(core, 0, 'cycles', 'USR', 1000);
      const code = userCode(1e5);
      core.execute(code, cycles(10_000));
      expect(script.seen).to.have.length(1);
      expect(core.lapic.lvtpcMasked).to.equal(true);
      clear();
      core.setLvtpc('NMI');
      core.execute(code, cycles(11_000));
      expect(script.seen).to.have.length(1);
      core.pmu.wrmsr(MSR.IA32_A_PMC0, FULL - 1000);
      core.execute(code, cycles(20_000));
      expect(script.seen).to.have.length(2);
    });

    it('LVTPC comes out of reset masked', () => {
      const { core, script } = bareCore();
      core.lapic.latch(cycles(0));
      const fresh = new (core.lapic.constructor as new () => typeof core.lapic)();
      fresh.pmiAt = cycles(1);
      fresh.latch(cycles(1));
      expect([fresh.lvtpcMasked, fresh.nmiPending]).to.deep.equal([true, false]);
      expect(script.seen).to.have.length(0);
    });
  });

  describe('halt', () => {
    it('passes time without cycles until the timer or its end', () => {
      const { core, script } = bareCore();
      program(core, 0, 'cycles', 'OS');
      core.pmu.wrmsr(MSR.IA32_FIXED_CTR_CTRL, FIXED_CTRL.OS << 8);
      core.setTimer(cycles(5000));
      core.halt(cycles(1e6));
      expect([core.now(), core.idle]).to.deep.equal([5000, 5000]);
      expect(script.seen).to.deep.equal([{ vector: 'LOCAL_TIMER', when: 5000, cpl: 0, ip: at(F.idle, 0), frames: [] }]);
      core.halt(cycles(8000));
      expect(core.now()).to.equal(8000);
      expect([core.pmu.rdpmc(0), core.pmu.rdpmc(RDPMC_FIXED + 2)]).to.deep.equal([0, 0]);
    });

    it('serves what was pending before it sleeps', () => {
      const { core, script } = bareCore();
      core.raiseIrqWork();
      core.halt(cycles(1e6));
      expect(script.seen.map((s) => [s.vector, s.when])).to.deep.equal([['IRQ_WORK', 0]]);
    });
  });

  describe('IPIs of other cores', () => {
    const when = ({ seen }: { readonly seen: readonly Seen[] }) => seen.map((s) => [s.vector, s.when, s.cpl]);

    it('interrupt ring 3 and end a halt when they arrive', () => {
      const { core, script } = bareCore();
      const accepted: string[] = [];
      for (const [time, name] of [
        [700, 'first'],
        [5000, 'third'],
        [4000, 'second'],
      ] as const)
        core.lapic.receive(cycles(time), 1, () => {
          accepted.push(name);
          return 'RESCHEDULE';
        });
      core.execute(userCode(3000), cycles(3000));
      core.halt(cycles(1e6));
      expect(when(script)).to.deep.equal([
        ['RESCHEDULE', 700, 3],
        ['RESCHEDULE', 4000, 0],
      ]);
      expect(accepted).to.deep.equal(['first', 'second']);
    });

    it('wait for the end of ring 0, of the handlers in front of them, and of a switch that is wanted', () => {
      const { core, script } = bareCore();
      script.on.LOCAL_TIMER = () => {
        core.spend(F.handler);
        script.resched = true;
      };
      core.lapic.receive(cycles(500), 1, () => 'RESCHEDULE');
      core.spend(F.long);
      expect(script.seen).to.deep.equal([]);
      core.setTimer(cycles(10_000));
      const code = userCode(10_000);
      expect(core.execute(code, cycles(50_000))).to.equal('resched');
      script.resched = false;
      core.execute(code, cycles(50_000));
      expect(when(script)).to.deep.equal([
        ['LOCAL_TIMER', 10_000, 3],
        ['RESCHEDULE', 10_600, 3],
      ]);
    });

    it('several that have arrived make one interrupt, as in the IRR', () => {
      const { core, script } = bareCore();
      let accepted = 0;
      const accept = () => {
        accepted++;
        return 'RESCHEDULE' as const;
      };
      for (const time of [100, 200, 10_001]) core.lapic.receive(cycles(time), 1, accept);
      core.spend(F.long);
      const atHandler: number[] = [];
      script.on.RESCHEDULE = () => void atHandler.push(accepted);
      core.execute(userCode(1000), cycles(20_000));
      expect(when(script)).to.deep.equal([
        ['RESCHEDULE', 10_000, 3],
        ['RESCHEDULE', 10_001, 3],
      ]);
      expect(atHandler).to.deep.equal([2, 3]);
    });

    it('nothing depends on the pieces that time is given in, nor on how early an IPI is known', () => {
      const step = fc.oneof(
        fc.record({ ring3: fc.integer({ min: 500, max: 4000 }) }),
        fc.record({ ring0: fc.constantFrom(F.handler, F.tiny, F.odd) }),
        fc.constant({ halt: true }),
      );
      const time = fc.integer({ min: 0, max: 12_000 });
      const run = (
        steps: readonly ({ ring3: number } | { ring0: number } | { halt: boolean })[],
        timers: readonly number[],
        ipis: readonly number[],
        ends: readonly number[],
      ): unknown => {
        const { core, script } = bareCore({ fixed: 30, mean: 20, max: 100 }, 'cuts', 200);
        program(core, 0, 'instructions', 'OS', 3001);
        const armed = timers.toSorted((a, b) => a - b);
        const arm = (): void => core.setTimer(cycles(armed.shift() ?? Infinity));
        script.on.LOCAL_TIMER = () => {
          core.spend(F.handler);
          script.resched ||= armed.length % 3 === 0;
          arm();
        };
        script.on.NMI = () => acknowledge(core);
        script.on.RESCHEDULE = () => {
          core.spend(F.tiny);
          script.resched = true;
        };
        arm();
        const left = [...steps];
        const sent = ipis.toSorted((a, b) => a - b);
        let code: StraightLine | undefined;
        for (const end of [...ends.toSorted((a, b) => a - b), 100_000]) {
          // Known no earlier than a window in which it arrives.
          while (sent.length > 0 && sent[0]! < end) core.lapic.receive(cycles(sent.shift()!), 1, () => 'RESCHEDULE');
          while (core.now() < end) {
            if (script.resched) {
              script.resched = false;
              core.spend(F.odd);
              continue;
            }
            const next = left[0] ?? { halt: true };
            if ('ring0' in next) {
              left.shift();
              core.spend(next.ring0);
            } else if ('ring3' in next) {
              code ??= userCode(next.ring3);
              core.execute(code, cycles(end));
              if (!code.finished) continue;
              left.shift();
              code = undefined;
            } else {
              core.halt(cycles(end));
              if (script.resched) left.shift();
            }
          }
        }
        return { seen: script.seen, now: core.now(), passes: [...core.passes], idle: core.idle };
      };
      fc.assert(
        fc.property(
          fc.array(step, { minLength: 4, maxLength: 12 }),
          fc.array(time, { minLength: 6, maxLength: 12 }),
          fc.array(time, { minLength: 6, maxLength: 12 }),
          fc.array(time, { minLength: 6, maxLength: 12 }),
          (steps, timers, ipis, ends) => {
            expect(run(steps, timers, ipis, ends)).to.deep.equal(run(steps, timers, ipis, []));
          },
        ),
        { numRuns: 600 },
      );
    });
  });

  describe('a program that comes back', () => {
    /** A program runs, ring 0 has the core for long, the program runs again for `span`: its cursor, and the core. */
    const back = (caches: CoreSpec['caches'], span: number, slices = 1) => {
      const { core } = bareCore(undefined, 'test', 0, false, caches);
      const code = new Lines(300);
      core.execute(code, cycles(20_000));
      core.spend(F.long, 2);
      const start = core.now();
      for (let i = 1; i <= slices; i++) core.execute(code, cycles(start + Math.round((span * i) / slices)));
      return { core, worked: code.work - 20_000, row: core.spent.host[RING0.length + ROWS.coldRing3]! };
    };
    /** All 300 of its lines are gone by 560 in 1024, and so on. */
    const DEBT = 300 * ((560 / 1024) * 8 + (560 / 4096) * 22);

    it('runs at half its speed until it has its lines back, and at its own from then on', () => {
      expect(back(undefined, 1000).worked).to.equal(1000);
      expect(back(CACHES, 1000).worked).to.equal(500);
      const long = back(CACHES, 50_000);
      expect(50_000 - long.worked).to.be.closeTo(DEBT, 1);
      expect(long.row).to.equal(50_000 - long.worked);
    });

    it('is as slow in pieces as in one', () => {
      const whole = back(CACHES, 50_000);
      for (const slices of [2, 7, 500]) {
        const pieces = back(CACHES, 50_000, slices);
        expect([pieces.worked, pieces.row, pieces.core.now()]).to.deep.equal([
          whole.worked,
          whole.row,
          whole.core.now(),
        ]);
      }
    });

    it('misses nothing after a moment in ring 0 that touched little', () => {
      const { core } = bareCore(undefined, 'test', 0, false, CACHES);
      const code = new Lines(300);
      core.execute(code, cycles(20_000));
      core.spend(F.tiny);
      core.execute(code, cycles(core.now() + 10_000));
      expect(core.spent.host[RING0.length + ROWS.coldRing3]).to.be.below(1);
    });
  });

  describe('the books', () => {
    const EVENTS = ['cycles', 'instructions', 'branches', 'L1-dcache-loads'] as const satisfies readonly Event[];
    const inRing0 = (core: Core): number => RING0.reduce((sum, f) => sum + core.spent.host[f.index]!, 0);
    const passesTimesEvents = (core: Core, event: EventName): number =>
      RING0.reduce((sum, f) => sum + core.passes[f.index]! * f.events[COLUMN[event]]!, core.drawn[COLUMN[event]]!);

    it('ring-0 counts add up to passes times events, wherever counters stopped them', () => {
      const step = fc.record({
        f: fc.constantFrom(F.long, F.handler, F.tiny, F.odd),
        times: fc.integer({ min: 1, max: 3 }),
        drawn: fc.option(fc.integer({ min: 1, max: 20_000 })),
      });
      fc.assert(
        fc.property(
          fc.array(step, { minLength: 1, maxLength: 12 }),
          fc.array(fc.tuple(fc.constantFrom(...EVENTS), fc.integer({ min: 1, max: 4000 })), {
            minLength: 1,
            maxLength: 4,
          }),
          fc.integer({ min: 300, max: 20_000 }),
          fc.nat(),
          fc.boolean(),
          (steps, counters, timer, seed, spread) => {
            const { core, script } = bareCore({ fixed: 3, mean: 11, max: 60 }, String(seed), 0, spread);
            const total = counters.map(() => 0);
            const start = counters.map(([, period]) => FULL - period);
            const harvest = (i: number): void => {
              const value = core.pmu.rdpmc(i);
              total[i]! += value - start[i]! + (value < start[i]! ? FULL : 0);
            };
            // Cycles come in 64ths, which a read drops: a counter of cycles is never written, the others always.
            script.on.NMI = () => {
              core.spend(F.tiny);
              counters.forEach(([event, period], i) => {
                if (event === 'cycles') return;
                harvest(i);
                core.pmu.wrmsr(MSR.IA32_A_PMC0 + i, (start[i] = FULL - 1 - ((period * script.seen.length) % 4999)));
              });
              acknowledge(core);
            };
            script.on.LOCAL_TIMER = () => {
              core.spend(F.odd);
              core.setTimer(cycles(core.now() + timer));
            };
            core.setTimer(cycles(timer));
            counters.forEach(([event, period], i) => program(core, i, event, 'OS', period));
            for (const { f, times, drawn } of steps) {
              core.spend(f, times);
              if (drawn !== null) core.spendFor(f, cycles(drawn));
            }
            counters.forEach(([event], i) => {
              harvest(i);
              const retired = event === 'cycles' ? inRing0(core) : passesTimesEvents(core, event);
              expect(total[i], event).to.equal(Math.floor(retired));
            });
          },
        ),
        { numRuns: 80 },
      );
    });

    it('passes of one function take different times and retire the same, and each software has draws of its own', () => {
      const { core, script } = bareCore(undefined, undefined, undefined, true);
      const guest = new Int32Array(RING0.length);
      const passes = (n: number): number[] =>
        Array.from({ length: n }, () => {
          const start = core.now();
          core.spend(F.handler);
          return core.now() - start;
        });
      const first = passes(3);
      expect(new Set(first).size).to.equal(3);
      expect(Math.min(...first)).to.be.at.least(core.costOf(F.handler));
      // The other one begins where this one did, and does not move it on.
      core.setSoftware(script, 'guest', guest);
      expect(passes(3)).to.deep.equal(first);
      core.setSoftware(script);
      const next = passes(3);
      core.setSoftware(script, 'guest', guest);
      expect(passes(3)).to.deep.equal(next);
      expect(core.passes[F.handler]).to.equal(12);
      expect(inRing0(core) + core.spent.guest[F.handler]!).to.equal(core.now());
    });

    it('counters near their overflow keep the 64ths of cycles', () => {
      const { core } = bareCore();
      program(core, 0, 'cycles', 'USR', 2 ** 40);
      const code = userCode(1e6);
      // An odd number of 64ths each time.
      for (let i = 1; i <= 6400; i++) core.execute(code, cycles(i * (10 + 1 / 64)));
      expect(core.pmu.rdpmc(0)).to.equal(FULL - 2 ** 40 + 64_100);
    });

    it("instructions:u is the cursor's total, whatever interrupts", () => {
      const period = fc.integer({ min: 40, max: 3000 });
      fc.assert(
        fc.property(fc.array(period, { minLength: 1, maxLength: 20 }), period, period, (periods, timer, second) => {
          const { core, script } = bareCore({ fixed: 5, mean: 20, max: 100 });
          let counted = 0;
          let start = FULL - periods[0]!;
          script.on.NMI = () => {
            core.spend(F.handler);
            counted += core.pmu.rdpmc(0) - start + (core.pmu.rdpmc(0) < start ? FULL : 0);
            start = FULL - periods[script.seen.length % periods.length]!;
            core.pmu.wrmsr(MSR.IA32_A_PMC0, start);
            acknowledge(core);
          };
          script.on.LOCAL_TIMER = () => {
            core.spend(F.long);
            core.setTimer(cycles(core.now() + timer));
          };
          core.setTimer(cycles(timer));
          program(core, 0, 'instructions', 'USR', periods[0]);
          program(core, 1, 'branches', 'USR', second);
          program(core, 2, 'instructions', 'OS', second);
          core.pmu.wrmsr(MSR.IA32_A_PMC0, start);
          const code = userCode(40_000);
          core.execute(code, cycles(1e9));
          counted += core.pmu.rdpmc(0) - start + (core.pmu.rdpmc(0) < start ? FULL : 0);
          expect(counted).to.equal(code.totals(eventVector())[COLUMN.instructions]);
        }),
        { numRuns: 30 },
      );
    });

    it('time is what ring 3, ring 0 and halts took', () => {
      const { core, script } = bareCore({ fixed: 5, mean: 20, max: 100 });
      script.on.NMI = () => {
        core.spend(F.odd);
        core.pmu.wrmsr(MSR.IA32_A_PMC0, FULL - 1777);
        acknowledge(core);
      };
      script.on.LOCAL_TIMER = () => {
        core.spend(F.handler);
        core.setTimer(cycles(core.now() + 12_345));
      };
      core.setTimer(cycles(5));
      program(core, 0, 'cycles', 'USR', 999);
      const code = userCode(1e6);
      core.execute(code, cycles(400_000));
      core.halt(cycles(500_000));
      core.spend(F.long, 3);
      core.spendFor(F.long, cycles(123.5));
      const ring0 = RING0.reduce((sum, f) => sum + core.passes[f.index]! * f.cost, core.drawn[COLUMN.cycles]!);
      expect(core.now()).to.equal(code.totals(eventVector())[COLUMN.cycles]! + ring0 + core.idle);
    });
  });
});
