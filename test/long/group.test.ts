/** Several CPUs of one Linux: threads that talk across them, and windows that show in nothing. */
import { expect } from 'chai';
import fc from 'fast-check';
import { ProgramError } from '../../src/kernel/futex.ts';
import { FN } from '../../src/kernel/symbols.ts';
import { CoreGroup } from '../../src/machine/group.ts';
import { PromiseBroken } from '../../src/sim/windows.ts';
import { cycles } from '../../src/units.ts';
import { act, lock, repeat, syscall, unlock, work } from '../kernel/scripts.ts';
import { Smp, TIMES, US, type Placed } from '../machine/smp.ts';

const semaphore = (name: string) => ({ kind: 'semaphore', name, value: 0 }) as const;
const post = (name: string) => act({ op: 'post', object: semaphore(name) });
const take = (name: string) => act({ op: 'take', object: semaphore(name) });
const sleep = (ns: number) => syscall('nanosleep', { ns });
const pipe = (op: 'read' | 'write', bytes: number) =>
  act({ op, object: { kind: 'pipe', name: 'p', capacity: 4096 }, bytes });

/** Signals and answers, so many times. */
const ping = repeat(50, work(3000), post('there'), take('back'));
const pong = repeat(50, take('there'), work(3000), post('back'));

const step = fc.oneof(
  { weight: 2, arbitrary: fc.integer({ min: 100, max: 20_000 }).map((n) => [work(n)]) },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 400_000 }).map((n) => [work(n)]) },
  { weight: 3, arbitrary: fc.integer({ min: 100, max: 9000 }).map((n) => [lock(), work(n), unlock()]) },
  { weight: 2, arbitrary: fc.constantFrom('s', 't').map((name) => [take(name)]) },
  { weight: 1, arbitrary: fc.constantFrom('s', 't').map((name) => [post(name)]) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 5000 }).map((bytes) => [pipe('write', bytes)]) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3000 }).map((bytes) => [pipe('read', bytes)]) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 3000 }).map((ns) => [sleep(ns)]) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 200_000 }).map((ns) => [sleep(ns)]) },
);
/** They keep all others going. */
const servantsFor = (times: number): readonly Placed[] => [
  { cpu: 0, script: repeat(times, post('s'), sleep(9000), post('t')) },
  { cpu: 1, script: repeat(times, pipe('write', 4000), work(20_000)) },
  { cpu: 2, script: repeat(times, pipe('read', 3000), sleep(2000)) },
];
const servants = servantsFor(150);
const thread = fc.record({
  cpu: fc.integer({ min: 0, max: 2 }),
  script: fc.array(step, { minLength: 30, maxLength: 60 }).map((steps) => [work(100)].concat(steps.flat())),
});

describe('machine/group', () => {
  it('wakes a thread of another CPU by an IPI, which takes its latency and both sides their time', () => {
    const smp = new Smp(2).start([
      { cpu: 0, script: ping },
      { cpu: 1, script: pong },
    ]);
    smp.runTo(4);
    expect(smp.tasks.map(({ state }) => state)).to.deep.equal(['dead', 'dead']);
    const [a, b] = smp.cpus;
    const passes = (fn: keyof typeof FN): number[] => [a!, b!].map(({ core }) => core.passes[FN[fn]]!);
    // Each take waits, but for the last answer's, all are woken from the other CPU.
    expect(passes('native_smp_send_reschedule')).to.deep.equal([50, 50]);
    expect(passes('scheduler_ipi')).to.deep.equal([50, 50]);
    expect(smp.tasks.map(({ nvcsw }) => nvcsw)).to.deep.equal([51, 51]);
  });

  it('is the same for any longest window', () => {
    /** What is seen, or the sentence on which it ends: those that the last servant waits for may all have ended. */
    const run = (threads: readonly Placed[], longest: number): unknown => {
      const smp = new Smp(3, longest).start([...servants, ...threads]);
      try {
        return smp.runTo(4).seen;
      } catch (error) {
        if (error instanceof ProgramError) return error.message;
        throw error;
      }
    };
    fc.assert(
      fc.property(
        fc.array(thread, { minLength: 4, maxLength: 8 }),
        fc.constantFrom(3 * US, 20 * US, 250 * US),
        (threads, longest) => {
          expect(run(threads, longest)).to.deep.equal(run(threads, Infinity));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is the same for any longest window if threads move', () => {
    let moved = 0;
    const run = (threads: readonly Placed[], longest: number): unknown => {
      const smp = new Smp(3, longest);
      smp.place([...servantsFor(3000), ...threads], true);
      try {
        const { seen, tasks } = smp.runTo(4);
        moved += tasks.reduce((sum, { nr_migrations }) => sum + nr_migrations, 0);
        return [seen, tasks.map(({ nr_migrations }) => nr_migrations)];
      } catch (error) {
        if (error instanceof ProgramError) return error.message;
        throw error;
      }
    };
    fc.assert(
      fc.property(
        fc.array(thread, { minLength: 4, maxLength: 8 }),
        fc.constantFrom(3 * US, 20 * US, 250 * US),
        (threads, longest) => {
          expect(run(threads, longest)).to.deep.equal(run(threads, Infinity));
        },
      ),
      { numRuns: 30 },
    );
    expect(moved).to.be.greaterThan(100);
  });

  it('machines that do not talk run as each would alone', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1000, max: 3_000_000 }), { minLength: 2, maxLength: 20 }), (lengths) => {
        const scripts = [lengths, lengths.toReversed(), lengths.slice(1)].map((all) => [
          { cpu: 0, script: all.flatMap((n) => [work(n), sleep(n)]) },
        ]);
        const alone = scripts.map((threads) => new Smp(1).start(threads).runTo(12).seen);
        const machines = scripts.map((threads) => new Smp(1).start(threads));
        const group = new CoreGroup(
          machines.flatMap(({ cpus }) => cpus),
          { ...TIMES, lines: 1 },
        );
        group.run(cycles(12_000 * US));
        expect(machines.map(({ seen }) => seen)).to.deep.equal(alone);
      }),
      { numRuns: 20 },
    );
  });

  it('one CPU runs in windows as without', () => {
    const threads = [0, 1, 2].map((i) => ({
      cpu: 0,
      script: repeat(20, work(300_000), lock(), work(1000 * i + 1), unlock(), sleep(20_000)),
    }));
    const windows = new Smp(1, 20 * US).start(threads).runTo(12);
    const loop = new Smp(1).start(threads);
    loop.cpus[0]!.host.run(cycles(12_000 * US));
    expect(windows.seen).to.deep.equal(loop.seen);
  });

  it('a thread that acts earlier than it said is found out', () => {
    const smp = new Smp(2).start([
      { cpu: 0, script: ping },
      { cpu: 1, script: pong },
    ]);
    smp.tasks[0]!.body.outlook = () => ({ act: cycles(1e6), leave: cycles(1e6), trap: cycles(1e6) });
    expect(() => smp.runTo(4)).to.throw(PromiseBroken, 'core 0 affects another at');
  });
});
