/** Random programs on CPUs that several threads of Node simulate. */
import fc from 'fast-check';
import { expect } from 'chai';
import { act, join, lock, repeat, spawn, syscall, unlock, work } from '../kernel/scripts.ts';
import { US } from '../machine/smp.ts';
import { recordOn, statOn, type Scripts } from '../machine/workers.ts';

const sleep = (ns: number) => syscall('nanosleep', { ns });
const fork = (entry: string) => act({ op: 'fork', entry });
const wait = act({ op: 'wait' });
const semaphore = (op: 'post' | 'take') => act({ op, object: { kind: 'semaphore', name: 's', value: 3 } });
const pipe = (op: 'read' | 'write', bytes: number) =>
  act({ op, object: { kind: 'pipe', name: 'p', capacity: 4096 }, bytes });

const step = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 100, max: 400_000 }).map((n) => [work(n)]) },
  { weight: 4, arbitrary: fc.integer({ min: 100, max: 9000 }).map((n) => [lock(), work(n), unlock()]) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 200_000 }).map((ns) => [sleep(ns)]) },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 100, max: 5000 }).map((n) => [semaphore('take'), work(n), semaphore('post')]),
  },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 900 }).map((n) => [pipe('write', n), pipe('read', n)]) },
);
const some = fc.array(step, { minLength: 1, maxLength: 12 }).map((steps) => steps.flat());
const family = fc.record({ a: some, b: some, c: some, d: some, n: fc.integer({ min: 1, max: 3 }) });
type Family = typeof family extends fc.Arbitrary<infer T> ? T : never;
const scriptsOf = ({ a, b, c, d, n }: Family): Scripts => ({
  main: [work(100), ...repeat(n, spawn('parent')), ...a, fork('child'), ...b, join, wait],
  parent: [...c, ...repeat(n, spawn('leaf')), ...d, join],
  child: [...d, ...repeat(n, spawn('leaf')), ...a, join],
  leaf: [...b, ...c],
});

describe('random programs on several threads', () => {
  const how = fc.record({
    workers: fc.constantFrom(2, 3, 4),
    longest: fc.constantFrom(Infinity, 3 * US, 20 * US, 250 * US),
  });

  it('count the same', () => {
    fc.assert(
      fc.property(family, how, (made, { workers, longest }) => {
        const scripts = scriptsOf(made);
        expect(statOn(scripts, workers, longest)).to.deep.equal(statOn(scripts, 1));
      }),
      { numRuns: 40, seed: 13 },
    );
  });

  it('are recorded the same', () => {
    fc.assert(
      fc.property(family, how, fc.boolean(), (made, { workers, longest }, systemWide) => {
        const scripts = scriptsOf(made);
        expect(recordOn(scripts, workers, longest, systemWide)).to.deep.equal(
          recordOn(scripts, 1, Infinity, systemWide),
        );
      }),
      { numRuns: 25, seed: 17 },
    );
  });
});
