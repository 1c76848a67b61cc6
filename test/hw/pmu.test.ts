/** The PMU by itself: what kvm-unit-tests' x86/pmu.c checks on real silicon, in terms of registers. */
import { expect } from 'chai';
import { COLUMN, CYCLES, INSTRUCTIONS } from '../../src/arch/events.ts';
import { GeneralProtection, MSR, RDPMC_FIXED } from '../../src/arch/msr.ts';
import { EVENTSEL, FIXED_CTRL } from '../../src/arch/perfevtsel.ts';
import { CorePmu } from '../../src/hw/pmu.ts';
import { broadwellEp } from '../../src/machine/presets/broadwell-ep.ts';

const CAPS = { version: 3, nrGp: 4, nrFixed: 3, width: 48, fullWidthWrite: true };
const CLOCKS = { coreHz: 2.8e9, cycleHz: 2.8e9, tscHz: 2.2e9, busHz: 1e8 };
const BRANCHES = 0xc4;
const BUS_CYCLES = 0x13c;
const USER = EVENTSEL.USR | EVENTSEL.ENABLE;

function pmuWith(writes: readonly (readonly [msr: number, value: number])[], caps = CAPS): CorePmu {
  const pmu = new CorePmu(caps, broadwellEp.events, CLOCKS);
  for (const [msr, value] of writes) pmu.wrmsr(msr, value);
  return pmu;
}

/** `n` events of a column happen in ring 3. */
function happens(pmu: CorePmu, column: number, n: number, cpl: 0 | 3 = 3): void {
  const plan = pmu.plan(cpl);
  plan.counters.forEach((counter, i) => {
    if (plan.columns[plan.slots[i]!] === column) pmu.add(counter, n);
  });
}

