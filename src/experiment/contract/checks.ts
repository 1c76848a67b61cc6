/**
 * The checks: what kvm-unit-tests' x86/pmu.c asks of a PMU, in terms of registers and exact budgets. Each starts from
 * a processor just out of reset whose LVTPC delivers NMIs.
 *
 * In this order: what a counter counts; overflow and its interrupts, up to a sampling handler; GLOBAL_CTRL and OVF_CTRL;
 * what reads, faults and reserved bits do; writes through the two aliases and to counters that run; counters beside each
 * other; LVTPC; what PMU version 4 adds. WITHOUT_COUNTERS is for a guest that has no PMU.
 *
 * Not modelled: PEBS, LBR and performance metrics, of which no check asks.
 */
import { expect } from 'chai';
import { COLUMN, CYCLES, INSTRUCTIONS, type EventColumn } from '../../arch/events.ts';
import { GeneralProtection, MSR, PMC_IDX_FIXED, RDPMC_FIXED, decodePmuMsr, globalBit } from '../../arch/msr.ts';
import { EVENTSEL, FIXED_CTRL } from '../../arch/perfevtsel.ts';
import { FN } from '../../kernel/symbols.ts';
import { asking, type Check } from './check.ts';
import type { ContractKernel } from './kernel.ts';

const U32 = 2 ** 32;
const GLOBAL_CTRL = MSR.IA32_PERF_GLOBAL_CTRL;
const STATUS = MSR.IA32_PERF_GLOBAL_STATUS;
const OVF_CTRL = MSR.IA32_PERF_GLOBAL_OVF_CTRL;
const STATUS_SET = MSR.IA32_PERF_GLOBAL_STATUS_SET;
const INUSE = MSR.IA32_PERF_GLOBAL_INUSE;
const FIXED_CTR_CTRL = MSR.IA32_FIXED_CTR_CTRL;
const EVENT = { cycles: 0x3c, instructions: 0xc0, branches: 0xc4, loads: 0x81d0 } as const;
const USER = EVENTSEL.USR | EVENTSEL.ENABLE;

const evtsel = (i: number): number => MSR.IA32_PERFEVTSEL0 + i;
const pmc = (i: number): number => MSR.IA32_PMC0 + i;
const fixedCtr = (i: number): number => MSR.IA32_FIXED_CTR0 + i;
const fixedBit = (i: number): number => globalBit(PMC_IDX_FIXED + i);
const indices = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
/** Counter value `n` counts before overflow, as the legacy alias takes it. */
const before = (n: number): number => U32 - n;

/** All valid bits of GLOBAL_CTRL. */
const everything = ({ cpu: { caps } }: ContractKernel): number =>
  globalBit(caps.nrGp) - 1 + (2 ** caps.nrFixed - 1) * U32;
/** FIXED_CTR_CTRL with the same field for all counters. */
const allFixed = ({ cpu: { caps } }: ContractKernel, field: number): number =>
  indices(caps.nrFixed).reduce((ctrl, i) => ctrl + field * 16 ** i, 0);

function faults(what: string, access: () => unknown): void {
  asking('an access that must fault does not', () => expect(access, what).to.throw(GeneralProtection));
}

/** Checks that `times` NMIs came. */
function interrupts({ nmis }: ContractKernel, times: number, what?: string): void {
  asking('interrupts are missing or too many', () => expect(nmis, what).to.have.length(times));
}

/** Programs counter 0 for ring 3 and enables it. */
function start({ cpu }: ContractKernel, event: number, value = 0, bits: number = EVENTSEL.INT): void {
  cpu.wrmsr(pmc(0), value);
  cpu.wrmsr(evtsel(0), USER | bits | event);
  cpu.wrmsr(GLOBAL_CTRL, 1);
}

function stop({ cpu }: ContractKernel): void {
  cpu.wrmsr(GLOBAL_CTRL, 0);
}

