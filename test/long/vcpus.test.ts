/** Guests with several vCPUs, in windows of any length: every design, workloads and random programs, overcommitted or not. */
import { expect } from 'chai';
import fc from 'fast-check';
import { ProgramError } from '../../src/kernel/futex.ts';
import { OrderedEvents } from '../../src/perfdata/sorter.ts';
import { PERF_RECORD_USER } from '../../src/perf-events/tool-record.ts';
import { PLACES, WORKLOADS, guestOf, programOf, recordIn, type Seen } from '../experiment/guest-run.ts';
import { Threads, act, join, lock, spawn, syscall, unlock, work } from '../kernel/scripts.ts';

const pipe = (op: 'read' | 'write', bytes: number) =>
  act({ op, object: { kind: 'pipe', name: 'p', capacity: 4096 }, bytes });
const semaphore = (op: 'post' | 'take') => act({ op, object: { kind: 'semaphore', name: 's', value: 0 } });
const sleep = (ns: number) => syscall('nanosleep', { ns });

const step = fc.oneof(
  { weight: 2, arbitrary: fc.integer({ min: 100, max: 20_000 }).map((n) => [work(n)]) },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 400_000 }).map((n) => [work(n)]) },
  { weight: 3, arbitrary: fc.integer({ min: 100, max: 9000 }).map((n) => [lock(), work(n), unlock()]) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3000 }).map((n) => [pipe('write', n), pipe('read', n)]) },
  { weight: 1, arbitrary: fc.constant([semaphore('post'), work(500), semaphore('take')]) },
  { weight: 1, arbitrary: fc.constantFrom([spawn('leaf')], [act({ op: 'fork', entry: 'leaf' }), act({ op: 'wait' })]) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 200_000 }).map((ns) => [sleep(ns)]) },
);
const script = fc.array(step, { minLength: 10, maxLength: 30 }).map((steps) => [work(100)].concat(steps.flat()));

/** What is seen of a run: a hash and the ledger, or the sentence on which it ends. */
const seen = async (run: Promise<Seen>): Promise<unknown> => {
  try {
    const { hash, ledger } = await run;
    return { hash, ledger };
  } catch (error) {
    if (error instanceof ProgramError) return error.message;
    throw error;
  }
};

const CAPS = [3, 20, 250, 20_000];

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
      const scripts = fc.array(script, { minLength: 2, maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(
          sizes,
          besides,
          scripts,
          fc.constantFrom(...CAPS),
          async ([vcpus, cores], sets, all, longest) => {
            const spec = await guestOf(place, vcpus, cores, sets);
            const entries = all.map((one, i) => [`thread${i}`, one] as const);
            const program = new Threads({
              main: [...entries.map(([name]) => spawn(name)), work(1000), join],
              leaf: [work(5000)],
              ...Object.fromEntries(entries),
            });
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
