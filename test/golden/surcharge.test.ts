/**
 * What a host's first and last hardware event cost by its number of CPUs (fixtures/golden/reserve.txt; `npm run update`
 * rewrites it), and that a running host pays as much.
 */
import { expect } from 'chai';
import { setUpMachine } from '../../src/experiment/setup.ts';
import { surchargeOf } from '../../src/experiment/surcharge.ts';
import { KERNEL_SYMBOLS, FN } from '../../src/kernel/symbols.ts';
import { legacy } from '../../src/kvm/vpmu/legacy.ts';
import { surchargeLines } from '../../src/report/explain/surcharge.ts';
import type { SurchargeReport } from '../../src/results/surcharge.ts';
import { HostOfOne } from '../kvm/guest.ts';
import { expectKept } from '../kept.ts';

const textOf = (report: SurchargeReport): string => `${[...surchargeLines(report)].join('\n')}\n`;

/** ns of a call at the k-th number of CPUs: all of it, or what grows in one way. */
function costOf({ calls }: SurchargeReport, name: string, k: number, grows?: 'linear' | 'quadratic'): number {
  const { rows } = calls.find((call) => call.name === name)!;
  return rows
    .filter((row) => grows === undefined || row.grows === grows)
    .reduce((sum, { each, times }) => sum + each * times[k]!, 0);
}

describe("a host's first and last event", () => {
  it('cost what fixtures/golden/reserve.txt says', async () => {
    const report = surchargeOf(await setUpMachine({ vpmu: 'host', sets: [] }));
    expect(report.cpus).to.deep.equal([22, 44, 88, 192]);
    expectKept('fixtures/golden/reserve.txt', textOf(report));
    for (const call of ['reserve_ds_buffers', 'release_ds_buffers']) {
      const parts = (k: number) => [costOf(report, call, k, 'linear'), costOf(report, call, k, 'quadratic')] as const;
      for (const [k, [less, more]] of [[parts(0), parts(1)] as const, [parts(1), parts(2)] as const].entries()) {
        expect(more[0] / less[0], `${call}, linear ${k}`).to.be.within(1.99, 2.01);
        expect(more[1] / less[1], `${call}, quadratic ${k}`).to.be.within(4, 4.2);
      }
    }
    // Only the first event has pages to zero: two buffers of 16 pages for each CPU.
    const [less, more] = ['release_ds_buffers', 'reserve_ds_buffers'].map((call) => costOf(report, call, 2));
    expect(more! - less!).to.equal(88 * 32 * 110);
  });

  it('on a machine of its own number of CPUs and another Linux, from 5.13 with flushes side by side', async () => {
    const of = async (kernel: string) =>
      surchargeOf(await setUpMachine({ vpmu: 'host', sets: ['host.cpus=4', `host.kernel=${kernel}`] }));
    const [before, since] = [await of('5.12.0'), await of('5.13.0')];
    expect(before.cpus).to.deep.equal([4, 22, 44, 88, 192]);
    for (const call of ['reserve_ds_buffers', 'release_ds_buffers'])
      expect(costOf(before, call, 0) - costOf(since, call, 0), call).to.equal(4 * 32 * 100);
  });

  for (const cpus of [1, 22, 88, 192])
    it(`is what a host of ${cpus} CPUs pays, under the names of what it does`, async () => {
      const { host, core, global } = new HostOfOne(legacy, { cpus });
      const report = surchargeOf(await setUpMachine({ vpmu: 'host', sets: [`host.cpus=${cpus}`] }));
      const k = report.cpus.indexOf(cpus);
      const CALLS = 4000;
      const spent = { reserve_ds_buffers: 0, release_ds_buffers: 0 };
      const pages = core.spent.host.slice();
      for (let i = 0; i < CALLS; i++) {
        let at = host.cpu.now();
        global.account(host, false);
        spent.reserve_ds_buffers += host.cpu.now() - at;
        at = host.cpu.now();
        global.unaccount(host, false);
        spent.release_ds_buffers += host.cpu.now() - at;
      }
      for (const call of ['reserve_ds_buffers', 'release_ds_buffers'] as const) {
        const ns = host.nanosOf(spent[call] as never) / CALLS;
        expect(ns / (report.share * costOf(report, call, k)), call).to.be.within(0.95, 1.05);
      }
      const booked = KERNEL_SYMBOLS.filter((_, fn) => core.spent.host[fn]! > pages[fn]!).map(({ name }) => name);
      expect(booked).to.include.members(['dsalloc_pages', 'ds_update_cea', 'ds_clear_cea', 'flush_tlb_kernel_range']);
      const flush = core.spent.host[FN.flush_tlb_kernel_range]! - pages[FN.flush_tlb_kernel_range]!;
      const share = flush / (spent.reserve_ds_buffers + spent.release_ds_buffers);
      const [least, most] = { 1: [0.3, 0.4], 22: [0.5, 0.7], 88: [0.6, 0.75], 192: [0.7, 0.8] }[cpus]!;
      expect(share, 'mostly flushes, the more CPUs there are').to.be.within(least!, most!);
    });
});
