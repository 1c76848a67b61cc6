/**
 * Guests whose vCPUs' threads the host moves between its cores, in windows of any length. All designs, workloads, windows and
 * threads of Node at once: npm run invariance (invariance.ts).
 */
import { expect } from 'chai';
import fc from 'fast-check';
import { OrderedEvents } from '../../src/perfdata/sorter.ts';
import { PERF_RECORD_USER } from '../../src/perf-events/tool-record.ts';
import { PLACES, WORKLOADS, guestOf, programOf, recordIn } from '../experiment/guest-run.ts';
import { CAPS, randomPrograms, seen } from '../experiment/invariance.ts';

const FLOATING = 'host.sched=floating';
const SIZES = [
  [4, 2],
  [8, 4],
  [3, 2],
  [4, 4],
] as const;

describe('vCPUs that float', () => {
  let moved = 0;
  for (const [nth, place] of PLACES.entries())
    for (const [i, words] of WORKLOADS.entries()) {
      const [vcpus, cores] = SIZES[(nth + i) % SIZES.length]!;
      it(`${place.vpmu}, ${vcpus} on ${cores} cores, ${words[0]}: the same for any longest window`, async () => {
        const spec = await guestOf(place, vcpus, cores, [FLOATING]);
        const { program } = await programOf(spec, words);
        const whole = await recordIn(spec, program);
        moved += whole.ledger.vcpus!.reduce((sum, vcpu) => sum + vcpu.moves!, 0);
        for (const longest of [3, CAPS[1 + ((nth + i) % 3)]!]) {
          const { hash, ledger } = await recordIn(spec, program, { longest });
          expect([hash, ledger], `${longest} us`).to.deep.equal([whole.hash, whole.ledger]);
        }
      });
    }

  it('and they did move', () => {
    expect(moved).to.be.greaterThan(50);
  });

  for (const place of PLACES)
    it(`${place.vpmu}: so is it with random programs`, async () => {
      const sizes = fc.constantFrom([2, 2], [3, 2], [4, 2], [1, 2] as const);
      const besides = fc.constantFrom(
        [],
        ['host.guests=1'],
        ['guest.background=3000'],
        ['host.cpus=2', 'host.guests=2', 'host.guests_perf=on'],
      );
      const longest = fc.constantFrom(...CAPS);
      await fc.assert(
        fc.asyncProperty(sizes, besides, randomPrograms, longest, async ([vcpus, cores], sets, made, cap) => {
          const spec = await guestOf(place, vcpus, cores, [FLOATING, ...sets]);
          const program = made();
          const whole = await seen(recordIn(spec, program));
          expect(await seen(recordIn(spec, program, { longest: cap }))).to.deep.equal(whole);
        }),
        { numRuns: 8, seed: 3 },
      );
    });

  it('bare metal beside guests that float is one boot with them, and the same for any longest window', async () => {
    const spec = await guestOf({ vpmu: 'host', machine: 'broadwell-ep' }, 3, 3, [FLOATING, 'host.guests=4']);
    for (const words of WORKLOADS)
      for (const systemWide of [false, true]) {
        const { program } = await programOf(spec, words);
        const whole = await seen(recordIn(spec, program, { systemWide }));
        for (const longest of [3, 250])
          expect(await seen(recordIn(spec, program, { systemWide, longest }))).to.deep.equal(whole);
      }
  });

  it('no record is out of order, also when buffers of a page overflow at 50 kHz', async () => {
    const spec = await guestOf(
      PLACES.find(({ vpmu }) => vpmu === 'v2')!,
      4,
      2,
      [FLOATING],
    );
    const { program } = await programOf(spec, ['ftest-threads', '4', '0.05']);
    const { records, ledger } = await recordIn(spec, program, { systemWide: true, freq: 50_000, mmapPages: 1 });
    expect(ledger.vcpus!.some(({ moves }) => moves! > 0)).to.equal(true);
    const queue = new OrderedEvents();
    let rounds = 0;
    for (const one of records)
      if (one.type === PERF_RECORD_USER.FINISHED_ROUND) {
        queue.round();
        rounds++;
      } else if ('time' in one && Number(one.time) > 0) queue.push(one.time, 0);
    expect(rounds).to.be.greaterThan(20);
    expect(queue.unordered).to.equal(0);
  });
});
