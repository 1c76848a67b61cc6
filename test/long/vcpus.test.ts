/** Guests with several vCPUs, in windows of any length: every design, workloads and random programs, overcommitted or not. */
import { expect } from 'chai';
import fc from 'fast-check';
import { OrderedEvents } from '../../src/perfdata/sorter.ts';
import { PERF_RECORD_USER } from '../../src/perf-events/tool-record.ts';
import { PLACES, WORKLOADS, guestOf, programOf, recordIn } from '../experiment/guest-run.ts';
import { CAPS, randomPrograms, seen } from '../experiment/invariance.ts';

describe('a guest with several vCPUs', () => {
  for (const place of PLACES)
    for (const [vcpus, cores] of [
      [4, 4],
      [4, 2],
      [2, 1],
    ] as const)
      for (const words of WORKLOADS)
        it(`${place.vpmu}, ${vcpus} vCPUs on ${cores}, ${words[0]}: is the same for any longest window`, async () => {
          const spec = await guestOf(place, vcpus, cores);
          const { program } = await programOf(spec, words);
          for (const systemWide of place.vpmu === 'legacy' ? [false] : [false, true]) {
            const whole = await seen(recordIn(spec, program, { systemWide }));
            for (const longest of systemWide ? CAPS.slice(0, 1) : CAPS)
              expect(await seen(recordIn(spec, program, { systemWide, longest })), `${longest} us`).to.deep.equal(
                whole,
              );
          }
        });

  for (const place of PLACES)
    for (const words of WORKLOADS)
      it(`${place.vpmu} on the hardware threads of two cores, ${words[0]}: is the same for any longest window`, async () => {
        const spec = await guestOf(place, place.vpmu === 'v2' ? 6 : 4, 4, ['host.cpus=4']);
        const { program } = await programOf(spec, words);
        const whole = await seen(recordIn(spec, program));
        for (const longest of CAPS)
          expect(await seen(recordIn(spec, program, { longest })), `${longest} us`).to.deep.equal(whole);
      });

  for (const place of PLACES)
    it(`${place.vpmu}: so is it with random programs`, async () => {
      const sizes = fc.constantFrom([2, 2], [3, 2], [4, 2], [3, 1] as const);
      const besides = fc.constantFrom([], ['host.guests=1'], ['guest.background=3000']);
      await fc.assert(
        fc.asyncProperty(
          sizes,
          besides,
          randomPrograms,
          fc.constantFrom(...CAPS),
          async ([vcpus, cores], sets, made, longest) => {
            const spec = await guestOf(place, vcpus, cores, sets);
            const program = made();
            const whole = await seen(recordIn(spec, program));
            expect(await seen(recordIn(spec, program, { longest }))).to.deep.equal(whole);
          },
        ),
        { numRuns: 20, seed: 1 },
      );
    });

  it('no record is out of order, also when buffers of a page overflow at 50 kHz', async () => {
    const place = PLACES.find(({ vpmu }) => vpmu === 'v2')!;
    for (const cores of [4, 2]) {
      const spec = await guestOf(place, 4, cores);
      const { program } = await programOf(spec, ['ftest-threads', '4', '0.05']);
      const { records } = await recordIn(spec, program, { systemWide: true, freq: 50_000, mmapPages: 1 });
      const queue = new OrderedEvents();
      let rounds = 0;
      for (const one of records)
        if (one.type === PERF_RECORD_USER.FINISHED_ROUND) {
          queue.round();
          rounds++;
        } else if ('time' in one && Number(one.time) > 0) queue.push(one.time, 0);
      expect(rounds).to.be.greaterThan(20);
      expect(queue.unordered).to.equal(0);
    }
  });
});