export const CHECKS: readonly Check[] = [
  {
    name: 'general-purpose counters',
    run(kernel) {
      const { cpu } = kernel;
      const events: readonly (readonly [number, EventColumn])[] = [
        [EVENT.instructions, INSTRUCTIONS],
        [EVENT.branches, COLUMN.branches],
        [EVENT.loads, COLUMN['L1-dcache-loads']],
        [EVENT.cycles, CYCLES],
      ];
      for (const i of indices(cpu.caps.nrGp))
        for (const [event, column] of events) {
          cpu.wrmsr(pmc(i), 0);
          cpu.wrmsr(evtsel(i), USER | event);
          cpu.wrmsr(GLOBAL_CTRL, globalBit(i));
          const retired = kernel.user();
          expect(cpu.rdpmc(i), `running, event 0x${event.toString(16)} on PMC${i}`).to.equal(
            Math.floor(retired[column]!),
          );
          stop(kernel);
          cpu.wrmsr(evtsel(i), 0);
          expect(cpu.rdpmc(i), 'stopped').to.equal(Math.floor(retired[column]!));
          expect(cpu.rdmsr(pmc(i)), 'RDMSR').to.equal(Math.floor(retired[column]!));
        }
    },
  },
  {
    name: 'fixed counters',
    run(kernel) {
      const { cpu } = kernel;
      for (const i of indices(cpu.caps.nrFixed)) {
        cpu.wrmsr(fixedCtr(i), 0);
        cpu.wrmsr(FIXED_CTR_CTRL, FIXED_CTRL.USR * 16 ** i);
        cpu.wrmsr(GLOBAL_CTRL, fixedBit(i));
        const retired = kernel.fixed(i, kernel.user());
        stop(kernel);
        expect(cpu.rdpmc(RDPMC_FIXED + i), `FIXED${i}`).to.equal(Math.floor(retired));
        expect(cpu.rdmsr(fixedCtr(i)), 'RDMSR').to.equal(Math.floor(retired));
      }
    },
  },
  {
    name: 'privilege levels',
    run(kernel) {
      const { cpu } = kernel;
      const inKernel = (sel: number, passes: number): number => {
        // After reset, the enable bits of general-purpose counters may be set.
        stop(kernel);
        cpu.wrmsr(pmc(0), 0);
        cpu.wrmsr(evtsel(0), sel | EVENT.instructions);
        cpu.wrmsr(GLOBAL_CTRL, 1);
        cpu.spend(FN.do_exit, passes);
        stop(kernel);
        return cpu.rdpmc(0);
      };
      const os = EVENTSEL.OS | EVENTSEL.ENABLE;
      // Subtract the empty run: real silicon also counts the access that stops the counter.
      const one = inKernel(os, 1) - inKernel(os, 0);
      expect(one).to.be.above(1000);
      expect(inKernel(os, 3) - inKernel(os, 0)).to.equal(3 * one);
      expect(inKernel(USER, 3), 'ring 0 without OS').to.equal(0);
      expect(inKernel(EVENTSEL.ENABLE, 3), 'neither').to.equal(0);
      expect(inKernel(os, 0), 'nothing but the access itself').to.be.below(1000);

      start(kernel, EVENT.instructions, 0, EVENTSEL.OS);
      cpu.wrmsr(evtsel(0), os | EVENT.instructions);
      const still = cpu.rdpmc(0);
      kernel.user();
      expect(cpu.rdpmc(0) - still, 'ring 3 without USR').to.be.below(1000);
    },
  },
  {
    name: 'overflow',
    run(kernel) {
      const { cpu } = kernel;
      const total = kernel.user()[INSTRUCTIONS]!;
      for (const i of indices(cpu.caps.nrGp)) {
        const seen: number[] = [];
        kernel.nmis.length = 0;
        kernel.onNmi = () => {
          seen.push(cpu.rdmsr(STATUS));
          cpu.setLvtpc('NMI');
        };
        cpu.wrmsr(pmc(i), before(1000));
        cpu.wrmsr(evtsel(i), USER | EVENTSEL.INT | EVENT.instructions);
        cpu.wrmsr(GLOBAL_CTRL, globalBit(i));
        kernel.user();
        stop(kernel);
        interrupts(kernel, 1, `NMIs of PMC${i}`);
        expect(kernel.nmis[0]!.cpl).to.equal(3);
        expect(kernel.nmis[0]!.retired[INSTRUCTIONS], 'not before the overflow').to.be.within(1000, 2000);
        expect(seen, 'GLOBAL_STATUS in the handler').to.deep.equal([globalBit(i)]);
        expect(cpu.rdpmc(i), 'goes on behind zero').to.equal(total - 1000);
        expect(cpu.rdmsr(STATUS), 'stays until it is cleared').to.equal(globalBit(i));
        cpu.wrmsr(OVF_CTRL, globalBit(i));
        expect(cpu.rdmsr(STATUS)).to.equal(0);
        cpu.wrmsr(evtsel(i), 0);
      }
    },
  },
  {
    name: 'overflow of fixed counters',
    run(kernel) {
      const { cpu } = kernel;
      for (const i of indices(cpu.caps.nrFixed)) {
        kernel.nmis.length = 0;
        cpu.wrmsr(fixedCtr(i), 2 ** cpu.caps.width - 1000);
        cpu.wrmsr(FIXED_CTR_CTRL, (FIXED_CTRL.USR | FIXED_CTRL.PMI) * 16 ** i);
        cpu.wrmsr(GLOBAL_CTRL, fixedBit(i));
        const retired = kernel.fixed(i, kernel.user());
        stop(kernel);
        interrupts(kernel, 1, `NMIs of FIXED${i}`);
        expect(cpu.rdmsr(STATUS)).to.equal(fixedBit(i));
        // An NMI handler that takes over the count loses the fraction of a reference cycle.
        expect(cpu.rdpmc(RDPMC_FIXED + i)).to.be.within(Math.floor(retired) - 1002, Math.ceil(retired) - 1000);
        cpu.wrmsr(OVF_CTRL, fixedBit(i));
        cpu.wrmsr(FIXED_CTR_CTRL, 0);
      }
    },
  },
  {
    name: 'overflow without an interrupt',
    run(kernel) {
      const { cpu } = kernel;
      start(kernel, EVENT.instructions, before(1000), 0);
      kernel.user();
      interrupts(kernel, 0);
      expect(cpu.rdmsr(STATUS)).to.equal(1);
    },
  },
  {
    name: 'interrupt bit changes',
    run(kernel) {
      const { cpu } = kernel;
      // The same counter and event, with an interrupt, without, and with one again.
      for (const int of [EVENTSEL.INT, 0, EVENTSEL.INT]) {
        kernel.nmis.length = 0;
        start(kernel, EVENT.instructions, before(1000), int);
        kernel.user();
        stop(kernel);
        interrupts(kernel, int === 0 ? 0 : 1);
        expect(cpu.rdmsr(STATUS)).to.equal(1);
        cpu.wrmsr(OVF_CTRL, 1);
      }
    },
  },
  {
    name: 'sampling',
    run(kernel) {
      const { cpu } = kernel;
      const period = 700;
      let counted = 0;
      // As a driver samples: stop everything, record the count, arm the counter again.
      kernel.onNmi = () => {
        cpu.wrmsr(GLOBAL_CTRL, 0);
        cpu.wrmsr(OVF_CTRL, cpu.rdmsr(STATUS));
        counted += period + cpu.rdpmc(0);
        cpu.wrmsr(pmc(0), before(period));
        cpu.wrmsr(GLOBAL_CTRL, 1);
        cpu.setLvtpc('NMI');
      };
      start(kernel, EVENT.instructions, before(period));
      const total = kernel.user(3000)[INSTRUCTIONS]!;
      stop(kernel);
      counted += cpu.rdpmc(0) - (2 ** cpu.caps.width - period);
      expect(counted, 'no count is lost between interrupts').to.equal(total);
      expect(kernel.nmis.length).to.be.within(Math.floor(total / (period + 300)), Math.floor(total / period));
      expect(cpu.rdmsr(STATUS)).to.equal(0);
    },
  },
  {
    name: 'OVF_CTRL clears what is written',
    needs: { gp: 2 },
    run(kernel) {
      const { cpu } = kernel;
      cpu.wrmsr(pmc(0), before(10));
      cpu.wrmsr(pmc(1), before(10));
      for (const i of [0, 1]) cpu.wrmsr(evtsel(i), USER | EVENT.instructions);
      cpu.wrmsr(GLOBAL_CTRL, 3);
      kernel.user();
      stop(kernel);
      expect(cpu.rdmsr(STATUS)).to.equal(3);
      cpu.wrmsr(OVF_CTRL, 2);
      expect(cpu.rdmsr(STATUS)).to.equal(1);
      cpu.wrmsr(OVF_CTRL, 0);
      expect(cpu.rdmsr(STATUS)).to.equal(1);
      cpu.wrmsr(OVF_CTRL, 3);
      expect(cpu.rdmsr(STATUS)).to.equal(0);
    },
  },
  {
    name: 'GLOBAL_CTRL gates every counter',
    run(kernel) {
      const { cpu } = kernel;
      const { nrGp, nrFixed } = cpu.caps;
      for (const i of indices(nrGp)) cpu.wrmsr(evtsel(i), USER | EVENT.branches);
      cpu.wrmsr(FIXED_CTR_CTRL, allFixed(kernel, FIXED_CTRL.USR));
      const bits = [
        ...indices(nrGp).map((i) => [i, globalBit(i)]),
        ...indices(nrFixed).map((i) => [RDPMC_FIXED + i, fixedBit(i)]),
      ];
      for (const open of [undefined, ...bits]) {
        for (const i of indices(nrGp)) cpu.wrmsr(pmc(i), 0);
        for (const i of indices(nrFixed)) cpu.wrmsr(fixedCtr(i), 0);
        cpu.wrmsr(GLOBAL_CTRL, open?.[1] ?? 0);
        kernel.user(100);
        stop(kernel);
        for (const [ecx] of bits)
          expect(cpu.rdpmc(ecx!) > 0, `counter 0x${ecx!.toString(16)}`).to.equal(ecx === open?.[0]);
      }
    },
  },
  {
    name: 'RDPMC',
    run({ cpu }) {
      const { nrGp, nrFixed } = cpu.caps;
      for (const i of indices(nrGp)) cpu.wrmsr(pmc(i), 100 + i);
      for (const i of indices(nrFixed)) cpu.wrmsr(fixedCtr(i), 200 + i);
      for (const i of indices(nrGp)) expect(cpu.rdpmc(i)).to.equal(100 + i);
      for (const i of indices(nrFixed)) expect(cpu.rdpmc(RDPMC_FIXED + i)).to.equal(200 + i);
      for (const ecx of [nrGp, PMC_IDX_FIXED, RDPMC_FIXED + nrFixed])
        faults(`RDPMC 0x${ecx.toString(16)}`, () => cpu.rdpmc(ecx));
    },
  },
  {
    name: 'reserved bits',
    run(kernel) {
      const { cpu } = kernel;
      const { nrGp, nrFixed, version } = cpu.caps;
      const anyThread = version >= 3 && version < 5;
      const refuses = (msr: number, value: number, allowed = false): void => {
        const old = cpu.rdmsr(msr);
        if (allowed) {
          cpu.wrmsr(msr, value);
          expect(cpu.rdmsr(msr)).to.equal(value);
          cpu.wrmsr(msr, old);
          return;
        }
        faults(`WRMSR 0x${msr.toString(16)} 0x${value.toString(16)}`, () => cpu.wrmsr(msr, value));
        expect(cpu.rdmsr(msr), 'a refused value is not kept').to.equal(old);
      };
      for (const i of indices(nrGp)) {
        refuses(evtsel(i), EVENTSEL.ANY, anyThread);
        refuses(evtsel(i), U32 * 4);
      }
      for (const i of indices(nrFixed)) refuses(FIXED_CTR_CTRL, FIXED_CTRL.ANY * 16 ** i, anyThread);
      refuses(FIXED_CTR_CTRL, 16 ** nrFixed);
      for (const msr of [GLOBAL_CTRL, OVF_CTRL])
        for (const value of [globalBit(nrGp), globalBit(31), fixedBit(nrFixed), 2 ** 50]) refuses(msr, value);
      cpu.wrmsr(GLOBAL_CTRL, everything(kernel));
      expect(cpu.rdmsr(GLOBAL_CTRL)).to.equal(everything(kernel));
    },
  },
  {
    name: 'registers that are not there',
    run({ cpu }) {
      const { nrGp, nrFixed, version, fullWidthWrite } = cpu.caps;
      const absent = [pmc(nrGp), evtsel(nrGp), fixedCtr(nrFixed)];
      if (version < 4) absent.push(STATUS_SET, INUSE);
      if (!fullWidthWrite) absent.push(MSR.IA32_A_PMC0);
      for (const msr of absent) {
        faults(`RDMSR 0x${msr.toString(16)}`, () => cpu.rdmsr(msr));
        faults(`WRMSR 0x${msr.toString(16)}`, () => cpu.wrmsr(msr, 0));
      }
      faults('GLOBAL_STATUS is read-only', () => cpu.wrmsr(STATUS, 0));
    },
  },
  {
    name: 'selectors read back',
    run(kernel) {
      const { cpu } = kernel;
      for (const i of indices(cpu.caps.nrGp)) {
        const value = (0x01000000 * i + (EVENTSEL.INT | EVENTSEL.USR | EVENT.loads)) >>> 0;
        cpu.wrmsr(evtsel(i), value);
        expect(cpu.rdmsr(evtsel(i))).to.equal(value);
      }
      const ctrl = allFixed(kernel, FIXED_CTRL.PMI | FIXED_CTRL.USR | FIXED_CTRL.OS);
      cpu.wrmsr(FIXED_CTR_CTRL, ctrl);
      expect(cpu.rdmsr(FIXED_CTR_CTRL)).to.equal(ctrl);
    },
  },
  {
    name: 'legacy alias sign-extends',
    run({ cpu }) {
      const modulus = 2 ** cpu.caps.width;
      for (const i of indices(cpu.caps.nrGp)) {
        for (const [value, reads] of [
          [0x7fffffff, 0x7fffffff],
          [0x80000000, modulus - 2 ** 31],
          [U32 - 1, modulus - 1],
          [U32 * 5 + 7, 7],
          [0, 0],
        ] as const) {
          cpu.wrmsr(pmc(i), value);
          expect(cpu.rdmsr(pmc(i)), `0x${value.toString(16)}`).to.equal(reads);
          expect(cpu.rdpmc(i)).to.equal(reads);
        }
      }
    },
  },
  {
    name: 'full-width alias',
    run({ cpu }) {
      const { nrGp, width, fullWidthWrite } = cpu.caps;
      if (!fullWidthWrite) return;
      expect(cpu.rdmsr(MSR.IA32_PERF_CAPABILITIES) & (1 << 13), 'FW_WRITE').to.not.equal(0);
      for (const i of indices(nrGp)) {
        for (const value of [2 ** 40 + 5, 0x80000000, 2 ** width - 1]) {
          cpu.wrmsr(MSR.IA32_A_PMC0 + i, value);
          expect([cpu.rdmsr(MSR.IA32_A_PMC0 + i), cpu.rdmsr(pmc(i)), cpu.rdpmc(i)]).to.deep.equal(Array(3).fill(value));
        }
        faults('a value wider than the counter', () => cpu.wrmsr(MSR.IA32_A_PMC0 + i, 2 ** width));
      }
    },
  },
  {
    name: 'full-width write of a fixed counter',
    needs: { fixed: 1 },
    run({ cpu }) {
      for (const value of [2 ** 40 + 5, 0x80000000]) {
        cpu.wrmsr(fixedCtr(0), value);
        expect(cpu.rdmsr(fixedCtr(0))).to.equal(value);
      }
    },
  },
  {
    name: 'running-counter write',
    run(kernel) {
      const { cpu } = kernel;
      start(kernel, EVENT.instructions);
      kernel.user();
      cpu.wrmsr(pmc(0), before(1000));
      kernel.user();
      expect(cpu.rdmsr(STATUS)).to.equal(1);
      interrupts(kernel, 1);
    },
  },
  {
    name: 'running-counter write counts on from there',
    run(kernel) {
      const { cpu } = kernel;
      start(kernel, EVENT.instructions);
      const total = kernel.user()[INSTRUCTIONS]!;
      cpu.wrmsr(pmc(0), 5_000_000);
      kernel.user();
      expect(cpu.rdpmc(0)).to.equal(5_000_000 + total);
    },
  },
  {
    name: 'one event on two counters',
    needs: { gp: 2 },
    run(kernel) {
      const { cpu } = kernel;
      cpu.wrmsr(evtsel(0), USER | EVENT.branches);
      cpu.wrmsr(evtsel(1), USER | EVENT.branches);
      cpu.wrmsr(GLOBAL_CTRL, 3);
      const { [COLUMN.branches]: total } = kernel.user();
      expect([cpu.rdpmc(0), cpu.rdpmc(1)]).to.deep.equal([total, total]);
    },
  },
  {
    name: 'a counter turns to another event',
    run(kernel) {
      const { cpu } = kernel;
      start(kernel, EVENT.cycles);
      kernel.user();
      for (const [event, column] of [
        [EVENT.branches, COLUMN.branches],
        [EVENT.instructions, INSTRUCTIONS],
      ] as const) {
        cpu.wrmsr(evtsel(0), USER | event);
        const from = cpu.rdpmc(0);
        const total = kernel.user()[column]!;
        expect(cpu.rdpmc(0) - from).to.equal(total);
      }
    },
  },
  {
    name: 'a stopped counter keeps its value',
    run(kernel) {
      const { cpu } = kernel;
      start(kernel, EVENT.instructions);
      const total = kernel.user()[INSTRUCTIONS]!;
      const stops: readonly (readonly [msr: number, off: number, on: number])[] = [
        [GLOBAL_CTRL, 0, 1],
        [evtsel(0), EVENTSEL.USR | EVENT.instructions, USER | EVENT.instructions],
      ];
      let expected = total;
      for (const [msr, off, on] of stops) {
        cpu.wrmsr(msr, off);
        kernel.user();
        expect(cpu.rdpmc(0), 'stopped').to.equal(expected);
        cpu.wrmsr(msr, on);
        kernel.user();
        expected += total;
        expect(cpu.rdpmc(0), 'restarted').to.equal(expected);
      }
    },
  },
  {
    name: 'all counters at once',
    run(kernel) {
      const { cpu } = kernel;
      const { nrGp, nrFixed } = cpu.caps;
      const columns = [INSTRUCTIONS, CYCLES, COLUMN.branches, COLUMN['L1-dcache-loads']];
      const codes = [EVENT.instructions, EVENT.cycles, EVENT.branches, EVENT.loads];
      for (const i of indices(nrGp)) cpu.wrmsr(evtsel(i), USER | codes[i % 4]!);
      cpu.wrmsr(FIXED_CTR_CTRL, allFixed(kernel, FIXED_CTRL.USR));
      cpu.wrmsr(GLOBAL_CTRL, everything(kernel));
      const retired = kernel.user();
      stop(kernel);
      for (const i of indices(nrGp)) expect(cpu.rdpmc(i), `PMC${i}`).to.equal(Math.floor(retired[columns[i % 4]!]!));
      for (const i of indices(nrFixed)) {
        expect(cpu.rdpmc(RDPMC_FIXED + i), `FIXED${i}`).to.equal(Math.floor(kernel.fixed(i, retired)));
      }
    },
  },
  {
    name: 'all counters overflow',
    run(kernel) {
      const { cpu } = kernel;
      const { nrGp, nrFixed } = cpu.caps;
      for (const i of indices(nrGp)) {
        cpu.wrmsr(pmc(i), before(100 * (i + 1)));
        cpu.wrmsr(evtsel(i), USER | EVENTSEL.INT | EVENT.instructions);
      }
      for (const i of indices(nrFixed)) cpu.wrmsr(fixedCtr(i), 2 ** cpu.caps.width - 1000);
      cpu.wrmsr(FIXED_CTR_CTRL, allFixed(kernel, FIXED_CTRL.USR | FIXED_CTRL.PMI));
      cpu.wrmsr(GLOBAL_CTRL, everything(kernel));
      kernel.user();
      expect(cpu.rdmsr(STATUS)).to.equal(everything(kernel));
      expect(kernel.nmis.length).to.be.within(1, nrGp + nrFixed);
    },
  },
  {
    name: 'LVTPC is masked on delivery',
    run(kernel) {
      const { cpu } = kernel;
      kernel.onNmi = () => undefined;
      for (let i = 0; i < 2; i++) {
        start(kernel, EVENT.instructions, before(1000));
        kernel.user();
        stop(kernel);
      }
      interrupts(kernel, 1, 'the second meets a masked entry');
      cpu.setLvtpc('NMI');
      start(kernel, EVENT.instructions, before(1000));
      kernel.user();
      interrupts(kernel, 2, 'unmasked again');
    },
  },
  {
    name: 'GLOBAL_STATUS can be saved, cleared and put back',
    needs: { gp: 2 },
    since: 4,
    run(kernel) {
      const { cpu } = kernel;
      cpu.wrmsr(pmc(1), before(10));
      cpu.wrmsr(evtsel(1), USER | EVENTSEL.INT | EVENT.instructions);
      cpu.wrmsr(GLOBAL_CTRL, 2);
      kernel.user();
      stop(kernel);
      const saved = cpu.rdmsr(STATUS);
      expect(saved).to.equal(2);
      kernel.nmis.length = 0;
      cpu.wrmsr(OVF_CTRL, saved);
      expect(cpu.rdmsr(STATUS)).to.equal(0);
      cpu.wrmsr(STATUS_SET, saved + fixedBit(0));
      expect(cpu.rdmsr(STATUS), 'set').to.equal(saved + fixedBit(0));
      cpu.wrmsr(STATUS_SET, 0);
      cpu.wrmsr(STATUS_SET, 1);
      expect(cpu.rdmsr(STATUS), 'a clear bit changes nothing').to.equal(3 + fixedBit(0));
      expect(cpu.rdmsr(STATUS_SET), 'holds nothing itself').to.equal(0);
      kernel.user();
      interrupts(kernel, 0, 'no overflow, no PMI');
      cpu.wrmsr(OVF_CTRL, 1 + fixedBit(0));
      expect(cpu.rdmsr(STATUS)).to.equal(2);
      const { nrGp, nrFixed } = cpu.caps;
      for (const bit of [globalBit(nrGp), fixedBit(nrFixed)])
        faults('a counter that is not there', () => cpu.wrmsr(STATUS_SET, bit));
    },
  },
  {
    name: 'GLOBAL_INUSE tells which counters are programmed',
    since: 4,
    run(kernel) {
      const { cpu } = kernel;
      expect(cpu.rdmsr(INUSE)).to.equal(0);
      let used = 0;
      for (const i of indices(cpu.caps.nrGp)) {
        cpu.wrmsr(evtsel(i), EVENTSEL.USR | EVENT.branches);
        expect(cpu.rdmsr(INUSE), `PMC${i}, not enabled`).to.equal((used += globalBit(i)));
      }
      for (const i of indices(cpu.caps.nrFixed)) {
        cpu.wrmsr(FIXED_CTR_CTRL, allFixed(kernel, FIXED_CTRL.USR) % 16 ** (i + 1));
        expect(cpu.rdmsr(INUSE), `FIXED${i}`).to.equal((used += fixedBit(i)));
      }
      cpu.wrmsr(FIXED_CTR_CTRL, allFixed(kernel, FIXED_CTRL.PMI));
      for (const i of indices(cpu.caps.nrGp)) cpu.wrmsr(evtsel(i), EVENTSEL.ENABLE | EVENTSEL.USR);
      expect(cpu.rdmsr(INUSE), 'no ring, no event').to.equal(0);
      faults('GLOBAL_INUSE is read-only', () => cpu.wrmsr(INUSE, 0));
    },
  },
];

/** Checks for a guest without a PMU: every register and every counter faults. */
export const WITHOUT_COUNTERS: readonly Check[] = [
  {
    name: 'no register and no counter',
    run({ cpu }) {
      expect(cpu.caps).to.include({ version: 0, nrGp: 0, nrFixed: 0 });
      for (let msr = MSR.IA32_PMC0; msr <= MSR.IA32_A_PMC0 + 8; msr++) {
        if (decodePmuMsr(msr) === undefined) continue;
        faults(`RDMSR 0x${msr.toString(16)}`, () => cpu.rdmsr(msr));
        faults(`WRMSR 0x${msr.toString(16)}`, () => cpu.wrmsr(msr, 0));
      }
      for (const ecx of [0, 3, RDPMC_FIXED, RDPMC_FIXED + 2])
        faults(`RDPMC 0x${ecx.toString(16)}`, () => cpu.rdpmc(ecx));
    },
  },
];
