/**
 * The register accesses of the x86 driver, in order: under a hypervisor each is an exit, so their number is the cost
 * of an operation. The PMU is version 2 without full-width writes, as KVM of Linux 5.0 shows it to guests.
 */
import { expect } from 'chai';
import type { Vector } from '../../src/arch/cpu.ts';
import { decodePmuMsr } from '../../src/arch/msr.ts';
import { Core } from '../../src/hw/core.ts';
import type { PerfEvent } from '../../src/kernel/perf-event.ts';
import type { Task } from '../../src/kernel/task.ts';
import type { PerfEventAttr } from '../../src/uapi/perf-event.ts';
import { Bench, MS } from './machine.ts';

/** What KVM of Linux 5.0 shows its guests. */
const GUEST = { caps: { version: 2, nrGp: 4, nrFixed: 3, width: 48, fullWidthWrite: false } };

/** A core that records which PMU registers are accessed. */
class Tapped extends Core {
  log: string[] = [];
  override rdmsr(msr: number): number {
    this.log.push(`R ${name(msr)}`);
    return super.rdmsr(msr);
  }
  override wrmsr(msr: number, value: number): void {
    this.log.push(`W ${name(msr)}`);
    super.wrmsr(msr, value);
  }
  override rdpmc(ecx: number): number {
    this.log.push('RDPMC');
    return super.rdpmc(ecx);
  }
  override setLvtpc(vector: Vector, masked?: boolean): void {
    this.log.push('W LVTPC');
    super.setLvtpc(vector, masked);
  }
}
const SHORT: Record<string, string> = { PMC: 'CTR', FIXED_CTR: 'CTR', PERFEVTSEL: 'EVT', FIXED_CTR_CTRL: 'FCC' };
const name = (msr: number): string => {
  const reg = decodePmuMsr(msr)!.reg;
  return SHORT[reg] ?? reg;
};

/** A task that computes with these events on it. */
class Tap extends Bench<Tapped> {
  readonly spinning: Task;
  readonly events: readonly PerfEvent[];
  constructor(events: string, attr: Partial<PerfEventAttr> = {}, release = '5.0.0') {
    super({ release }, GUEST, Tapped);
    this.spinning = this.spinner();
    this.events = this.open(events, this.spinning, { attr });
    this.pass(0.05 * MS);
  }
  /** Registers touched while `work` ran. */
  touched(work: () => void): string[] {
    this.core.log = [];
    work();
    return this.core.log;
  }
  /** Registers touched by whatever moves a count of the kernel's on by one. */
  touchedUntil(count: () => number): string[] {
    const before = count();
    return this.touched(() => {
      while (count() === before) this.pass(0.01 * MS);
    });
  }
}

const FOUR_AND_ONE = 'branches,branch-misses,L1-dcache-loads,L1-dcache-stores,cycles';

