/** The spread of a machine's costs: each has its least, its mean and a tail, and one key takes it away. */
import { expect } from 'chai';
import { PassTimes } from '../../src/hw/pass-times.ts';
import { FN, KERNEL_SYMBOLS } from '../../src/kernel/symbols.ts';
import { passCounters, ring0Table } from '../../src/machine/ring0.ts';
import { MACHINES, machineSpec } from '../../src/machine/spec.ts';
import { stream } from '../../src/sim/rng.ts';
import { SUBCYCLES } from '../../src/units.ts';

const table = (spread: number, machine = 'broadwell-ep'): ReturnType<typeof ring0Table> =>
  ring0Table(machineSpec(machine, 'host', 'test', [`costs.spread=${spread}`]));
const sorted = (times: PassTimes, fn: number, n: number): number[] => {
  const passes = passCounters(stream('test', 'passes'));
  return Array.from({ length: n }, () => times.draw(fn, passes)).toSorted((a, b) => a - b);
};

describe('machine/spreads', () => {
  it('every cost that is not 0 has a least time below its mean, a median between them and a tail above', () => {
    const ring0 = table(1);
    const times = new PassTimes(ring0);
    const n = 4096;
    for (const { index, name, cost } of ring0) {
      const drawn = sorted(times, index, n);
      const mean = drawn.reduce((sum, time) => sum + time, 0) / n;
      expect(times.least(index), name).to.be.below(cost);
      expect(drawn[0], name).to.be.at.least(times.least(index));
      expect(drawn[0]! < drawn[n / 2]! && drawn[n / 2]! < mean, name).to.equal(true);
      expect(drawn[n / 2]! < drawn[Math.ceil(0.99 * n)]! && drawn[Math.ceil(0.99 * n)]! < drawn[n - 1]!).to.equal(true);
      expect(mean / cost, name).to.be.closeTo(1, 0.03);
    }
  });

  it('the mean of many passes is the cost, to a fraction of a 64th of a cycle', () => {
    for (const machine of MACHINES) {
      const ring0 = table(1, machine.name);
      const times = new PassTimes(ring0);
      for (const fn of [FN.vmx_vcpu_run, FN.native_write_msr, FN.perf_event_ctx_lock_nested, FN.do_nmi]) {
        const { spread, cost } = ring0[fn]!;
        const cells = spread!.quantiles.subarray(0, 1024);
        const mean = cells.reduce((sum, quantile) => sum + quantile, 0) / cells.length;
        expect(spread!.least + (cost - spread!.least) * mean).to.be.closeTo(cost, 1e-9);
        const drawn = sorted(times, fn, 1 << 16);
        const off = drawn.reduce((sum, time) => sum + time - cost, 0) / drawn.length;
        expect(Math.abs(off) / cost, ring0[fn]!.name).to.be.below(0.003);
      }
    }
  });

  it('times are whole 64ths of a cycle', () => {
    const times = new PassTimes(table(1));
    for (const time of sorted(times, FN.vmx_vcpu_run, 1000)) expect((time * SUBCYCLES) % 1).to.equal(0);
  });

  it('costs.spread=0: every pass takes the mean, and a factor narrows or widens', () => {
    const none = new PassTimes(table(0));
    for (const { index, cost, name } of table(0)) {
      expect(none.least(index), name).to.equal(cost);
      expect(new Set(sorted(none, index, 50)), name).to.deep.equal(new Set([cost]));
    }
    const p99 = (spread: number): number => sorted(new PassTimes(table(spread)), FN.vmx_vcpu_run, 1000)[990]!;
    expect(p99(0.5)).to.be.below(p99(1));
    expect(p99(2)).to.be.above(p99(1));
  });

  it('the counters are by name', () => {
    const passes = passCounters(stream('test', 'passes'));
    expect(new Set(passes).size).to.equal(KERNEL_SYMBOLS.length);
  });
});
