/** Until when others see the same of a CPU at grid lines, which may be left out until then. */
import { expect } from 'chai';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { cycles } from '../../src/units.ts';
import { syscall, work } from '../kernel/scripts.ts';
import { Smp, US } from './smp.ts';

const NEVER = cycles(Infinity);
const steady = (host: Kernel, arrival = NEVER): number => {
  const from = host.cpu.now();
  const sampling = { counters: 0, byClock: false };
  return host.turns.steady({ from, arrival, pmi: NEVER, record: cycles(1), nmi: cycles(1), sampling }) - from;
};
const busy = [work(50_000 * US)];

describe('machine/steady', () => {
  it('a thread that computes alone shows nothing new, nor does a CPU that idles, until something comes', () => {
    const smp = new Smp(2);
    smp.place([
      { cpu: 0, script: busy },
      { cpu: 1, script: [syscall('nanosleep', { ns: 30e6 }), work(1000)] },
    ]);
    const [a, b] = smp.runTo(4).cpus.map(({ host }) => host);
    expect(steady(a!)).to.be.within(40_000 * US, 50_000 * US);
    expect(steady(b!)).to.be.within(20_000 * US, 30_000 * US);
    expect(steady(a!, cycles(a!.cpu.now() + 500))).to.equal(500);
  });

  it('a CPU shows something new at once if tasks wait, or if PMIs take nearly as long as they may', () => {
    const smp = new Smp(2);
    smp.place([0, 0, 1].map((cpu) => ({ cpu, script: busy })));
    const [a, b] = smp.runTo(4).cpus.map(({ host }) => host);
    b!.system.overload = false;
    expect([steady(a!), steady(b!) > 0]).to.deep.equal([0, true]);
    b!.running_sample_length = 128 * 0.8 * b!.sysctl.sample_allowed_ns;
    expect(steady(b!)).to.equal(0);
  });
});