describe('kernel: register accesses of the x86 driver', () => {
  it('schedules four general-purpose events and one fixed out in 13 accesses', () => {
    const tap = new Tap(FOUR_AND_ONE);
    const log = tap.touched(() => tap.kernel.perf.task_sched_out(tap.spinning, tap.kernel.idle));
    expect(log).to.deep.equal([
      'W GLOBAL_CTRL',
      ...Array.from({ length: 4 }, () => ['W EVT', 'RDPMC']).flat(),
      'R FCC',
      'W FCC',
      'RDPMC',
      'W GLOBAL_CTRL',
    ]);
    expect(log).to.have.length(13);
  });

  it('schedules them in again in 14, including the write of LVTPC', () => {
    const tap = new Tap(FOUR_AND_ONE);
    tap.kernel.perf.task_sched_out(tap.spinning, tap.kernel.idle);
    const log = tap.touched(() => tap.kernel.perf.task_sched_in(tap.spinning));
    expect(log).to.deep.equal([
      'W GLOBAL_CTRL',
      ...Array.from({ length: 4 }, () => ['W CTR', 'W EVT']).flat(),
      'W CTR',
      'R FCC',
      'W FCC',
      'W LVTPC',
      'W GLOBAL_CTRL',
    ]);
    expect(log).to.have.length(14);
  });

  it('serves a PMI of one counter in 8 accesses, acknowledging LVTPC last', () => {
    const tap = new Tap('cycles:u', { sample_period: 1_000_000 });
    expect(tap.touchedUntil(() => tap.kernel.nmis)).to.deep.equal([
      'W GLOBAL_CTRL',
      'R GLOBAL_STATUS',
      'W GLOBAL_OVF_CTRL',
      'RDPMC',
      'W CTR',
      'R GLOBAL_STATUS',
      'W GLOBAL_CTRL',
      'W LVTPC',
    ]);
  });

  it('stops a throttled counter in two more', () => {
    const tap = new Tap('cycles:u', { sample_period: 100_000 });
    tap.kernel.sysctl.max_samples_per_tick = 2;
    const log = tap.touchedUntil(() => tap.kernel.throttled_count);
    expect(log.slice(-7)).to.deep.equal([
      'RDPMC',
      'W CTR',
      'R FCC',
      'W FCC',
      'R GLOBAL_STATUS',
      'W GLOBAL_CTRL',
      'W LVTPC',
    ]);
  });

  it('rotates six events on five counters in 25 accesses, 22 if the fixed event comes or goes', () => {
    const tap = new Tap(`${FOUR_AND_ONE},cache-misses`);
    const lengths = Array.from({ length: 6 }, () => tap.touchedUntil(() => tap.kernel.perf.rotations).length);
    // BMLSC, MLSCX, LSCXB, SCXBM, CXBML, XBML: cycles is out in the last one only.
    expect(lengths).to.deep.equal([25, 25, 25, 25, 22, 22]);
  });

  it('feeds back a frequency at the tick in 8 accesses', () => {
    const tap = new Tap('cycles:u', { sample_period: 4000, freq: true });
    tap.pass(0.5 * MS);
    const log = tap.touched(() => tap.kernel.perf.task_tick());
    expect(log).to.deep.equal(['W GLOBAL_CTRL', 'R FCC', 'W FCC', 'RDPMC', 'W CTR', 'R FCC', 'W FCC', 'W GLOBAL_CTRL']);
  });

  it('the tick touches nothing for counting events, nor for frequency events that are off', () => {
    for (const tap of [new Tap(FOUR_AND_ONE), new Tap('cycles:u', { sample_period: 4000, freq: true, disabled: true })])
      expect(tap.touched(() => tap.kernel.perf.task_tick())).to.deep.equal([]);
  });

  it('reads a running event by one RDPMC', () => {
    const tap = new Tap('cycles:u');
    expect(tap.touched(() => tap.kernel.perf.read(tap.events[0]!))).to.deep.equal(['RDPMC']);
  });

  it('closes an event that is not on the PMU without touching it', () => {
    const tap = new Tap('cycles:u');
    tap.kernel.perf.task_sched_out(tap.spinning, tap.kernel.idle);
    expect(tap.touched(() => tap.sys.close(tap.events[0]!))).to.deep.equal([]);
  });

  describe('from Linux 6.1, FIXED_CTR_CTRL', () => {
    const since = (events: string, attr: Partial<PerfEventAttr> = {}): Tap => new Tap(events, attr, '6.1');

    it('is never read, and written once as the counters are opened', () => {
      const tap = since(`${FOUR_AND_ONE},instructions`);
      const out = tap.touched(() => tap.kernel.perf.task_sched_out(tap.spinning, tap.kernel.idle));
      expect(out.filter((access) => access.endsWith('FCC'))).to.deep.equal(['W FCC']);
      expect(out.slice(-2)).to.deep.equal(['W FCC', 'W GLOBAL_CTRL']);
      const into = tap.touched(() => tap.kernel.perf.task_sched_in(tap.spinning));
      expect(into.filter((access) => access.endsWith('FCC'))).to.deep.equal(['W FCC']);
      expect(into.slice(-3)).to.deep.equal(['W LVTPC', 'W FCC', 'W GLOBAL_CTRL']);
    });

    it('is left alone if nothing of it changed', () => {
      const tap = since('cycles:u', { sample_period: 4000, freq: true });
      tap.pass(0.5 * MS);
      const log = tap.touched(() => tap.kernel.perf.task_tick());
      expect(log).to.deep.equal(['W GLOBAL_CTRL', 'RDPMC', 'W CTR', 'W GLOBAL_CTRL']);
    });

    it('is written where a PMI throttles its counter', () => {
      const tap = since('cycles:u', { sample_period: 100_000 });
      tap.kernel.sysctl.max_samples_per_tick = 1;
      const log = tap.touchedUntil(() => tap.kernel.throttled_count);
      expect(log.slice(-6)).to.deep.equal(['RDPMC', 'W CTR', 'R GLOBAL_STATUS', 'W FCC', 'W GLOBAL_CTRL', 'W LVTPC']);
    });
  });
});