describe('hw/pmu', () => {
  it('counts an event on a general-purpose counter while EN, USR and GLOBAL_CTRL agree', () => {
    const pmu = pmuWith([
      [MSR.IA32_PERFEVTSEL0, USER | BRANCHES],
      [MSR.IA32_PERF_GLOBAL_CTRL, 1],
    ]);
    happens(pmu, COLUMN.branches, 10);
    expect(pmu.rdpmc(0)).to.equal(10);
    happens(pmu, COLUMN.branches, 10, 0);
    expect(pmu.rdpmc(0), 'ring 0 without OS').to.equal(10);
    pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 0);
    happens(pmu, COLUMN.branches, 10);
    expect(pmu.rdpmc(0), 'GLOBAL_CTRL clear').to.equal(10);
    pmu.wrmsr(MSR.IA32_PERF_GLOBAL_CTRL, 1);
    pmu.wrmsr(MSR.IA32_PERFEVTSEL0, EVENTSEL.USR | BRANCHES);
    happens(pmu, COLUMN.branches, 10);
    expect(pmu.rdpmc(0), 'EN clear').to.equal(10);
  });

  it('counts instructions, core cycles and reference cycles on the fixed counters', () => {
    const all = FIXED_CTRL.USR | FIXED_CTRL.OS;
    const pmu = pmuWith([
      [MSR.IA32_FIXED_CTR_CTRL, all | (all << 4) | (all << 8)],
      [MSR.IA32_PERF_GLOBAL_CTRL, 7 * 2 ** 32],
    ]);
    happens(pmu, INSTRUCTIONS, 1000);
    happens(pmu, CYCLES, 2800);
    expect(pmu.rdpmc(RDPMC_FIXED)).to.equal(1000);
    expect(pmu.rdpmc(RDPMC_FIXED + 1)).to.equal(2800);
    expect(pmu.rdpmc(RDPMC_FIXED + 2)).to.be.within(2199, 2200);
  });

  it('brings a clock slower than the core to overflow, however its fractions fall', () => {
    for (let period = 1000; period < 1200; period++) {
      const pmu = pmuWith([
        [MSR.IA32_PERFEVTSEL0, USER | EVENTSEL.INT | BUS_CYCLES],
        [MSR.IA32_A_PMC0, 2 ** 48 - period],
        [MSR.IA32_PERF_GLOBAL_CTRL, 1],
      ]);
      const counter = pmu.plan(3).counters[0]!;
      // The core's count is so large that it cannot grow by less.
      const ulp = 2 ** -18;
      let steps = 0;
      for (; !pmu.pmi && steps < 5; steps++) pmu.add(counter, Math.floor(pmu.remaining(counter) / ulp) * ulp);
      expect(pmu.pmi, `period ${period}`).to.equal(true);
      expect(pmu.rdpmc(0)).to.equal(0);
    }
  });

  it('sets GLOBAL_STATUS and pulls the line on overflow if INT is set, and keeps counting', () => {
    const pmu = pmuWith([
      [MSR.IA32_A_PMC0, 2 ** 48 - 5],
      [MSR.IA32_PERFEVTSEL0, USER | EVENTSEL.INT | BRANCHES],
      [MSR.IA32_PERF_GLOBAL_CTRL, 1],
    ]);
    expect(pmu.remaining(pmu.plan(3).counters[0]!)).to.equal(5);
    happens(pmu, COLUMN.branches, 8);
    expect(pmu.pmi).to.equal(true);
    expect(pmu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS)).to.equal(1);
    expect(pmu.rdpmc(0)).to.equal(3);
    pmu.wrmsr(MSR.IA32_PERF_GLOBAL_OVF_CTRL, 1);
    expect(pmu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS)).to.equal(0);
  });

  it('overflows silently without INT', () => {
    const pmu = pmuWith([
      [MSR.IA32_A_PMC0, 2 ** 48 - 1],
      [MSR.IA32_PERFEVTSEL0, USER | BRANCHES],
      [MSR.IA32_PERF_GLOBAL_CTRL, 1],
    ]);
    happens(pmu, COLUMN.branches, 1);
    expect(pmu.pmi).to.equal(false);
    expect(pmu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS)).to.equal(1);
  });

  it('the fixed half of the global registers starts at bit 32', () => {
    const pmu = pmuWith([
      [MSR.IA32_FIXED_CTR0 + 1, 2 ** 48 - 1],
      [MSR.IA32_FIXED_CTR_CTRL, (FIXED_CTRL.USR | FIXED_CTRL.PMI) << 4],
      [MSR.IA32_PERF_GLOBAL_CTRL, 2 ** 33],
    ]);
    happens(pmu, CYCLES, 1);
    expect(pmu.rdmsr(MSR.IA32_PERF_GLOBAL_STATUS)).to.equal(2 ** 33);
    expect(pmu.pmi).to.equal(true);
  });

  it('sign-extends a write through the legacy alias, takes the full width through the other', () => {
    const pmu = pmuWith([[MSR.IA32_PMC0, 2 ** 32 - 100]]);
    expect(pmu.rdmsr(MSR.IA32_PMC0)).to.equal(2 ** 48 - 100);
    pmu.wrmsr(MSR.IA32_PMC0, 100);
    expect(pmu.rdmsr(MSR.IA32_PMC0)).to.equal(100);
    pmu.wrmsr(MSR.IA32_A_PMC0, 2 ** 40);
    expect(pmu.rdmsr(MSR.IA32_A_PMC0)).to.equal(2 ** 40);
  });

  it('keeps fractions of cycles and reads whole ones', () => {
    const pmu = pmuWith([
      [MSR.IA32_FIXED_CTR_CTRL, FIXED_CTRL.USR << 4],
      [MSR.IA32_PERF_GLOBAL_CTRL, 2 ** 33],
    ]);
    for (let i = 0; i < 3; i++) happens(pmu, CYCLES, 0.75);
    expect(pmu.rdpmc(RDPMC_FIXED + 1)).to.equal(2);
    happens(pmu, CYCLES, 0.75);
    expect(pmu.rdpmc(RDPMC_FIXED + 1)).to.equal(3);
  });

  it('faults on reserved bits, missing counters, read-only registers and what its version lacks', () => {
    const pmu = pmuWith([]);
    const gp = (msr: number, value: number): void => {
      expect(() => pmu.wrmsr(msr, value), `wrmsr 0x${msr.toString(16)} ${value}`).to.throw(GeneralProtection);
    };
    gp(MSR.IA32_PERF_GLOBAL_CTRL, 1 << 4);
    gp(MSR.IA32_PERF_GLOBAL_CTRL, 2 ** 35);
    gp(MSR.IA32_FIXED_CTR_CTRL, 1 << 12);
    gp(MSR.IA32_A_PMC0, 2 ** 48);
    gp(MSR.IA32_PERF_GLOBAL_STATUS, 0);
    gp(MSR.IA32_PERFEVTSEL0 + 4, 0);
    gp(MSR.IA32_PERF_GLOBAL_STATUS_SET, 1);
    gp(0x10, 0);
    expect(() => pmu.rdpmc(4)).to.throw(GeneralProtection);
    expect(() => pmuWith([[MSR.IA32_A_PMC0, 1]], { ...CAPS, fullWidthWrite: false })).to.throw(GeneralProtection);
    expect(
      pmuWith([[MSR.IA32_PERF_GLOBAL_STATUS_SET, 1]], { ...CAPS, version: 4 }).rdmsr(MSR.IA32_PERF_GLOBAL_STATUS),
    ).to.equal(1);
  });

  it('two counters may watch one column, and the plan names it once', () => {
    const pmu = pmuWith([
      [MSR.IA32_PERFEVTSEL0, USER | BRANCHES],
      [MSR.IA32_PERFEVTSEL0 + 1, USER | BRANCHES],
      [MSR.IA32_PERF_GLOBAL_CTRL, 3],
    ]);
    expect(pmu.plan(3).columns.filter((c) => c === COLUMN.branches)).to.have.length(1);
    happens(pmu, COLUMN.branches, 7);
    expect([pmu.rdpmc(0), pmu.rdpmc(1)]).to.deep.equal([7, 7]);
  });
});
