/** Cores that queue for the mutexes of the host's perf: waits are in the ledger, and none of it shows how it was simulated. */
import { expect } from 'chai';
import type { Ledger } from '../../src/results/ledger.ts';
import { PLACES, guestOf, programOf, recordIn } from './guest-run.ts';

const of = (name: string) => PLACES.find(({ vpmu }) => vpmu === name)!;
const rowOf = ({ rows }: Pick<Ledger, 'rows'>, account: string): number =>
  rows.find((row) => row.account === account)?.ns ?? NaN;

describe("mutexes of the host's perf", () => {
  it('a guest whose threads sleep and wake on three vCPUs waits for pmc_reserve_mutex under legacy, not under v2', async () => {
    const waits = new Map<string, number>();
    for (const vpmu of ['legacy', 'v2']) {
      const spec = await guestOf(of(vpmu), 3);
      const { workload, program } = await programOf(spec, ['server', '4', '60']);
      const { hash, ledger } = await recordIn(spec, program);
      expect(ledger.rows.reduce((sum, { ns }) => sum + ns, 0)).to.equal(ledger.ns);
      waits.set(vpmu, rowOf(ledger, 'pmc_reserve_mutex'));
      for (const [threads, longest] of [
        [1, 20],
        [2, 250],
        [3, Infinity],
      ] as const) {
        const again = await recordIn(spec, program, { longest, on: { workload, threads } });
        expect([again.hash, again.ledger], `${vpmu}: ${threads} threads, ${longest} us`).to.deep.equal([hash, ledger]);
      }
      // No more than all others can have held it.
      expect(waits.get(vpmu)!).to.be.below(2 * rowOf(ledger, 'host perf'));
    }
    expect(waits.get('legacy')).to.be.above(1e6);
    expect(waits.get('v2')).to.be.below(0.1 * waits.get('legacy')!);
  });

  it('guests that make their first events at once wait for the one that switches the static key on', async () => {
    const sets = ['host.guests=2', 'host.guests_perf=on'];
    const spec = await guestOf(of('legacy'), 1, 3, sets);
    const { workload, program } = await programOf(spec, ['noploop', '0.2']);
    const { hash, ledger } = await recordIn(spec, program);
    // The first to come waits for a grace period of 15 to 30 ms, and the others for what is left of it.
    const waited = rowOf(ledger, 'perf_sched_mutex');
    expect(waited).to.be.within(1e6, 60e6);
    const two = await recordIn(spec, program, { on: { workload, threads: 2 } });
    expect([two.hash, two.ledger]).to.deep.equal([hash, ledger]);
  });

  it('one vCPU on one core has no such rows', async () => {
    const spec = await guestOf(of('legacy'), 1);
    const { program } = await programOf(spec, ['noploop', '0.02']);
    const { ledger } = await recordIn(spec, program);
    expect(ledger.rows.map(({ account }) => account)).to.not.include('pmc_reserve_mutex');
  });
});
